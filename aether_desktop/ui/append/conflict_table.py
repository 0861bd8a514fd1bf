"""The table of a conflict: your event beside the stored ones, with a sign per field for equal and different."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolTip,
    QWidget,
)

from aether_desktop.models.append.conflict_report import ConflictReport
from aether_desktop.models.append.conflict_table import (
    FIELD_COLUMN,
    FIRST_STORED_COLUMN,
    YOURS_COLUMN,
    ConflictTableModel,
)
from aether_desktop.models.inspector.event_fields import FieldKind
from aether_desktop.ui.widgets.cell_text import CellFont
from aether_desktop.ui.widgets.chips import CHIP_SIZE, chip_pixmap
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.table_setup import TableHeader
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, row_height, theme_notifier, ui_font

Index = QModelIndex | QPersistentModelIndex

_PADDING: Final = 8
_MARK_WIDTH: Final = 16
_CHIP_GAP: Final = 6
_FIELD_LEFT: Final = 16
_EVENT_WIDTH: Final = 240  # narrower than this, columns scroll
_FIELD_WIDTHS: Final = (96, 220)
_ROWS: Final = (4, 12)
_EQUAL, _DIFFERENT = "=", "≠"


class ConflictDelegate(QStyledItemDelegate):
    """Draws the cells; tints and signs are about yours and the stored event that the verdict is about."""

    def __init__(self, view: QTableView, model: ConflictTableModel) -> None:
        super().__init__(view)
        self._view = view
        self._model = model
        self.load_look()

    def load_look(self) -> None:
        """Take over fonts after a change of theme."""
        self._body = CellFont(ui_font())
        self._mono = CellFont(fixed_font(-1))
        self._mark = CellFont(ui_font(semibold=True))

    def text_width(self, row: int, column: int) -> int:
        """The width that the whole text of a cell takes."""
        font = self._font(row, column)
        text = str(self._model.index(row, column).data())
        return font.metrics.horizontalAdvance(font.fit(text, 100_000, Qt.TextElideMode.ElideRight).text)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        theme = current_theme()
        rect: QRect = option.rect
        x, y, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        row, column = index.row(), index.column()
        compared = column == self._model.compared_column
        differs = self._model.differs(row)
        painter.fillRect(rect, theme.base)
        if differs and (compared or column == YOURS_COLUMN):
            painter.fillRect(rect, theme.conflict.tint)
        elif column == YOURS_COLUMN:
            painter.fillRect(rect, theme.sunken)
        elif self._model.is_damaged(column):
            painter.fillRect(rect, theme.corrupted.tint)
        painter.fillRect(x, y + height - 1, width, 1, theme.lineSoft)
        if column > FIELD_COLUMN:
            painter.fillRect(x, y, 1, height, theme.line)

        left = x + (_FIELD_LEFT if column == FIELD_COLUMN else _PADDING)
        color = theme.text
        if column == FIELD_COLUMN:
            color = theme.text2
        elif self._model.is_damaged(column):
            color = theme.corrupted.text
        elif compared:
            sign = _DIFFERENT if differs else _EQUAL
            painter.setFont(self._mark.font)
            painter.setPen(theme.conflict.text if differs else theme.text2)
            painter.drawText(left, self._mark.baseline(y, height - 1), sign)
            left += _MARK_WIDTH
            color = theme.text if differs else theme.text2
        text = str(index.data())
        kind = self._model.field(row).kind
        if kind is FieldKind.TYPE and column > FIELD_COLUMN and not self._model.is_damaged(column):
            chip = chip_pixmap(text, painter.device().devicePixelRatio())
            painter.drawPixmap(left, y + (height - 1 - CHIP_SIZE) // 2, chip)
            left += CHIP_SIZE + _CHIP_GAP
        font = self._font(row, column)
        mode = Qt.TextElideMode.ElideMiddle if column == FIELD_COLUMN else Qt.TextElideMode.ElideRight
        if kind in (FieldKind.ID, FieldKind.TYPE):
            mode = Qt.TextElideMode.ElideMiddle
        painter.setFont(font.font)
        painter.setPen(color)
        fitted = font.fit(text, x + width - 4 - left, mode)
        painter.drawText(left, font.baseline(y, height - 1), fitted.text)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.accent)
            painter.drawRect(x, y, width - 1, height - 2)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Room for the whole text."""
        width = self.text_width(index.row(), index.column()) + 2 * _PADDING
        return QSize(width + (_MARK_WIDTH if index.column() >= FIRST_STORED_COLUMN else 0), row_height())

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Show the whole text, always as plain text."""
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return super().helpEvent(event, view, option, index)
        QToolTip.showText(event.globalPos(), plain_tooltip(str(index.data())), view.viewport(), option.rect)
        return True

    def _font(self, row: int, column: int) -> CellFont:
        plain = column == FIELD_COLUMN or self._model.field(row).kind is FieldKind.TYPE
        return self._body if plain or self._model.is_damaged(column) else self._mono


class _Header(TableHeader):
    """The header of the tables, its first title above the names of the fields."""

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draw one title."""
        if section == FIELD_COLUMN:
            painter.fillRect(rect, current_theme().window)
            rect = rect.adjusted(_FIELD_LEFT - _PADDING, 0, 0, 0)
        super().paintSection(painter, rect, section)


