"""The events that pass a filter themselves, for whoever prints, writes or copies them one after another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from aether_engine.closing import closing
from aether_engine.event import StoredEvent
from aether_engine.query.answers import answer
from aether_engine.query.event_filter import EventFilter
from aether_engine.query.searching import Hits, search
from aether_engine.query.turns import matching
from aether_engine.store.protocols import EventLog, Scannable, SequenceReader

#: Where this share of a stretch of the log are hits, reading the stretch is faster than reading each of them.
_DENSE: Final = 1 / 16
_BATCH: Final = 1000


async def select_events(
    store: EventLog,
    event_filter: EventFilter,
    *,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    progress: Callable[[Hits], None] | None = None,
) -> AsyncGenerator[list[StoredEvent], None]:
    """The events that `search` finds, each once, in batches; `progress` hears how far it is.

    They come in the order of the log, but for corrupted events that are only found when all others are there:
    those come last. Raises as `search` does.
    """
    event_filter.check()
    if isinstance(store, SequenceReader) and await _finds_before_it_reads(store, event_filter):
        reading = _search_and_read(store, store, event_filter, from_sequence, to_sequence, progress)
    else:
        reading = _read_matching(store, event_filter, from_sequence, to_sequence, progress)
    async with aclosing(reading):
        async for batch in reading:
            if batch:
                yield batch


async def _finds_before_it_reads(store: EventLog, event_filter: EventFilter) -> bool:
    """Whether a search reads less than all events as a reader of the log would."""
    if isinstance(store, Scannable):
        return True
    if event_filter.takes_corrupted:
        return False
    return await answer(store, event_filter, 1, await store.last_sequence()) is not None


async def _read_matching(
    store: EventLog,
    event_filter: EventFilter,
    first: int,
    last: int | None,
    progress: Callable[[Hits], None] | None,
) -> AsyncGenerator[list[StoredEvent], None]:
    """By reading the log: what is read has been checked, and is at hand."""
    first = max(first, 1)
    end = await store.last_sequence()
    end = end if last is None else min(end, last)
    total = max(end - first + 1, 0)
    async with closing(store.read(from_sequence=first, to_sequence=end)) as reading:
        async for batch in reading:
            yield await matching(batch, event_filter)
            if progress is not None and batch:
                done = batch[-1].sequence - first + 1
                progress(Hits(searched=done, total=total, checked=done))


async def _search_and_read(
    store: EventLog,
    reader: SequenceReader,
    event_filter: EventFilter,
    first: int,
    last: int | None,
    progress: Callable[[Hits], None] | None,
) -> AsyncGenerator[list[StoredEvent], None]:
    # What comes late may have been found before.
    corrupted: set[int] = set()
    searching = search(store, event_filter, from_sequence=first, to_sequence=last)
    async with aclosing(searching):
        async for hits in searching:
            for start in range(0, len(hits.sequences), _BATCH):
                sequences = hits.sequences[start : start + _BATCH]
                async with closing(_read(store, reader, sequences)) as reading:
                    async for batch in reading:
                        new = [stored for stored in batch if stored.sequence not in corrupted]
                        corrupted.update(stored.sequence for stored in new if stored.event is None)
                        yield new
            if progress is not None:
                progress(hits)


async def _read(
    store: EventLog, reader: SequenceReader, sequences: Sequence[int]
) -> AsyncGenerator[list[StoredEvent], None]:
    first, last = sequences[0], sequences[-1]
    if len(sequences) < (last - first + 1) * _DENSE:
        chosen = reader.read_sequences(sequences)
    else:
        chosen = store.read(from_sequence=first, to_sequence=last)
    wanted = set(sequences)
    async with closing(chosen) as reading:
        async for batch in reading:
            yield [stored for stored in batch if stored.sequence in wanted]
