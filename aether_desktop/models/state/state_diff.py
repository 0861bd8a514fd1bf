"""What two versions differ in, by path: the old value with −, the new one with +, each with its version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.inspector.tree_roles import SHOWN_AT_ONCE, Mark, Note, TreeRole, ValueKind
from aether_desktop.models.state.state_values import Path, kind_of, leaves, path_text, preview_value, value_bytes
from aether_engine import codec
from aether_engine.replay import Change, diff

Index = QModelIndex | QPersistentModelIndex
SetBy = Callable[[Path], int]
_NOWHERE: Final = QModelIndex()
_GROUP: Final = 0
_RIGHT: Final = int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)


def diff_documents(old: bytes, new: bytes) -> tuple[list[Change], Any]:
    """What leads from one JSON document to another, and the new one; raises `ValueError` if either is not JSON."""
    after = codec.loads_exactly(new)
    return diff(codec.loads_exactly(old), after), after


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a change."""

    mark: Mark
    value: Any
    version: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A change with its sides, or (no sides) a value that did not change."""

    path: Path
    sides: tuple[_Side, ...]
    value: Any = None
    version: int = 0


class StateDiffModel(QAbstractItemModel):
    """The changes of `set_changes` with the columns Path, Value and Set by; unchanged values on demand."""

    PATH, VALUE, SET_BY = 0, 1, 2

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._unchanged: list[_Row] = []
        self._unchanged_count = 0
        self._is_count_exact = True
        self._shows_unchanged = False
        self._limit = SHOWN_AT_ONCE
        self._headers = ("Path", "Value", "Set by")

    def set_changes(
        self,
        changes: Sequence[Change],
        new: Any = None,
        *,
        old_version: SetBy | int = 0,
        new_version: SetBy | int = 0,
        headers: tuple[str, str, str] = ("Path", "Value", "Set by"),
    ) -> None:
        """Show `changes`, which lead to the document `new`; the versions are those to name beside each side."""
        before = old_version if callable(old_version) else lambda _path, number=old_version: number
        after = new_version if callable(new_version) else lambda _path, number=new_version: number
        self.beginResetModel()
        self._headers = headers
        self._limit = SHOWN_AT_ONCE
        self._rows = []
        for change in changes:
            sides = []
            if change.kind != "added":
                sides.append(_Side(Mark.REMOVED, change.old, before(change.path)))
            if change.kind != "removed":
                sides.append(_Side(Mark.ADDED, change.new, after(change.path)))
            self._rows.append(_Row(change.path, tuple(sides)))
        self._find_unchanged({change.path for change in changes}, new, after)
        self.endResetModel()

    def clear(self) -> None:
        """Show nothing."""
        self.set_changes(())

    @property
    def change_count(self) -> int:
        """How many paths differ."""
        return len(self._rows)

    @property
    def unchanged_text(self) -> str:
        """How many values are the same on both sides, in words; empty if there is none."""
        if not self._unchanged_count:
            return ""
        count = f"{self._unchanged_count:,}" if self._is_count_exact else f"More than {self._unchanged_count:,}"
        noun = "value" if self._unchanged_count == 1 else "values"
        return f"{count} unchanged {noun} {'shown' if self._shows_unchanged else 'hidden'}"

    @property
    def shows_unchanged(self) -> bool:
        """Whether unchanged values are listed behind the changes."""
        return self._shows_unchanged

    def show_unchanged(self, show: bool) -> None:
        """List unchanged values behind the changes, or hide them."""
        if show != self._shows_unchanged:
            self.beginResetModel()
            self._shows_unchanged = show
            self.endResetModel()

    def load_all(self, note: Index) -> None:
        """Show every row."""
        if note.isValid() and self._is_note(note):
            self.beginResetModel()
            self._limit = self._total()
            self.endResetModel()

    # Structure: an index carries 0 for a group, 1 + the group's row for a side.

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        if not 0 <= column < 3 or not 0 <= row < self.rowCount(parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else _GROUP)

    def parent(self, index: Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        if not index.isValid() or index.internalId() == _GROUP:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, _GROUP)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        if not parent.isValid():
            shown = self._shown()
            return shown + (shown < self._total())
        if parent.column() > 0 or parent.internalId() != _GROUP or self._is_note(parent):
            return 0
        return len(self._row(parent.row()).sides)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 3

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() == self.SET_BY else None
        if self._is_note(index):
            return self._note_data(index, role)
        if index.internalId() != _GROUP:
            row = self._row(index.internalId() - 1)
            side = row.sides[index.row()]
            return self._value_data(index, role, row.path, side.value, side.version, side.mark)
        row = self._row(index.row())
        if not row.sides:
            return self._value_data(index, role, row.path, row.value, row.version, None)
        last = row.sides[-1]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return path_text(row.path) if index.column() == self.PATH else ""
            case Qt.ItemDataRole.ToolTipRole | TreeRole.PATH:
                return path_text(row.path)
            case TreeRole.HEADING:
                return True
            case TreeRole.EXACT | TreeRole.PLAIN | TreeRole.VERSION:
                return self._value_data(index, role, row.path, last.value, last.version, None)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < 3:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return _RIGHT if role == Qt.ItemDataRole.TextAlignmentRole and section == self.SET_BY else None

    # Answers

    def _find_unchanged(self, changed: set[Path], new: Any, version: SetBy) -> None:
        self._unchanged = []
        self._unchanged_count = 0
        self._is_count_exact = True
        if new is None:
            return
        seen = 0
        for path, value in leaves(new):
            seen += 1
            if not path or any(path[:length] in changed for length in range(1, len(path) + 1)):
                continue
            self._unchanged_count += 1
            if self._unchanged_count <= SHOWN_AT_ONCE:
                self._unchanged.append(_Row(path, (), value, version(path)))
        self._is_count_exact = seen < 10_000

    def _total(self) -> int:
        return len(self._rows) + (len(self._unchanged) if self._shows_unchanged else 0)

    def _shown(self) -> int:
        return min(self._total(), max(self._limit, 0))

    def _row(self, number: int) -> _Row:
        return self._rows[number] if number < len(self._rows) else self._unchanged[number - len(self._rows)]

    def _is_note(self, index: Index) -> bool:
        return index.internalId() == _GROUP and index.row() >= self._shown()

    def _value_data(self, index: Index, role: int, path: Path, value: Any, version: int, mark: Mark | None) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                if index.column() == self.PATH:
                    return "" if mark else path_text(path)
                if index.column() == self.VALUE:
                    return preview_value(value)
                return f"v{version}" if version else ""
            case Qt.ItemDataRole.ToolTipRole:
                return f"{path_text(path)}\n{preview_value(value)}"
            case TreeRole.KIND:
                return kind_of(value) if index.column() == self.VALUE else ValueKind.PLAIN
            case TreeRole.PATH:
                return path_text(path)
            case TreeRole.EXACT:
                return value_bytes(value)
            case TreeRole.PLAIN:
                return value if isinstance(value, str) else value_bytes(value).decode("utf-8", "replace")
            case TreeRole.MARK:
                return mark
            case TreeRole.VERSION:
                return version
        return None

    def _note_data(self, index: Index, role: int) -> Any:
        match role:
            case TreeRole.NOTE:
                return Note.LOAD_ALL
            case TreeRole.KIND:
                return ValueKind.NOTE
            case Qt.ItemDataRole.DisplayRole:
                total = self._total()
                return (f"{self._shown():,} of {total:,} shown", f"Load all {total:,}", "")[index.column()]
        return None
