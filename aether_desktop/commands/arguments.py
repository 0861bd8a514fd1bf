"""Arguments that several commands of `aether` share, and how a command and its help are made."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import Any

from aether_desktop.server_options import add_server_options

#: The reducers that can be chosen by name, the usual one first.
REDUCER_NAMES = ("json-merge", "shallow-merge", "last-event", "by-event-type")


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


def versions(text: str) -> list[int]:
    """Versions with commas between them."""
    convert = whole_number(1)
    return [convert(part) for part in text.split(",")]


def seconds(text: str) -> float:
    """A number of seconds, more than nothing and less than a day."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < number < 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a time of more than nothing and less than a day")
    return number


def bare_command(
    commands: Any, name: str, run: str, summary: str, description: str, *examples: str
) -> argparse.ArgumentParser:
    """A command and its help; `run` is its coroutine, as `module:name` within `aether_desktop.commands`."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog="examples:\n" + "\n".join(f"  aether {name} {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=f"aether_desktop.commands.{run}")
    # The same flag may stand before the command: without a default of its own it does not undo that one.
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return command


def store_command(
    commands: Any, name: str, run: str, summary: str, details: str, *examples: str
) -> argparse.ArgumentParser:
    """A command that opens a store, whose URL is its first argument; its help begins with the summary."""
    description = f"{summary[0].upper()}{summary[1:]}.\n\n{textwrap.fill(details, 96, break_on_hyphens=False)}"
    command = bare_command(commands, name, run, summary, description, *examples)
    command.add_argument("url", metavar="URL", help="a file or a server, see 'aether --help'")
    add_server_options(command)
    return command


def namespace_option(command: argparse.ArgumentParser, *, required: bool = False) -> None:
    """`--namespace`, of one namespace."""
    text = "the namespace" if required else "the namespace; may be left out when there is just one"
    command.add_argument("--namespace", metavar="NS", required=required, help=text)


def sequence_range(command: argparse.ArgumentParser) -> None:
    """`--from-sequence` and `--to-sequence`, both inclusive."""
    command.add_argument("--from-sequence", metavar="N", type=whole_number(1), help="the first sequence wanted")
    command.add_argument("--to-sequence", metavar="N", type=whole_number(1), help="the last sequence wanted")


def filter_option(command: argparse.ArgumentParser) -> None:
    """`--filter`, in the language of the window."""
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


def reducer_options(command: argparse.ArgumentParser) -> None:
    """What states are folded with: a reducer by name, or one in a trusted file."""
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
        "--reducer-seconds", metavar="S", type=seconds, help="what FILE may take for one event (default: 2)"
    )


def report_options(command: argparse.ArgumentParser) -> None:
    """Where reports are written."""
    command.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        help="write the report there: .html, .csv or .json; may be repeated",
    )
    command.add_argument("--overwrite", action="store_true", help="replace reports that exist")
