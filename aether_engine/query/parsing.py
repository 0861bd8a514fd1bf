"""From text to a filter: which keys there are, and what may stand behind each of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final

from aether_engine.errors import excerpt
from aether_engine.event import CAUSATION_ID, CORRELATION_ID
from aether_engine.query.conditions import (
    ANY_STEP,
    Condition,
    CorruptedIs,
    DataIs,
    MetadataIs,
    RecordedIs,
    SequenceIs,
    TextIs,
    TextOccurs,
    TimestampIs,
    VersionIs,
)
from aether_engine.query.event_filter import EventFilter, FilterProblem, FilterTerm
from aether_engine.query.lexing import Piece, RawTerm, terms_of
from aether_engine.query.operands import (
    OperandError,
    integer_range,
    moment,
    text_pattern,
    time_range,
    value_tests,
    yes_or_no,
)
from aether_engine.query.values import TextPattern, TimeRange

_Build = Callable[[list[Piece], datetime], Condition]

#: The keys that end with a dot take a name behind it.
KEYS: Final[dict[str, _Build]] = {
    "type": lambda values, now: TextIs("event_type", _patterns(values)),
    "actor": lambda values, now: TextIs("actor_id", _patterns(values)),
    "id": lambda values, now: TextIs("id", _patterns(values)),
    "command": lambda values, now: TextIs("command_id", _patterns(values)),
    "correlation": lambda values, now: MetadataIs(CORRELATION_ID, _patterns(values)),
    "causation": lambda values, now: MetadataIs(CAUSATION_ID, _patterns(values)),
    "version": lambda values, now: VersionIs(tuple(integer_range(value) for value in values)),
    "sequence": lambda values, now: SequenceIs(tuple(integer_range(value) for value in values)),
    "since": lambda values, now: TimestampIs(tuple(TimeRange(moment(value, now), None) for value in values)),
    "before": lambda values, now: TimestampIs(
        tuple(TimeRange(None, moment(value, now), high_included=False) for value in values)
    ),
    "recorded": lambda values, now: RecordedIs(tuple(time_range(value, now) for value in values)),
    "corrupted": lambda values, now: CorruptedIs(tuple(yes_or_no(value) for value in values)),
}
KEY_PREFIXES: Final = ("data.", "meta.")


def parse_filter(text: str, *, now: datetime | None = None) -> EventFilter:
    """The filter that `text` means; never raises: what is no term becomes one of its `problems`.

    `now` (default: the present) is what durations count back from; times without an offset are in UTC.
    """
    present = datetime.now(UTC) if now is None else now
    terms: list[FilterTerm] = []
    problems: list[FilterProblem] = []
    for raw in terms_of(text):
        try:
            key, condition = _condition(raw, present)
        except OperandError as error:
            problems.append(FilterProblem(error.start, error.end, error.reason))
        else:
            terms.append(FilterTerm(raw.start, raw.end, key, raw.is_negated, condition))
    return EventFilter(text, tuple(terms), tuple(problems))


def _condition(raw: RawTerm, now: datetime) -> tuple[str, Condition]:
    if raw.unclosed is not None:
        raise OperandError(raw.unclosed, raw.end, "The quote is not closed.")
    colon = raw.body.find(":")
    if colon < 0:
        texts = raw.body.split(",")
        if not all(text.text for text in texts):
            raise OperandError(raw.start, raw.end, "An empty text is found everywhere.")
        return "", TextOccurs(_patterns(texts))
    key, values = raw.body.part(0, colon), raw.body.part(colon + 1).split(",")
    name = key.text
    for value in values:
        if not value.is_given:
            # The mark needs a character to stand under.
            raise OperandError(raw.start, raw.end, f"{name}: has no value, or an empty one between commas.")
    if name.startswith("data."):
        tests = tuple(test for value in values for test in value_tests(value))
        return name, DataIs(_path(key.part(len("data."))), tests)
    if name.startswith("meta."):
        if name == "meta.":
            raise OperandError(
                key.start, key.end, "Behind meta. stands the name of a metadata key: meta.UserID:u1."
            )
        return name, MetadataIs(name.removeprefix("meta."), _patterns(values))
    build = KEYS.get(name)
    if build is None:
        raise OperandError(key.start, key.end, _unknown_key(name))
    return name, build(values, now)


def _patterns(values: list[Piece]) -> tuple[TextPattern, ...]:
    return tuple(text_pattern(value) for value in values)


def _path(piece: Piece) -> tuple[str | None, ...]:
    steps: list[str | None] = []
    for step in piece.split("."):
        if not step.is_given:
            raise OperandError(
                piece.start - len("data."),
                piece.end,
                "A path is data.NAME or data.NAME.NAME, without empty steps.",
            )
        steps.append(ANY_STEP if step.text == "*" and not step.is_quoted else step.text)
    return tuple(steps)


def _unknown_key(name: str) -> str:
    known = [*KEYS, "data.NAME", "meta.NAME"]
    close = get_close_matches(name.lower(), [*KEYS, "data.", "meta."], n=1)
    meant = f" Did you mean {close[0]}?" if close else f" Known are {', '.join(known)}."
    return f"There is no key {excerpt(name)}.{meant} Text with a colon in it goes into quotes."
