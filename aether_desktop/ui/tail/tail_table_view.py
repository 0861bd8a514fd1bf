"""The table view of a tail: keeps the window responsive while every frame brings a whole screen of new rows."""

from __future__ import annotations

from time import perf_counter

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from aether_desktop.ui.widgets.long_table import LongTable

#: Seconds after which drawing gives way to whatever else the window has to do.
BAND_TIME = 0.012
_FEWEST_ROWS = 4


class TailTableView(LongTable):
    """A table that is drawn in bands while it is flooded.

    Drawing a window full of rows that nobody has seen before takes tens of milliseconds, and Qt does it in one
    go. In a flood that would happen several times a second; so each go draws some rows and leaves the others as
    they were until the next turn of the loop.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # It is drawn only where somebody has chosen it.
        self.setProperty("currentIsHidden", True)
        self._row_cost = 0.0
        self._flooded = False
        # The rows of a later band stay as they were drawn before, instead of being wiped at once.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    @property
    def cost(self) -> float:
        """Seconds that drawing all rows in view takes, as far as is known."""
        return self._row_cost * self._rows_in(self.viewport().height())

    @property
    def flooded(self) -> bool:
        """Whether a part of what was added is not drawn yet."""
        return self._flooded

    def expect_flood(self, rows: int) -> None:
        """So many rows were added at once; the next drawing may be done in bands if they fill the view."""
        self._flooded = rows >= self._rows_in(self.viewport().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is asked for, or the first band of it."""
        rect, rest = event.rect(), QRect()
        if self._flooded:
            rows = max(_FEWEST_ROWS, round(BAND_TIME / self._row_cost)) if self._row_cost else _FEWEST_ROWS
            height = rows * self._row_height()
            if height < rect.height():
                rest = QRect(rect.left(), rect.top() + height, rect.width(), rect.height() - height)
                rect = QRect(rect.left(), rect.top(), rect.width(), height)
        begun = perf_counter()
        painter = QPainter(self.viewport())
        painter.fillRect(rect, self.palette().base())
        painter.end()
        super().paintEvent(event if rest.isEmpty() else QPaintEvent(rect))
        cost = (perf_counter() - begun) / self._rows_in(rect.height())
        self._row_cost += (cost - self._row_cost) / 4
        if rest.isEmpty():
            self._flooded = False
        else:
            self.viewport().update(rest)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave Space, End and Enter, the keys of the tail, to the view around the table."""
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and event.key() in (Qt.Key.Key_Space, Qt.Key.Key_End, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
            return
        super().keyPressEvent(event)

    def _row_height(self) -> int:
        return max(1, self.verticalHeader().defaultSectionSize())

    def _rows_in(self, height: int) -> int:
        return max(1, -(-height // self._row_height()))
