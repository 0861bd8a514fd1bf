"""The program `aether`: the engine for scripts, without a window.

Parses the command line, runs the command on an event loop of its own, and turns however it ends into an exit code.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aether_desktop import __version__
from aether_desktop.commands.outcome import Exit, UsageError, exit_code, sentence
from aether_desktop.commands.parser import build_parser, with_joined_filter
from aether_desktop.frozen import serve_as_child_if_asked

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Run `aether` with `argv` (default: the process's own arguments) and return its exit code."""
    serve_as_child_if_asked()
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return int(_main(arguments))
    except KeyboardInterrupt:
        # Before the command has its own handling, while modules are still being imported.
        return int(Exit.INTERRUPTED)


def _main(argv: Sequence[str]) -> int:
    parser = build_parser()
    try:
        args = parser.parse_args(with_joined_filter(argv))
        if args.version is True:
            print(f"aether {__version__}")
            return Exit.DONE
        if args.command is None:
            parser.error("a command is missing")
    except SystemExit:
        # Only --help leaves this way; mistakes are a UsageError.
        with contextlib.suppress(BrokenPipeError):  # whoever asked has read enough
            sys.stdout.flush()
        return Exit.DONE
    except UsageError as error:
        print(f"aether: {error}", file=sys.stderr)
        return Exit.USAGE
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    # From here on it takes an event loop and a store, whose modules help and mistakes need not wait for.
    from aether_desktop.commands.output import Output, ReaderGone
    from aether_desktop.commands.running import run_command

    output = Output()
    try:
        return run_command(args, output)
    except ReaderGone:
        output.give_up()
        return Exit.DONE
    except Exception as error:  # noqa: BLE001 (a user is never shown a traceback he did not ask for)
        if args.debug:
            import traceback

            traceback.print_exc()
        else:
            output.say(sentence(error), *(error.details if isinstance(error, UsageError) else ()))
        if isinstance(error, OSError):
            output.give_up()
        return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
