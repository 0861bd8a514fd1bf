"""Drives the real window with live tails, offscreen, and prints what it measured as JSON; see `tail`."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter, thread_time, time_ns
from typing import Any

from PySide6.QtGui import QPaintEvent

from aether_desktop.connection import Connection
from aether_desktop.models.tail.tail_feed import TailSource
from aether_desktop.models.tail.tail_table import TailTableModel
from aether_desktop.settings import Settings
from aether_desktop.ui.tail.tail_table_view import TailTableView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Place, Workspace
from aether_engine.event import Event
from tests.benchmarks.driven import drive
from tests.benchmarks.events import make_events

_NAMESPACE = "benchmark"
_PUBLISHED_AT_ONCE = 250
_TICK = 0.001


class Painted:
    """How long after they were written rows were on the screen, in seconds, by watching what a table draws."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._seen = 0
        self._plain = TailTableView.paintEvent

    def watch(self) -> None:
        """Look at what every table of a tail draws from now on."""
        painted = self

        def paint(table: TailTableView, event: QPaintEvent) -> None:
            painted._plain(table, event)
            if not table.flooded:
                painted._look(table)

        TailTableView.paintEvent = paint  # type: ignore[assignment, method-assign]  # it is watched

    def _look(self, table: TailTableView) -> None:
        model, now = table.model(), time_ns()
        assert isinstance(model, TailTableModel)
        newest = self._seen
        for row in range(model.rowCount() - 1, -1, -1):
            entry = model.row_at(row)
            if entry is None or entry.event is None or entry.sequence is None:
                continue
            if entry.sequence <= self._seen:
                break
            newest = max(newest, entry.sequence)
            self.delays.append((now - entry.event.data["at"]) / 1e9)
        self._seen = newest


@asynccontextmanager
async def window_at(home: Path) -> AsyncIterator[MainWindow]:
    """A window as it is used, closed at the end."""
    window = MainWindow(Workspace(Settings(home / "settings.json")))
    window.resize(1440, 900)
    window.show()
    try:
        yield window
    finally:
        window.hide()
        await window.close_documents()
        await window.workspace.close()


async def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something. Raises `TimeoutError`."""
    end = perf_counter() + seconds
    while not condition():
        if perf_counter() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def writer(url: str, rate: int, count: int, first: int) -> AsyncIterator[Process]:
    """A process that writes when it is told to."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.tail_writer", url, _NAMESPACE),
        *map(str, (rate, count, first)),
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None
    try:
        assert (await process.stdout.readline()) == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Latency:
    """How late the event loop comes back to who waits for a moment, in seconds; and how long it worked meanwhile.

    The second figure is time on a processor: what else the machine does has no part in it.
    """

    def __init__(self) -> None:
        self.late: list[float] = []
        self.worked: list[float] = []

    async def _tick(self) -> None:
        while True:
            began, used = perf_counter(), thread_time()
            await asyncio.sleep(_TICK)
            self.late.append(perf_counter() - began - _TICK)
            self.worked.append(thread_time() - used)

    async def __aenter__(self) -> Latency:
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_error: object) -> None:
        # A task that is kept by what it works for is garbage that only a full collection finds.
        ticker = self._ticker
        del self._ticker
        ticker.cancel()
        with suppress(asyncio.CancelledError):
            await ticker

    def figures(self) -> dict[str, float]:
        """The 99th percentile of both, and the latest of all."""
        return {"late": _p99(self.late), "worked": _p99(self.worked), "latest": max(self.late)}


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


class Run:
    """One load and what came of it."""

    def __init__(self, views: list[TailView]) -> None:
        self._views = views
        self.first = self.last = 0.0
        self._received = 0
        views[0].controller.counters_changed.connect(self._look)

    def _look(self) -> None:
        received = self._views[0].controller.counters.received
        if received != self._received:
            self.last = perf_counter()
            self.first = self.first or self.last
            self._received = received

    async def result(self, count: int, late: Latency, cpu: float) -> dict[str, Any]:
        """Wait until everything has arrived."""
        counters = [view.controller.counters for view in self._views]
        await until(
            lambda: all(view.controller.counters.received >= count for view in self._views), 120, str(counters)
        )
        await until(lambda: not any(view.controller.counters.waiting for view in self._views), 10, "shown")
        counters = [view.controller.counters for view in self._views]
        used = _cpu() - cpu
        return {
            "rate": count / (self.last - self.first),
            **late.figures(),
            "cpu": used,
            "unaccounted": sum(
                abs(one.received - one.shown - one.filtered - one.dropped - one.left) for one in counters
            )
            + sum(abs(one.received - count) for one in counters),
            "dropped": sum(one.dropped for one in counters),
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _open(window: MainWindow, url: str) -> Connection:
    connection = await window.workspace.open(url)
    assert connection is not None
    await window.settle()
    return connection


async def _tails(window: MainWindow, connection: Connection, count: int) -> list[TailView]:
    desk = window.panels.desk
    views = [desk.open_tail(Place(connection, _NAMESPACE), _NAMESPACE) for _ in range(count)]
    await asyncio.sleep(0.5)
    return views


async def from_server(window: MainWindow, url: str, rate: int, count: int, tails: int, first: int) -> Any:
    """Events of another process, through a real server, in the log of the window."""
    connection = await _open(window, url)
    store = await connection.engine.store(_NAMESPACE)
    if not await store.last_sequence():
        await store.save_event(Event("made", "Made", "the-stream", 1, {"at": 0}))
    views = await _tails(window, connection, tails)
    async with writer(url, rate, count, first) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run, cpu = Run(views), _cpu()
        async with Latency() as late:
            process.stdin.write(b"go\n")
            written = int(await process.stdout.readline())
            result = await run.result(count, late, cpu)
        await process.wait()
    return result | {"written": written}


async def from_bus(window: MainWindow, rate: int, count: int) -> Any:
    """Events that the bus of this process announces; they are made beforehand, and stored nowhere."""
    connection = await _open(window, "memory://")
    store = await connection.engine.store(_NAMESPACE)
    await store.save_event(Event("made", "Made", "the-stream", 1, {}))
    views = await _tails(window, connection, 1)
    views[0].start(_NAMESPACE, TailSource.BUS)
    made = [Event.from_json(event.to_json()) for event in make_events(50_000)]
    gc.freeze()
    run, cpu = Run(views), _cpu()
    bus, sent = connection.engine.bus, 0
    async with Latency() as late:
        begun = perf_counter()
        while sent < count:
            due = min(int((perf_counter() - begun) * rate), count)
            while sent < due:
                part = [
                    (sent + number + 2, made[(sent + number) % len(made)])
                    for number in range(min(due - sent, _PUBLISHED_AT_ONCE))
                ]
                bus.publish_stored(_NAMESPACE, part)
                sent += len(part)
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)
        written = count / (perf_counter() - begun)
        result = await run.result(count, late, cpu)
    return result | {"written": written}


async def main(arguments: list[str]) -> dict[str, Any]:
    """Do one piece of work: the first argument says which."""
    work, *arguments = arguments
    async with window_at(Path.home()) as window:
        if work == "bus":
            measured: dict[str, Any] = await from_bus(window, *map(int, arguments))
        else:
            painted = Painted()
            if work == "first":
                painted.watch()
            measured = await from_server(window, arguments[0], *map(int, arguments[1:]))
            measured["delays"] = painted.delays
    return measured


if __name__ == "__main__":
    drive(main)
