"""The state of an actor at a version as a tree: every value, who last changed it, what changed now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Qt

from aether_desktop.models.inspector.level_tree import NOWHERE, Index, Level, LevelTree
from aether_desktop.models.inspector.tree_roles import Mark, TreeRole, ValueKind, key_text
from aether_desktop.models.state.state_values import Path, kind_of, path_text, preview_value, value_bytes
from aether_engine.replay import Change

SetBy = Callable[[Path], int]
"""The version that last changed the value at a path, 0 where that is not known."""

_MARKS: Final = {"added": Mark.ADDED, "removed": Mark.REMOVED, "changed": Mark.CHANGED}


@dataclass(slots=True, eq=False)
class _Container(Level):
    """An object or array: its members, then what was removed from it."""

    path: Path
    value: Any
    keys: Sequence[str | int]
    removed: Sequence[Change] = ()

    @property
    def total(self) -> int:
        return len(self.keys) + len(self.removed)


class StateTreeModel(LevelTree[_Container]):
    """A folded state with the columns Path, Value and Set by. Members are looked up when they are opened."""

    PATH, VALUE, SET_BY = 0, 1, 2
    HEADERS = ("Path", "Value", "Set by")

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changes: dict[Path, Change] = {}
        self._removed: dict[Path, list[Change]] = {}
        self._version = 0
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
            self._levels = [self._container(-1, 0, (), state)]
        else:
            self._levels = [_Container(-1, 0, (), [state], [0])]
        self._end_reset()

    def clear(self) -> None:
        """Show nothing."""
        self.set_state({})

    def versions_changed(self) -> None:
        """`set_by` and `last_write` have other answers now."""
        for container in self._levels:
            parent = self._row_of(container)
            last = self.rowCount(parent) - 1
            if last >= 0:
                self.dataChanged.emit(self.index(0, self.PATH, parent), self.index(last, self.SET_BY, parent))

    # Structure

    def hasChildren(self, parent: Index = NOWHERE) -> bool:
        if not parent.isValid():
            return self.rowCount() > 0
        if parent.column() > 0 or self._is_note(parent):
            return False
        value = self._value(parent)
        if not isinstance(value, (dict, list, tuple)) or self._is_removed(parent):
            return False
        return bool(value) or bool(self._removed.get(self._path(parent)))

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
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.HEADERS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == self.SET_BY:
            return int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        return flags if self.hasChildren(index) else flags | Qt.ItemFlag.ItemNeverHasChildren

    # Answers

    def _opened_level(self, index: Index) -> _Container:
        return self._container(index.internalId(), index.row(), self._path(index), self._value(index))

    def _container(self, parent: int, row: int, path: Path, value: Any) -> _Container:
        keys: Sequence[str | int] = list(value) if isinstance(value, dict) else range(len(value))
        return _Container(parent, row, path, value, keys, self._removed.get(path, ()))

    def _is_removed(self, index: Index) -> bool:
        return index.row() >= len(self._level(index).keys)

    def _path(self, index: Index) -> Path:
        container = self._level(index)
        row = index.row()
        if row < len(container.keys):
            return (*container.path, container.keys[row])
        return container.removed[row - len(container.keys)].path

    def _value(self, index: Index) -> Any:
        container = self._level(index)
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
                return key_text(self._path(index)[-1])
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
