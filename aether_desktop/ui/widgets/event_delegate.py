"""The one delegate of every table: events, streams, actors, tails, findings.

It draws cells from the roles in `models/events/roles` and the kind of their column. Every repaint asks it some two
hundred times, so fonts, colours and shortened texts are cached and Qt's own option is not filled again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
)

from aether_desktop.models.events.roles import BANNER_KINDS, ColumnKind, Role, RowKind
from aether_desktop.ui.widgets.cell_marks import (
    CELL_ICON,
    GUTTER_WIDTH,
    PADDING,
    paint_gutter,
    paint_icon,
    paint_placeholder,
)
from aether_desktop.ui.widgets.cell_text import CellFont, split_timestamp
from aether_desktop.ui.widgets.chips import CHIP_SIZE, chip_pixmap
from aether_desktop.ui.widgets.row_banner import BannerPainter
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import Density, current_theme, fixed_font, row_height, theme_notifier, ui_font
from aether_desktop.ui.widgets.whole_cells import NEVER_SHORTENED, WholeCells

__all__ = ["GUTTER_WIDTH", "PADDING", "EventDelegate"]

Index = QModelIndex | QPersistentModelIndex

_BAR = 3
_CHIP_GAP = 8

# Plain integers: looking up and converting an enum member in each of two hundred cells is measurable.
_KIND = int(Role.KIND)
_MARKED = int(Role.MARKED)
_NEW = int(Role.NEW)
_FULL_TEXT = int(Role.FULL_TEXT)
_SAME_DATE = int(Role.SAME_DATE)
_CELL_ICON = int(Role.ICON)
_GUTTER = int(Role.GUTTER)
_DIMMED = int(Role.DIMMED)
_DISPLAY = int(Qt.ItemDataRole.DisplayRole)
_TOOLTIP = int(Qt.ItemDataRole.ToolTipRole)
_SELECTED = QStyle.StateFlag.State_Selected.value
_HAS_FOCUS = QStyle.StateFlag.State_HasFocus.value
_MIDDLE = Qt.TextElideMode.ElideMiddle
_RIGHT = Qt.TextElideMode.ElideRight


class EventDelegate(QStyledItemDelegate):
    """Draws the cells of one table view; `kinds` says for each column how.

    A column without one is asked for: `headerData` with `Role.COLUMN_KIND`; it is text if that says nothing.
    """

    columnTooNarrow = Signal(int, int)
    """A column (logical index) has a text that must not be shortened and needs this many pixels."""

    bannerActivated = Signal(QModelIndex)
    """The action of a full-width row was clicked."""

    def __init__(
        self,
        view: QTableView,
        kinds: Sequence[ColumnKind | str] = (),
        density: Density = "comfortable",
    ) -> None:
        super().__init__(view)
        self._view = view
        self._given = [ColumnKind(kind) for kind in kinds]
        self._kinds: dict[int, ColumnKind] = {}
        self._density: Density = density
        self._hover_row = -1
        self._numbers = QLocale()
        if self._numbers.language() is QLocale.Language.C:
            # The C locale has no separators, and a number of seven digits cannot be read without.
            self._numbers = QLocale(QLocale.Language.English)
        self._load_look()
        theme_notifier().changed.connect(self._reload)

    def _reload(self) -> None:
        self._load_look()
        self._view.verticalHeader().setDefaultSectionSize(self._row_height)
        self._view.viewport().update()

    def _load_look(self) -> None:
        theme = current_theme()
        self._theme = theme
        self._body = CellFont(ui_font())
        self._strong = CellFont(ui_font(semibold=True))
        self._mono = CellFont(fixed_font(-1))
        self._row_height = row_height(self._density)
        self._banner = BannerPainter(self._body, self._strong)
        self._whole = WholeCells(self._body, theme, self.columnTooNarrow.emit)

    @property
    def density(self) -> Density:
        """How close the rows are."""
        return self._density

    def set_density(self, density: Density) -> None:
        """Change how close the rows are; `table_setup.set_density` also tells the view."""
        self._density = density
        self._row_height = row_height(density)

    def set_kinds(self, kinds: Sequence[ColumnKind | str]) -> None:
        """Replace the kinds of the columns, when the user has added or removed one."""
        self._given = [ColumnKind(kind) for kind in kinds]
        self._kinds.clear()
        self._whole.forget_widths()

    def column_kind(self, column: int) -> ColumnKind:
        """Return how the cells of a column (logical index) are drawn."""
        kind = self._kinds.get(column)
        if kind is None:
            if column < len(self._given):
                kind = self._given[column]
            else:
                model = cast("QAbstractItemModel | None", self._view.model())
                if model is None:
                    return ColumnKind.TEXT
                said = model.headerData(column, Qt.Orientation.Horizontal, int(Role.COLUMN_KIND))
                kind = ColumnKind(said) if said else ColumnKind.TEXT
            self._kinds[column] = kind
        return kind

    def forget_kinds(self) -> None:
        """Ask the model again for the kinds of columns that were not given; it has other columns now."""
        self._kinds.clear()
        self._whole.forget_widths()

    @property
    def hover_row(self) -> int:
        """The row under the pointer, or -1."""
        return self._hover_row

    def set_hover_row(self, row: int) -> None:
        """Draw `row` as the one under the pointer, and the one before as usual again."""
        if row == self._hover_row:
            return
        old, self._hover_row = self._hover_row, row
        viewport = self._view.viewport()
        for changed in (old, row):
            if changed >= 0:
                top = self._view.rowViewportPosition(changed)
                viewport.update(0, top, viewport.width(), self._view.rowHeight(changed))

    def text_of(self, value: object) -> str:
        """Return the text of a display value: strings as they are, integers with the locale's separators."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
            return self._numbers.toString(value)
        return str(value)

    # -- painting ------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        theme = self._theme
        rect: QRect = option.rect
        x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        state: int = option.state.value
        selected = bool(state & _SELECTED)
        data = self._reader(index)
        row_kind = data(_KIND) or RowKind.EVENT
        hovered = index.row() == self._hover_row

        fill: QColor | None = None
        if selected:
            fill = theme.sel if self._active() else theme.selInactive
        elif row_kind == RowKind.CORRUPTED:
            fill = theme.corrupted.tint
        elif row_kind == RowKind.GAP:
            fill = theme.gap.tint
        elif hovered:
            fill = theme.hover
        elif data(_NEW):
            fill = theme.accentSoft
        if fill is not None:
            painter.fillRect(rect, fill)
        painter.fillRect(x, y + height - 1, width, 1, theme.lineSoft)

        if row_kind in BANNER_KINDS:
            current = self._view.currentIndex().row() == index.row()
            framed = current and selected and self._view.hasFocus()
            self._banner.paint(painter, rect, self.banner_rect(rect), index, row_kind, framed=framed)
        elif row_kind == RowKind.PLACEHOLDER:
            paint_placeholder(painter, rect, theme, self.column_kind(index.column()), index)
        else:
            self._paint_cell(
                painter,
                rect,
                index.column(),
                data,
                corrupted=row_kind == RowKind.CORRUPTED,
                tinted=fill is not None,
            )
            if state & _HAS_FOCUS and (selected or not self._view.property("currentIsHidden")):
                painter.setPen(theme.accent)
                painter.drawRect(x, y, width - 1, height - 2)

        if selected and x == -self._view.horizontalHeader().offset():
            painter.fillRect(x, y, _BAR, height - 1, theme.accent if self._active() else theme.text3)

    def _active(self) -> bool:
        return self._view.hasFocus()

    def banner_rect(self, cell: QRect) -> QRect:
        """Return the rectangle of the full-width row that `cell` is a slice of, in viewport coordinates."""
        header = self._view.horizontalHeader()
        width = min(header.length(), self._view.viewport().width())
        return QRect(-header.offset(), cell.y(), max(width, 1), cell.height())

    def _reader(self, index: Index) -> Callable[[int], Any]:
        """What tells the values of a cell by role: the model itself if it can, without the way through Qt."""
        read = getattr(index.model(), "data_at", None)
        return index.data if read is None else partial(read, index.row(), index.column())

    def _paint_cell(
        self,
        painter: QPainter,
        rect: QRect,
        column: int,
        data: Callable[[int], Any],
        *,
        corrupted: bool,
        tinted: bool,
    ) -> None:
        theme = self._theme
        x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        kind = self._kinds.get(column) or self.column_kind(column)
        if kind is ColumnKind.GUTTER:
            paint_gutter(painter, rect, theme, data(_GUTTER), corrupted=corrupted, marked=bool(data(_MARKED)))
            return
        text = data(_DISPLAY)
        if text.__class__ is not str:
            text = self.text_of(text)
        if kind is ColumnKind.NUMBER:
            self._whole.paint_number(painter, rect, column, text)
            return
        if kind is ColumnKind.TIME:
            same_date = bool(data(_SAME_DATE))
            self._whole.paint_time(painter, rect, column, text, same_date=same_date, tinted=tinted)
            return

        font = self._body
        color = theme.text
        left = x + PADDING
        if kind is ColumnKind.MONO:
            font = self._mono
            color = theme.corrupted.text if corrupted else theme.text2
        else:
            cell_icon = data(_CELL_ICON)
            if corrupted and kind is not ColumnKind.ID:
                color = theme.corrupted.text
            if cell_icon is not None:
                name, role = cell_icon
                color = theme.color(role)
                paint_icon(painter, left - 1, y, height, name, color)
                left += CELL_ICON + 5
            elif kind is ColumnKind.CHIP:
                if corrupted:
                    # Its type is not known for sure: the reason stands here, and no chip.
                    font = self._strong
                elif text:
                    chip = chip_pixmap(text, painter.device().devicePixelRatio())
                    painter.drawPixmap(left, y + (height - CHIP_SIZE) // 2, chip)
                left += CHIP_SIZE + _CHIP_GAP
            elif data(_DIMMED):
                color = theme.text2
        if not text:
            return
        mode = _MIDDLE if kind is ColumnKind.ID or (kind is ColumnKind.CHIP and not corrupted) else _RIGHT
        fitted = font.fit(text, x + width - PADDING - left, mode)
        painter.setFont(font.font)
        painter.setPen(color)
        painter.drawText(left, font.baseline(y, height - 1), fitted.text)

    # -- sizes, tooltips and clicks ------------------------------------------------------------------------------

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return what the whole text of a cell needs; full-width rows need nothing."""
        kind = self.column_kind(index.column())
        if kind is ColumnKind.GUTTER:
            return QSize(GUTTER_WIDTH, self._row_height)
        row_kind = index.data(_KIND) or RowKind.EVENT
        if row_kind in BANNER_KINDS or row_kind == RowKind.PLACEHOLDER:
            return QSize(2 * PADDING, self._row_height)
        text = self.text_of(index.data(_DISPLAY))
        font = self._mono if kind is ColumnKind.MONO else self._body
        if kind is ColumnKind.TIME:
            text = " ".join(part for part in split_timestamp(text) if part)
        width = font.width(visible(text[:1000])) + 2 * PADDING
        if kind is ColumnKind.CHIP:
            width += CHIP_SIZE + _CHIP_GAP
        elif index.data(_CELL_ICON) is not None:
            width += CELL_ICON + 5
        return QSize(width, self._row_height)

    def is_shortened(self, rect: QRect, index: Index) -> bool:
        """Return whether the text of a cell does not fit into `rect`."""
        if self.column_kind(index.column()) in NEVER_SHORTENED:
            return False
        return self.sizeHint(QStyleOptionViewItem(), index).width() > rect.width()

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Show what the model says, or the whole text of a shortened cell, always as plain text."""
        if event.type() != QEvent.Type.ToolTip:
            return super().helpEvent(event, view, option, index)
        text = self.tooltip(option.rect, index) if index.isValid() else ""
        if text:
            QToolTip.showText(event.globalPos(), plain_tooltip(text), view.viewport(), option.rect)
        else:
            QToolTip.hideText()
        return True

    def tooltip(self, rect: QRect, index: Index) -> str:
        """Return the text of a cell's tooltip, or nothing when the cell already says everything."""
        said = index.data(_TOOLTIP)
        if said:
            return str(said)
        banner = index.data(int(Role.BANNER))
        if banner is not None:
            return "\n".join(part for part in (banner.title, banner.text) if part)
        shown = self.text_of(index.data(_DISPLAY))
        full = index.data(_FULL_TEXT)
        if full is not None and str(full) != shown:
            return str(full)
        return shown if shown and self.is_shortened(rect, index) else ""

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Run the action of a full-width row when it is clicked."""
        if event.type() == QEvent.Type.MouseButtonRelease and isinstance(event, QMouseEvent):
            row_kind = index.data(_KIND)
            if event.button() == Qt.MouseButton.LeftButton and row_kind in BANNER_KINDS:
                area = self._banner.action_rect(self.banner_rect(option.rect), index)
                if area.contains(event.position().toPoint()):
                    self.bannerActivated.emit(index)
                    return True
        return super().editorEvent(event, model, option, index)

    def createEditor(self, parent: Any, option: QStyleOptionViewItem, index: Index) -> Any:
        """Return nothing: an inspector's tables are not edited in place."""
        return None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let everything pass: there are no editors to watch."""
        return False
