"""The command about an actor's states: one of them, what two differ in, who set what, and when it became so."""

from __future__ import annotations

import argparse
import asyncio
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output, damage_sentence, to_line
from aether_desktop.commands.reducing import chosen_reducer
from aether_desktop.commands.running import existing_namespace, opened
from aether_engine.replay import (
    Change,
    Quarantine,
    Reducer,
    StateHistory,
    bisect_history,
    diff,
    diff_lines,
    load_history,
    parse_expression,
    patch_of,
    pointer,
    replay,
    turns,
)
from aether_engine.store.protocols import Store

#: What --diff means without a number.
PREVIOUS = -1


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look at the states came to: lines for stdout, a remark for people, and whether it was found."""

    lines: list[bytes]
    remark: str = ""
    is_found: bool = True


async def state(args: argparse.Namespace, output: Output) -> int:
    """Print what an actor's events add up to, or something about it. Snapshots are left aside unless asked for."""
    _check(args)
    async with opened(args, output) as engine:
        namespace = await existing_namespace(engine, args.namespace)
        store = await engine.store(namespace)
        latest = await store.get_latest_version(args.actor)
        if latest == 0:
            raise FindingError(f"Actor {args.actor!r} has no events in namespace {namespace!r}.")
        with chosen_reducer(args, output) as reducer:
            if args.diff is None and args.bisect is None and not args.blame and not args.without:
                return await _one_state(args, output, store, latest, reducer)
            history = await _history(args, output, store, reducer)
            if not history.versions and not history.first_version:
                raise _nothing(args, store, latest)
            # With a reducer of the user's, looking at a state can take time; the loop goes on hearing signals.
            seen = await asyncio.to_thread(_look, args, history)
    output.lines(seen.lines)
    if seen.remark:
        output.say(seen.remark)
    return Exit.DONE if seen.is_found and not history.stream.troubles else Exit.FINDINGS


def _check(args: argparse.Namespace) -> None:
    if (args.patch or args.text) and args.diff is None:
        raise UsageError("--patch and --text say how --diff is written.")
    if args.linear and args.bisect is None:
        raise UsageError("--linear goes with --bisect.")
    if args.diff is not None and args.version is not None and args.diff > args.version:
        raise UsageError("--diff wants a version up to --version: what changed since then is printed.")
    if args.bisect is not None:
        parse_expression(args.bisect)


async def _one_state(args: argparse.Namespace, output: Output, store: Store, latest: int, reducer: Reducer) -> int:
    """Without any other version being kept."""
    replayed = await replay(
        store, args.actor, reducer=reducer, to_version=args.version, from_snapshot=args.from_snapshot
    )
    for error in replayed.errors:
        output.say(damage_sentence(error.sequence_number, error.error))
    if replayed.events_applied == 0 and not replayed.from_snapshot_version:
        raise _nothing(args, store, latest)
    document = {"actorId": args.actor, "version": replayed.version, "state": replayed.state}
    if args.from_snapshot:
        document["fromSnapshot"] = replayed.from_snapshot_version
    output.json(document)
    return Exit.FINDINGS if replayed.errors else Exit.DONE


async def _history(args: argparse.Namespace, output: Output, store: Store, reducer: Reducer) -> StateHistory:
    history = await load_history(
        store,
        args.actor,
        reducer=reducer,
        to_version=args.version,
        from_snapshot=args.from_snapshot,
        quarantine=Quarantine(frozenset(args.without)),
        blame=args.blame,
        progress=lambda count: output.progress(f"Folded {count:,} events …"),
    )
    for trouble in history.stream.troubles:
        output.say(damage_sentence(trouble.sequence, Exception(trouble.reason)))
    missing = sorted(set(args.without).difference(history.versions))
    if missing:
        raise FindingError(f"There is no event at version {', '.join(map(str, missing))} to be left out.")
    return history


def _look(args: argparse.Namespace, history: StateHistory) -> _Seen:
    if args.diff is not None:
        return _diff(args, history)
    if args.blame:
        return _blame(history)
    if args.linear:
        return _turns(args, history)
    if args.bisect is not None:
        return _bisection(args, history)
    return _Seen([to_line({**_heading(args, history), "state": history.state_at(history.latest_version)})])


def _heading(args: argparse.Namespace, history: StateHistory) -> dict[str, Any]:
    heading: dict[str, Any] = {"actorId": args.actor, "version": history.latest_version}
    if args.from_snapshot:
        heading["fromSnapshot"] = history.first_version
    if args.without:
        heading["without"] = sorted(args.without)
    return heading


def _diff(args: argparse.Namespace, history: StateHistory) -> _Seen:
    last = history.latest_version
    if args.diff == PREVIOUS:
        place = bisect_left(history.versions, last)
        first = history.versions[place - 1] if place else history.first_version
    else:
        first = args.diff
    changes = diff(history.state_at(first), history.state_at(last))
    if args.text:
        return _Seen([line.encode() for line in diff_lines(changes)])
    document = {**_heading(args, history), "from": first}
    if args.patch:
        document["patch"] = patch_of(changes)
    else:
        document["changes"] = [_change(change) for change in changes]
    return _Seen([to_line(document)])


def _change(change: Change) -> dict[str, Any]:
    sides = {"old": change.old, "new": change.new}
    if change.kind != "changed":
        del sides["old" if change.kind == "added" else "new"]
    return {"path": pointer(change.path), "kind": change.kind, **sides}


def _blame(history: StateHistory) -> _Seen:
    blame = history.blame_at(history.latest_version)
    return _Seen(
        [
            to_line(
                {
                    "path": pointer(path),
                    "value": value,
                    "changedAt": origin.changed,
                    "writtenAt": origin.written,
                    **_event_at(history, origin.changed),
                }
            )
            for path, value, origin in blame.leaves()
        ]
    )


def _event_at(history: StateHistory, version: int) -> dict[str, Any]:
    """Where the event of a version stands, if that is an event: a snapshot is the origin of what it brought."""
    stored = history.event_at(version)
    if stored is None or stored.event is None or stored.event.version != version:
        return {}
    return {"sequence": stored.sequence, "eventType": stored.event.event_type}


def _bisection(args: argparse.Namespace, history: StateHistory) -> _Seen:
    found = bisect_history(history, parse_expression(args.bisect))
    document: dict[str, Any] = {
        "actorId": args.actor,
        "expression": args.bisect,
        "version": found.version,
        "before": None if found.version is None else found.before,
        "lastVersion": found.last_version,
        "alsoAt": found.also_at,
        "evaluations": found.evaluations,
        **({} if found.version is None else _event_at(history, found.version)),
    }
    meaning = found.meaning.replace("a search of all versions", "--linear").replace(
        "A search", "With --linear a search"
    )
    return _Seen([to_line(document)], meaning, is_found=found.version is not None)


def _turns(args: argparse.Namespace, history: StateHistory) -> _Seen:
    lines = [
        to_line({"version": version, "holds": holds, **_event_at(history, version)})
        for version, holds in turns(history, parse_expression(args.bisect))
    ]
    never = "" if lines else f"It holds at none of the versions up to {history.latest_version}."
    return _Seen(lines, never, is_found=bool(lines))


def _nothing(args: argparse.Namespace, store: Store, latest: int) -> FindingError:
    readable = f"readable events up to version {args.version or latest}"
    return FindingError(f"Actor {args.actor!r} has no {readable} in namespace {store.namespace!r}.")
