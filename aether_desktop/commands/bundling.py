"""The command that writes chosen events with their causes into a small file."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Final

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output
from aether_desktop.commands.running import existing_namespace, opened
from aether_desktop.report_files import load_report
from aether_engine.bundle import Place, write_bundle
from aether_engine.engine import Engine
from aether_engine.redaction import RedactionRule, RedactionRuleError

#: Events that one bundle may hold: it is meant to be small.
_MOST: Final = 100_000


async def bundle(args: argparse.Namespace, output: Output) -> int:
    """Write a bundle, and print what is in it."""
    try:
        rules = [RedactionRule.parse(text) for text in args.redact]
    except RedactionRuleError as error:
        raise UsageError(str(error)) from error
    async with opened(args, output) as engine:
        chosen = await _chosen(args, engine)
        if not chosen:
            raise FindingError("There are no such events; nothing was written.")
        if len(chosen) > _MOST:
            raise UsageError(f"These are {len(chosen):,} events; a bundle holds at most {_MOST:,}.")
        stores = {info.name: await engine.store(info.name) for info in await engine.namespaces()}
        report = await write_bundle(
            stores,
            chosen,
            Path(args.target),
            ndjson=None if args.ndjson is None else Path(args.ndjson),
            rules=rules,
            with_causes=not args.no_causes,
        )
    output.json(report.to_json())
    for one in report.left_out:
        output.say(f"{one['namespace']}, sequence {one['sequence']}, was left out: {one['reason']}.")
    for rule, count in report.redacted.items():
        output.say(f"{rule} took away {count:,} values.")
    output.say(f"{report.events:,} events and {report.causes:,} causes were written to {args.target}.")
    return Exit.FINDINGS if report.left_out else Exit.DONE


async def _chosen(args: argparse.Namespace, engine: Engine) -> list[Place]:
    if args.findings is not None:
        return await asyncio.to_thread(_of_report, args.findings)
    namespace = await existing_namespace(engine, args.namespace)
    if args.sequences is not None:
        last = await (await engine.store(namespace)).last_sequence()
        return [(namespace, sequence) for sequence in _sequences(args.sequences) if sequence <= last]
    places: list[Place] = []
    async for batch in (await engine.store(namespace)).read_actor(args.actor):
        places += [(namespace, stored.sequence) for stored in batch]
    return places


def _of_report(name: str) -> list[Place]:
    report = load_report(Path(name))
    places: set[Place] = set()
    for one in report.findings:
        if one.sequence is not None and one.namespace:
            last = min(one.last_sequence or one.sequence, one.sequence + _MOST)
            places.update((one.namespace, sequence) for sequence in range(one.sequence, last + 1))
    return sorted(places)


def _sequences(text: str) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit() or not 0 < int(first) <= int(last or first):
            raise UsageError(f"--sequences: {part!r} is no sequence and no range such as 5-9.")
        if int(last or first) - int(first) > _MOST:
            raise UsageError(f"--sequences: {part!r} are more than the {_MOST:,} events a bundle holds.")
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)
