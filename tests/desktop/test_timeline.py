"""The timeline widget: drawn, pointed at, dragged over, and worked with by keys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from aether_desktop.models.timeline.stream_timeline import Step, Steps
from aether_desktop.models.timeline.timeline_words import bars_title, summary
from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
from aether_desktop.ui.timeline.steps_drawing import StepsDrawing, steps_title
from aether_desktop.ui.timeline.timeline import Timeline
from aether_desktop.ui.widgets.theme import current_theme
from aether_engine.moments import TimeCount, milliseconds
from aether_engine.time_bars import Bars, Layer, TimeHistogram, make_bars

START = milliseconds(datetime(2024, 3, 1, tzinfo=UTC))
HOUR = 3_600_000


def hourly(counts: list[int], *, hits: list[int] | None = None, extra: list[TimeCount] | None = None) -> Bars:
    """One bar an hour with so many events, a third of them of another type."""

    def layer(numbers: list[int]) -> Layer:
        histogram = TimeHistogram()
        sequence = 1
        for hour, count in enumerate(numbers):
            for number in range(count):
                time = START + hour * HOUR + number
                histogram.add(
                    [TimeCount("Other" if number % 3 == 2 else "Usual", time, 1, sequence, time, time)], 1
                )
                sequence += 1
        histogram.add(extra or [], 1)
        return Layer(histogram)

    return make_bars(layer(counts), layer(hits) if hits is not None else None, len(counts))


@pytest.fixture
def plot(qtbot: QtBot) -> Timeline:
    widget = Timeline()
    qtbot.addWidget(widget)
    widget.resize(700, widget.sizeHint().height())
    with qtbot.waitActive(widget):
        widget.show()
        widget.activateWindow()
    return widget


def show(plot: Timeline, bars: Bars, *, is_exact: bool = True) -> None:
    title = bars_title(bars, is_exact=is_exact, counted=0)
    plot.set_drawing(BarsDrawing(bars, is_exact=is_exact), summary(bars, title))


def middle(plot: Timeline, place: int) -> QPoint:
    return plot.place_rect(place).center().toPoint()


def colors(plot: Timeline, place: int) -> set[str]:
    """The colours that a bar is drawn in."""
    image: QImage = plot.grab().toImage()
    rect = plot.place_rect(place).toRect()
    x = rect.center().x()
    return {QColor(image.pixel(x, y)).name() for y in range(rect.top(), rect.bottom())}


def has_color(plot: Timeline, place: int, color: QColor) -> bool:
    """Whether something is drawn at a place in about that colour: edges are smoothed."""
    image = plot.grab().toImage()
    rect = plot.place_rect(place).toRect()
    for x in range(rect.left(), rect.right()):
        for y in range(rect.top(), rect.bottom()):
            found = QColor(image.pixel(x, y))
            distances = (found.red() - color.red(), found.green() - color.green(), found.blue() - color.blue())
            if sum(map(abs, distances)) < 60:
                return True
    return False


def test_bars_stand_for_their_events(plot: Timeline) -> None:
    show(plot, hourly([3, 0, 30]))
    theme = current_theme()
    empty = {theme.base.name()}
    assert colors(plot, 1) == empty
    assert len(colors(plot, 2)) == 3
    # A single event beside very many is still seen.
    show(plot, hourly([1, 0, 3000]))
    assert colors(plot, 0) != empty


def test_hits_stand_in_front_of_all_events(plot: Timeline) -> None:
    show(plot, hourly([30, 30], hits=[0, 12]))
    theme = current_theme()
    assert theme.bar.name() in colors(plot, 0)
    assert len(colors(plot, 0)) == 2
    assert theme.bar.name() in colors(plot, 1)
    assert len(colors(plot, 1)) == 4


def test_few_hits_among_very_many_events_have_a_scale_of_their_own(plot: Timeline) -> None:
    bars = hourly([3000, 3000], hits=[2, 4])
    drawing = BarsDrawing(bars, is_exact=True)
    assert drawing._scale_texts() == ["Matches: peak 4", "All: 3,000"]


def test_a_hint_says_the_numbers(plot: Timeline, qtbot: QtBot) -> None:
    bars = hourly([3, 0, 30], hits=[0, 0, 6])
    show(plot, bars)
    words = plot.words_at(middle(plot, 2))
    assert words.splitlines() == [
        "2024-03-01 02:00 to 2024-03-01 03:00 UTC",
        "30 events",
        "6 match the filter",
        "4 Usual",
        "2 Other",
    ]
    assert plot.words_at(QPoint(2, 2)).startswith("23 Usual\n10 Other") or plot.words_at(QPoint(2, 2))
    with qtbot.waitSignal(plot.hinted) as hinted:
        QTest.mouseMove(plot, middle(plot, 2))
    assert hinted.args == [words]


def test_a_click_goes_there_and_a_drag_chooses_a_range(plot: Timeline, qtbot: QtBot) -> None:
    show(plot, hourly([5] * 10))
    with qtbot.waitSignal(plot.place_chosen) as chosen:
        QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 3))
    assert chosen.args == [3]
    with qtbot.waitSignal(plot.range_chosen) as ranged, qtbot.assertNotEmitted(plot.place_chosen):
        QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 6))
        QTest.mouseMove(plot, middle(plot, 4))
        QTest.mouseMove(plot, middle(plot, 2))
        assert plot.chosen_range == (2, 6), "while it is dragged"
        QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 2))
    assert ranged.args == [2, 6]
    assert plot.chosen_range is None


def test_a_drag_beyond_the_ends_takes_all_up_to_there(plot: Timeline, qtbot: QtBot) -> None:
    show(plot, hourly([5] * 10))
    with qtbot.waitSignal(plot.range_chosen) as ranged:
        QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 6))
        QTest.mouseMove(plot, QPoint(plot.width() + 50, 20))
        QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=QPoint(plot.width() + 50, 20))
    assert ranged.args == [6, 9]


def test_bars_do_not_move_while_a_range_is_chosen(plot: Timeline, qtbot: QtBot) -> None:
    show(plot, hourly([5] * 10))
    QTest.mousePress(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 2))
    QTest.mouseMove(plot, middle(plot, 4))
    show(plot, hourly([5] * 20))
    assert plot.drawing.places == 10
    with qtbot.waitSignal(plot.range_chosen):
        QTest.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=middle(plot, 4))
    assert plot.drawing.places == 20


def test_keys_do_all_of_it(plot: Timeline, qtbot: QtBot) -> None:
    show(plot, hourly([5] * 10))
    plot.clearFocus()
    plot.setFocus(Qt.FocusReason.TabFocusReason)
    assert plot.cursor_place == 0
    for key, place in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_End, 9), (Qt.Key.Key_Right, 9), (Qt.Key.Key_Left, 8)):
        QTest.keyClick(plot, key)
        assert plot.cursor_place == place
    with qtbot.waitSignal(plot.place_chosen) as chosen:
        QTest.keyClick(plot, Qt.Key.Key_Return)
    assert chosen.args == [8]
    QTest.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert plot.chosen_range == (6, 8)
    with qtbot.waitSignal(plot.range_chosen) as ranged:
        QTest.keyClick(plot, Qt.Key.Key_Return)
    assert ranged.args == [6, 8]
    QTest.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    with qtbot.assertNotEmitted(plot.range_cleared):
        QTest.keyClick(plot, Qt.Key.Key_Escape)
    # The first Escape gave up choosing, the second one takes the range of the filter back.
    with qtbot.waitSignal(plot.range_cleared):
        QTest.keyClick(plot, Qt.Key.Key_Escape)


def test_what_cannot_be_seen_is_said(plot: Timeline) -> None:
    plot.setAccessibleName("Timeline of shop")
    show(plot, hourly([3, 0, 30]))
    plot.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(plot, Qt.Key.Key_End)
    said = plot.accessibleDescription()
    assert "33 events, one bar per hour" in said
    assert "The most in one bar are 30" in said
    assert "Usual 22, Other 11" in said
    assert said.endswith("20 Usual\n10 Other")


def test_what_is_far_outside_is_counted_said_and_gone_to(plot: Timeline, qtbot: QtBot) -> None:
    wrong = [milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (2, 2, 9000)]
    extra = [TimeCount("Wrong", time, 1, 900 + number, time, time) for number, time in enumerate(wrong)]
    bars = hourly([50] * 10, extra=extra)
    assert len(bars.bars) == 10
    show(plot, bars)
    assert "3 far outside" in bars_title(bars, is_exact=True, counted=0)
    area = plot.area()
    before, behind = (
        QPoint(int(area.left()) - 6, int(area.bottom()) - 9),
        QPoint(int(area.right()) + 6, int(area.bottom()) - 9),
    )
    assert plot.words_at(before).startswith("2 events are far before these, the nearest at 0002-01-01")
    assert plot.words_at(behind).startswith("1 event is far after these")
    with qtbot.waitSignal(plot.sequence_chosen) as chosen:
        QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=behind)
    assert chosen.args == [902]


def test_an_estimate_is_called_one(plot: Timeline) -> None:
    histogram = TimeHistogram()
    sample = [TimeCount("T", START + n * HOUR, 1, 1 + 1000 * n, 0, 0) for n in range(20)]
    bars = make_bars(Layer(histogram, sample, 1000.0), None, 20)
    show(plot, bars, is_exact=False)
    assert "estimate" in plot.words_at(middle(plot, 3))
    assert plot.accessibleDescription().startswith("About 20,000 events")
    assert "estimate" in plot.accessibleDescription()


def test_an_empty_timeline_can_be_worked_with(plot: Timeline, qtbot: QtBot) -> None:
    show(plot, make_bars(Layer(TimeHistogram()), None, 50))
    with qtbot.assertNotEmitted(plot.place_chosen):
        QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=plot.rect().center())
        plot.setFocus()
        QTest.keyClick(plot, Qt.Key.Key_Right)
        QTest.keyClick(plot, Qt.Key.Key_Return)
    assert plot.accessibleDescription() == "0 events."
    plot.grab()


def steps_of(count: int) -> Steps:
    steps = [
        Step(version, version, 100 + version, 1, (), int(version == 3), 0, START + version * HOUR, event_type="T")
        for version in range(1, count + 1)
    ]
    steps[4] = Step(6, 6, 0, 0, (), 0, 1, None, "Version 5 is missing")
    steps[1] = Step(2, 2, 102, 1, (), 0, 0, START, event_type="T", snapshots=("Snapshot v2, 90 bytes",))
    return Steps(tuple(steps), ("T",), True, count - 1, count - 1, 1, count, 1, 1, 1)


def test_versions_snapshots_gaps_and_damage_are_told_apart(plot: Timeline) -> None:
    steps = steps_of(12)
    plot.set_drawing(StepsDrawing(steps, version=7), steps_title(steps))
    theme = current_theme()
    assert theme.sel.name() in colors(plot, 6)
    assert theme.sel.name() not in colors(plot, 7)
    assert has_color(plot, 4, theme.gap.text)
    assert has_color(plot, 2, theme.corrupted.text)
    assert has_color(plot, 1, theme.snapshot.text)
    assert not has_color(plot, 7, theme.corrupted.text)
    assert plot.words_at(middle(plot, 4)) == "Version 5 is missing"
    assert plot.words_at(middle(plot, 1)).splitlines()[-1] == "Snapshot v2, 90 bytes"
    assert plot.words_at(middle(plot, 2)).splitlines()[1] == "Damaged"
    assert plot.accessibleDescription() == "11 events, versions 1 to 12, 1 gap, 1 snapshot, 1 damaged"


def test_painting_many_bars_and_steps_stays_within_the_widget(plot: Timeline) -> None:
    for width in (200, 420, 1300):
        plot.resize(width, plot.height())
        show(plot, hourly([number % 7 for number in range(120)]))
        plot.grab()
        plot.set_drawing(StepsDrawing(steps_of(60)), "")
        assert not plot.grab().isNull()
