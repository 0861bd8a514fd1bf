"""One side of a comparison as a tree; that of the other side has the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QObject, Qt

from aether_desktop.models.inspector.level_tree import NOWHERE, ROOT, Index, Level, LevelTree
from aether_desktop.models.inspector.tree_roles import Mark, TreeRole, ValueKind, key_text
from aether_desktop.models.state.comparison import MISSING, Comparison, Pair, is_container
from aether_desktop.models.state.state_values import Path, kind_of, path_text, preview_value, value_bytes

_ARRAY: Final = (list, tuple)


@dataclass(slots=True, eq=False)
class _Level(Level):
    """The members of two containers."""

    path: Path
    pairs: list[Pair]

    @property
    def total(self) -> int:
        return len(self.pairs)


class CompareTree(LevelTree[_Level]):
    """The columns Path and Value of the left or the right document of a `Comparison`."""

    PATH, VALUE = 0, 1
    HEADERS = ("Path", "Value")

    def __init__(self, *, right: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_right = right
        self._comparison = Comparison({}, {})
        self._only_differences = self._is_scalar = False
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
        self._end_reset()

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
        index, number = QModelIndex(), ROOT
        if self._is_scalar:
            index = self.index(0, 0)
            self.fetchMore(index)
            number = self._opened.get((ROOT, 0), -1)
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

    def hasChildren(self, parent: Index = NOWHERE) -> bool:
        if not parent.isValid():
            return self.rowCount() > 0
        if parent.column() > 0 or self._is_note(parent):
            return False
        pair = self._pair(parent)
        return any(is_container(value) and bool(value) for value in (pair.left, pair.right))

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
        return self.HEADERS[section] if 0 <= section < len(self.HEADERS) else None

    # Answers

    def _mark(self, index: Index) -> Mark | None:
        # What only the other side has is a blank here.
        return None if self._value(index) is MISSING else self._comparison.mark(self._path(index))

    def _opened_level(self, index: Index) -> _Level:
        pair, path = self._pair(index), self._path(index)
        pairs = self._comparison.pairs(path, pair.left, pair.right, only_differences=self._only_differences)
        return _Level(index.internalId(), index.row(), path, pairs)

    def _pair(self, index: Index) -> Pair:
        return self._level(index).pairs[index.row()]

    def _path(self, index: Index) -> Path:
        if self._is_scalar and index.internalId() == ROOT:
            return ()
        return (*self._level(index).path, self._pair(index).key)

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
        return key_text(path[-1])
