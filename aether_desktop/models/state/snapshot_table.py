"""The snapshots of an actor as a table: version, how it stands to the replay, size and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QObject, Qt

from aether_desktop.models.events.roles import CellIcon, ColumnKind, Role
from aether_desktop.models.events.titled_table import Index, TitledTable
from aether_desktop.models.state.snapshot_states import SnapshotEntry, Standing
from aether_desktop.numbers import number_text

KINDS: Final = (ColumnKind.GUTTER, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.NUMBER, ColumnKind.TEXT)


class SnapshotTable(TitledTable):
    """Shows snapshots, the latest version first."""

    GUTTER, VERSION, STANDING, SIZE, TAKEN = range(5)
    HEADERS = ("", "Version", "Against the replay", "Bytes", "Taken")

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[SnapshotEntry] = []

    def show_entries(self, entries: Sequence[SnapshotEntry]) -> None:
        """Show these; if they are those that were shown, only what is known of them changes."""
        latest_first = list(reversed(entries))
        if [entry.version for entry in latest_first] == [entry.version for entry in self._entries]:
            self._entries = latest_first
            if latest_first:
                self.dataChanged.emit(self.index(0, 0), self.index(len(latest_first) - 1, 4))
            return
        self.beginResetModel()
        self._entries = latest_first
        self.endResetModel()

    def entry(self, row: int) -> SnapshotEntry | None:
        """The snapshot in a row."""
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def row_of(self, version: int) -> int:
        """The row of a version, -1 if there is none."""
        return next((row for row, entry in enumerate(self._entries) if entry.version == version), -1)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entry(index.row()) if index.isValid() else None
        if entry is None:
            return None
        column = index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(entry, column)
            case Qt.ItemDataRole.ToolTipRole:
                taken = self._text(entry, self.TAKEN)
                return f"Snapshot v{entry.version} {entry.words}" + (f"\nTaken {taken}" if taken else "")
            case Role.GUTTER if column == self.GUTTER:
                return _icon(entry)
            case Role.COPY_TEXT:
                return str(entry.version) if column == self.VERSION else self._text(entry, column)
        return None

    def _row_count(self) -> int:
        return len(self._entries)

    def _text(self, entry: SnapshotEntry, column: int) -> str:
        match column:
            case self.VERSION:
                return number_text(entry.version)
            case self.STANDING:
                return entry.words
            case self.SIZE:
                return number_text(len(entry.raw))
            case self.TAKEN:
                return entry.snapshot.timestamp.isoformat(sep=" ") if entry.snapshot is not None else ""
        return ""


def _icon(entry: SnapshotEntry) -> CellIcon:
    match entry.standing:
        case Standing.UNREADABLE:
            return CellIcon("corrupted", "corrupted")
        case Standing.DIFFERS | Standing.AHEAD:
            return CellIcon("warning", "corrupted")
    return CellIcon("snapshot", "snapshot")
