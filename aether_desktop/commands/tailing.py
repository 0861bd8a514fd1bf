"""The command that follows logs."""

from __future__ import annotations

import argparse

from aether_desktop.commands.outcome import Exit
from aether_desktop.commands.output import Output, damage_sentence, event_line, to_line
from aether_desktop.commands.running import closing, opened, shown
from aether_engine.event import Gap, SubscriptionFilter, Tailed


async def tail(args: argparse.Namespace, output: Output) -> int:
    """Print what is stored, in order and without a gap, each batch at once."""
    wanted = SubscriptionFilter(frozenset(args.type), args.actor)
    event_filter = None
    if args.filter is not None:
        # Only who filters waits for what filters need.
        from aether_desktop.commands.filtering import understood

        event_filter = understood(args.filter)
    printed = 0
    damaged = False
    async with opened(args, output) as engine:
        stream = engine.tail(args.namespace, wanted, event_filter=event_filter, after_sequence=args.after_sequence)
        output.say(f"Following {args.namespace} in {shown(engine.url)}; Ctrl-C ends it.")
        async with closing(stream):
            async for batch in stream:
                if args.limit is not None:
                    batch = batch[: args.limit - printed]
                output.lines([_line(item) for item in batch])
                printed += len(batch)
                for item in batch:
                    if isinstance(item, Tailed) and item.stored.error is not None:
                        damaged = True
                        place = damage_sentence(item.stored.sequence, item.stored.error.error)
                        output.say(f"{item.namespace}: {place}")
                if printed == args.limit:
                    break
    return Exit.FINDINGS if damaged else Exit.DONE


def _line(item: Tailed | Gap) -> bytes:
    if isinstance(item, Tailed):
        return event_line(item.stored, namespace=item.namespace)
    gap = {
        "namespace": item.namespace,
        "afterSequence": item.after_sequence,
        "missed": item.missed,
        "reason": item.reason,
    }
    return to_line({"gap": gap})
