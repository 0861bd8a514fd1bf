"""The cells of a `JsonView`: names, values coloured by kind, versions."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem, QTreeView

from aether_desktop.models.inspector.tree_roles import NOTES_TO_ACTIVATE, Mark, Note, TreeRole, ValueKind
from aether_desktop.ui.widgets.cell_text import CellFont
from aether_desktop.ui.widgets.drawn_tree import Index, PlainTipDelegate
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import (
    Meaning,
    Theme,
    current_theme,
    fixed_font,
    row_height,
    theme_notifier,
    ui_font,
)

_PADDING: Final = 8


def mark_meaning(theme: Theme, mark: Mark) -> Meaning:
    """The colours of what happened to a row."""
    match mark:
        case Mark.ADDED:
            return theme.added
        case Mark.REMOVED:
            return theme.removed
        case _:
            return theme.changed


class JsonDelegate(PlainTipDelegate):
    """Draws the texts of a `JsonView`: names in the window's font, values fixed-width and coloured by kind."""

    def __init__(self, view: QTreeView, *, colours_sides: bool = False) -> None:
        super().__init__(view)
        self._view = view
        self._colours_sides = colours_sides
        self._load_look()
        theme_notifier().changed.connect(self._load_look)

    def _load_look(self) -> None:
        self._theme = current_theme()
        self._body = CellFont(ui_font())
        self._strong = CellFont(ui_font(semibold=True))
        self._mono = CellFont(fixed_font(-1))
        self._height = row_height("compact")

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the height of a compact row, and the width of the name and no more than 400 px."""
        text = str(index.data() or "")[:200]
        font = self._mono if index.column() == 1 else self._body
        return QSize(min(font.width(visible(text)) + 2 * _PADDING, 400), self._height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell; the background is the view's."""
        text = index.data()
        if not text:
            return
        theme = self._theme
        rect: QRect = option.rect
        is_version = bool(index.data(Qt.ItemDataRole.TextAlignmentRole))
        if is_version:
            self._paint_version(painter, rect, index, str(text))
            return
        left = rect.x() + (_PADDING if index.column() or not self._view.rootIsDecorated() else 2)
        right = rect.x() + rect.width() - 4
        if index.column() == 0:
            font = self._strong if index.data(TreeRole.HEADING) else self._body
            color = theme.text2 if index.data(TreeRole.NOTE) else theme.text
        else:
            font, color = self._mono, self._value_color(index)
            if index.data(TreeRole.NOTE):
                font = self._strong if index.data(TreeRole.NOTE) in NOTES_TO_ACTIVATE else self._body
        mode = Qt.TextElideMode.ElideRight
        if index.column() == 0 and not index.data(TreeRole.NOTE):
            mode = Qt.TextElideMode.ElideMiddle
        fitted = font.fit(str(text), right - left, mode)
        base = font.baseline(rect.y(), rect.height())
        painter.setFont(font.font)
        painter.setPen(color)
        painter.drawText(left, base, fitted.text)
        was = index.data(TreeRole.WAS)
        if was:
            left += fitted.width + self._mono.width("  ")
            rest = self._mono.fit(str(was), right - left, Qt.TextElideMode.ElideRight)
            if right > left:
                painter.setPen(theme.text2)
                painter.drawText(left, base, rest.text)

    def _paint_version(self, painter: QPainter, rect: QRect, index: Index, text: str) -> None:
        theme = self._theme
        marked = index.data(TreeRole.MARK) in (Mark.CHANGED, Mark.ADDED)
        font = self._strong if marked else self._body
        painter.setFont(font.font)
        painter.setPen(theme.text if marked else theme.text2)
        left = rect.x() + rect.width() - _PADDING - font.width(text)
        painter.drawText(left, font.baseline(rect.y(), rect.height()), text)

    def _value_color(self, index: Index) -> QColor:
        theme = self._theme
        if self._colours_sides and (mark := index.data(TreeRole.MARK)) is not None:
            return mark_meaning(theme, mark).text
        match index.data(TreeRole.KIND):
            case ValueKind.STRING:
                return theme.string
            case ValueKind.NUMBER:
                return theme.number
            case ValueKind.LITERAL:
                return theme.literal
            case ValueKind.CONTAINER:
                return theme.text2
            case ValueKind.NOTE:
                note = index.data(TreeRole.NOTE)
                if note in NOTES_TO_ACTIVATE:
                    return theme.accent
                return theme.corrupted.text if note == Note.PROBLEM else theme.text2
        return theme.text
