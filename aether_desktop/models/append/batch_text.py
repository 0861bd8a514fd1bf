"""Several events as somebody types them: a JSON array, or one object after the other, checked event by event.

As for a single event, what is typed becomes the bytes: members that are there are kept as written, and only those
that are missing (id, actor, version, timestamp) are put in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aether_desktop.models.inspector.typed_json import CheckedJson, JsonProblem, in_words, one_line, problem_at
from aether_engine import codec, lossless
from aether_engine.errors import InvalidEventError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import MAX_BATCH

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_ORDER: Final = ("id", "eventType", "actorId", "commandId", "version", "data", "metadata", "timestamp")
#: Longest text that is read, in characters.
LONGEST: Final = 4_000_000
#: Most warnings.
_NAMED: Final = 3
#: What stands in for the actor while events are checked that do not name theirs.
_SOMEBODY: Final = "-"
_CHECKED_AT: Final = "2000-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """One typed event. `start` and `end` are characters of the whole text; `version` None is for us to number.

    `actor_id` and `id` are "" where the text does not say them.
    """

    start: int
    end: int
    raw: bytes = field(repr=False)
    members: dict[str, bytes] = field(repr=False)
    event_type: str
    actor_id: str
    version: int | None
    id: str

    def event(self, event_id: str, actor_id: str, version: int, timestamp: str) -> Event:
        """The event, with what it does not say itself. Raises `InvalidEventError`."""
        given = {
            "id": codec.dumps(event_id),
            "actorId": codec.dumps(actor_id),
            "version": str(version).encode(),
            "data": b"{}",
            "timestamp": codec.dumps(timestamp),
        }
        missing = [name for name in given if name not in self.members]
        if not missing:
            return Event.from_json(self.raw)
        members = {**given, **self.members}
        names = [*(name for name in _ORDER if name in members), *(name for name in members if name not in _ORDER)]
        pairs = (codec.dumps(name) + b":" + members[name] for name in names)
        return Event.from_json(b"{" + b",".join(pairs) + b"}")


@dataclass(frozen=True, slots=True)
class BatchText:
    """A typed batch after its check: with a problem, `entries` are those before it."""

    entries: tuple[BatchEntry, ...] = ()
    problem: JsonProblem | None = None
    warnings: tuple[str, ...] = ()

    @property
    def checked(self) -> CheckedJson:
        """What an editor shows of the check."""
        return CheckedJson(self.problem, self.warnings)

    def versions(self, actor_id: str, first: int) -> list[int]:
        """The version of each entry: its own, or behind those of `actor_id` before it, from `first` on."""
        following: dict[str, int] = {actor_id: first}
        versions: list[int] = []
        for entry in self.entries:
            actor = entry.actor_id or actor_id
            version = entry.version if entry.version is not None else following.get(actor, 1)
            following[actor] = version + 1
            versions.append(version)
        return versions


def read_batch(text: str, actor_id: str, first: int) -> BatchText:
    """Check the text of a batch for `actor_id`, whose events are numbered from `first` on."""
    entries: list[BatchEntry] = []
    problem: JsonProblem | None = None
    try:
        for entry in _entries(text, actor_id, first):
            entries.append(entry)
    except _ProblemError as error:
        problem = problem_at(text, error.offset, error.message)
    return BatchText(tuple(entries), problem, tuple(_warnings(entries)))


def _entries(text: str, actor_id: str, first: int) -> Iterator[BatchEntry]:
    """The events of the text; raises `_ProblemError` at the first that cannot be stored behind those before it."""
    if len(text) > LONGEST:
        raise _ProblemError(0, f"more than {LONGEST:,} characters; File > Import NDJSON takes files of any size")
    # Of each actor the highest version so far, and the event that has it.
    highest: dict[str, tuple[int, int]] = {}
    following: dict[str, int] = {actor_id: first}
    ids: dict[str, int] = {}
    for number, (start, end) in enumerate(_elements(text), 1):
        if number > MAX_BATCH:
            raise _ProblemError(start, f"more than {MAX_BATCH:,} events do not go into one batch")
        entry = _entry(text, start, end, number)
        actor = entry.actor_id or actor_id
        version = entry.version if entry.version is not None else following.get(actor)
        if version is None:
            raise _ProblemError(start, f"event {number} is for another actor and needs a version")
        if version > MAX_VERSION:
            raise _ProblemError(start, f"event {number} would have a version beyond the highest, {MAX_VERSION}")
        if actor in highest and version <= highest[actor][0]:
            other, place = highest[actor]
            raise _ProblemError(
                start, f"event {number} has version {version}, and event {place} of this actor has {other}"
            )
        if entry.id in ids:
            raise _ProblemError(start, f"event {number} has the id of event {ids[entry.id]}")
        highest[actor] = (version, number)
        following[actor] = version + 1
        if entry.id:
            ids[entry.id] = number
        yield entry


def _warnings(entries: Sequence[BatchEntry]) -> Iterator[str]:
    named = 0
    for number, entry in enumerate(entries, 1):
        unknown = next((name for name in entry.members if name not in _ORDER), None)
        if unknown is not None and named < _NAMED:
            named += 1
            name = json.dumps(unknown, ensure_ascii=False)
            yield f"Event {number}: {name} is no member of events; it is stored as it is"


def with_versions(text: str, entries: Sequence[BatchEntry], versions: Sequence[int | None]) -> str:
    """The text with other versions where an entry says its own; None leaves one as it is."""
    for entry, version in reversed(list(zip(entries, versions, strict=True))):
        if version is None or entry.version is None:
            continue
        raw = text[entry.start : entry.end].encode()
        member = lossless.find_member(raw, "version")
        assert member is not None
        raw = raw[: member.value.start] + str(version).encode() + raw[member.value.end :]
        text = text[: entry.start] + raw.decode() + text[entry.end :]
    return text


def stamp_text(moment: datetime) -> str:
    """A timestamp as events have it."""
    return codec.format_timestamp(moment)


class _ProblemError(Exception):
    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        self.message = message
        super().__init__(message)


def _same(text: str) -> str:
    return text


class _BadConstantError(ValueError):
    pass


def _refuse(text: str) -> None:
    raise _BadConstantError(text)


# Numbers stay text: nothing is reckoned with, and Python refuses to convert very long ones.
_DECODER: Final = json.JSONDecoder(parse_int=_same, parse_float=_same, parse_constant=_refuse)


def _elements(text: str) -> Iterator[tuple[int, int]]:
    """The places of the events in the text, one after the other; raises `_ProblemError` where there is none."""
    at = _skip(text, 0)
    in_array = text[at : at + 1] == "["
    if in_array:
        at = _skip(text, at + 1)
        if text[at : at + 1] == "]":
            _expect_end(text, at + 1)
            return
    number = 0
    while at < len(text):
        number += 1
        if text[at] != "{":
            raise _ProblemError(at, f"event {number} is expected here, a JSON object: it begins with {{")
        try:
            _, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _ProblemError(error.pos, f"event {number}: {in_words(error.msg)}") from error
        except _BadConstantError as error:
            raise _ProblemError(at, f"event {number}: {error} is not a JSON number") from error
        except RecursionError as error:
            raise _ProblemError(at, f"event {number}: the nesting is too deep") from error
        yield at, end
        at = _skip(text, end)
        following = text[at : at + 1]
        if in_array:
            if following == "]":
                _expect_end(text, at + 1)
                return
            if not following:
                break
            if following != ",":
                raise _ProblemError(at, f"',' or the closing ] is expected behind event {number}")
            at = _skip(text, at + 1)
            if text[at : at + 1] == "]":
                raise _ProblemError(at, "no comma may stand before the closing bracket")
        elif following == ",":
            raise _ProblemError(at, "events with commas between them stand in [ and ]")
    if in_array:
        raise _ProblemError(len(text), "the closing ] is missing")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _expect_end(text: str, at: int) -> None:
    at = _skip(text, at)
    if at < len(text):
        raise _ProblemError(at, "nothing may follow the closing bracket")


def _entry(text: str, start: int, end: int, number: int) -> BatchEntry:
    """One event, checked as a store will check it; what it does not say is put in for that."""
    try:
        raw = one_line(text[start:end]).encode()
    except UnicodeEncodeError as error:
        raise _ProblemError(start, f"event {number}: half of a surrogate pair, which is no character") from error
    members = {
        str(member.key): raw[member.value.start : member.value.end]
        for member in lossless.scan_members(raw, lossless.scan_value(raw))
    }
    entry = BatchEntry(start, end, raw, members, "", "", None, "")
    if "eventType" not in members:
        raise _ProblemError(start, f'event {number} has no type: "eventType": "…"')
    try:
        event = entry.event(_SOMEBODY, _SOMEBODY, 1, _CHECKED_AT)
    except InvalidEventError as error:
        at = _place_of(text, start, end, error.field)
        raise _ProblemError(at, f"event {number}: {error.field} {error.problem}".replace("  ", " ")) from error
    return BatchEntry(
        start,
        end,
        raw,
        members,
        event.event_type,
        event.actor_id if "actorId" in members else "",
        event.version if "version" in members else None,
        event.id if "id" in members else "",
    )


def _place_of(text: str, start: int, end: int, name: str) -> int:
    """Where in the text a member's value is; the event itself if it cannot be found."""
    raw = text[start:end].encode()
    member = lossless.find_member(raw, name.partition(".")[0])
    return start if member is None else start + len(raw[: member.value.start].decode())
