"""The command that writes what can be read of a damaged file into a new one."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from aether_desktop.commands.outcome import Exit, UsageError
from aether_desktop.commands.output import Output, to_line
from aether_engine.recovery import Item, RecoveryProgress, recover_file


async def recover(args: argparse.Namespace, output: Output) -> int:
    """Recover a file, and print what could not be."""
    source, target = Path(args.source), Path(args.target)
    if await asyncio.to_thread(target.exists):
        raise UsageError(f"{args.target} exists and was left as it is; choose another name.")
    loop = asyncio.get_running_loop()
    items: list[Item] = []

    def take(item: Item) -> None:
        # From a worker thread, which may find as many as the file has events.
        items.append(item)
        if len(items) == 1:
            loop.call_soon_threadsafe(flush)

    def flush() -> None:
        part = items[:]
        del items[: len(part)]
        output.lines(to_line(item) for item in part)

    def show(progress: RecoveryProgress) -> None:
        share = f", {progress.pages / progress.total:.0%}" if progress.total else ""
        loop.call_soon_threadsafe(output.progress, f"Recovered {progress.events:,} events{share} …")

    result = await recover_file(source, target, on_item=take, progress=show)
    flush()
    output.json(
        {
            "recovered": {
                "namespaces": result.namespaces,
                "events": result.events,
                "actors": result.actors,
                "snapshots": result.snapshots,
            },
            "lost": result.lost,
            "damaged": result.damaged,
            "pages": result.pages,
            "file": os.fsencode(args.target).decode("utf-8", "replace"),
        }
    )
    if result.is_whole:
        output.say(f"All {result.events:,} events were recovered.")
        return Exit.DONE
    output.say(
        f"{result.events:,} events were recovered; {result.lost:,} are lost, {result.damaged:,} are damaged and "
        f"were left out, {result.pages:,} pages cannot be read."
    )
    return Exit.FINDINGS
