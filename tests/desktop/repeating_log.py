"""A log of any length out of few events: what no test could store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Store


class RepeatingLog:
    """Reads as `store` would, were its events stored again and again up to `last`.

    As long as the store itself it has to answer as the store does; `test_huge_log` holds it to that.
    """

    def __init__(self, store: Store, last: int) -> None:
        self._store = store
        self._last = last

    async def last_sequence(self) -> int:
        return self._last

    async def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        length = await self._store.last_sequence()
        first, last = max(from_sequence, 1), self._last if to_sequence is None else min(to_sequence, self._last)
        while first <= last:
            round_start = (first - 1) // length * length
            end = min(last, round_start + length)
            reading = self._store.read(
                from_sequence=first - round_start, to_sequence=end - round_start, batch_size=batch_size
            )
            async for batch in reading:
                yield [replace(stored, sequence=stored.sequence + round_start) for stored in batch]
            first = end + 1
