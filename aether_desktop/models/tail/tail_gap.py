"""Filling a gap of a tail from the log, which still has what the bus lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aether_desktop.models.tail.tail_counters import TailFilter
from aether_desktop.models.tail.tail_history import Log
from aether_desktop.models.tail.tail_rows import TailRow, row_of
from aether_engine.event import Gap, Tailed


@dataclass(slots=True)
class GapContents:
    """What the log holds in a gap: `count` events, of which `filtered` are not wanted.

    `rows` are the wanted ones, the last of them if there are more than a table takes.
    """

    rows: list[TailRow] = field(default_factory=list)
    count: int = 0
    filtered: int = 0
    last_sequence: int = 0


async def read_gap(
    log: Log, gap: Gap, to_sequence: int | None, wanted: TailFilter | None, limit: int
) -> GapContents:
    """Read the events of `gap` up to `to_sequence` (None = the end of the log), at most `limit` as rows."""
    found = GapContents()
    first = (gap.after_sequence or 0) + 1
    if to_sequence is not None and to_sequence < first:
        return found
    async for batch in log.read(from_sequence=first, to_sequence=to_sequence):
        found.count += len(batch)
        found.last_sequence = batch[-1].sequence
        for stored in batch:
            if wanted is not None and not wanted(gap.namespace, stored):
                found.filtered += 1
            else:
                found.rows.append(row_of(Tailed(gap.namespace, stored), stored.recorded_at))
        if len(found.rows) > limit:
            found.rows = found.rows[-limit:]
        # The log may have the next batch at hand; the window comes first.
        await asyncio.sleep(0)
    return found
