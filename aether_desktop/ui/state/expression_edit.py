"""A line for an expression over the state: what is not understood is waved under, and said why."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyleOptionFrame, QWidget

from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier
from aether_desktop.ui.widgets.theme_qss import restyle

_WAVE = 2


class ExpressionEdit(QLineEdit):
    """Marks one place of its text as wrong; Escape leaves it."""

    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bisectExpression")
        self.setAccessibleName("Expression over the state")
        self.setClearButtonEnabled(True)
        self._problem = -1
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def show_problem(self, position: int) -> None:
        """Mark what begins at this character as not understood; -1 for nothing."""
        if position == self._problem:
            return
        is_other = (position < 0) != (self._problem < 0)
        self._problem = position
        if is_other:
            self.setProperty("invalid", position >= 0)
            restyle(self)
        self.update()

    def _reload(self) -> None:
        self.setFont(fixed_font())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field, and a wave under the place at fault."""
        super().paintEvent(event)
        if self._problem < 0 or not self.text():
            return
        text = self.text()
        start = min(self._problem, max(len(text) - 1, 0))
        room = self._text_room()
        # Where the cursor is, the text is: the field scrolls with it.
        metrics = self.fontMetrics()
        left = self.cursorRect().center().x() - metrics.horizontalAdvance(text[: self.cursorPosition()])
        begin = left + metrics.horizontalAdvance(text[:start])
        end = max(left + metrics.horizontalAdvance(text), begin + metrics.horizontalAdvance("0"))
        base = room.center().y() + metrics.height() // 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(room.adjusted(0, 0, 0, 4))
        _wave(painter, begin, min(end, begin + 4000), base, current_theme().corrupted.text)
        painter.end()

    def _text_room(self) -> QRect:
        option = QStyleOptionFrame()
        self.initStyleOption(option)
        return self.style().subElementRect(QStyle.SubElement.SE_LineEditContents, option, self)


def _wave(painter: QPainter, begin: int, end: int, base: int, color: QColor) -> None:
    path = QPainterPath()
    path.moveTo(begin, base)
    x, up = begin, True
    while x < end:
        x += 2 * _WAVE
        path.quadTo(x - _WAVE, base - _WAVE if up else base + _WAVE, x, base)
        up = not up
    painter.setPen(QPen(color, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPath(path)
