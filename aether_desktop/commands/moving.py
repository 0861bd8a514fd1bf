"""The commands that move events between stores and files, and from one store into another, byte for byte."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from aether_desktop.commands.filtering import understood
from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output, damage_sentence
from aether_desktop.commands.pipes import standard_input, standard_output
from aether_desktop.commands.running import existing_namespace, opened
from aether_engine.errors import TransferError
from aether_engine.event import ReplayError
from aether_engine.transfer import TransferProgress, copy_events, export_csv, export_ndjson, import_ndjson, is_csv

_PIPE = "-"


async def import_events(args: argparse.Namespace, output: Output) -> int:
    """Store every line of a file as an event, or none."""
    source = standard_input(output) if args.file == _PIPE else args.file
    async with opened(args, output, read_only=False) as engine:
        store = await engine.store(args.namespace)
        result = await import_ndjson(store, source, progress=lambda done: _show(output, "Imported", done))
    output.json({"imported": result.events, "namespace": args.namespace})
    return Exit.DONE


async def export_events(args: argparse.Namespace, output: Output) -> int:
    """Write events to a file or to stdout; what cannot be a line is left out and told."""
    _check_target(args)
    event_filter = None if args.filter is None else understood(args.filter)
    target = standard_output(output) if args.file == _PIPE else args.file
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        store = await engine.store(namespace)
        if args.actor is not None and await store.get_latest_version(args.actor) == 0:
            raise FindingError(f"Actor {args.actor!r} has no events in namespace {namespace!r}.")
        export = export_csv if args.csv or is_csv(args.file) else export_ndjson
        result = await export(
            store,
            target,
            actor_id=args.actor,
            event_filter=event_filter,
            from_sequence=args.from_sequence or 1,
            to_sequence=args.to_sequence,
            overwrite=args.overwrite,
            progress=lambda done: _show(output, "Exported", done),
        )
    _tell(output, result.skipped + result.damaged)
    # A file's name need not be UTF-8, and the line must.
    name = os.fsencode(args.file).decode("utf-8", "replace")
    summary = {"exported": result.events, "leftOut": len(result.skipped), "file": name}
    output.json(summary, to_stderr=args.file == _PIPE)
    return Exit.FINDINGS if result.skipped or result.damaged else Exit.DONE


async def copy(args: argparse.Namespace, output: Output) -> int:
    """Store the events of one store in another."""
    event_filter = None if args.filter is None else understood(args.filter)
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        source = await engine.store(namespace)
        if args.actor is not None and await source.get_latest_version(args.actor) == 0:
            raise FindingError(f"Actor {args.actor!r} has no events in namespace {namespace!r}.")
        async with opened(args, output, read_only=False, url=args.target) as other:
            result = await copy_events(
                source,
                await other.store(args.into or namespace),
                actor_id=args.actor,
                event_filter=event_filter,
                from_sequence=args.from_sequence or 1,
                to_sequence=args.to_sequence,
                snapshots=args.snapshots,
                progress=lambda done: _show(output, "Copied", done),
            )
    _tell(output, result.skipped)
    for lost in result.skipped_snapshots:
        output.say(f"The snapshot of {lost.actor_id!r} at version {lost.version} was left out: {lost.error}")
    left_out = len(result.skipped) + len(result.skipped_snapshots)
    summary = {"copied": result.events, "snapshots": result.snapshots, "leftOut": left_out}
    output.json({**summary, "namespace": args.into or namespace})
    return Exit.FINDINGS if left_out else Exit.DONE


def _tell(output: Output, damaged: list[ReplayError]) -> None:
    for each in damaged:
        # A sound event with a line break in it is a matter of NDJSON, and its error says all.
        is_sound = isinstance(each.error, TransferError)
        output.say(str(each.error) if is_sound else damage_sentence(each.sequence_number, each.error))


def _check_target(args: argparse.Namespace) -> None:
    if args.file != _PIPE and not args.overwrite and Path(args.file).exists():
        raise UsageError(f"{args.file} exists and was left as it is; choose another name, or say --overwrite.")


def _show(output: Output, done: str, progress: TransferProgress) -> None:
    share = "" if progress.fraction is None else f", {progress.fraction:.0%}"
    output.progress(f"{done} {progress.events:,} events{share} …")
