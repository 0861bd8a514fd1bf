"""Finding the events of a log that a filter means, while it is shown how far the search is.

Three steps, each only where it can add something: what an index answers at once; the log, event by event; and,
where the log was searched at its word, the checking of what was not checked since the store was opened.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from aether_engine.closing import closing
from aether_engine.event import StoredEvent
from aether_engine.query.answers import answer, sequence_bounds
from aether_engine.query.damage import DamageSieve, damage_of
from aether_engine.query.event_filter import EventFilter
from aether_engine.query.parsing import parse_filter
from aether_engine.query.sieve import FilterSieve
from aether_engine.query.turns import matching
from aether_engine.store.protocols import EventLog, PreparesScans, Scannable

#: Seconds between two `Hits` without anything new: often enough for a moving bar, seldom enough for a window.
REPORT_INTERVAL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found since it last said something, and how far it is.

    `sequences` rise, and are higher than all that came before, except where `late` is set: those are corrupted
    events that were found behind the others. They belong between earlier ones, which they may repeat;
    `FoundSequences` puts them there. `searched` of `total` places of the log were searched, and of `checked` it is
    known whether the events there are corrupted.
    """

    sequences: array[int] = field(default_factory=lambda: array("q"))
    searched: int = 0
    total: int = 0
    checked: int = 0
    late: bool = False


async def search(
    store: EventLog, event_filter: EventFilter, *, from_sequence: int = 1, to_sequence: int | None = None
) -> AsyncGenerator[Hits, None]:
    """The events at `from_sequence` up to `to_sequence` (None: the end as of now) that pass the filter.

    Yields at once, then with what was found and several times a second without. When it ends, all of `total` was
    searched and checked; a filter with `corrupted:no` needs no checking. Closing it, or cancelling its task, ends
    it promptly; it rests while nobody asks for more. Raises `InvalidFilterError` for a filter with problems, and
    what the store's reads raise.
    """
    event_filter.check()
    last = await store.last_sequence()
    if to_sequence is not None:
        last = min(last, to_sequence)
    first, last = sequence_bounds(event_filter, max(from_sequence, 1), last)
    begun = _Search(store, event_filter, first, max(last, first - 1))
    yield begun.hits()
    async with aclosing(begun.steps()) as steps:
        async for is_end in steps:
            if is_end or begun.is_due:
                yield begun.hits()


async def prepare_search(store: EventLog) -> None:
    """Somebody is about to type a filter: what the first search would wait for is made ready meanwhile.

    Raises what the store's reads raise.
    """
    if isinstance(store, PreparesScans):
        await store.prepare_scan(FilterSieve(parse_filter("")))


