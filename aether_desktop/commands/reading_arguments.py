"""The commands that look: namespaces, actors, events, states, and following them."""

from __future__ import annotations

from typing import Any

from aether_desktop.commands.arguments import (
    filter_option,
    namespace_option,
    reducer_options,
    sequence_range,
    store_command,
    versions,
    whole_number,
)


def add_namespaces(commands: Any) -> None:
    store_command(
        commands,
        "namespaces",
        "reading:namespaces",
        "list the namespaces",
        'Prints {"name","events","bytes","firstRecordedAt","lastRecordedAt"} for each, by name.',
        "shop.aether",
    )


def add_actors(commands: Any) -> None:
    command = store_command(
        commands,
        "actors",
        "reading:actors",
        "list the actors of a namespace",
        'Prints {"actorId","events","latestVersion","lastEventType","lastRecordedAt"} for each, by id; with '
        '--counts only {"actorId","events"}, which a server with many actors tells several times as fast.',
        "shop.aether --namespace staging",
        "shop.aether --namespace prod.tenant-a --prefix order- --limit 100 --after order-1007",
    )
    namespace_option(command)
    command.add_argument("--prefix", metavar="P", default="", help="only ids that start with P")
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="at most N actors (default: all)")
    command.add_argument("--after", metavar="ID", help="only ids behind ID: the last one of the page before")
    command.add_argument("--counts", action="store_true", help="only ids and numbers of events")


def add_events(commands: Any) -> None:
    command = store_command(
        commands,
        "events",
        "reading:events",
        "print events as they are stored",
        'Prints {"sequence","recordedAt","event"} for each; "event" is what was stored, byte for '
        'byte. A damaged event is {"sequence","recordedAt","error":{"kind","message"},"rawBase64"}, '
        "is told on stderr, and makes the exit code 1. One actor's events come by version, a "
        "namespace's by sequence. With a filter, damaged events pass too, as nobody knows what they "
        "were, and those that are found by checking come last; corrupted:no leaves them out.",
        "shop.aether --namespace staging",
        "shop.aether --namespace prod.tenant-a --actor order-1007 --from-version 3",
        "shop.aether --namespace prod.tenant-a --from-sequence 100 --limit 10 --raw",
        "shop.aether --namespace prod.tenant-a --filter 'type:Order* data.total:>100 -actor:order-12'",
    )
    namespace_option(command)
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    command.add_argument(
        "--from-version", metavar="N", type=whole_number(0), help="with --actor: from version N on"
    )
    sequence_range(command)
    filter_option(command)
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="at most N events (default: all)")
    command.add_argument(
        "--raw", action="store_true", help="only the stored bytes, an event a line, also damaged ones"
    )


def add_state(commands: Any) -> None:
    command = store_command(
        commands,
        "state",
        "states:state",
        "print the state of an actor at a version",
        'Folds the actor\'s events with a reducer and prints {"actorId","version","state"}, with every '
        "number as it was written. Damaged events are left out, told on stderr, and make the exit code 1, "
        "as does an actor without events up to that version. Instead of the state, --diff prints "
        '{"actorId","version","from","changes"} with JSON Pointers as paths; --blame for each value '
        '{"path","value","changedAt","writtenAt","sequence","eventType"}; --bisect '
        '{"version","before","lastVersion","alsoAt","evaluations","sequence","eventType"} and the exit code 1 '
        "if the expression does not hold in the end.",
        "shop.aether --namespace prod.tenant-a --actor order-1007",
        "shop.aether --namespace prod.tenant-a --actor order-1007 --version 5 --diff 3 --patch",
        "shop.aether --namespace prod.tenant-a --actor order-1007 --blame",
        "shop.aether --namespace prod.tenant-a --actor order-1007 --bisect 'status == \"paid\"' --without 4",
        "shop.aether --namespace prod.tenant-a --actor order-1007 --reducer-file totals.py --trust",
    )
    namespace_option(command)
    command.add_argument("--actor", metavar="ID", required=True, help="the actor")
    command.add_argument("--version", metavar="N", type=whole_number(1), help="the version (default: the latest)")
    reducer_options(command)
    command.add_argument(
        "--from-snapshot", action="store_true", help="begin with the best snapshot instead of the first event"
    )
    command.add_argument(
        "--without", metavar="V,…", type=versions, default=[], help="leave out the events with these versions"
    )
    looks = command.add_mutually_exclusive_group()
    looks.add_argument(
        "--diff",
        metavar="M",
        nargs="?",
        const=-1,
        type=whole_number(0),
        help="what changed since version M (default: the one before)",
    )
    looks.add_argument("--blame", action="store_true", help="which version last changed and wrote each value")
    looks.add_argument(
        "--bisect", metavar="EXPR", help="the version where this begins to hold, like 'total < 0 and exists(paid)'"
    )
    written = command.add_mutually_exclusive_group()
    written.add_argument("--patch", action="store_true", help="with --diff: as JSON Patch (RFC 6902)")
    written.add_argument("--text", action="store_true", help="with --diff: as lines with - and +")
    command.add_argument(
        "--linear",
        action="store_true",
        help='with --bisect: look at every version, and print {"version","holds",…} wherever that turns',
    )


def add_tail(commands: Any) -> None:
    command = store_command(
        commands,
        "tail",
        "tailing:tail",
        "print events as they are stored, until stopped",
        'Prints lines as "events" does, with "namespace" in front; where the store lost something, '
        '{"gap":{"namespace","afterSequence","missed","reason"}}. Ctrl-C and SIGTERM end it with exit '
        "code 0. Patterns: * stands for one token, a trailing > for one or more, a lone * for all; in "
        "an actor pattern also order-*. A pattern crosses namespaces, on purpose.",
        "shop.aether",
        "nats://localhost:4222 --namespace 'prod.>' --actor 'order-*' --type OrderPlaced --type OrderCancelled",
        "shop.aether --namespace staging --after-sequence 0 --limit 10",
    )
    command.set_defaults(ends_by_signal=True)
    command.add_argument("--namespace", metavar="PATTERN", default="*", help="which namespaces (default: *, all)")
    command.add_argument("--actor", metavar="PATTERN", default="", help="which actors (default: all)")
    command.add_argument(
        "--type", metavar="T", action="append", default=[], help="only this event type; may be repeated"
    )
    command.add_argument(
        "--after-sequence",
        metavar="N",
        type=whole_number(0),
        help="begin behind sequence N (default: with what comes)",
    )
    filter_option(command)
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="stop after N lines")
