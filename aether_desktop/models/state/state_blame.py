"""Who set it: every value of a state that contains no other, with the version that last changed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.inspector.tree_roles import Mark, Note, TreeRole, ValueKind
from aether_desktop.models.state.snapshot_states import SnapshotBlame
from aether_desktop.models.state.state_values import Path, kind_of, path_text, preview_value, value_bytes
from aether_engine.event import StoredEvent
from aether_engine.replay import Blame

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()
_RIGHT: Final = int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
#: Values that are listed before "load all" lists the others.
SHOWN_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class BlamedValue:
    """A value, and the versions that last changed and last wrote it."""

    path: Path
    value: Any
    changed: int
    written: int


def blamed_values(blame: Blame | SnapshotBlame, limit: int | None) -> tuple[list[BlamedValue], bool]:
    """The values of a state in document order, at most `limit`; whether these are all. For a thread."""
    leaves = blame.leaves()
    values = [
        BlamedValue(path, value, origin.changed, origin.written) for path, value, origin in islice(leaves, limit)
    ]
    return values, next(leaves, None) is None


class StateBlameModel(QAbstractTableModel):
    """Blamed values with the columns Path, Value and Set by, in document order or the latest change first."""

    PATH, VALUE, SET_BY = 0, 1, 2

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values: list[BlamedValue] = []
        self._rows: Sequence[int] = ()
        self._is_whole = True
        self._version = 0
        self._by_version = False
        self._stored_at: Callable[[int], StoredEvent | None] = lambda _version: None

    @property
    def by_version(self) -> bool:
        """Whether what was changed last comes first."""
        return self._by_version

    @property
    def value_count(self) -> int:
        """How many values are listed."""
        return len(self._values)

    @property
    def is_whole(self) -> bool:
        """Whether these are all."""
        return self._is_whole

    def set_values(
        self,
        values: list[BlamedValue],
        *,
        is_whole: bool,
        version: int,
        stored_at: Callable[[int], StoredEvent | None],
    ) -> None:
        """Show the values of the state at `version`; `stored_at` finds the event of a version."""
        self.beginResetModel()
        self._values, self._is_whole, self._version = values, is_whole, version
        self._stored_at = stored_at
        self._order()
        self.endResetModel()

    def clear(self) -> None:
        """Show nothing."""
        self.set_values([], is_whole=True, version=0, stored_at=lambda _version: None)

    def sort_by_version(self, by_version: bool) -> None:
        """Put the latest changes first, or go by document order."""
        if by_version != self._by_version:
            self.beginResetModel()
            self._by_version = by_version
            self._order()
            self.endResetModel()

    def _order(self) -> None:
        rows = range(len(self._values))
        self._rows = sorted(rows, key=lambda row: -self._values[row].changed) if self._by_version else rows

    # Structure

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rows) + (not self._is_whole)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 3

    def hasChildren(self, parent: Index = _NOWHERE) -> bool:
        # Qt keeps that of a table to itself, and trees ask.
        return self.rowCount(parent) > 0

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() == self.SET_BY else None
        if index.row() >= len(self._rows):
            return self._note_data(index, role)
        blamed = self._values[self._rows[index.row()]]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                # An empty state is nobody's.
                set_by = f"v{blamed.changed}" if blamed.changed else ""
                return (path_text(blamed.path) or "(all)", preview_value(blamed.value), set_by)[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(blamed)
            case TreeRole.KIND:
                return kind_of(blamed.value) if index.column() == self.VALUE else ValueKind.PLAIN
            case TreeRole.PATH:
                return path_text(blamed.path)
            case TreeRole.EXACT:
                return value_bytes(blamed.value)
            case TreeRole.PLAIN:
                value = blamed.value
                return value if isinstance(value, str) else value_bytes(value).decode("utf-8", "replace")
            case TreeRole.VERSION:
                return blamed.changed
            case TreeRole.MARK:
                return Mark.CHANGED if blamed.changed == self._version else None
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < 3:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ("Path", "Value", "Set by")[section]
        return _RIGHT if role == Qt.ItemDataRole.TextAlignmentRole and section == self.SET_BY else None

    def _tooltip(self, blamed: BlamedValue) -> str:
        lines = [path_text(blamed.path) or "(all)", preview_value(blamed.value)]
        lines.append(f"Last changed in v{blamed.changed}{self._of_event(blamed.changed)}")
        if blamed.written > blamed.changed:
            lines.append(f"Last written, unchanged, in v{blamed.written}{self._of_event(blamed.written)}")
        return "\n".join(lines)

    def _of_event(self, version: int) -> str:
        stored = self._stored_at(version)
        return f" by {stored.event.event_type}" if stored is not None and stored.event is not None else ""

    def _note_data(self, index: Index, role: int) -> Any:
        match role:
            case TreeRole.NOTE:
                return Note.LOAD_ALL
            case TreeRole.KIND:
                return ValueKind.NOTE
            case Qt.ItemDataRole.DisplayRole:
                return (f"{len(self._rows):,} shown, there are more", "Load all", "")[index.column()]
        return None
