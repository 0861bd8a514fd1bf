"""Flat tables with a title over each column, and those that grow while something is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
NOWHERE: Final = QModelIndex()
T = TypeVar("T")


class TitledTable(QAbstractTableModel):
    """Whoever derives from it says how many rows there are, and what is in their cells."""

    HEADERS: ClassVar[Sequence[str]] = ()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else self._row_count()

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.HEADERS[section]
        return None

    def _row_count(self) -> int:
        raise NotImplementedError


class FoundTable(TitledTable, Generic[T]):
    """What was found so far, in the order it was found; beyond `MOST` nothing more is listed."""

    MOST: ClassVar[int]

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: list[T] = []

    def clear(self) -> None:
        """Begin anew."""
        self.beginResetModel()
        self._found = []
        self.endResetModel()

    def add(self, found: Sequence[T]) -> None:
        """List more, up to the limit."""
        new = found[: self.MOST - len(self._found)]
        if new:
            first = len(self._found)
            self.beginInsertRows(QModelIndex(), first, first + len(new) - 1)
            self._found += new
            self.endInsertRows()

    def found(self, row: int) -> T | None:
        """What is in a row."""
        return self._found[row] if 0 <= row < len(self._found) else None

    def _row_count(self) -> int:
        return len(self._found)
