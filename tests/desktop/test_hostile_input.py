"""Hostile events through the whole window: nothing becomes markup, nothing hides, nothing stretches the window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, QEvent, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QToolTip,
    QWidget,
)

from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, driven_file
from tests.hostile import hostile_events
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "hostile"
#: Longest text that a label or a tooltip may be given: more would be laid out for seconds.
_LONGEST = 20_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "hostile.aether"

    async def fill() -> None:
        async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
            await (await engine.store(NAMESPACE)).save_events(hostile_events())

    asyncio.run(fill())
    return path


@pytest.fixture
async def seen(file: Path, tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    async with driven_file(copy) as window:
        yield window


def texts(window: MainWindow) -> Iterator[tuple[str, str, bool]]:
    """What widgets in sight say: where, the text, and whether Qt may take it for markup."""
    yield "title", window.windowTitle(), False
    for widget in window.findChildren(QWidget):
        if not widget.isVisible():
            continue
        name = f"{type(widget).__name__} {widget.objectName()}"
        yield f"tooltip of {name}", widget.toolTip(), True
        yield f"name of {name}", widget.accessibleName(), False
        yield f"description of {name}", widget.accessibleDescription(), False
        if isinstance(widget, QLabel):
            yield name, widget.text(), widget.textFormat() is not Qt.TextFormat.PlainText
        elif isinstance(widget, QAbstractButton):
            yield name, widget.text(), False
        elif isinstance(widget, QTabBar):
            for tab in range(widget.count()):
                yield f"tab of {name}", widget.tabText(tab), False
                yield f"tooltip of tab of {name}", widget.tabToolTip(tab), True
        elif isinstance(widget, QAbstractItemView) and not isinstance(widget, QHeaderView):
            yield from tooltips(name, widget)


def tooltips(name: str, view: QAbstractItemView) -> Iterator[tuple[str, str, bool]]:
    """What a pointer that rests on a cell of the current row, or of the first ones, is told."""
    model: QAbstractItemModel | None = view.model()
    current = view.currentIndex()
    if model is None:
        return
    for row in {max(current.row(), 0), 0}:
        for column in range(model.columnCount(current.parent())):
            index = model.index(row, column, current.parent())
            rect = view.visualRect(index)
            if index.isValid() and not rect.isEmpty():
                QToolTip.hideText()
                point = rect.center()
                asked = QHelpEvent(QEvent.Type.ToolTip, point, view.viewport().mapToGlobal(point))
                QApplication.sendEvent(view.viewport(), asked)
                yield f"tooltip of {name} {row}/{column}", QToolTip.text(), True


class Watch:
    """Looks at a window of a fixed size, and keeps what is wrong with it until the end."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        window.resize(1280, 800)
        self._size = window.size()
        self.harm: dict[str, str] = {}

    def look(self) -> None:
        """Take note of what hides something, may be markup, or stretches the window."""
        window = self._window
        for where, text, may_be_markup in texts(window):
            if len(text) > _LONGEST:
                self.harm[where] = f"has {len(text):,} characters: {text[:100]!r}"
            elif visible(text, keep_lines=True) != text:
                self.harm[where] = f"hides something: {text[:200]!r}"
            elif may_be_markup and ("<img" in text or ("<a href" in text and "evil" in text)):
                self.harm[where] = f"is markup: {text[:200]!r}"
        if window.size() != self._size:
            self.harm["the window"] = f"was stretched to {window.size()}"
        if window.minimumSizeHint().width() > self._size.width():
            self.harm["the window"] = f"would be stretched to {window.minimumSizeHint()}"
        assert not window.grab().isNull()

    def assert_harmless(self) -> None:
        assert not self.harm, "\n".join(f"{where} {what}" for where, what in self.harm.items())


