"""The commands that store events or take them elsewhere: append, import, export, copy."""

from __future__ import annotations

from typing import Any

from aether_desktop.commands.arguments import (
    filter_option,
    namespace_option,
    sequence_range,
    store_command,
    whole_number,
)


def add_append(commands: Any) -> None:
    command = store_command(
        commands,
        "append",
        "appending:append",
        "append one event",
        'Prints {"sequence","version","id"} of the stored event. When the version is taken, nothing '
        "is stored or tried again: prints "
        '{"conflict":{"actorId","attemptedVersion","currentVersion","isDuplicate","stored"}} and '
        "leaves with 1. JSON may be given in place, as @FILE, or as - for stdin; its numbers and keys "
        "are stored as written. A file that does not exist is made.",
        "shop.aether --namespace staging --actor order-1 --type OrderPlaced --version 1 "
        "--data '{\"total\": 19.90}'",
        "shop.aether --namespace staging --actor order-1 --type NoteAdded --next --data @note.json",
    )
    namespace_option(command, required=True)
    command.add_argument("--actor", metavar="ID", required=True, help="the actor")
    command.add_argument("--type", metavar="T", required=True, help="the event type")
    version = command.add_mutually_exclusive_group(required=True)
    version.add_argument("--version", metavar="N", type=whole_number(1), help="the version of the event")
    version.add_argument("--next", action="store_true", help="take the actor's current version + 1")
    command.add_argument("--data", metavar="JSON", default="{}", help="an object (default: {})")
    command.add_argument("--metadata", metavar="JSON", default="", help="an object of texts")
    command.add_argument("--id", metavar="ID", help="the event's id (default: a new UUID)")
    command.add_argument("--command-id", metavar="ID", help="the command that caused it")
    for option, what in (
        ("correlation", "the conversation it belongs to"),
        ("causation", "the event or command it follows from"),
        ("user", "who did it"),
        ("trace", "the distributed trace"),
        ("span", "the span in the trace"),
    ):
        command.add_argument(f"--{option}-id", metavar="ID", help=f"metadata: {what}")


def add_import(commands: Any) -> None:
    command = store_command(
        commands,
        "import",
        "moving:import_events",
        "store the events of an NDJSON file",
        "FILE has one event a line, may be gzip-compressed, and is - for stdin. Every event is stored "
        "byte for byte, all or none: a line that is refused is named, and nothing is imported. Prints "
        '{"imported","namespace"}.',
        "shop.aether events.ndjson.gz --namespace prod.tenant-a",
        "shop.aether - --namespace scratch < events.ndjson",
    )
    command.add_argument("file", metavar="FILE", help="an NDJSON file, also gzip-compressed, or - for stdin")
    namespace_option(command, required=True)


def add_export(commands: Any) -> None:
    command = store_command(
        commands,
        "export",
        "moving:export_events",
        "write events to a file, as NDJSON or CSV",
        "Writes one event a line, byte for byte as stored; a name that ends with .gz is compressed. The "
        "file appears when it is complete. Damaged events, and those stored with line breaks, cannot be "
        "in it: they are told on stderr and make the exit code 1. A name that ends with .csv gets a row "
        "for each event instead, damaged ones included; texts that a spreadsheet would take for formulas "
        'get an apostrophe in front. Prints {"exported","leftOut","file"}, on stderr when the events go '
        "to stdout.",
        "shop.aether events.ndjson.gz --namespace prod.tenant-a",
        "shop.aether - --namespace prod.tenant-a --actor order-1007 > order.ndjson",
        "shop.aether paid.csv --namespace prod.tenant-a --filter 'type:OrderPaid since:7d'",
    )
    command.add_argument("file", metavar="FILE", help="the file to write, or - for stdout")
    namespace_option(command)
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    sequence_range(command)
    filter_option(command)
    command.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    command.add_argument("--csv", action="store_true", help="write CSV, whatever FILE is called")


def add_copy(commands: Any) -> None:
    command = store_command(
        commands,
        "copy",
        "moving:copy",
        "store the events of one store in another",
        "Events keep their bytes and their order; their sequences are those of TARGET, which is made if it is a "
        "file that does not exist. All or none are stored; of more than 1,000 events a server may have a part, "
        "and the error says how many. An actor that is already as far in TARGET is a conflict. Damaged events "
        "are left out, told on stderr, and make the exit code 1. Prints "
        '{"copied","snapshots","leftOut","namespace"}.',
        "shop.aether excerpt.aether --namespace prod.tenant-a --actor order-1007 --snapshots",
        "nats://localhost:4222 today.aether --namespace prod.tenant-a --filter 'since:1d' --into today",
    )
    command.add_argument("target", metavar="TARGET", help="the file or server to copy to")
    namespace_option(command)
    command.add_argument("--into", metavar="NS", help="the namespace in TARGET (default: the same name)")
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    sequence_range(command)
    filter_option(command)
    command.add_argument("--snapshots", action="store_true", help="copy the snapshots of these actors as well")
