"""What was shown goes with its tab, at once: a window that is open for a week has closed many."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QObject

from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.models.filter.table_filter import TableFilter
from aether_desktop.models.timeline.log_timeline import LogTimelineController
from aether_desktop.models.timeline.stream_timeline import StreamTimelineController
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.workspace import Place
from aether_engine.event import Event
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven_file, save_elsewhere
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@contextmanager
def without_collector() -> Iterator[None]:
    """Nothing is freed but what nobody refers to."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def parts_of(view: EventView) -> dict[str, weakref.ref[object]]:
    """What the only tab of events has read and counted, by name."""
    parts: list[QObject] = [view.model, *view.findChildren(TableFilter)]
    # Those of timelines belong to the window.
    for kind in (LogTimelineController, StreamTimelineController):
        parts += view.window().findChildren(kind)
    return {type(each).__name__: weakref.ref(each) for each in parts}


async def filtered(seen: DrivenWindow, text: str) -> None:
    document_filter = seen.view.filter
    assert document_filter is not None
    document_filter.set_text(text, at_once=True)
    await until(lambda: document_filter.status.state is FilterState.DONE)
    await seen.settle()


async def closed(seen: DrivenWindow, refs: dict[str, weakref.ref[object]]) -> None:
    seen.run("close_tab")
    await until(
        lambda: not any(ref() for ref in refs.values()),
        what=f"what was closed goes: {[name for name, ref in refs.items() if ref() is not None]}",
    )


async def test_closed_documents_wait_for_no_collector(tmp_path: Path) -> None:
    path = tmp_path / "closed.aether"
    events = [Event(f"e{n}", "Changed", f"order-{n % 5}", n // 5 + 1, {"n": n}) for n in range(500)]
    await save_elsewhere(path, *events)
    async with driven_file(path) as seen:
        place = Place(seen.workspace.connections[0], NAMESPACE)
        await until(lambda: "LogTimelineController" in parts_of(seen.view), what="the log is counted")
        with without_collector():
            await filtered(seen, "data.n:>10")
            refs = parts_of(seen.view)
            assert set(refs) == {"LogTable", "TableFilter", "LogTimelineController"}
            await closed(seen, refs)

            await seen.panels.desk.open_stream(place, "order-1")
            await until(lambda: "StreamTimelineController" in parts_of(seen.view), what="the stream is counted")
            await seen.settle()
            refs = parts_of(seen.view)
            assert set(refs) == {"StreamTable", "TableFilter", "StreamTimelineController"}
            await closed(seen, refs)

            tail = seen.panels.desk.open_tail(place, NAMESPACE)
            await save_elsewhere(path, Event("late", "Changed", "order-1", 101, {}))
            refs = {"tail": weakref.ref(tail.controller), "its table": weakref.ref(tail.controller.table)}
            del tail
            desk = seen.panels.desk
            await until(lambda: (front := desk.tail_in_front) is not None and front.controller.counters.shown == 1)
            await closed(seen, refs)