class _Search:
    """One search: its range of the log, how far it is, and what it has not told yet."""

    def __init__(self, store: EventLog, event_filter: EventFilter, first: int, last: int) -> None:
        self._store = store
        self._filter = event_filter
        self._first = first
        self._last = last
        self._total = last - first + 1
        self._damage = damage_of(store)
        # What was known when this search began; what comes to be known meanwhile is found again.
        self._known = self._accepted(self._damage.corrupted(first, last))
        self._unchecked = self._damage.unchecked(first, last)
        self._checked = self._total - sum(end - begin + 1 for begin, end in self._unchecked)
        self._searched = 0
        self._found = array("q")
        self._is_late = False
        self._has_told_hits = False
        self._told_at = 0.0

    def hits(self) -> Hits:
        """What is new since the last time."""
        hits = Hits(self._found, self._searched, self._total, self._checked, self._is_late and bool(self._found))
        self._has_told_hits = self._has_told_hits or bool(self._found)
        self._found = array("q")
        self._told_at = monotonic()
        return hits

    @property
    def is_due(self) -> bool:
        """Whether somebody would like to hear of it: at once of the first hits, now and then of anything."""
        is_first = bool(self._found) and not self._has_told_hits
        return is_first or monotonic() - self._told_at >= REPORT_INTERVAL

    async def steps(self) -> AsyncGenerator[bool, None]:
        """The search, step by step; yields whether a part of it has come to its end."""
        if not self._total:
            return
        if self._filter.takes_readable:
            async with aclosing(self._search()) as searching:
                async for _ in searching:
                    yield False
            self._searched = self._total
            yield True
            self._is_late = True
        if self._filter.takes_corrupted and (self._unchecked or not self._filter.takes_readable):
            async with aclosing(self._check()) as checking:
                async for _ in checking:
                    yield False
            self._searched = self._checked = self._total
            yield True

    async def _search(self) -> AsyncGenerator[None, None]:
        answered = await answer(self._store, self._filter, self._first, self._last)
        if answered is not None:
            self._found = _merged(answered, self._known)
        elif isinstance(self._store, Scannable):
            sieve = FilterSieve(self._filter)
            scan = self._store.scan(sieve, from_sequence=self._first, to_sequence=self._last)
            async with aclosing(scan) as sifted_parts:
                async for sifted in sifted_parts:
                    begin = self._first + self._searched
                    self._found.extend(_merged(sifted.sequences, _between(self._known, begin, sifted.searched_to)))
                    self._searched = sifted.searched_to - self._first + 1
                    yield
        else:
            async with closing(self._store.read(from_sequence=self._first, to_sequence=self._last)) as reading:
                async for batch in reading:
                    if batch:
                        self._found.extend([stored.sequence for stored in await matching(batch, self._filter)])
                        self._note(batch)
                        yield
            self._damage.add(self._first + self._searched, self._last, ())
            self._unchecked = []
            self._checked = self._total

    async def _check(self) -> AsyncGenerator[None, None]:
        """Find the corrupted events that are not known yet, or all in their order if no others are wanted."""
        has_all = self._filter.takes_readable
        told_to = self._first - 1
        for begin, end in self._unchecked:
            if not has_all:
                self._found.extend(_between(self._known, told_to + 1, begin - 1))
            async with aclosing(self._corrupted(begin, end)) as parts:
                async for corrupted, checked_to in parts:
                    self._damage.add(begin, checked_to, corrupted)
                    self._found.extend(self._accepted(corrupted))
                    self._checked += checked_to - begin + 1
                    begin = checked_to + 1
                    self._searched = max(self._searched, checked_to - self._first + 1)
                    yield
            told_to = end
        if not has_all:
            self._found.extend(_between(self._known, told_to + 1, self._last))

    async def _corrupted(self, first: int, last: int) -> AsyncGenerator[tuple[array[int], int], None]:
        """The corrupted events of a range, part by part, and how far each part goes."""
        if isinstance(self._store, Scannable):
            scan = self._store.scan(DamageSieve(), from_sequence=first, to_sequence=last)
            async with aclosing(scan) as sifted_parts:
                async for sifted in sifted_parts:
                    yield sifted.sequences, sifted.searched_to
            return
        async with closing(self._store.read(from_sequence=first, to_sequence=last)) as reading:
            async for batch in reading:
                if batch:
                    yield array("q", _corrupted_among(batch)), batch[-1].sequence
                    first = batch[-1].sequence + 1
        if first <= last:
            yield array("q"), last

    def _note(self, batch: list[StoredEvent]) -> None:
        """Every event of the batch, and what is missing in front of it, was looked at with every check."""
        last = batch[-1].sequence
        self._damage.add(self._first + self._searched, last, _corrupted_among(batch))
        self._searched = last - self._first + 1
        self._checked = max(self._checked, self._searched)

    def _accepted(self, corrupted: array[int]) -> array[int]:
        accepts = self._filter.accepts_corrupted
        return array("q", [sequence for sequence in corrupted if accepts(sequence)])


def _corrupted_among(batch: list[StoredEvent]) -> list[int]:
    return [stored.sequence for stored in batch if stored.event is None]


def _between(sequences: array[int], first: int, last: int) -> array[int]:
    return sequences[bisect_left(sequences, first) : bisect_right(sequences, last)]


def _merged(some: array[int], others: array[int]) -> array[int]:
    return array("q", sorted({*some, *others})) if others else some
