"""Writing events out: as NDJSON, one event a line, byte for byte as stored, or as CSV for a spreadsheet.

Reading and writing happen in worker threads, a bounded batch at a time. A file appears under its name when it is
complete, or not at all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from aether_engine.event import ReplayError, StoredEvent
from aether_engine.query import EventFilter
from aether_engine.store.protocols import MAX_BATCH, EventLog
from aether_engine.transfer.csv_rows import CsvRows
from aether_engine.transfer.form import Form
from aether_engine.transfer.ndjson_lines import NdjsonLines
from aether_engine.transfer.output import FileOutput, Output, StreamOutput
from aether_engine.transfer.progress import Progress, TransferProgress, in_thread
from aether_engine.transfer.selection import Batches, Selection, Show

Target = str | os.PathLike[str] | IO[bytes]
"""A path, or a binary stream."""


def is_csv(name: str) -> bool:
    """Whether somebody who calls a file so expects CSV in it."""
    return name.lower().endswith((".csv", ".csv.gz"))


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote (`bytes` before compression), and the events that it could not write, and why.

    `damaged` are the corrupted events that were written as such.
    """

    events: int
    bytes: int
    skipped: list[ReplayError]
    damaged: list[ReplayError]


async def export_ndjson(
    store: EventLog,
    target: Target,
    *,
    actor_id: str | None = None,
    event_filter: EventFilter | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the events of a log, or of one actor, as lines in the order of the log; `.gz` files compressed.

    With `event_filter` only those that pass it; raises `InvalidFilterError` if it has problems.

    Corrupted events, and those whose bytes contain a line break, cannot be lines: they are left out and listed.
    A file is complete and durable under its name or, after an error or cancelling, not there at all; an
    existing one is replaced only with `overwrite`. A binary stream is written to and left open. Raises
    `TransferError`.
    """
    selection = Selection(actor_id, event_filter, from_sequence, to_sequence)
    return await _export(store, target, selection, NdjsonLines(), overwrite, progress)


async def export_csv(
    store: EventLog,
    target: Target,
    *,
    actor_id: str | None = None,
    event_filter: EventFilter | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a row for each event, as `export_ndjson` does lines; see `csv_rows` for the columns.

    Corrupted events are rows too, with what is wrong with them, and listed in the result's `damaged`. A text that
    a spreadsheet would take for a formula gets an apostrophe in front. Raises what `export_ndjson` raises.
    """
    selection = Selection(actor_id, event_filter, from_sequence, to_sequence)
    return await _export(store, target, selection, CsvRows(), overwrite, progress)


async def export_events(
    events: Sequence[StoredEvent],
    target: Target,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """As `export_ndjson`, for events that are at hand, in the order they are in."""

    async def batches(show: Show) -> AsyncGenerator[list[StoredEvent], None]:
        for start in range(0, len(events), MAX_BATCH):
            yield list(events[start : start + MAX_BATCH])
            show(min(start + MAX_BATCH, len(events)) / len(events))

    return await _write(batches, target, NdjsonLines(), overwrite, progress)


async def _export(
    store: EventLog, target: Target, selection: Selection, form: Form, overwrite: bool, progress: Progress | None
) -> ExportResult:
    selection.check()
    return await _write(partial(selection.batches, store), target, form, overwrite, progress)


async def _write(
    read: Callable[[Show], Batches], target: Target, form: Form, overwrite: bool, progress: Progress | None
) -> ExportResult:
    output: Output
    if isinstance(target, (str, os.PathLike)):
        output = FileOutput(Path(target), overwrite)
    else:
        output = StreamOutput(target)
    size = 0

    def show(done: float | None) -> None:
        if progress is not None:
            progress(TransferProgress(form.events, size, done))

    try:
        await in_thread(output.open)
        if head := form.head():
            await in_thread(partial(output.write, head))
        async with aclosing(read(show)) as batches:
            async for batch in batches:
                rows = await in_thread(partial(form.rows, batch))
                size += len(rows)
                if rows:
                    await in_thread(partial(output.write, rows))
        for last_step in (output.complete, output.appear):
            # Whoever cancels before the very last step gets no file.
            await asyncio.sleep(0)
            await in_thread(last_step)
    finally:
        await in_thread(output.discard)
    return ExportResult(form.events, size, form.skipped, form.damaged)
