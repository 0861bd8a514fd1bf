"""How the text of a filter could go on: keys, and the names and types that a store is known to have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from aether_engine.closing import closing
from aether_engine.event import Event
from aether_engine.query.lexing import Piece, terms_of
from aether_engine.query.parsing import KEYS
from aether_engine.store.protocols import EventLog, TypeIndex

#: Each key with what stands behind it, in the order in which they are offered.
KEY_HINTS: Final = {
    "type:": "event type, * for any characters: Order*",
    "actor:": "actor: order-12",
    "data.": "value in the data: data.total:>100",
    "meta.": "value in the metadata: meta.UserID:u1",
    "version:": "version: >=5 or 3..7",
    "sequence:": "sequence: 100..200",
    "since:": "at or after a time: 2d, 3h, 2026-01-31",
    "before:": "before a time: 2d, 3h, 2026-01-31",
    "recorded:": "when the store took it: >=2026-01-31",
    "correlation:": "correlation id",
    "causation:": "id of the cause",
    "id:": "event id",
    "command:": "command id",
    "corrupted:": "yes or no",
}
_VALUES: Final = {
    "corrupted": ("yes", "no"),
    "since": ("15m", "3h", "2d", "1w"),
    "before": ("15m", "3h", "2d", "1w"),
}
_NEEDS_QUOTES: Final = frozenset(' \t\n",*')
_SAMPLE: Final = 500
_SAMPLE_BYTES: Final = 8 << 20
#: The data of larger events are not taken apart.
_LARGE: Final = 64 << 10
_ACTOR_SAMPLE: Final = 1000
_DEEPEST_PATH: Final = 4
#: Event types that are known only from an index: a store may have millions, and of more is asked what is typed.
_MOST_TYPES: Final = 5_000
#: Event types that are found for what is typed.
MOST_FOUND: Final = 50
#: Longer names are not offered: nobody types them, and to draw a megabyte takes a second.
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class KnownValues:
    """What a namespace is known to have, most frequent first: never all of it, and good enough to offer.

    `more_types` says that there are others, which `types_beginning` and `types_holding` find.
    """

    event_types: tuple[str, ...] = ()
    data_paths: tuple[str, ...] = ()
    metadata_keys: tuple[str, ...] = ()
    more_types: bool = False

    def with_types(self, names: Iterable[str]) -> KnownValues:
        """The same with more event types, behind those that are known."""
        return replace(self, event_types=tuple(dict.fromkeys((*self.event_types, *names))))


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on: `text` for the characters `start` up to `end`; `hint` says what it is."""

    start: int
    end: int
    text: str
    hint: str = ""


def complete(text: str, cursor: int, known: KnownValues | None = None, *, limit: int = 20) -> list[Completion]:
    """What the term at `cursor` (a place between characters of `text`) could become; best first."""
    known = KnownValues() if known is None else known
    body = _body_at(text, cursor)
    if body is None:
        return []
    colon = body.find(":")
    if colon < 0 or cursor <= body.places[colon]:
        end = body.end if colon < 0 else body.places[colon] + 1
        return _matching(body.start, end, text[body.start : cursor], _keys(known), limit)
    key = body.text[:colon]
    value = [part for part in body.part(colon + 1).split(",") if part.start <= cursor][-1]
    if key == "type":
        values = [(_quoted(name), "") for name in known.event_types]
    else:
        values = [(value, "") for value in _VALUES.get(key, ())]
    typed = text[value.start : cursor]
    return _matching(value.start, value.end, typed, values, limit)


def typed_type(text: str, cursor: int) -> str:
    """What is typed before `cursor` of an event type; nothing where none is typed, or a pattern of some."""
    body = _body_at(text, cursor)
    colon = -1 if body is None else body.find(":")
    if body is None or colon < 0 or cursor <= body.places[colon] or body.text[:colon] != "type":
        return ""
    value = [part for part in body.part(colon + 1).split(",") if part.start <= cursor][-1]
    typed = text[value.start : cursor]
    return "" if "*" in typed else _sought(typed)


