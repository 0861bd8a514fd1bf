"""The commands that look at what is stored: namespaces, actors and events."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output, damage_sentence, event_line, time_text, to_line
from aether_desktop.commands.running import closing, existing_namespace, opened
from aether_engine.event import ActorInfo, StoredEvent
from aether_engine.store.protocols import CountsActors, Store

if TYPE_CHECKING:
    from aether_engine.query import EventFilter

_PAGE = 1000


async def namespaces(args: argparse.Namespace, output: Output) -> int:
    """Print each namespace."""
    async with opened(args, output) as engine:
        output.lines(
            to_line(
                {
                    "name": namespace.name,
                    "events": namespace.event_count,
                    "bytes": namespace.size_bytes,
                    "firstRecordedAt": time_text(namespace.first_recorded_at),
                    "lastRecordedAt": time_text(namespace.last_recorded_at),
                }
            )
            for namespace in await engine.namespaces()
        )
        for name in await engine.foreign_streams():
            output.say(f"Stream {name!r} is another program's; it is left alone.")
    return Exit.DONE


async def actors(args: argparse.Namespace, output: Output) -> int:
    """Print each actor, page by page: there can be millions."""
    async with opened(args, output) as engine:
        store = await engine.store(await existing_namespace(engine, args.namespace))
        after: str | None = args.after
        left: int | None = args.limit
        if args.counts and isinstance(store, CountsActors):
            await _print_counts(store, args, output)
            return Exit.DONE
        while left is None or left > 0:
            limit = _PAGE if left is None else min(left, _PAGE)
            page = await store.actors(prefix=args.prefix, after=after, limit=limit)
            output.lines(_actor_line(actor) for actor in page)
            if len(page) < limit:
                break
            after = page[-1].actor_id
            left = None if left is None else left - len(page)
    return Exit.DONE


async def _print_counts(store: CountsActors, args: argparse.Namespace, output: Output) -> None:
    left: int | None = args.limit
    async with closing(store.actor_counts(prefix=args.prefix, after=args.after)) as parts:
        async for part in parts:
            output.lines(to_line({"actorId": name, "events": count}) for name, count in part[:left])
            left = None if left is None else left - len(part[:left])
            if left == 0:
                break


def _actor_line(actor: ActorInfo) -> bytes:
    return to_line(
        {
            "actorId": actor.actor_id,
            "events": actor.event_count,
            "latestVersion": actor.latest_version,
            "lastEventType": actor.last_event_type,
            "lastRecordedAt": time_text(actor.last_recorded_at),
        }
    )


async def events(args: argparse.Namespace, output: Output) -> int:
    """Print events of a namespace or of one actor, damaged ones in their places."""
    if args.from_version is not None and args.actor is None:
        raise UsageError("--from-version needs --actor: versions are counted for each actor.")
    event_filter = None if args.filter is None else _understood(args.filter)
    printed = 0
    damaged = False
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        store = await engine.store(namespace)
        if args.actor is not None and await store.get_latest_version(args.actor) == 0:
            raise _no_events(args.actor, namespace)
        stream = _stored(args, store) if event_filter is None else _found(args, store, event_filter, output)
        async with closing(stream):
            async for batch in stream:
                batch = [stored for stored in batch if _is_in_range(args, stored)]
                if args.limit is not None:
                    batch = batch[: args.limit - printed]
                output.lines(stored.raw if args.raw else event_line(stored) for stored in batch)
                printed += len(batch)
                for stored in batch:
                    if stored.error is not None:
                        damaged = True
                        output.say(damage_sentence(stored.sequence, stored.error.error))
                    elif args.raw and b"\n" in stored.raw:
                        output.say(
                            f"Sequence {stored.sequence} was stored with line breaks and takes several lines."
                        )
                if printed == args.limit:
                    break
    return Exit.FINDINGS if damaged else Exit.DONE


def _stored(args: argparse.Namespace, store: Store) -> AsyncIterator[list[StoredEvent]]:
    """The events of the log, or of the actor that is asked for."""
    batch_size = _PAGE if args.limit is None else min(args.limit, _PAGE)
    if args.actor is not None:
        return store.read_actor(args.actor, from_version=args.from_version or 0, batch_size=batch_size)
    return store.read(from_sequence=args.from_sequence or 1, to_sequence=args.to_sequence, batch_size=batch_size)


def _understood(text: str) -> EventFilter:
    # Only who filters waits for what filters need.
    from aether_desktop.commands.filtering import understood

    return understood(text)


async def _found(
    args: argparse.Namespace, store: Store, event_filter: EventFilter, output: Output
) -> AsyncIterator[list[StoredEvent]]:
    """Those of `_stored` that pass the filter."""
    from aether_desktop.commands.filtering import found
    from aether_engine.query import matching

    if args.actor is None:
        async with closing(found(store, event_filter, args.from_sequence or 1, args.to_sequence, output)) as hits:
            async for batch in hits:
                yield batch
    else:
        async with closing(_stored(args, store)) as stream:
            async for batch in stream:
                yield await matching(batch, event_filter)


def _no_events(actor_id: str, namespace: str) -> FindingError:
    return FindingError(f"Actor {actor_id!r} has no events in namespace {namespace!r}.")


def _is_in_range(args: argparse.Namespace, stored: StoredEvent) -> bool:
    return (args.from_sequence is None or stored.sequence >= args.from_sequence) and (
        args.to_sequence is None or stored.sequence <= args.to_sequence
    )
