"""Trees that are drawn here and not by the style: tints over the whole row, a bar at a selected one, chevrons."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QToolTip, QTreeView

from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.theme import Theme, current_theme

Index = QModelIndex | QPersistentModelIndex

_CHEVRON: Final = 12
_BAR: Final = 3


class PlainTipDelegate(QStyledItemDelegate):
    """Shows tooltips as plain text, whatever they contain."""

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        """Show the tooltip as plain text."""
        if event.type() != QEvent.Type.ToolTip:
            return bool(super().helpEvent(event, view, option, index))
        text = index.data(Qt.ItemDataRole.ToolTipRole)
        QToolTip.showText(event.globalPos(), plain_tooltip(str(text)) if text else "", view.viewport())
        return True


class DrawnTree(QTreeView):
    """Whoever derives from it says the tint of a row, and draws its cells."""

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Fill the row, draw what is in it, and the bar of a selected one."""
        theme = current_theme()
        rect: QRect = option.rect
        row = QRect(0, rect.y(), self.viewport().width(), rect.height())
        selected = self.selectionModel().isRowSelected(index.row(), index.parent())
        active = self.hasFocus()
        tint = (theme.sel if active else theme.selInactive) if selected else self._tint(index, theme)
        if tint is not None:
            painter.fillRect(row, tint)
        self._draw_cells(painter, option, index)
        if selected:
            painter.fillRect(0, row.y(), _BAR, row.height(), theme.accent if active else theme.text3)

    def drawBranches(self, painter: QPainter, rect: QRect, index: Index) -> None:
        """Draw only a chevron, and only where there is something to open."""
        if self.model().hasChildren(index):
            draw_chevron(painter, rect, is_open=self.isExpanded(index))

    def _tint(self, index: Index, theme: Theme) -> QColor | None:
        """What a row that is not selected is filled with."""
        return None

    def _draw_cells(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the cells, without the panel that the style would put behind a selected row."""
        raise NotImplementedError


def draw_chevron(painter: QPainter, rect: QRect, *, is_open: bool) -> None:
    """Draw in the room of a tree's branches what opens or closes a row."""
    name, ratio = "chevron-down" if is_open else "chevron-right", painter.device().devicePixelRatio()
    x = rect.x() + rect.width() - _CHEVRON - 1
    y = rect.y() + (rect.height() - _CHEVRON) // 2
    painter.drawPixmap(x, y, pixmap(name, _CHEVRON, current_theme().text2, ratio))
