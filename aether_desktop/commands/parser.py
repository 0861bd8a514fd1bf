"""The grammar of `aether`: commands, arguments, and the help that explains them.

Only argparse is needed here, so that help, completion and mistakes answer at once; what a command needs is
imported when it runs.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from aether_desktop.commands.arguments import REDUCER_NAMES, with_joined_filter
from aether_desktop.commands.auditing_arguments import add_audit, add_bundle, add_compare_reports, add_recover
from aether_desktop.commands.moving_arguments import add_append, add_copy, add_export, add_import
from aether_desktop.commands.outcome import UsageError
from aether_desktop.commands.reading_arguments import add_actors, add_events, add_namespaces, add_state, add_tail

__all__ = ["REDUCER_NAMES", "build_parser", "with_joined_filter"]

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
    add_namespaces(commands)
    add_actors(commands)
    add_events(commands)
    add_state(commands)
    add_audit(commands)
    add_compare_reports(commands)
    add_recover(commands)
    add_bundle(commands)
    add_append(commands)
    add_tail(commands)
    add_import(commands)
    add_export(commands)
    add_copy(commands)
    return parser
