"""How many rows are kept: some usual numbers to choose from, and any other to type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from aether_desktop.numbers import number_text


class RowCountCombo(QComboBox):
    """`value_changed` comes with a new number within the limits; what is no number leaves it as it was."""

    value_changed = Signal(int)

    def __init__(
        self, usual: Sequence[int], value: int, limits: tuple[int, int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._limits = limits
        self._value = value
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for rows in usual:
            self.addItem(_text(rows), rows)
        self._show_value()
        self.currentIndexChanged.connect(self._chosen)
        editor = self.lineEdit()
        assert editor is not None
        editor.setAccessibleName("Keep")
        editor.setMaxLength(20)
        editor.editingFinished.connect(self._typed)

    @property
    def value(self) -> int:
        """The number of rows."""
        return self._value

    def set_value(self, value: int) -> None:
        """Take a number, or the nearest one within the limits."""
        least, most = self._limits
        value = min(max(value, least), most)
        changed, self._value = value != self._value, value
        self._show_value()
        if changed:
            self.value_changed.emit(value)

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self.set_value(int(self.itemData(index)))

    def _typed(self) -> None:
        digits = re.sub(r"\D", "", self.currentText())
        if digits:
            self.set_value(int(digits))
        else:
            self._show_value()

    def _show_value(self) -> None:
        self.setCurrentIndex(self.findData(self._value))
        self.setEditText(_text(self._value))


def _text(rows: int) -> str:
    return f"{number_text(rows)} rows"
