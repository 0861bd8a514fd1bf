"""The table of findings."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence

from aether_desktop.ui.widgets.long_table import LongTable


class FindingsView(LongTable):
    """Enter opens a finding or a group, left and right close and open groups, Home and End go to the ends."""

    entered_row = Signal(int)
    fold_asked = Signal(int, bool)
    copy_asked = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index, key = self.currentIndex(), event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
            return
        if index.isValid():
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.entered_row.emit(index.row())
                return
            if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
                self.fold_asked.emit(index.row(), key == Qt.Key.Key_Right)
                return
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            # Without Ctrl they mean the first and last column to Qt; a row here is one thing.
            event = QKeyEvent(event.type(), key, event.modifiers() | Qt.KeyboardModifier.ControlModifier)
        super().keyPressEvent(event)