async def types_beginning(store: EventLog, typed: str) -> list[str]:
    """Event types that begin with what is typed, up to `MOST_FOUND`; found at once, whatever their number."""
    return _typable(
        await store.event_types(limit=MOST_FOUND, beginning=typed) if isinstance(store, TypeIndex) else []
    )


async def types_holding(store: EventLog, typed: str) -> list[str]:
    """Event types that hold what is typed, in capitals or not, up to `MOST_FOUND`; those first that begin with it.

    Of a million types that takes some tenths of a second.
    """
    return _typable(
        await store.event_types(limit=MOST_FOUND, holding=typed) if isinstance(store, TypeIndex) else []
    )


async def known_values(store: EventLog) -> KnownValues:
    """What the newest events, the first actors and an index tell: a quick look, whatever the size of the log."""
    types: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    metadata: Counter[str] = Counter()
    last = await store.last_sequence()
    size = 0
    reading = store.read(from_sequence=max(last - _SAMPLE + 1, 1), to_sequence=last, batch_size=_SAMPLE // 10)
    async with closing(reading) as batches:
        async for batch in batches:
            for stored in batch:
                event = stored.event
                if event is None:
                    continue
                types[event.event_type] += 1
                metadata.update(f"meta.{_quoted(name)}" for name in event.metadata)
                if len(stored.raw) <= _LARGE:
                    paths.update(_paths(event))
            size += sum(len(stored.raw) for stored in batch)
            if size > _SAMPLE_BYTES:
                break
    rare = {actor.last_event_type for actor in await store.actors(limit=_ACTOR_SAMPLE)}
    more = False
    if isinstance(store, TypeIndex):
        indexed = await store.event_types(limit=_MOST_TYPES + 1)
        more = len(indexed) > _MOST_TYPES
        rare.update(indexed)
    for name in sorted(rare)[:_MOST_TYPES]:
        types.setdefault(name, 0)
    types.pop("", None)
    return KnownValues(_names(types), _names(paths), _names(metadata), more)


def _body_at(text: str, cursor: int) -> Piece | None:
    """The term that the cursor stands in or behind, without its minus; an empty one between spaces."""
    for term in terms_of(text):
        if term.start <= cursor <= term.end:
            return term.body if cursor >= term.body.start else None
    return Piece("", (), (cursor,), cursor)


def _keys(known: KnownValues) -> list[tuple[str, str]]:
    named = [f"{name}:" for name in (*known.data_paths, *known.metadata_keys)]
    return [*KEY_HINTS.items(), *((name, "") for name in named)]


def _matching(
    start: int, end: int, typed: str, offered: Iterable[tuple[str, str]], limit: int
) -> list[Completion]:
    """What begins with the typed text first, then what has it inside."""
    wanted = _sought(typed).lower()
    candidates = [(text, hint) for text, hint in offered if wanted in text.lower()]
    candidates.sort(key=lambda pair: not pair[0].lower().lstrip('"').startswith(wanted))
    return [Completion(start, end, text, hint) for text, hint in candidates[:limit]]


def _sought(typed: str) -> str:
    """What is typed of a name, without the quotation mark that it begins with."""
    return typed.lstrip('"')


def _paths(event: Event) -> list[str]:
    found: list[str] = []
    pending: list[tuple[str, object]] = [("data", event.data)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and path.count(".") < _DEEPEST_PATH:
            pending += [(f"{path}.{_quoted(key, also='.:')}", member) for key, member in value.items()]
        elif path != "data":
            found.append(path)
    return found


def _quoted(text: str, also: str = "") -> str:
    """`text` as a filter takes it literally."""
    if text and _NEEDS_QUOTES.isdisjoint(text) and not set(also) & set(text) and text[0] not in "<>=":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _typable(names: list[str]) -> list[str]:
    return [name for name in names if len(name) <= _LONGEST_NAME]


def _names(counter: Counter[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in counter.most_common() if len(name) <= _LONGEST_NAME)


assert {f"{key}:" for key in KEYS} <= KEY_HINTS.keys()