class ConflictTable(QTableView):
    """Shows a `ConflictReport`'s comparison; a cell's text is copied with Ctrl+C, as written."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conflictTable")
        self.setAccessibleName("Your event beside the stored ones, field by field")
        self._model = ConflictTableModel(self)
        self.setModel(self._model)
        self._delegate = ConflictDelegate(self, self._model)
        self.setItemDelegate(self._delegate)
        header = _Header(self)
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setStretchLastSection(False)
        self.setHorizontalHeader(header)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(1)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def set_report(self, report: ConflictReport) -> None:
        """Show another conflict."""
        self._model.set_report(report)
        self._fit_columns()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Room for the rows, as long as they are not too many."""
        return QSize(super().sizeHint().width(), self._height_for(min(self._model.rowCount(), _ROWS[1])))

    def minimumSizeHint(self) -> QSize:
        """Room for a few rows."""
        return QSize(super().minimumSizeHint().width(), self._height_for(min(self._model.rowCount(), _ROWS[0])))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the columns of events the same share of the width."""
        super().resizeEvent(event)
        self._fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the current cell; everything else as usual."""
        if event.matches(QKeySequence.StandardKey.Copy) and self.currentIndex().isValid():
            QGuiApplication.clipboard().setText(str(self.currentIndex().data()))
            event.accept()
            return
        super().keyPressEvent(event)

    def _height_for(self, rows: int) -> int:
        bar = self.horizontalScrollBar().sizeHint().height() if self._overflows() else 0
        return self.horizontalHeader().height() + rows * row_height() + bar

    def _overflows(self) -> bool:
        return self.horizontalHeader().length() > self.viewport().width()

    def _fit_columns(self) -> None:
        columns = self._model.columnCount()
        if columns <= YOURS_COLUMN:
            return
        narrow, wide = _FIELD_WIDTHS
        names = (self._delegate.text_width(row, FIELD_COLUMN) for row in range(self._model.rowCount()))
        first = max(narrow, min(max(names, default=0) + _FIELD_LEFT + _PADDING, wide))
        header = self.horizontalHeader()
        header.resizeSection(FIELD_COLUMN, first)
        events = columns - YOURS_COLUMN
        share = max((self.viewport().width() - first) // events, _EVENT_WIDTH)
        for column in range(YOURS_COLUMN, columns):
            header.resizeSection(column, share)
        rest = self.viewport().width() - first - share * events
        if rest > 0:
            header.resizeSection(columns - 1, share + rest)

    def _reload(self) -> None:
        self._delegate.load_look()
        self.verticalHeader().setDefaultSectionSize(row_height())
        self._fit_columns()
        self.updateGeometry()
        self.viewport().update()
