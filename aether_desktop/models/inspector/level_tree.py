"""Trees of documents that are opened level by level, and show so many members of each until all are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from aether_desktop.models.inspector.tree_roles import SHOWN_AT_ONCE, Note, TreeRole, ValueKind

Index = QModelIndex | QPersistentModelIndex
NOWHERE: Final = QModelIndex()
ROOT: Final = 0


@dataclass(slots=True, eq=False)
class Level:
    """A container that was opened: the number of the level it lies in (-1: none), and its row there."""

    parent: int
    row: int
    limit: int = field(default=SHOWN_AT_ONCE, kw_only=True)
    #: Whether a row behind the members says that there are more.
    is_noted: bool = field(default=True, kw_only=True)

    @property
    def total(self) -> int:
        """How many members there are."""
        raise NotImplementedError

    @property
    def shown(self) -> int:
        """How many of them have rows."""
        return min(self.total, self.limit)

    @property
    def has_note(self) -> bool:
        """Whether a row says that there are more."""
        return self.is_noted and self.shown < self.total

    @property
    def rows(self) -> int:
        """The members that are shown, and the note."""
        return self.shown + self.has_note


L = TypeVar("L", bound=Level)


class LevelTree(QAbstractItemModel, Generic[L]):
    """The structure of such a tree; an index has the number of its level as its internal id.

    Whoever derives from it says what a row has in it (`hasChildren`), what its level is (`_opened_level`), and
    what cells show.
    """

    HEADERS: Sequence[str] = ()

    filled = Signal()
    """Another document is shown and may be opened; follows `modelReset`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._levels: list[L] = []
        self._opened: dict[tuple[int, int], int] = {}
        self._changing = False

    # What derives from it says

    def _opened_level(self, index: Index) -> L:
        """The level of the members of a row that has some."""
        raise NotImplementedError

    # Structure

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        if row < 0 or not 0 <= column < len(self.HEADERS) or row >= self.rowCount(parent):
            return QModelIndex()
        number = self._number_of(parent)
        return QModelIndex() if number is None else self.createIndex(row, column, number)

    def parent(self, index: Index = NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        return self._row_of(self._level(index)) if index.isValid() else QModelIndex()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        if parent.column() > 0:
            return 0
        number = self._number_of(parent)
        return 0 if number is None else self._levels[number].rows

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return len(self.HEADERS)

    def canFetchMore(self, parent: Index) -> bool:
        if self._changing or not parent.isValid():
            return False
        return self.hasChildren(parent) and self._number_of(parent) is None

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        level = self._opened_level(parent)
        self._changing = True
        self.beginInsertRows(parent, 0, max(level.rows - 1, 0))
        self._levels.append(level)
        self._opened[parent.internalId(), parent.row()] = len(self._levels) - 1
        self.endInsertRows()
        self._changing = False

    def load_all(self, note: Index) -> None:
        """Show every member of the container that the note row `note` belongs to."""
        if not note.isValid() or not self._is_note(note):
            return
        level = self._level(note)
        parent = self._row_of(level)
        self._changing = True
        self.beginRemoveRows(parent, level.shown, level.shown)
        level.is_noted = False
        self.endRemoveRows()
        self.beginInsertRows(parent, level.shown, level.total - 1)
        level.limit = level.total
        self.endInsertRows()
        self._changing = False

    # For those who derive from it

    def _end_reset(self) -> None:
        # Nothing is opened while views are still hearing of a change: the next change would come inside it.
        self._changing = True
        self.endResetModel()
        self._changing = False
        self.filled.emit()

    def _level(self, index: Index) -> L:
        return self._levels[index.internalId()]

    def _row_of(self, level: L) -> QModelIndex:
        return QModelIndex() if level.parent < 0 else self.createIndex(level.row, 0, level.parent)

    def _number_of(self, index: Index) -> int | None:
        if not index.isValid():
            return ROOT if self._levels else None
        return self._opened.get((index.internalId(), index.row()))

    def _is_note(self, index: Index) -> bool:
        return index.row() >= self._level(index).shown

    def _note_data(self, index: Index, role: int) -> Any:
        level = self._level(index)
        match role:
            case TreeRole.NOTE:
                return Note.LOAD_ALL
            case TreeRole.KIND:
                return ValueKind.NOTE
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                words = (f"{level.shown:,} of {level.total:,} shown", f"Load all {level.total:,}")
                return words[index.column()] if index.column() < len(words) else ""
        return None
