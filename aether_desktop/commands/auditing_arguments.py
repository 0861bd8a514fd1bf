"""The commands that look for damage: audits and their reports, recovery, and bundles to hand on."""

from __future__ import annotations

from typing import Any

from aether_desktop.commands.arguments import (
    bare_command,
    namespace_option,
    reducer_options,
    report_options,
    store_command,
    whole_number,
)


def add_audit(commands: Any) -> None:
    command = store_command(
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
    report_options(command)
    command.add_argument("--json", action="store_true", help="print the report as one JSON document")
    command.add_argument(
        "--columns", metavar="A=B", help="of CSV: fields and their columns, 'id=Event Id,data.total=Amount'"
    )
    command.add_argument("--compare", metavar="FILE", help="say what is new and gone since an earlier JSON report")
    reducer_options(command)


def add_compare_reports(commands: Any) -> None:
    command = bare_command(
        commands,
        "compare-reports",
        "auditing:compare_reports",
        "say what is new, gone and the same in the later of two JSON reports",
        'Prints {"new","gone","same","before","after","remarks"}; with new findings the exit code is 1.',
        "last-week.json today.json",
    )
    command.add_argument("before", metavar="BEFORE", help="the earlier report")
    command.add_argument("after", metavar="AFTER", help="the later report")
    report_options(command)


def add_recover(commands: Any) -> None:
    command = bare_command(
        commands,
        "recover",
        "recovering:recover",
        "write what can be read of a damaged file into a new one",
        "Looks for events on every page of IN, whatever its schema and indexes, and writes them\n"
        "into OUT with their bytes, sequences and times; OUT must not exist, and IN is not touched.\n"
        'Prints what is not in OUT: {"kind":"lost","namespace","first","last"}, {"kind":"damaged",\n'
        '"namespace","sequence","page","reason","rawBase64"} and {"kind":"page","page","offset","tree",\n'
        '"reason"}, and at the end {"recovered":{"namespaces","events","actors","snapshots"},"lost",\n'
        '"damaged","pages","file"}; the exit code is 1 if there was any. Namespaces whose names are lost are\n'
        "called recovered_N.",
        "damaged.aether recovered.aether > left-behind.ndjson",
    )
    command.add_argument("source", metavar="IN", help="the damaged event file")
    command.add_argument("target", metavar="OUT", help="the file to write")


def add_bundle(commands: Any) -> None:
    command = store_command(
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
    namespace_option(command)
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--sequences", metavar="A,B-C", help="the events at these sequences")
    what.add_argument("--actor", metavar="ID", help="all events of this actor")
    what.add_argument("--findings", metavar="FILE", help="the events of the findings of a JSON report")
    command.add_argument("--no-causes", action="store_true", help="do not take causes")
    command.add_argument("--redact", metavar="RULE", action="append", default=[], help="may be repeated")
    command.add_argument("--ndjson", metavar="FILE", help="write the events as lines there, too")
