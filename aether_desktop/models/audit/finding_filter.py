"""The filter of an audit's findings: terms like those of events, over what a finding has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import partial
from re import IGNORECASE, Pattern
from re import compile as expression
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from aether_desktop.models.filter.document_filter import DocumentFilter, FilterState, FilterStatus
from aether_engine.audit import CHECKS, Finding, Severity
from aether_engine.query import Completion, EventFilter, FilterProblem, FilterTerm
from aether_engine.query.conditions import Facts, Stored
from aether_engine.query.lexing import Piece, RawTerm, terms_of

if TYPE_CHECKING:
    from aether_desktop.models.audit.finding_table import FindingTable

Passes = Callable[[Finding], bool]
#: Keys with what stands behind them, as they are offered.
KEYS: Final = {
    "severity:": "error, warning or note",
    "check:": "a check: checksum, version-gap",
    "namespace:": "namespace, * for any characters",
    "actor:": "actor: order-12, order-*",
    "sequence:": "sequence: 100..200",
    "change:": "new, gone or same since an earlier report",
}
CHANGES: Final = ("new", "gone", "same")
_VALUES: Final = {
    "severity": tuple(severity.value for severity in Severity),
    "check": tuple(CHECKS),
    "change": CHANGES,
}


@dataclass(frozen=True, slots=True)
class _Asks:
    """A term's condition, which asks findings and no events."""

    passes: Passes

    def accepts(self, stored: Stored, event: Facts) -> bool:
        """No event is a finding."""
        return False

    def accepts_corrupted(self, sequence: int) -> bool | None:
        return False


def parse_finding_filter(text: str, change_of: Callable[[Finding], str] = lambda _: "") -> EventFilter:
    """What a text asks of findings; `change_of` tells how one stands to an earlier report."""
    terms: list[FilterTerm] = []
    problems: list[FilterProblem] = []
    for raw in terms_of(text):
        try:
            key, passes = _term(raw, change_of)
        except ValueError as error:
            problems.append(FilterProblem(raw.start, raw.end, str(error)))
        else:
            terms.append(FilterTerm(raw.start, raw.end, key, raw.is_negated, _Asks(passes)))
    return EventFilter(text, tuple(terms), tuple(problems))


def passing(wanted: EventFilter) -> Passes:
    """Whether a finding passes every term."""
    tests = [
        (term.condition.passes, term.is_negated) for term in wanted.terms if isinstance(term.condition, _Asks)
    ]
    return lambda finding: all(test(finding) is not is_negated for test, is_negated in tests)


def _term(raw: RawTerm, change_of: Callable[[Finding], str]) -> tuple[str, Passes]:
    if raw.unclosed is not None:
        raise ValueError("The quote is never closed.")
    colon = raw.body.find(":")
    if colon < 0 or raw.body.is_quoted:
        words = raw.body.text.casefold()
        return "", partial(_has_words, words)
    key, value = raw.body.text[:colon], raw.body.part(colon + 1)
    if f"{key}:" not in KEYS:
        listed = ", ".join(KEYS)
        raise ValueError(f"There is no {key}: of findings; there are {listed} and plain text.")
    if not value.text:
        raise ValueError(f"Behind {key}: stands nothing.")
    if key in _VALUES:
        wanted = frozenset(part.text for part in value.split(","))
        for one in sorted(wanted - set(_VALUES[key])):
            known = ", ".join(_VALUES[key])
            raise ValueError(f"{one or 'Nothing'} is no {key}; there are {known}.")
        if key == "severity":
            return key, lambda finding: finding.severity.value in wanted
        if key == "check":
            return key, lambda finding: finding.check in wanted
        return key, lambda finding: change_of(finding) in wanted
    if key == "sequence":
        ranges = [_range(part) for part in value.split(",")]
        return key, partial(_is_within, ranges)
    patterns = [_pattern(part) for part in value.split(",")]
    if key == "actor":
        return key, lambda finding: any(one.fullmatch(finding.actor_id) for one in patterns)
    return key, lambda finding: any(one.fullmatch(finding.namespace) for one in patterns)


def _has_words(words: str, finding: Finding) -> bool:
    texts = (finding.explanation, finding.title, finding.actor_id, finding.namespace, finding.hint, finding.path)
    return any(words in text.casefold() for text in texts)


def _is_within(ranges: list[tuple[int, int]], finding: Finding) -> bool:
    if finding.sequence is None:
        return False
    last = finding.last_sequence or finding.sequence
    return any(first <= last and finding.sequence <= end for first, end in ranges)


def _range(part: Piece) -> tuple[int, int]:
    first, dots, last = part.text.partition("..")
    highest = 1 << 63
    for sign, low, high in ((">=", 0, highest), ("<=", 0, 0), (">", 1, highest), ("<", 0, -1)):
        number = first.removeprefix(sign)
        if not dots and number != first and number.isdigit():
            return (int(number) + low, high) if high == highest else (0, int(number) + high)
    if first.isdigit() and (not dots or last.isdigit()):
        return int(first), int(last or first)
    raise ValueError(f"{part.text or 'Nothing'} is no sequence and no range such as 100..200 or >=100.")


def _pattern(part: Piece) -> Pattern[str]:
    marked = "".join(
        "[*]" if sign == "*" and is_quoted else f"[{sign}]" if sign in "?[" else sign
        for sign, is_quoted in zip(part.text, part.quoted, strict=True)
    )
    return expression(translate(marked), IGNORECASE)


class FindingFilter(DocumentFilter):
    """What is typed above findings; it leaves rows of their table out."""

    unit = "findings"

    def __init__(self, table: FindingTable, parent: QObject | None = None) -> None:
        super().__init__(None, parent)
        self._table = table
        table.counted.connect(self.changed)

    def replace_term(self, key: str, value: str) -> None:
        """Say `key:value` instead of what the text says of `key`; an empty value says nothing of it."""
        text, cut = self.text, 0
        for raw in list(terms_of(text)):
            if not raw.is_negated and raw.body.text.startswith(f"{key}:") and not raw.body.is_quoted:
                text = text[: raw.start - cut] + text[raw.end - cut :]
                cut += raw.end - raw.start
        parts = [" ".join(text.split()) if '"' not in text else text.strip(), f"{key}:{value}" if value else ""]
        self.set_text(" ".join(part for part in parts if part), at_once=True)

    def _parse(self, text: str) -> EventFilter:
        return parse_finding_filter(text, self._table.change_of)

    def complete(self, text: str, cursor: int) -> list[Completion]:
        for raw in terms_of(text):
            if raw.start <= cursor <= raw.end:
                typed = text[raw.start + raw.is_negated : cursor]
                key, colon, value = typed.partition(":")
                if not colon:
                    offered = [(name, hint) for name, hint in KEYS.items() if name.startswith(typed)]
                    return [Completion(raw.start + raw.is_negated, cursor, name, hint) for name, hint in offered]
                begun = value.rpartition(",")[2]
                return [
                    Completion(cursor - len(begun), cursor, one)
                    for one in _VALUES.get(key, ())
                    if one.startswith(begun)
                ]
        return [Completion(cursor, cursor, name, hint) for name, hint in KEYS.items()]

    @property
    def status(self) -> FilterStatus:
        if self.in_force is None:
            return FilterStatus()
        state = FilterState.SEARCHING if self._table.is_filtering else FilterState.DONE
        total = len(self._table.findings)
        return FilterStatus(state, self._table.shown, total, total)

    def _put_in_force(self) -> None:
        wanted = self.in_force
        self._table.show_passing(None if wanted is None else passing(wanted))
