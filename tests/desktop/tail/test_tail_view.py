"""The live tail's widgets over a real engine: what the user does, and what is said about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLineEdit,
    QPushButton,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from aether_desktop.models.tail.tail_controller import LONGEST_FRAME, TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import TailSource, TailStart
from aether_desktop.models.tail.tail_rate import RateSample, RateState
from aether_desktop.numbers import number_text
from aether_desktop.ui.tail.rate_plot import RatePlot
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.badge import BadgeKind
from aether_desktop.ui.widgets.theme import Scheme, apply_theme
from aether_engine import Event
from aether_engine.engine import Engine
from aether_engine.event import Gap, Published, StoredEvent
from tests.desktop.tail.stories import event
from tests.waiting import until


@pytest.fixture
async def view(engine: Engine, qtbot: QtBot) -> AsyncIterator[TailView]:
    controller = TailController(engine)
    made = TailView(controller)
    qtbot.addWidget(made)
    made.resize(1200, 700)
    made.show()
    await until(made.isVisible)
    yield made
    await controller.close()


async def stored(engine: Engine, first: int, last: int, namespace: str = "prod.a") -> None:
    store = await engine.store(namespace)
    await store.save_events([event(number, id_of=namespace) for number in range(first, last + 1)])


async def rows(view: TailView, count: int) -> None:
    await until(lambda: view.controller.table.rowCount() == count, what=f"{count} rows")


def follows(view: TailView) -> bool:
    return view.following


def bottom_row(view: TailView) -> int:
    return view.table.rowAt(view.table.viewport().height() - 2)


def named(view: TailView, kind: type[QWidget], name: str) -> QWidget:
    found = view.findChild(kind, name)
    assert isinstance(found, kind)
    return found


async def test_every_control_has_a_name_and_a_tooltip(view: TailView) -> None:
    for kind, names in {
        QLineEdit: ["tailPattern", "tailSequence", "tailSince"],
        QComboBox: ["tailFrom", "tailSource", "tailKeep"],
        QPushButton: ["tailStart", "tailPause", "tailShowNew"],
        QToolButton: ["tailNotify"],
        QTableView: ["tailTable"],
        RatePlot: ["tailRate"],
    }.items():
        for name in names:
            assert named(view, kind, name).accessibleName(), name
    for control in (*view.findChildren(QAbstractButton), *view.findChildren(QComboBox)):
        if control.isVisible() and not view.empty.isAncestorOf(control):
            assert control.accessibleName(), control
            assert control.toolTip(), control.accessibleName()


async def test_typing_a_pattern_and_enter_starts(engine: Engine, view: TailView) -> None:
    field = view.controls.pattern
    field.clear()
    QTest.keyClicks(field, "prod.>")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert view.controller.state is TailState.LIVE
    assert view.empty.isVisible()
    assert view.empty.accessibleName().startswith("Waiting for events in prod.>. Link up, watching since ")
    assert view.status.crosses.isVisible()
    assert "crosses namespaces on purpose" in field.accessibleDescription()
    assert view.status.state.kind is BadgeKind.LIVE
    assert view.controls.start_button.text() == "Stop"

    await stored(engine, 1, 2)
    await stored(engine, 1, 1, "prod.b")
    await stored(engine, 1, 1, "staging")
    await rows(view, 3)
    assert view.table.isVisible()
    assert view.status.shown.text() == "Shown 3"

    QTest.mouseClick(view.controls.start_button, Qt.MouseButton.LeftButton)
    assert view.controller.state.value == "stopped"
    assert view.controls.start_button.text() == "Start"
    assert not view.controls.pause_button.isEnabled()
    assert view.table.isVisible()


async def test_an_invalid_pattern_is_marked_in_place_and_says_why(view: TailView) -> None:
    view.start("prod..x")
    assert view.controller.state is TailState.STOPPED
    assert view.controls.pattern.property("invalid") is True
    assert view.controls.reason.isVisible()
    assert "it has an empty token" in view.controls.reason.text()
    assert not view.controls.start_button.isEnabled()
    QTest.keyClick(view.controls.pattern, Qt.Key.Key_Return)
    assert view.controller.state is TailState.STOPPED
    view.controls.pattern.setText("prod.x")
    assert view.controls.pattern.property("invalid") is False
    assert not view.controls.reason.isVisible()
    assert view.controls.start_button.isEnabled()
    assert "crosses" not in view.controls.pattern.accessibleDescription()


async def test_space_freezes_and_goes_on(engine: Engine, view: TailView) -> None:
    view.start("*")
    await stored(engine, 1, 3)
    await rows(view, 3)
    QTest.keyClick(view.table, Qt.Key.Key_Space)
    assert view.status.state.kind is BadgeKind.PAUSED
    assert view.controls.pause_button.text() == "Resume"
    assert view.controls.pause_button.property("primary") is True
    await stored(engine, 4, 131)
    await until(lambda: view.pause_bar.fact.text() == f"Paused, {number_text(128)} new")
    assert view.pause_bar.isVisible()
    assert view.controller.table.rowCount() == 3
    assert "+ 128 waiting +" in view.status.toolTip()

    QTest.mouseClick(view.pause_bar.button, Qt.MouseButton.LeftButton)
    assert view.controller.table.rowCount() == 131
    assert view.pause_bar.fact.text() == "Paused, 0 new"
    assert not view.pause_bar.button.isEnabled()

    QTest.keyClick(view.table, Qt.Key.Key_Space)
    assert view.status.state.kind.value == "LIVE"
    assert not view.pause_bar.isVisible()


async def test_it_follows_until_a_row_is_selected_and_again_with_end(engine: Engine, view: TailView) -> None:
    selected: list[tuple[str, StoredEvent]] = []
    view.event_selected.connect(selected.append)
    view.start("*")
    await stored(engine, 1, 200)
    await rows(view, 200)
    assert follows(view)
    await until(lambda: bottom_row(view) == 199)

    row = view.table.rowAt(40)
    place = QPoint(200, view.table.rowViewportPosition(row) + 5)
    QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert not follows(view)
    assert view.pause_bar.isVisible()
    assert selected[0][0] == "prod.a"
    assert selected[0][1].sequence == row + 1
    top = view.table.rowAt(0)
    await stored(engine, 201, 300)
    await rows(view, 300)
    assert view.table.rowAt(0) == top

    QTest.keyClick(view.table, Qt.Key.Key_End)
    assert follows(view)
    await until(lambda: bottom_row(view) == 299)
    await stored(engine, 301, 302)
    await rows(view, 302)
    await until(lambda: bottom_row(view) == 301)


async def test_scrolling_up_stops_following_and_down_again_follows(engine: Engine, view: TailView) -> None:
    view.start("*")
    await stored(engine, 1, 200)
    await rows(view, 200)
    await until(lambda: bottom_row(view) == 199)
    bar = view.table.verticalScrollBar()
    bar.triggerAction(QAbstractSlider.SliderAction.SliderPageStepSub)
    assert not follows(view)
    bar.triggerAction(QAbstractSlider.SliderAction.SliderToMaximum)
    assert follows(view)


async def test_what_is_looked_at_stays_while_rows_leave_above(engine: Engine, view: TailView) -> None:
    view.controls.keep.setCurrentIndex(0)
    assert view.controller.table.capacity == 1000
    view.start("*")
    await stored(engine, 1, 1000)
    await rows(view, 1000)
    view.table.selectRow(600)
    view.table.scrollTo(view.controller.table.index(600, 0))
    first = view.table.rowAt(0)
    sequence = view.controller.table.index(first, 2).data()
    await stored(engine, 1001, 1300)
    await until(lambda: view.controller.counters.left == 300)
    await until(lambda: view.controller.table.index(view.table.rowAt(0), 2).data() == sequence)
    assert view.table.currentIndex().row() == 300
    assert view.status.left.text() == f"Left the buffer {number_text(300)}"

    selected: list[object] = []
    view.event_selected.connect(selected.append)
    await stored(engine, 1301, 1800)
    await until(lambda: view.controller.counters.left == 800)
    assert selected == [], "the selection does not wander when its row leaves"
    assert not view.table.selectionModel().hasSelection()


async def test_enter_asks_for_the_state_at_that_version(engine: Engine, view: TailView) -> None:
    asked: list[tuple[str, str, object]] = []
    view.state_requested.connect(lambda *place: asked.append(place))
    view.start("*")
    store = await engine.store("prod.a")
    await store.save_event(event(2**63 - 1))
    await rows(view, 1)
    view.table.selectRow(0)
    QTest.keyClick(view.table, Qt.Key.Key_Return)
    assert asked == [("prod.a", "order-1", 2**63 - 1)]


async def test_bus_drops_are_said_and_can_be_loaded(engine: Engine, view: TailView) -> None:
    await stored(engine, 1, 5)
    view.start("prod.a", TailSource.BUS)
    assert view.controls.source.currentText() == "Bus, may lose events"
    view.controller.take([Gap("prod.a", 1, 3, "the bus does not replay"), Published("prod.a", event(5), 5)])
    await rows(view, 2)
    assert view.status.dropped.text() == "Dropped 3"
    assert view.status.dropped_icon.isVisible()
    assert "= 1 shown + 0 waiting + 0 filtered out + 3 dropped + 0 left the buffer" in view.status.toolTip()

    line = view.table.visualRect(view.controller.table.index(0, 0))
    place = QPoint(view.table.viewport().width() - 40, line.center().y())
    QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    await rows(view, 4)
    assert [view.controller.table.index(row, 2).data() for row in range(4)] == [2, 3, 4, 5]
    assert view.status.dropped.text() == "Dropped 0"
    assert not view.status.dropped_icon.isVisible()


async def test_from_and_keep(engine: Engine, view: TailView) -> None:
    await stored(engine, 1, 20)
    view.start("prod.a", start=TailStart(from_sequence=18))
    assert view.controls.sequence.isVisible()
    assert view.controls.chosen_start() == TailStart(from_sequence=18)
    await rows(view, 3)
    view.start("prod.a", start=TailStart(last=7))
    assert view.controls.beginning.currentText() == "Last 7"
    assert not view.controls.sequence.isVisible()
    await rows(view, 7)
    QTest.keyClick(view.controls.pattern, Qt.Key.Key_Return)  # anew, as the fields say
    assert view.controls.chosen_start() == TailStart(last=7)
    await rows(view, 7)


async def test_since_is_typed_as_in_filters(engine: Engine, view: TailView) -> None:
    await stored(engine, 1, 20)
    controls = view.controls
    controls.beginning.setCurrentIndex(controls.beginning.findText("Since…"))
    assert controls.since.isVisible()
    controls.since.setText("yesterday or so")
    assert controls.since.property("invalid")
    assert "15m, 2d, 2026-01-31" in controls.reason.text()
    assert not controls.start_button.isEnabled()
    QTest.keyClick(controls.since, Qt.Key.Key_Return)
    assert not view.controller.running
    controls.since.setText("1h")
    assert not controls.reason.isVisible()
    QTest.keyClick(controls.since, Qt.Key.Key_Return)
    await rows(view, 20)
    moment = datetime.now(UTC) + timedelta(hours=1)
    view.start("prod.a", start=TailStart(since=moment))
    assert controls.chosen_start() == TailStart(since=moment)
    assert not controls.sequence.isVisible()
    controls.since.setText("2h")
    controls.keep.set_value(777)
    state = view.session_state()
    assert (state["since"], state["keep"]) == ("2h", 777)
    controls.beginning.setCurrentIndex(0)
    controls.keep.set_value(1000)
    view.restore_session(state)
    await rows(view, 20)
    assert controls.since.text() == "2h"
    assert view.controller.table.capacity == 777


async def test_any_number_of_rows_can_be_kept(engine: Engine, view: TailView) -> None:
    keep = view.controls.keep
    editor = keep.lineEdit()
    assert editor is not None
    for typed, rows_kept in (("250", 250), ("2,500 rows", 2500), ("no", 2500), ("3", 100), ("9" * 20, 1_000_000)):
        editor.selectAll()
        QTest.keyClicks(editor, typed)
        QTest.keyClick(editor, Qt.Key.Key_Return)
        assert view.controller.table.capacity == keep.value == rows_kept
        assert keep.currentText().endswith(" rows")
    keep.set_value(100)
    view.start("*")
    await stored(engine, 1, 150)
    await until(lambda: view.status.left.text() == "Left the buffer 50")
    assert view.status.received.text() == "Received 150"


async def test_the_desktop_can_be_told_only_of_what_a_filter_passes(view: TailView) -> None:
    view.start("*")
    button = view.controls.alerts
    assert not button.isEnabled()
    assert "filter the tail first" in button.toolTip()
    view.toggle_alerts()
    assert not view.controller.alerts.on, "there is no filter"
    view.controller.set_filter(lambda _namespace, _event: True)
    assert button.isEnabled()
    assert not button.isChecked(), "off at first"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.isChecked()
    view.toggle_alerts()
    assert not button.isChecked()


async def test_a_tail_behind_another_tab_draws_nothing_and_catches_up(engine: Engine, view: TailView) -> None:
    view.start("*")
    await stored(engine, 1, 100)
    await rows(view, 100)
    view.hide()
    await stored(engine, 101, 300)
    await rows(view, 300)
    assert view.status.shown.text() == "Shown 100"
    view.show()
    await until(lambda: view.status.shown.text() == "Shown 300")
    await until(lambda: bottom_row(view) == 299)


async def test_trouble_is_shown_where_it_happened(engine: Engine, view: TailView) -> None:
    view.start("*")
    view.controller.set_link(False)
    assert view.status.link.kind is BadgeKind.NO_LINK
    assert "No link since" in view.empty.accessibleName()
    view.controller.set_link(True)
    await engine.close()
    await until(lambda: not view.controller.running)
    assert "The connection was closed." in view.banner.plain_text()
    view.start("*")
    assert "The tail was not started." in view.banner.plain_text()


async def test_hostile_texts_stay_texts(engine: Engine, view: TailView) -> None:
    view.start("*")
    store = await engine.store("prod.a")
    await store.save_event(Event("x", "<b>bold</b>\u202e", "<img src=x>\x00", 1, {"k": "<h1>\u202eabc"}))
    await rows(view, 1)
    view.controls.pattern.setText("<b>\u202e")
    assert "\u202e" not in view.controls.reason.text()
    assert not view.grab().isNull()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_rate_is_drawn_and_told(view: TailView, qapp: QApplication, scheme: Scheme) -> None:
    apply_theme(qapp, scheme)
    states = [RateState.OFF, RateState.LIVE, RateState.NO_LINK, RateState.PAUSED]
    samples = [RateSample(1_763_906_400 + second, second % 9, states[second // 30]) for second in range(120)]
    plot = view.rate_plot
    plot.set_samples(samples, "Peak 8")
    image = plot.grab().toImage()
    colors = {image.pixelColor(x, 20).name() for x in range(0, image.width(), 3)}
    assert len(colors) >= 3, "live, without a link and paused do not look the same"
    assert plot.accessibleDescription() == "Peak 8"
    step = plot.width() / 120
    words = [plot.words_at(int(step * second)) for second in (20, 45, 75, 110)]
    assert words[0].endswith("the tail was not running")
    assert words[2].endswith(", no link")
    assert words[3].endswith(", paused")
    assert plot.words_at(0) == ""
    view.show_rate(False)
    assert not plot.isVisible()
    view.show_rate(True)
    assert plot.isVisible()


async def test_a_slow_view_gets_fewer_frames(engine: Engine, view: TailView) -> None:
    view.start("*")
    await stored(engine, 1, 1)
    await rows(view, 1)
    assert view.controller.frame < LONGEST_FRAME
    view.table._row_cost = 1.0
    await stored(engine, 2, 2)
    await until(lambda: view.controller.frame == LONGEST_FRAME)


async def test_a_flood_is_drawn_in_bands_and_completely(engine: Engine, view: TailView) -> None:
    view.start("*")
    await stored(engine, 1, 1)
    await rows(view, 1)
    drawn: list[int] = []
    delegate = view.table.itemDelegate()
    paint = delegate.paint

    def watched(
        painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        drawn.append(index.row())
        paint(painter, option, index)

    delegate.paint = watched  # type: ignore[method-assign]  # it is watched
    view.table._row_cost = 1.0  # so that a band is as small as it gets
    await stored(engine, 2, 500)
    await rows(view, 500)
    last = view.table.model().rowCount() - 1
    await until(lambda: last in drawn, what="the last band")
    assert set(range(view.table.rowAt(0), last + 1)) <= set(drawn)
