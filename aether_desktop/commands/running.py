"""Runs one command on an event loop of its own, so that Ctrl-C and SIGTERM end it promptly and cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from types import FrameType

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Interrupted, Output, ReaderGone
from aether_desktop.server_options import check_server_options, is_server, server_options
from aether_engine.closing import closing as closing
from aether_engine.engine import Engine, open_engine


def run_command(args: argparse.Namespace, output: Output) -> int:
    """Run the command that `args` ask for to its end; returns the exit code."""
    _set_up_logging(debug=args.debug)
    return asyncio.run(_supervise(args, output))


async def _supervise(args: argparse.Namespace, output: Output) -> int:
    module, _, name = args.run.partition(":")
    command = getattr(importlib.import_module(module), name)
    task: asyncio.Task[int] = asyncio.create_task(command(args, output), name=f"aether {args.command}")
    with _signals_cancel(task, output) as arrived, _reader_watched(task, output) as gone:
        try:
            code = await task
            return Exit.FINDINGS if code == Exit.DONE and output.found_damage else code
        except (asyncio.CancelledError, Interrupted) as end:
            if gone:
                raise ReaderGone from None
            if not arrived:
                raise
            if isinstance(end, Interrupted):
                # What is still buffered would block again at exit.
                output.give_up()
            if getattr(args, "ends_by_signal", False):
                return Exit.DONE
            output.say("Stopped before it was done.")
            return Exit.TERMINATED if arrived[0] == signal.SIGTERM else Exit.INTERRUPTED


@contextlib.contextmanager
def _signals_cancel(task: asyncio.Task[int], output: Output) -> Iterator[list[int]]:
    """Let the first SIGINT or SIGTERM cancel `task`, and a second one end the process; yields what arrived.

    A plain handler instead of the loop's: the loop does not run while a write to a full pipe blocks.
    """
    arrived: list[int] = []
    loop = asyncio.get_running_loop()

    def handle(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)
        output.stopping = True
        if output.is_blocking:
            raise Interrupted
        if len(arrived) > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(task.cancel)

    previous = {}
    # Not in the main thread (a test, an embedding program), signals are somebody else's.
    with contextlib.suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handle)
    try:
        yield arrived
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _reader_watched(task: asyncio.Task[int], output: Output) -> Iterator[list[bool]]:
    """Cancel `task` when the reader of stdout goes away, also while there is nothing to write.

    On Linux the write end of a pipe never becomes readable, but polling it for that reports the lost reader.
    """
    gone: list[bool] = []
    pipe = output.pipe() if sys.platform == "linux" else None
    loop = asyncio.get_running_loop()

    def notice() -> None:
        gone.append(True)
        assert pipe is not None
        loop.remove_reader(pipe)
        task.cancel()

    if pipe is None:
        yield gone
        return
    loop.add_reader(pipe, notice)
    try:
        yield gone
    finally:
        loop.remove_reader(pipe)


def _set_up_logging(*, debug: bool) -> None:
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
    else:
        # What a user must know is said by the command; the same again from the library would be noise.
        logging.getLogger("aether_engine").addHandler(logging.NullHandler())


@contextlib.asynccontextmanager
async def opened(
    args: argparse.Namespace, output: Output, *, read_only: bool = True, url: str | None = None
) -> AsyncIterator[Engine]:
    """The engine of the command's URL, or of `url`; what it warns of is said when it is closed."""
    # Of two stores one may be a file: the flags are for the other one.
    servers = [each for each in (args.url, getattr(args, "target", None)) if is_server(each)]
    if problem := check_server_options(servers[0] if servers else args.url, args):
        raise UsageError(f"{problem[0].upper()}{problem[1:]}.")
    url = args.url if url is None else url
    engine = await open_engine(url, read_only=read_only, **(server_options(args) if is_server(url) else {}))
    try:
        yield engine
        for warning in engine.warnings:
            output.say(f"Warning: {warning.message}")
            # Of a server it is a setting that may do harm some day, of a file that harm is done: it is cut off,
            # and a list of what is left must not pass for a list of all.
            output.found_damage = output.found_damage or engine.url.startswith("sqlite:")
    finally:
        await engine.close()


def shown(url: str) -> str:
    """`url` as it may stand in a message: without the user and password it can carry."""
    scheme, separator, address = url.partition("://")
    if scheme == "sqlite":
        return url
    return f"{scheme}{separator}{','.join(part.rpartition('@')[2] for part in address.split(','))}"


async def existing_namespace(engine: Engine, given: str | None) -> str:
    """The namespace to read: the given one if it is there, or the only one of the store."""
    names = [namespace.name for namespace in await engine.namespaces()]
    listed = ", ".join(names) or "none"
    if given is not None:
        if given not in names:
            raise FindingError(f"There is no namespace {given!r} in {shown(engine.url)}; it has: {listed}.")
        return given
    if len(names) != 1:
        raise UsageError(f"Say which namespace with --namespace; {shown(engine.url)} has: {listed}.")
    return names[0]
