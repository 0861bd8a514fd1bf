"""One side of a comparison as a tree; that of the other side has the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from aether_desktop.models.comparison import MISSING, Comparison, Pair, is_container
from aether_desktop.models.state_values import Path, kind_of, path_text, preview_value, value_bytes
from aether_desktop.models.tree_roles import SHOWN_AT_ONCE, Mark, Note, TreeRole, ValueKind

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()
_ROOT: Final = 0
_ARRAY: Final = (list, tuple)


@dataclass(slots=True, eq=False)
class _Level:
    """The members of two containers, of which so many are shown."""

    parent: int
    row: int
    path: Path
    pairs: list[Pair]
    limit: int = SHOWN_AT_ONCE

    @property
    def shown(self) -> int:
        return min(len(self.pairs), self.limit)

    @property
    def has_note(self) -> bool:
        return self.shown < len(self.pairs)


class CompareTree(QAbstractItemModel):
    """The columns Path and Value of the left or the right document of a `Comparison`."""

    PATH, VALUE = 0, 1

    filled = Signal()
    """Another comparison is shown and may be opened; follows `modelReset`."""

    def __init__(self, *, right: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_right = right
        self._comparison = Comparison({}, {})
        self._only_differences = self._is_scalar = False
        self._levels: list[_Level] = []
        self._opened: dict[tuple[int, int], int] = {}
        self._changing = False
        self.show_comparison(self._comparison, only_differences=False)

    def show_comparison(self, comparison: Comparison, *, only_differences: bool) -> None:
        """Show a side of it, perhaps without what is the same on both."""
        self.beginResetModel()
        self._comparison, self._only_differences = comparison, only_differences
        self._opened.clear()
        left, right = comparison.left, comparison.right
        self._is_scalar = not any(isinstance(left, kind) and isinstance(right, kind) for kind in (dict, _ARRAY))
        if self._is_scalar:
            # Values that are not both objects or both arrays are the only row.
            pairs = [] if only_differences and not comparison.changes else [Pair("", left, right)]
        else:
            pairs = comparison.pairs((), left, right, only_differences=only_differences)
        self._levels = [_Level(-1, 0, (), pairs)]
        # Nothing is opened while views are still hearing of a change: the next change would come inside it.
        self._changing = True
        self.endResetModel()
        self._changing = False
        self.filled.emit()

    # Places

    def place_of(self, index: Index) -> tuple[int, ...]:
        """The rows that lead to a row, from the outside in."""
        rows: list[int] = []
        while index.isValid():
            rows.insert(0, index.row())
            index = index.parent()
        return tuple(rows)

    def index_at(self, place: tuple[int, ...]) -> QModelIndex:
        """The row at such a place, as far as there is one."""
        index = QModelIndex()
        for row in place:
            self.fetchMore(index)
            child = self.index(row, 0, index)
            if not child.isValid():
                break
            index = child
        return index

    def index_of(self, path: Path) -> QModelIndex:
        """The row of a path, or of the last part of it that has one."""
        index, number = QModelIndex(), _ROOT
        if self._is_scalar:
            index = self.index(0, 0)
            self.fetchMore(index)
            number = self._opened.get((_ROOT, 0), -1)
        for key in path if number >= 0 else ():
            level = self._levels[number]
            row = next((row for row, pair in enumerate(level.pairs) if pair.key == key), -1)
            if row < 0:
                break
            if row >= level.shown:
                self.load_all(self.index(level.shown, 0, index))
            index = self.index(row, 0, index)
            self.fetchMore(index)
            found = self._opened.get((index.internalId(), row))
            if found is None:
                break
            number = found
        return index

    # Structure

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        if row < 0 or not 0 <= column < 2 or row >= self.rowCount(parent):
            return QModelIndex()
        number = self._number_of(parent)
        return QModelIndex() if number is None else self.createIndex(row, column, number)

    def parent(self, index: Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        if not index.isValid() or index.internalId() == _ROOT:
            return QModelIndex()
        level = self._levels[index.internalId()]
        return self.createIndex(level.row, 0, level.parent)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        if parent.column() > 0:
            return 0
        number = self._number_of(parent)
        if number is None:
            return 0
        return self._levels[number].shown + self._levels[number].has_note

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 2

    def hasChildren(self, parent: Index = _NOWHERE) -> bool:
        if not parent.isValid():
            return self.rowCount() > 0
        if parent.column() > 0 or self._is_note(parent):
            return False
        pair = self._pair(parent)
        return any(is_container(value) and bool(value) for value in (pair.left, pair.right))

    def canFetchMore(self, parent: Index) -> bool:
        if self._changing or not parent.isValid():
            return False
        return self.hasChildren(parent) and self._number_of(parent) is None

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        pair, path = self._pair(parent), self._path(parent)
        pairs = self._comparison.pairs(path, pair.left, pair.right, only_differences=self._only_differences)
        level = _Level(parent.internalId(), parent.row(), path, pairs)
        self._changing = True
        self.beginInsertRows(parent, 0, max(level.shown + level.has_note - 1, 0))
        self._levels.append(level)
        self._opened[parent.internalId(), parent.row()] = len(self._levels) - 1
        self.endInsertRows()
        self._changing = False

    def load_all(self, note: Index) -> None:
        """Show every member of the containers that a note is about."""
        if not note.isValid() or not self._is_note(note):
            return
        level = self._levels[note.internalId()]
        parent = QModelIndex() if note.internalId() == _ROOT else self.createIndex(level.row, 0, level.parent)
        self._changing = True
        self.beginRemoveRows(parent, level.shown, level.shown)
        level.pairs, pairs = level.pairs[: level.shown], level.pairs
        self.endRemoveRows()
        self.beginInsertRows(parent, level.shown, len(pairs) - 1)
        level.pairs, level.limit = pairs, len(pairs)
        self.endInsertRows()
        self._changing = False

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if self._is_note(index):
            return self._note_data(index, role)
        value = self._value(index)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(index, value)
            case Qt.ItemDataRole.ToolTipRole:
                lines = [path_text(self._path(index)), "not here" if value is MISSING else preview_value(value)]
                return "\n".join(line for line in lines if line)
            case TreeRole.KIND:
                if index.column() != self.VALUE:
                    return ValueKind.PLAIN
                return ValueKind.NOTE if value is MISSING else kind_of(value)
            case TreeRole.PATH:
                return path_text(self._path(index))
            case TreeRole.EXACT:
                return None if value is MISSING else value_bytes(value)
            case TreeRole.PLAIN:
                if value is MISSING:
                    return None
                return value if isinstance(value, str) else value_bytes(value).decode("utf-8", "replace")
            case TreeRole.MARK:
                return self._mark(index)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        return ("Path", "Value")[section] if 0 <= section < 2 else None

    # Answers

    def _mark(self, index: Index) -> Mark | None:
        # What only the other side has is a blank here.
        return None if self._value(index) is MISSING else self._comparison.mark(self._path(index))

    def _number_of(self, index: Index) -> int | None:
        if not index.isValid():
            return _ROOT if self._levels else None
        return self._opened.get((index.internalId(), index.row()))

    def _is_note(self, index: Index) -> bool:
        return index.row() >= self._levels[index.internalId()].shown

    def _pair(self, index: Index) -> Pair:
        return self._levels[index.internalId()].pairs[index.row()]

    def _path(self, index: Index) -> Path:
        if self._is_scalar and index.internalId() == _ROOT:
            return ()
        return (*self._levels[index.internalId()].path, self._pair(index).key)

    def _value(self, index: Index) -> Any:
        pair = self._pair(index)
        return pair.right if self._is_right else pair.left

    def _text(self, index: Index, value: Any) -> str:
        if index.column() == self.VALUE:
            return "" if value is MISSING else preview_value(value)
        if value is MISSING:
            return ""
        path = self._path(index)
        if not path:
            return "(all)"
        key = path[-1]
        if isinstance(key, int):
            return f"[{key}]"
        return key if key and key == key.strip() else f'"{key}"'

    def _note_data(self, index: Index, role: int) -> Any:
        level = self._levels[index.internalId()]
        match role:
            case TreeRole.NOTE:
                return Note.LOAD_ALL
            case TreeRole.KIND:
                return ValueKind.NOTE
            case Qt.ItemDataRole.DisplayRole:
                return (f"{level.shown:,} of {len(level.pairs):,} shown", f"Load all {len(level.pairs):,}")[
                    index.column()
                ]
        return None
