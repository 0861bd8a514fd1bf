"""The frame round a list, tree or text that has the keyboard and nothing else to show it by."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QApplication, QTableView, QWidget

from aether_desktop.ui.widgets.theme import current_theme

_WIDTH = 2


class FocusRing(QWidget):
    """Lies over an area, as large as that, and takes no event away from it."""

    def __init__(self, area: QAbstractScrollArea) -> None:
        super().__init__(area)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setGeometry(area.rect())
        area.installEventFilter(self)
        for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
            # What holds a scroll bar is put on top of everything else whenever the bar is needed.
            if (holder := bar.parentWidget()) is not None:
                holder.installEventFilter(self)
        selection = area.selectionModel() if isinstance(area, QAbstractItemView) else None
        if selection is not None:
            # What is selected once the rows are there shows the keyboard better.
            selection.selectionChanged.connect(self._follow)
            selection.currentChanged.connect(self._follow)
        self.show()

    def _follow(self) -> None:
        area = self.parent()
        assert isinstance(area, QAbstractScrollArea)
        self.setVisible(not _shows_focus(area))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the size of the area, and on top of it."""
        if watched is not self.parent():
            if event.type() in (QEvent.Type.ZOrderChange, QEvent.Type.Show):
                self.raise_()
        elif event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame, inside."""
        painter = QPainter(self)
        pen = QPen(current_theme().accent, _WIDTH)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        half = _WIDTH // 2
        painter.drawRect(self.rect().adjusted(half, half, -half, -half))
        painter.end()


class FocusShowing(QObject):
    """Puts the ring where the keyboard is, in a window and its dialogs."""

    def __init__(self, app: QApplication, window: QWidget) -> None:
        super().__init__(window)
        self._ring: FocusRing | None = None
        app.focusChanged.connect(self._focus_changed)

    def _focus_changed(self, _before: QWidget | None, now: QWidget | None) -> None:
        ring, self._ring = self._ring, None
        # It may have gone with what it was around.
        if ring is not None and shiboken6.isValid(ring):
            ring.hide()
            ring.deleteLater()
        if isinstance(now, QAbstractScrollArea) and not _shows_focus(now):
            self._ring = FocusRing(now)


def _shows_focus(area: QAbstractScrollArea) -> bool:
    """Whether something in it shows that it has the keyboard: its own frame, a selected row, the current cell."""
    if area.property("field"):
        return True
    if not isinstance(area, QAbstractItemView) or area.selectionModel() is None:
        return False
    # The tables draw their current cell, the trees do not.
    draws_current = isinstance(area, QTableView) and not area.property("currentIsHidden")
    return area.selectionModel().hasSelection() or (draws_current and area.currentIndex().isValid())
