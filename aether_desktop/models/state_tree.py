"""The state of an actor at a version as a tree: every value, who last changed it, what changed now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from aether_desktop.models.state_values import kind_of, path_text, preview_value, value_bytes
from aether_desktop.models.tree_roles import SHOWN_AT_ONCE, Mark, Note, TreeRole, ValueKind
from aether_engine.replay import Change

Index = QModelIndex | QPersistentModelIndex
Path = tuple[str | int, ...]
SetBy = Callable[[Path], int]
"""The version that last changed the value at a path, 0 where that is not known."""

_NOWHERE: Final = QModelIndex()
_ROOT: Final = 0
_MARKS: Final = {"added": Mark.ADDED, "removed": Mark.REMOVED, "changed": Mark.CHANGED}


@dataclass(slots=True, eq=False)
class _Container:
    """An object or array that was opened: its members, then what was removed from it, then perhaps a note."""

    parent: int
    row: int
    path: Path
    value: Any
    keys: Sequence[str | int]
    removed: list[Change] = field(default_factory=list)
    limit: int = SHOWN_AT_ONCE

    @property
    def shown(self) -> int:
        return min(len(self.keys) + len(self.removed), self.limit)

    @property
    def has_note(self) -> bool:
        return self.shown < len(self.keys) + len(self.removed)


class StateTreeModel(QAbstractItemModel):
    """A folded state with the columns Path, Value and Set by. Members are looked up when they are opened."""

    PATH, VALUE, SET_BY = 0, 1, 2

    filled = Signal()
    """Another state is shown and may be opened; follows `modelReset`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._containers: list[_Container] = []
        self._opened: dict[tuple[int, int], int] = {}
        self._changes: dict[Path, Change] = {}
        self._removed: dict[Path, list[Change]] = {}
        self._version = 0
        self._changing = False
        self._set_by: SetBy = lambda _path: 0
        self._last_write: SetBy = lambda _path: 0

    def set_state(
        self,
        state: Any,
        changes: Sequence[Change] = (),
        *,
        version: int = 0,
        set_by: SetBy | None = None,
        last_write: SetBy | None = None,
    ) -> None:
        """Show `state`, which is never changed here; `changes` lead to it from the version before.

        `set_by` says which version last changed a value, `last_write` which last wrote it, changed or not.
        """
        self.beginResetModel()
        self._changes = {change.path: change for change in changes}
        self._removed = {}
        for change in changes:
            if change.kind == "removed":
                self._removed.setdefault(change.path[:-1], []).append(change)
        self._version = version
        self._set_by = set_by or (lambda _path: 0)
        self._last_write = last_write or (lambda _path: 0)
        self._opened.clear()
        # A state is nearly always an object; any other value is the only row of a container without a key.
        if isinstance(state, (dict, list, tuple)):
            self._containers = [self._container(-1, 0, (), state)]
        else:
            self._containers = [_Container(-1, 0, (), [state], [0])]
        # Nothing is opened while views are still hearing of a change: the next change would come inside it.
        self._changing = True
        self.endResetModel()
        self._changing = False
        self.filled.emit()

    def clear(self) -> None:
        """Show nothing."""
        self.set_state({})

    def versions_changed(self) -> None:
        """`set_by` and `last_write` have other answers now."""
        for container in self._containers:
            parent = (
                QModelIndex() if container.parent < 0 else self.createIndex(container.row, 0, container.parent)
            )
            last = self.rowCount(parent) - 1
            if last >= 0:
                self.dataChanged.emit(self.index(0, self.PATH, parent), self.index(last, self.SET_BY, parent))

    # Structure

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        if row < 0 or not 0 <= column < 3 or row >= self.rowCount(parent):
            return QModelIndex()
        number = self._number_of(parent)
        return QModelIndex() if number is None else self.createIndex(row, column, number)

    def parent(self, index: Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        if not index.isValid() or index.internalId() == _ROOT:
            return QModelIndex()
        container = self._containers[index.internalId()]
        return self.createIndex(container.row, 0, container.parent)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        if parent.column() > 0:
            return 0
        number = self._number_of(parent)
        if number is None:
            return 0
        container = self._containers[number]
        return container.shown + container.has_note

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 3

    def hasChildren(self, parent: Index = _NOWHERE) -> bool:
        if not parent.isValid():
            return self.rowCount() > 0
        if parent.column() > 0 or self._is_note(parent):
            return False
        value = self._value(parent)
        if not isinstance(value, (dict, list, tuple)) or self._is_removed(parent):
            return False
        return bool(value) or bool(self._removed.get(self._path(parent)))

    def canFetchMore(self, parent: Index) -> bool:
        if self._changing or not parent.isValid():
            return False
        return self.hasChildren(parent) and self._number_of(parent) is None

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        container = self._container(parent.internalId(), parent.row(), self._path(parent), self._value(parent))
        self._changing = True
        self.beginInsertRows(parent, 0, container.shown + container.has_note - 1)
        self._containers.append(container)
        self._opened[parent.internalId(), parent.row()] = len(self._containers) - 1
        self.endInsertRows()
        self._changing = False

    def load_all(self, note: Index) -> None:
        """Show every member of the container that the note row `note` belongs to."""
        if not note.isValid() or not self._is_note(note):
            return
        number = note.internalId()
        container = self._containers[number]
        parent = QModelIndex() if number == _ROOT else self.createIndex(container.row, 0, container.parent)
        self._changing = True
        self.beginRemoveRows(parent, container.shown, container.shown)
        container.keys, keys = container.keys[: container.shown], container.keys
        removed, container.removed = container.removed, container.removed[: container.shown - len(container.keys)]
        self.endRemoveRows()
        self.beginInsertRows(parent, container.shown, len(keys) + len(removed) - 1)
        container.keys, container.removed, container.limit = keys, removed, len(keys) + len(removed)
        self.endInsertRows()
        self._changing = False

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if self._is_note(index):
            return self._note_data(index, role)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(index)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(index)
            case Qt.ItemDataRole.TextAlignmentRole:
                right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                return int(right.value) if index.column() == self.SET_BY else None
            case TreeRole.KIND:
                return kind_of(self._value(index)) if index.column() == self.VALUE else ValueKind.PLAIN
            case TreeRole.PATH:
                return path_text(self._path(index))
            case TreeRole.EXACT:
                return value_bytes(self._value(index))
            case TreeRole.PLAIN:
                value = self._value(index)
                return value if isinstance(value, str) else value_bytes(value).decode("utf-8", "replace")
            case TreeRole.MARK:
                change = self._changes.get(self._path(index))
                return None if change is None else _MARKS[change.kind]
            case TreeRole.WAS:
                return self._was(self._path(index)) if index.column() == self.VALUE else None
            case TreeRole.VERSION:
                return self._version_of(index)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < 3:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ("Path", "Value", "Set by")[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == self.SET_BY:
            return int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        return flags if self.hasChildren(index) else flags | Qt.ItemFlag.ItemNeverHasChildren

    # Answers

    def _container(self, parent: int, row: int, path: Path, value: Any) -> _Container:
        keys: Sequence[str | int] = list(value) if isinstance(value, dict) else range(len(value))
        return _Container(parent, row, path, value, keys, list(self._removed.get(path, ())))

    def _number_of(self, index: Index) -> int | None:
        if not index.isValid():
            return _ROOT if self._containers else None
        return self._opened.get((index.internalId(), index.row()))

    def _is_note(self, index: Index) -> bool:
        return index.row() >= self._containers[index.internalId()].shown

    def _is_removed(self, index: Index) -> bool:
        return index.row() >= len(self._containers[index.internalId()].keys)

    def _path(self, index: Index) -> Path:
        container = self._containers[index.internalId()]
        row = index.row()
        if row < len(container.keys):
            return (*container.path, container.keys[row])
        return container.removed[row - len(container.keys)].path

    def _value(self, index: Index) -> Any:
        container = self._containers[index.internalId()]
        row = index.row()
        if row < len(container.keys):
            return container.value[container.keys[row]]
        return container.removed[row - len(container.keys)].old

    def _version_of(self, index: Index) -> int:
        # What is gone was last set by the version that removed it.
        return self._version if self._is_removed(index) else self._set_by(self._path(index))

    def _text(self, index: Index) -> str:
        match index.column():
            case self.PATH:
                last = self._path(index)[-1]
                if isinstance(last, int):
                    return f"[{last}]"
                return last if last and last == last.strip() else f'"{last}"'
            case self.VALUE:
                return "removed" if self._is_removed(index) else preview_value(self._value(index))
        version = self._version_of(index)
        return f"v{version}" if version else ""

    def _was(self, path: Path) -> str | None:
        change = self._changes.get(path)
        if change is None or change.kind == "added":
            return None
        return f"was {preview_value(change.old)}"

    def _tooltip(self, index: Index) -> str:
        path = self._path(index)
        lines = [path_text(path)]
        change = self._changes.get(path)
        if self._is_removed(index):
            lines.append(f"Removed in v{self._version}, {self._was(path)}")
            return "\n".join(lines)
        lines.append(preview_value(self._value(index)))
        if change is not None and change.kind == "changed":
            lines.append(f"was {preview_value(change.old)}")
        version = self._set_by(path)
        if version:
            lines.append(f"Last changed in v{version}")
            written = self._last_write(path)
            if written > version:
                lines.append(f"Last written, unchanged, in v{written}")
        return "\n".join(lines)

    def _note_data(self, index: Index, role: int) -> Any:
        container = self._containers[index.internalId()]
        match role:
            case TreeRole.NOTE:
                return Note.LOAD_ALL
            case TreeRole.KIND:
                return ValueKind.NOTE
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                total = len(container.keys) + len(container.removed)
                return (f"{container.shown:,} of {total:,} shown", f"Load all {total:,}", "")[index.column()]
        return None
