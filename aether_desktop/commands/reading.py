"""The commands that look at what is stored: namespaces, actors, events and states."""

from __future__ import annotations

import argparse

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output, damage_sentence, event_line, time_text, to_line
from aether_desktop.commands.running import closing, existing_namespace, opened
from aether_engine.event import ActorInfo, StoredEvent
from aether_engine.replay import replay

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
        while left is None or left > 0:
            limit = _PAGE if left is None else min(left, _PAGE)
            page = await store.actors(prefix=args.prefix, after=after, limit=limit)
            output.lines(_actor_line(actor) for actor in page)
            if len(page) < limit:
                break
            after = page[-1].actor_id
            left = None if left is None else left - len(page)
    return Exit.DONE


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
    printed = 0
    damaged = False
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        store = await engine.store(namespace)
        batch_size = _PAGE if args.limit is None else min(args.limit, _PAGE)
        if args.actor is None:
            stream = store.read(
                from_sequence=args.from_sequence or 1, to_sequence=args.to_sequence, batch_size=batch_size
            )
        else:
            if await store.get_latest_version(args.actor) == 0:
                raise _no_events(args.actor, namespace)
            stream = store.read_actor(args.actor, from_version=args.from_version or 0, batch_size=batch_size)
        async with closing(stream):
            async for batch in stream:
                wanted = [stored for stored in batch if _is_in_range(args, stored)]
                if args.limit is not None:
                    wanted = wanted[: args.limit - printed]
                output.lines(stored.raw if args.raw else event_line(stored) for stored in wanted)
                printed += len(wanted)
                for stored in wanted:
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


async def state(args: argparse.Namespace, output: Output) -> int:
    """Print what an actor's events add up to. Snapshots are left aside: the events are the truth."""
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        store = await engine.store(namespace)
        latest = await store.get_latest_version(args.actor)
        if latest == 0:
            raise _no_events(args.actor, namespace)
        replayed = await replay(store, args.actor, to_version=args.version, from_snapshot=False)
        for error in replayed.errors:
            output.say(damage_sentence(error.sequence_number, error.error))
        if replayed.events_applied == 0:
            readable = f"readable events up to version {args.version or latest}"
            raise FindingError(f"Actor {args.actor!r} has no {readable} in namespace {namespace!r}.")
        output.json({"actorId": args.actor, "version": replayed.version, "state": replayed.state})
    return Exit.FINDINGS if replayed.errors else Exit.DONE


def _no_events(actor_id: str, namespace: str) -> FindingError:
    return FindingError(f"Actor {actor_id!r} has no events in namespace {namespace!r}.")


def _is_in_range(args: argparse.Namespace, stored: StoredEvent) -> bool:
    return (args.from_sequence is None or stored.sequence >= args.from_sequence) and (
        args.to_sequence is None or stored.sequence <= args.to_sequence
    )
