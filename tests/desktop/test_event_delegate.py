"""The one delegate: every kind of row is drawn, nothing is cut that must not be, nothing hostile gets through."""

# ruff: noqa: N802 (the model's methods have Qt's names)

from typing import Any

import pytest
from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication, QStyleOptionViewItem, QTableView
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.roles import CellIcon, ColumnKind, Role, RowBanner, RowKind
from aether_desktop.ui.widgets.cell_marks import GUTTER_WIDTH
from aether_desktop.ui.widgets.cell_text import CellFont, TimeParts, split_timestamp
from aether_desktop.ui.widgets.event_delegate import EventDelegate
from aether_desktop.ui.widgets.table_setup import set_density, setup_table
from aether_desktop.ui.widgets.theme import DARK, LIGHT, Theme, apply_theme, row_height, ui_font

KINDS = ["gutter", "number", "number", "chip", "id", "time", "mono"]
WIDTHS = [24, 90, 70, 180, 110, 260, 160]
CELLS = ["", 6334, "11", "OrderPlaced", "permit-9289", "2011-09-06T13:47:00.452+02:00", '"Resource28"']
ROWS = list(RowKind)

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


class Rows(QAbstractTableModel):
    """One row of every kind, then more events."""

    def __init__(self, cells: list[Any] | None = None) -> None:
        super().__init__()
        self.cells = cells or CELLS

    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else 40

    def columnCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.isValid() else len(self.cells)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Role.COLUMN_KIND:
            return "id"
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ["", "Sequence", "Version", "Event type", "Actor", "Timestamp", "Data"][section % 7]
        return None

    def kind(self, row: int) -> RowKind:
        return ROWS[row] if row < len(ROWS) else RowKind.EVENT

    def data(self, index: Index, role: int = 0) -> Any:
        kind = self.kind(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cells[index.column()]
        if role == Role.KIND:
            return kind
        if role == Role.BANNER and kind in {RowKind.GAP, RowKind.SNAPSHOT, RowKind.NOTE}:
            return RowBanner("Version 17 is missing", "v16 is followed by v18", "Explain")
        if role == Role.MARKED:
            return index.row() in {0, 1}
        if role == Role.NEW:
            return index.row() == 8
        if role in (Role.GUTTER, Role.ICON) and index.row() == 9:
            return CellIcon("conflict", "conflict")
        return None


def table(qtbot: QtBot, model: Rows, kinds: list[str] | None = None) -> tuple[QTableView, EventDelegate]:
    view = QTableView()
    qtbot.addWidget(view)
    delegate = setup_table(view, KINDS if kinds is None else kinds)
    model.setParent(view)
    view.setModel(model)
    for column, width in enumerate(WIDTHS[: model.columnCount()]):
        view.setColumnWidth(column, width)
    view.resize(950, 700)
    return view, delegate


def picture(view: QTableView) -> QImage:
    view.grab()
    return view.viewport().grab().toImage()


def colors_in(image: QImage, rect: QRect) -> set[str]:
    columns, lines = range(rect.left(), rect.right()), range(rect.top(), rect.bottom())
    return {image.pixelColor(x, y).name() for x in columns for y in lines}


def cell_color(view: QTableView, image: QImage, row: int, column: int = 6) -> QColor:
    """The ground of a cell, near its top right corner where no text is."""
    rect = view.visualRect(view.model().index(row, column))
    return image.pixelColor(rect.right() - 3, rect.top() + 3)


@pytest.mark.parametrize("theme", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
def test_every_kind_of_row_is_drawn(qapp: QApplication, qtbot: QtBot, theme: Theme) -> None:
    apply_theme(qapp, theme.name)
    view, _ = table(qtbot, Rows())
    image = picture(view)
    assert cell_color(view, image, ROWS.index(RowKind.CORRUPTED)) == theme.corrupted.tint
    assert cell_color(view, image, ROWS.index(RowKind.GAP)) == theme.gap.tint
    assert cell_color(view, image, ROWS.index(RowKind.SNAPSHOT)) == theme.base
    assert cell_color(view, image, 8) == theme.accentSoft
    for row in range(10):
        rect = view.visualRect(view.model().index(row, 0)).united(view.visualRect(view.model().index(row, 6)))
        colors = colors_in(image, rect)
        assert len(colors) > 1, f"row {row} ({ROWS[row] if row < 6 else 'event'}) shows something"
    apply_theme(qapp, "light")


def test_corrupted_row_has_its_octagon_in_the_gutter(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "light")
    view, _ = table(qtbot, Rows())
    image = picture(view)
    rect = view.visualRect(view.model().index(ROWS.index(RowKind.CORRUPTED), 0))
    colors = colors_in(image, rect)
    assert LIGHT.corrupted.text.name() in colors
    assert LIGHT.accent.name() in colors, "the mark stays beside it"


def test_hairline_and_selection(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "light")
    view, delegate = table(qtbot, Rows())
    view.selectRow(7)
    delegate.set_hover_row(10)
    image = picture(view)
    rect = view.visualRect(view.model().index(10, 6))
    assert image.pixelColor(rect.right() - 3, rect.bottom()) == LIGHT.lineSoft
    assert cell_color(view, image, 10) == LIGHT.hover
    assert cell_color(view, image, 7) == LIGHT.selInactive, "the pane has no focus"
    assert image.pixelColor(1, view.visualRect(view.model().index(7, 0)).top() + 5) == LIGHT.text3


def test_selection_in_the_active_pane(qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_theme(qapp, "light")
    view, _ = table(qtbot, Rows())
    monkeypatch.setattr(EventDelegate, "_active", lambda _self: True)
    view.selectRow(7)
    image = picture(view)
    assert cell_color(view, image, 7) == LIGHT.sel
    assert image.pixelColor(1, view.visualRect(view.model().index(7, 0)).top() + 5) == LIGHT.accent


def test_full_width_row_runs_over_the_columns(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "light")
    view, _ = table(qtbot, Rows())
    image = picture(view)
    row = ROWS.index(RowKind.GAP)
    rect = view.visualRect(view.model().index(row, 0))
    title_left, title_width = 28, CellFont(ui_font(semibold=True)).width("Version 17 is missing")
    title_columns = set()
    for x in range(title_left, title_left + title_width):
        if any(image.pixelColor(x, y) == LIGHT.gap.text for y in range(rect.top() + 4, rect.bottom() - 4)):
            title_columns.add(view.columnAt(x))
    assert {1, 2} <= title_columns, "the title is not cut at the edge of a column"


def click(view: QTableView, delegate: EventDelegate, row: int, point: QPoint) -> None:
    column = view.columnAt(point.x())
    index = view.model().index(row, column)
    option = QStyleOptionViewItem()
    option.rect = view.visualRect(index)
    event = QMouseEvent(
        QEvent.Type.MouseButtonRelease,
        QPointF(point),
        QPointF(point),
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    delegate.editorEvent(event, view.model(), option, index)


def test_action_of_a_full_width_row(qapp: QApplication, qtbot: QtBot) -> None:
    view, delegate = table(qtbot, Rows())
    picture(view)
    row = ROWS.index(RowKind.GAP)
    middle = view.visualRect(view.model().index(row, 0)).center().y()
    told: list[int] = []
    delegate.bannerActivated.connect(lambda index: told.append(index.row()))
    click(view, delegate, row, QPoint(300, middle))
    assert told == []
    width = min(view.horizontalHeader().length(), view.viewport().width())
    click(view, delegate, row, QPoint(width - 20, middle))
    assert told == [row]


def test_columns_with_numbers_and_times_grow_instead_of_cutting(qapp: QApplication, qtbot: QtBot) -> None:
    view, _ = table(qtbot, Rows(["", "9,104,377,000", "11", "OrderPlaced", "a", CELLS[5], "x"]))
    view.setColumnWidth(1, 30)
    view.setColumnWidth(5, 60)
    picture(view)
    font = CellFont(ui_font())
    qtbot.waitUntil(lambda: view.columnWidth(1) >= font.width("9,104,377,000"))
    qtbot.waitUntil(lambda: view.columnWidth(5) >= font.width("2011-09-06 13:47:00.452 +02:00"))


def test_hostile_text_is_drawn_without_warnings(qapp: QApplication, qtbot: QtBot) -> None:
    # Without a lone surrogate: PySide drops those on the way into Qt, so models must have shown them before.
    hostile = "a\x00\u202e\u2066<b>\n\U000e0041"
    view, delegate = table(qtbot, Rows([hostile, hostile, hostile, hostile, hostile, hostile, hostile * 100_000]))
    picture(view)
    index = view.model().index(7, 6)
    assert delegate.tooltip(QRect(0, 0, 100, 24), index) == hostile * 100_000


def test_a_long_text_that_is_no_timestamp_does_not_widen_its_column(qapp: QApplication, qtbot: QtBot) -> None:
    view, delegate = table(qtbot, Rows(["", "1", "1", "t", "a", "yesterday " * 500, "x"]))
    asked: list[int] = []
    delegate.columnTooNarrow.connect(lambda column, _width: asked.append(column))
    picture(view)
    assert 5 not in asked


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2011-09-06T13:47:00.452+02:00", ("2011-09-06", "13:47:00.452", "+02:00")),
        ("2011-09-06 13:47:00.452 +02:00", ("2011-09-06", "13:47:00.452", "+02:00")),
        ("2011-09-06T13:47:00.123456789Z", ("2011-09-06", "13:47:00.123456789", "Z")),
        ("2011-09-06T13:47", ("2011-09-06", "13:47", "")),
        ("last Tuesday", ("last Tuesday", "", "")),
        ("2011-09-06", ("2011-09-06", "", "")),
        ("٢٠١١-٠٩-٠٦T13:47", ("٢٠١١-٠٩-٠٦T13:47", "", "")),
    ],
)
def test_timestamps_keep_every_digit(text: str, parts: tuple[str, str, str]) -> None:
    assert split_timestamp(text) == TimeParts(*parts)


def test_shortening(qapp: QApplication) -> None:
    font = CellFont(ui_font())
    whole = font.fit("T04DetermineConfirmationOfReceipt", 1000, Qt.TextElideMode.ElideMiddle)
    assert not whole.shortened
    middle = font.fit("T04DetermineConfirmationOfReceipt", 120, Qt.TextElideMode.ElideMiddle)
    assert middle.shortened
    assert middle.text.startswith("T04")
    assert middle.text.endswith("t")
    assert middle.width <= 120
    huge = font.fit("x" * 5_000_000, 100_000, Qt.TextElideMode.ElideRight)
    assert huge.shortened
    assert huge.text.endswith("…"), "what was not measured is not hidden either"


def test_tooltips(qapp: QApplication, qtbot: QtBot) -> None:
    view, delegate = table(qtbot, Rows())
    wide, narrow = QRect(0, 0, 500, 24), QRect(0, 0, 30, 24)
    assert delegate.tooltip(wide, view.model().index(7, 4)) == ""
    assert delegate.tooltip(narrow, view.model().index(7, 4)) == "permit-9289"
    gap = view.model().index(ROWS.index(RowKind.GAP), 4)
    assert delegate.tooltip(wide, gap) == "Version 17 is missing\nv16 is followed by v18"


def test_kinds_from_the_model(qapp: QApplication, qtbot: QtBot) -> None:
    view, delegate = table(qtbot, Rows(), kinds=["gutter"])
    assert delegate.column_kind(0) is ColumnKind.GUTTER
    assert delegate.column_kind(3) is ColumnKind.ID
    assert view.columnWidth(0) == GUTTER_WIDTH


def test_integers_get_separators_and_texts_stay(qapp: QApplication, qtbot: QtBot) -> None:
    _, delegate = table(qtbot, Rows())
    assert delegate.text_of("0010e5") == "0010e5"
    assert delegate.text_of(None) == ""
    assert [digit for digit in delegate.text_of(9_104_377) if digit.isdigit()] == list("9104377")
    assert delegate.text_of(9_104_377) != "9104377"
    assert delegate.text_of(1 << 80) == str(1 << 80)


def test_density_and_table_settings(qapp: QApplication, qtbot: QtBot) -> None:
    view, delegate = table(qtbot, Rows())
    assert view.rowHeight(0) == row_height("comfortable")
    set_density(view, "compact")
    assert delegate.density == "compact"
    assert view.rowHeight(0) == row_height("compact")
    assert not view.showGrid()
    assert not view.tabKeyNavigation()
    assert not view.wordWrap()


def test_a_closed_table_does_not_hear_of_themes(qapp: QApplication, qtbot: QtBot) -> None:
    view = QTableView()
    setup_table(view, KINDS)
    view.setModel(Rows())
    with qtbot.waitSignal(view.destroyed):
        view.deleteLater()
    apply_theme(qapp, "dark")
    apply_theme(qapp, "light")


def test_painting_a_screen_of_cells_is_fast(qapp: QApplication, qtbot: QtBot) -> None:
    """Not a benchmark: a wide limit that only a mistake such as an uncached font or SVG exceeds."""
    from time import process_time

    view, _ = table(qtbot, Rows())
    picture(view)
    best = 1.0
    for _ in range(5):
        start = process_time()
        view.viewport().grab()
        best = min(best, process_time() - start)
    assert best < 0.1