async def test_every_hostile_event_is_shown_for_what_it_is(seen: DrivenWindow) -> None:
    window = seen.window
    watch = Watch(window)
    await until(lambda: seen.view.model.rowCount() == len(hostile_events()))
    for row, event in enumerate(hostile_events()):
        await seen.click_row(row)
        await seen.settle()
        assert seen.panels.inspector.stored is not None
        assert seen.panels.inspector.stored.raw == event.to_json()
        seen.run("copy_event")
        assert QApplication.clipboard().text().encode("utf-8", "surrogatepass") == event.to_json()
        seen.run("open_stream")
        await until(lambda: seen.selected_sequence == row + 1)
        await seen.settle()
        assert seen.shown_version == 1
        watch.look()
        seen.run("close_tab")
        await seen.settle()
    watch.assert_harmless()


async def test_hostile_names_in_navigator_filter_and_dialogs(seen: DrivenWindow) -> None:
    window = seen.window
    watch = Watch(window)
    search = seen.child(QLineEdit, "actorSearch")
    for text in ("<img", "x" * 5000):
        search.setText(text)
        await seen.settle()
        watch.look()
    search.clear()
    editor = seen.child(QPlainTextEdit, "filterBar")
    for typed in ("type:", "data.", "nonsense:<img src=x>", "type:" + "x" * 5000):
        seen.control(Qt.Key.Key_F)
        editor.setPlainText("")
        editor.insertPlainText(typed)
        await seen.settle()
        watch.look()
        seen.key(Qt.Key.Key_Escape)
    seen.run("clear_filter")
    await seen.settle()
    for command in ("append_like", "add_column"):
        await seen.click_row(1)
        seen.run(command)
        await seen.settle()
        watch.look()
        for popup in (QApplication.activeModalWidget(), QApplication.activePopupWidget()):
            if popup is not None:
                popup.close()
        await seen.active()
    watch.assert_harmless()


async def test_hostile_events_in_a_tail(seen: DrivenWindow, tmp_path: Path) -> None:
    window = seen.window
    watch = Watch(window)
    place = Place(seen.workspace.connections[0], NAMESPACE)
    view = seen.panels.desk.open_tail(place, NAMESPACE)
    assert isinstance(view, TailView)
    await until(lambda: view.controller.running)
    events = [
        Event.from_json(event.to_json().replace(b'"version": 1', b'"version": 2')) for event in hostile_events()
    ]
    store = await place.connection.engine.store(NAMESPACE)
    renamed = [
        Event(f"again-{number}", each.event_type, each.actor_id, 2, each.data, each.metadata, each.timestamp)
        for number, each in enumerate(events)
    ]
    await store.save_events(renamed)
    await until(lambda: view.controller.counters.shown == len(renamed))
    for row in (0, 2, 4):
        view.select_row(row)
        await seen.settle()
        watch.look()
    assert view.controller.counters.adds_up
    seen.run("save_tail")
    target = tmp_path / "seen.ndjson"
    await seen.answer_file_dialog(target)
    await until(target.exists)
    assert target.read_bytes().splitlines() == [event.to_json() for event in renamed]
    watch.assert_harmless()


async def test_namespaces_appear_by_the_thousand(seen: DrivenWindow) -> None:
    window = seen.window
    watch = Watch(window)
    connection = seen.workspace.connections[0]
    view = seen.panels.desk.open_tail(Place(connection, NAMESPACE), "*")
    await until(lambda: view.controller.running)
    names = [f"{'n' * 200}.{number}" if number % 100 == 0 else f"born-{number}" for number in range(300)]
    async with open_engine(connection.engine.url, synchronous="OFF") as other:
        for number, name in enumerate(names):
            await (await other.store(name)).save_event(Event(f"b-{number}", "Born", "thing-1", 1, {"n": number}))
    await until(lambda: view.controller.counters.received == len(names), what=str(view.controller.counters))
    await until(lambda: len(connection.namespaces) == len(names) + 1)
    await seen.settle()
    watch.look()
    assert view.controller.counters.adds_up
    watch.assert_harmless()
