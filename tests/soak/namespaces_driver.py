"""The real window, whose navigator and wildcard tail look on while namespaces come and go; prints JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from time import perf_counter

from PySide6.QtWidgets import QApplication

from aether_desktop.app import favour_the_loop
from aether_desktop.connection import Connection
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.theme import apply_theme
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Place
from tests.benchmarks.tail_driver import Latency, until, window_at
from tests.soak.window_driver import resident_megabytes

#: Seconds that one turn may take on a busy machine.
_PATIENCE = 300.0
#: Seconds for which nothing happens, after a turn.
_REST = 3.0


async def _told(writer: Process, command: str) -> None:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(command.encode() + b"\n")
    assert (await writer.stdout.readline()) == b"done\n", command


async def _turn(
    window: MainWindow, connection: Connection, tail: TailView, writer: Process, turn: int, count: int
) -> dict[str, float]:
    """Have `count` namespaces come and go; what was seen of it."""
    tree = window.panels.navigator.tree
    counters = tail.controller.counters
    began = perf_counter()
    async with Latency() as late:
        await _told(writer, f"make {turn}")
        made = perf_counter()
        await until(lambda: tail.controller.counters.received == count * (turn + 1), _PATIENCE, str(counters))
        await until(lambda: len(connection.namespaces) == count, _PATIENCE, "the navigator has them")
        shown = perf_counter()
        assert tree.model().rowCount(tree.model().index(0, 0)) == count
        await _told(writer, "delete")
        deleted = perf_counter()
        await until(lambda: not connection.namespaces, _PATIENCE, "the navigator forgets them")
        gone = perf_counter()
        # A tail ends with what it follows.
        await asyncio.sleep(_REST)
    async with Latency() as rest:
        used = os.times()
        await asyncio.sleep(_REST)
        now = os.times()
    counters = tail.controller.counters
    return {
        "turn": turn,
        "making": made - began,
        "behind": shown - made,
        "deleting": deleted - shown,
        "behind_deleting": gone - deleted,
        "resident": resident_megabytes(),
        "handles": len(list(Path("/proc/self/fd").iterdir())),
        "tasks": len(asyncio.all_tasks()),
        "received": counters.received,
        "dropped": counters.dropped,
        "adds_up": counters.adds_up,
        "running": tail.controller.running,
        "idle_cpu": (now.user + now.system - used.user - used.system) / _REST,
        "rest": rest.figures()["worked"],
        **late.figures(),
    }


async def _run(home: Path, url: str, turns: int, count: int) -> None:
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak.namespaces_writer", url, str(count)), stdin=PIPE, stdout=PIPE
    )
    try:
        async with window_at(home) as window:
            connection = await window.workspace.open(url)
            assert connection is not None
            await window.settle()
            tail = window.panels.desk.open_tail(Place(connection, "born"), "*")
            # Full after the first turn: what is kept on purpose does not grow.
            tail.controller.set_capacity(count)
            for turn in range(turns):
                print(json.dumps(await _turn(window, connection, tail, writer, turn, count)), flush=True)
    finally:
        writer.kill()
        await writer.wait()


def main() -> None:
    """Work as the arguments say, on Qt's own event loop, with the interpreter set up as the application has it."""
    os.environ["QT_API"] = "pyside6"
    from qasync import QEventLoop

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    apply_theme(application, "light")
    favour_the_loop()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(application)) as runner:
        runner.run(_run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))


if __name__ == "__main__":
    main()
