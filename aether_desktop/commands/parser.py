"""The grammar of `aether`: commands, arguments, and the help that explains them.

Only argparse is needed here, so that help, completion and mistakes answer at once; what a command needs is
imported when it runs.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from aether_desktop.commands.outcome import UsageError
from aether_desktop.server_options import add_server_options

#: The reducers that can be chosen by name, the usual one first.
REDUCER_NAMES = ("json-merge", "shallow-merge", "last-event", "by-event-type")

_DESCRIPTION = """\
Look into event-sourced systems, and append to them, from scripts and by hand.

Results are one JSON object a line on stdout; messages and progress go to stderr.
URL is a file (events.aether, sqlite:///relative.aether, sqlite:////absolute.aether) or a server
(nats://host:4222, tls://host:4222). Only append, import and copy write; every other command opens read-only.
"""

_EPILOG = """\
exit codes:
  0  done
  1  findings: damaged events, a version conflict, a refused line, an actor or namespace that is not there
  2  the command line is not understood
  3  a store or file cannot be reached, opened, read or written
  130 and 143 after Ctrl-C and SIGTERM, except for tail, which they end with 0

examples:
  aether namespaces shop.aether
  aether events shop.aether --namespace prod.tenant-a --actor order-1007
  aether state shop.aether --namespace prod.tenant-a --actor order-1007 --version 3
  aether state shop.aether --namespace prod.tenant-a --actor order-1007 --bisect 'total < 0'
  aether audit shop.aether --snapshots
  aether tail nats://localhost:4222 --namespace 'prod.>' --type OrderPlaced
  aether export shop.aether events.ndjson.gz --namespace prod.tenant-a

'aether COMMAND --help' explains a command.
"""


class _Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would print and leave."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See '{self.prog} --help'.")


def whole_number(lowest: int) -> Any:
    """A converter for integers from `lowest` on, up to what a version or a sequence can be."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not lowest <= number < 2**63:
            raise argparse.ArgumentTypeError(f"{text} is not between {lowest} and {2**63 - 1}")
        return number

    return convert


def _versions(text: str) -> list[int]:
    convert = whole_number(1)
    return [convert(part) for part in text.split(",")]


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < number < 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a time of more than nothing and less than a day")
    return number


def build_parser() -> argparse.ArgumentParser:
    """The parser; what it parses has `run`, the place of the command's coroutine as `module:name`."""
    parser = _Parser(
        prog="aether",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    parser.add_argument("--debug", action="store_true", help="with an error, show where in the program it arose")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    _add_namespaces(commands)
    _add_actors(commands)
    _add_events(commands)
    _add_state(commands)
    _add_audit(commands)
    _add_compare_reports(commands)
    _add_recover(commands)
    _add_bundle(commands)
    _add_append(commands)
    _add_tail(commands)
    _add_import(commands)
    _add_export(commands)
    _add_copy(commands)
    return parser


def _command(
    commands: Any, name: str, run: str, summary: str, details: str, *examples: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{textwrap.fill(details, 96, break_on_hyphens=False)}",
        epilog="examples:\n" + "\n".join(f"  aether {name} {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=f"aether_desktop.commands.{run}")
    command.add_argument("url", metavar="URL", help="a file or a server, see 'aether --help'")
    add_server_options(command)
    # The same flag may stand before the command: without a default of its own it does not undo that one.
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return command


def _namespace_option(command: argparse.ArgumentParser, *, required: bool = False) -> None:
    text = "the namespace" if required else "the namespace; may be left out when there is just one"
    command.add_argument("--namespace", metavar="NS", required=required, help=text)


def _sequence_range(command: argparse.ArgumentParser) -> None:
    command.add_argument("--from-sequence", metavar="N", type=whole_number(1), help="the first sequence wanted")
    command.add_argument("--to-sequence", metavar="N", type=whole_number(1), help="the last sequence wanted")


def _filter_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--filter",
        metavar="TEXT",
        help="only events that pass, as typed into the window: 'type:Order* data.total:>100 since:2d'",
    )


def with_joined_filter(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--filter -type:X` as one: argparse takes what begins with a dash for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--filter" and argument[:1] == "-" and argument[:2] != "--":
            joined[-1] = f"--filter={argument}"
        else:
            joined.append(argument)
    return joined


def _add_namespaces(commands: Any) -> None:
    _command(
        commands,
        "namespaces",
        "reading:namespaces",
        "list the namespaces",
        'Prints {"name","events","bytes","firstRecordedAt","lastRecordedAt"} for each, by name.',
        "shop.aether",
    )


def _add_actors(commands: Any) -> None:
    command = _command(
        commands,
        "actors",
        "reading:actors",
        "list the actors of a namespace",
        'Prints {"actorId","events","latestVersion","lastEventType","lastRecordedAt"} for each, by id; with '
        '--counts only {"actorId","events"}, which a server with many actors tells several times as fast.',
        "shop.aether --namespace staging",
        "shop.aether --namespace prod.tenant-a --prefix order- --limit 100 --after order-1007",
    )
    _namespace_option(command)
    command.add_argument("--prefix", metavar="P", default="", help="only ids that start with P")
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="at most N actors (default: all)")
    command.add_argument("--after", metavar="ID", help="only ids behind ID: the last one of the page before")
    command.add_argument("--counts", action="store_true", help="only ids and numbers of events")


def _add_events(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command)
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    command.add_argument(
        "--from-version", metavar="N", type=whole_number(0), help="with --actor: from version N on"
    )
    _sequence_range(command)
    _filter_option(command)
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="at most N events (default: all)")
    command.add_argument(
        "--raw", action="store_true", help="only the stored bytes, an event a line, also damaged ones"
    )


def _reducer_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reducer", metavar="NAME", choices=REDUCER_NAMES, help=f"one of {', '.join(REDUCER_NAMES)} (the first)"
    )
    command.add_argument(
        "--reducer-file", metavar="FILE", help="Python with a function apply(state, event) -> state; needs --trust"
    )
    command.add_argument(
        "--trust",
        metavar="SHA256",
        nargs="?",
        const=True,
        help="run FILE, which can do whatever you can; with a hash, only if that is the hash of its content",
    )
    command.add_argument(
        "--reducer-seconds", metavar="S", type=_seconds, help="what FILE may take for one event (default: 2)"
    )


def _add_state(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command)
    command.add_argument("--actor", metavar="ID", required=True, help="the actor")
    command.add_argument("--version", metavar="N", type=whole_number(1), help="the version (default: the latest)")
    _reducer_options(command)
    command.add_argument(
        "--from-snapshot", action="store_true", help="begin with the best snapshot instead of the first event"
    )
    command.add_argument(
        "--without", metavar="V,…", type=_versions, default=[], help="leave out the events with these versions"
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


def _add_audit(commands: Any) -> None:
    command = _command(
        commands,
        "audit",
        "auditing:audit",
        "say which events are damaged, lost or do not fit together",
        "Prints a line for each finding as it is found, "
        '{"check","severity","title","explanation","namespace","sequence","lastSequence","actorId","version",'
        '"recordedAt","timestamp","offset","path","evidence","hint"}, and at the end '
        '{"checked":{"namespaces","events","actors","snapshots"},"findings","bySeverity","files","leftOut"}; with '
        "findings the exit code is 1, and 3 if nothing can be read. Nothing is changed or made, not even beside a "
        "file. --json prints the whole report instead, --report writes it. Checks are explained in docs/audit.md. "
        "URL may also be a file of events (.ndjson, .jsonl, .json, .csv, also .gz and .zst), a folder of them, or "
        "the folder of a stream's backup.",
        "shop.aether",
        "shop.aether --snapshots --report findings.html --report findings.json",
        "nats://localhost:4222 --pattern 'prod.>' --checks duplicate-id,version-gap",
        "shop.aether --namespace prod.tenant-a --actor 'order-*' --compare last-week.json",
        "export.csv --columns 'id=Id,eventType=Type,actorId=Order,version=Rev,timestamp=At,data=Payload'",
    )
    where = command.add_mutually_exclusive_group()
    where.add_argument("--namespace", metavar="NS", help="only this namespace (default: all)")
    where.add_argument("--pattern", metavar="PATTERN", help="only namespaces that match, such as 'prod.>'")
    command.add_argument(
        "--actor", metavar="ID", default="", help="only this actor, or those that match a pattern"
    )
    command.add_argument(
        "--checks", metavar="A,B", help="only these checks; 'snapshots' stands for all that concern them"
    )
    command.add_argument("--snapshots", action="store_true", help="compare every snapshot with the replay as well")
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="list at most N findings of a check")
    _report_options(command)
    command.add_argument("--json", action="store_true", help="print the report as one JSON document")
    command.add_argument(
        "--columns", metavar="A=B", help="of CSV: fields and their columns, 'id=Event Id,data.total=Amount'"
    )
    command.add_argument("--compare", metavar="FILE", help="say what is new and gone since an earlier JSON report")
    _reducer_options(command)


def _report_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        help="write the report there: .html, .csv or .json; may be repeated",
    )
    command.add_argument("--overwrite", action="store_true", help="replace reports that exist")


def _add_compare_reports(commands: Any) -> None:
    command: argparse.ArgumentParser = commands.add_parser(
        "compare-reports",
        help="say what is new, gone and the same in the later of two JSON reports",
        description='Prints {"new","gone","same","before","after","remarks"}; '
        "with new findings the exit code is 1.",
        epilog="examples:\n  aether compare-reports last-week.json today.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run="aether_desktop.commands.auditing:compare_reports")
    command.add_argument("before", metavar="BEFORE", help="the earlier report")
    command.add_argument("after", metavar="AFTER", help="the later report")
    _report_options(command)
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _add_recover(commands: Any) -> None:
    command: argparse.ArgumentParser = commands.add_parser(
        "recover",
        help="write what can be read of a damaged file into a new one",
        description="Looks for events on every page of IN, whatever its schema and indexes, and writes them\n"
        "into OUT with their bytes, sequences and times; OUT must not exist, and IN is not touched.\n"
        'Prints what is not in OUT: {"kind":"lost","namespace","first","last"}, {"kind":"damaged",\n'
        '"namespace","sequence","page","reason","rawBase64"} and {"kind":"page","page","offset","tree",\n'
        '"reason"}, and at the end {"recovered":{"namespaces","events","actors","snapshots"},"lost",\n'
        '"damaged","pages","file"}; the exit code is 1 if there was any. Namespaces whose names are lost are\n'
        "called recovered_N.",
        epilog="examples:\n  aether recover damaged.aether recovered.aether > left-behind.ndjson",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run="aether_desktop.commands.recovering:recover")
    command.add_argument("source", metavar="IN", help="the damaged event file")
    command.add_argument("target", metavar="OUT", help="the file to write")
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _add_bundle(commands: Any) -> None:
    command = _command(
        commands,
        "bundle",
        "bundling:bundle",
        "write chosen events with their causes into a small file",
        "Takes the events named by --sequences, of --actor, or of the findings of a JSON report, and the events "
        "that "
        "caused them; writes them into OUT, which opens anywhere, and as lines with --ndjson. Damaged events stay "
        "damaged. --redact takes values away: hash:/data/customer (the same text for the same value), "
        "mask:/data/email (letters and digits only), drop:/metadata/UserID; * stands for any key. Prints "
        '{"events","causes","places","redacted","leftOut","missingCauses"}; the exit code is 1 if something had '
        "to be left out.",
        "shop.aether repro.aether --namespace prod.tenant-a --sequences 6334,7100-7110",
        "shop.aether repro.aether --findings report.json --redact hash:/data/customer --ndjson repro.ndjson",
    )
    command.add_argument("target", metavar="OUT", help="the event file to write")
    _namespace_option(command)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--sequences", metavar="A,B-C", help="the events at these sequences")
    what.add_argument("--actor", metavar="ID", help="all events of this actor")
    what.add_argument("--findings", metavar="FILE", help="the events of the findings of a JSON report")
    command.add_argument("--no-causes", action="store_true", help="do not take causes")
    command.add_argument("--redact", metavar="RULE", action="append", default=[], help="may be repeated")
    command.add_argument("--ndjson", metavar="FILE", help="write the events as lines there, too")


def _add_append(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command, required=True)
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


def _add_tail(commands: Any) -> None:
    command = _command(
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
    _filter_option(command)
    command.add_argument("--limit", metavar="N", type=whole_number(1), help="stop after N lines")


def _add_import(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command, required=True)


def _add_export(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command)
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    _sequence_range(command)
    _filter_option(command)
    command.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    command.add_argument("--csv", action="store_true", help="write CSV, whatever FILE is called")


def _add_copy(commands: Any) -> None:
    command = _command(
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
    _namespace_option(command)
    command.add_argument("--into", metavar="NS", help="the namespace in TARGET (default: the same name)")
    command.add_argument("--actor", metavar="ID", help="only this actor's events")
    _sequence_range(command)
    _filter_option(command)
    command.add_argument("--snapshots", action="store_true", help="copy the snapshots of these actors as well")
