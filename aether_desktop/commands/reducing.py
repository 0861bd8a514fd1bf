"""The reducer that a command line chooses: one by name, or a file of the user's that is trusted on purpose."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from aether_desktop.commands.outcome import UsageError
from aether_desktop.commands.output import Output
from aether_engine.errors import ReducerError, ReducerFileError, ReducerTrustError
from aether_engine.replay import REDUCERS, Reducer

if TYPE_CHECKING:
    from aether_engine.replay import UserReducer


@contextlib.contextmanager
def chosen_reducer(args: argparse.Namespace, output: Output) -> Iterator[Reducer]:
    """The reducer that `args` ask for; what one of the user's printed, and where it failed, is told at the end."""
    if args.reducer_file is None:
        if args.trust is not None or args.reducer_seconds is not None:
            raise UsageError("--trust and --reducer-seconds go with --reducer-file.")
        yield REDUCERS[args.reducer or "json-merge"]
        return
    if args.reducer is not None:
        raise UsageError("Choose a reducer by name or by file, with --reducer or --reducer-file.")
    with _opened(args) as reducer:
        try:
            yield reducer
        except (ReducerError, ReducerFileError) as error:
            for line in error.trace.splitlines():
                output.say(line)
            raise
        finally:
            for version, text in sorted(reducer.printed.items()):
                place = f"at version {version}" if version else "while it was loaded"
                for line in text.splitlines():
                    output.say(f"The reducer printed {place}: {line}")


def _opened(args: argparse.Namespace) -> UserReducer:
    from aether_engine.replay import ReducerLimits, UserReducer

    limits = ReducerLimits()
    if args.reducer_seconds is not None:
        limits = replace(limits, event_seconds=args.reducer_seconds)
    try:
        return UserReducer(args.reducer_file, trusted=args.trust or False, limits=limits)
    except ReducerTrustError as error:
        remedy = "Say --trust to run it as it is, or --trust SHA256 to run this content of it and no other."
        name = os.fsencode(args.reducer_file).decode("utf-8", "replace")
        raise UsageError(f"{str(error).replace(error.path, name)} {remedy}") from error
