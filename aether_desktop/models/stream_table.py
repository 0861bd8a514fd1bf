"""The stream of one actor as a table, in version order, with version gaps and snapshots in their places."""

from __future__ import annotations

from bisect import bisect_left

from PySide6.QtCore import QModelIndex, QObject, Signal

from aether_desktop.models.event_table import BannerRow, Column, EventTable, Index, Row
from aether_desktop.models.roles import RowBanner, RowKind
from aether_desktop.numbers import number_text
from aether_engine.event import ActorSnapshot, StoredEvent
from aether_engine.store.protocols import Store

_ROOT = QModelIndex()


class StreamTable(EventTable):
    """An actor's events as far as they are loaded; `refresh` goes on where the last one ended."""

    columns = (
        Column.GUTTER,
        Column.VERSION,
        Column.SEQUENCE,
        Column.EVENT_TYPE,
        Column.SINCE_PREVIOUS,
        Column.TIMESTAMP,
        Column.DATA,
    )
    loaded = Signal(object)

    def __init__(self, store: Store, actor_id: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.actor_id = actor_id
        self._store = store
        self._rows: list[StoredEvent | BannerRow] = []
        # Parallel to the rows: the version each stands at, so that a version finds its row by bisection.
        self._versions: list[int] = []
        self._latest = 0
        self._sequences: set[int] = set()
        self._events = 0

    @property
    def event_count(self) -> int:
        """Events loaded so far, damaged ones included."""
        return self._events

    @property
    def latest_version(self) -> int:
        return self._latest

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def entry(self, row: int) -> Row:
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of_version(self, version: int) -> int:
        """The row that shows `version`, -1 if none does."""
        for row in range(bisect_left(self._versions, version), len(self._rows)):
            if self._versions[row] != version:
                break
            if isinstance(self._rows[row], StoredEvent):
                return row
        return -1

    def row_of_sequence(self, sequence: int) -> int:
        """The row that shows `sequence`, -1 if none does."""
        if sequence in self._sequences:
            for row, entry in enumerate(self._rows):
                if isinstance(entry, StoredEvent) and entry.sequence == sequence:
                    return row
        return -1

    async def refresh(self) -> None:
        """Read what the stream holds behind the last version seen."""
        snapshots = [] if self._rows else await self._store.snapshots(self.actor_id)
        async for batch in self._store.read_actor(self.actor_id, from_version=self._latest):
            new = [stored for stored in batch if stored.sequence not in self._sequences]
            if new:
                self._take(new, snapshots)
        self.loaded.emit(self._events)

    def _take(self, batch: list[StoredEvent], snapshots: list[ActorSnapshot]) -> None:
        rows: list[StoredEvent | BannerRow] = []
        versions: list[int] = []
        latest = self._latest
        for stored in batch:
            version = stored.event.version if stored.event is not None else latest
            if stored.event is not None and version > latest + 1:
                rows.append(_gap(latest, version))
                versions.append(version)
            rows.append(stored)
            versions.append(version)
            latest = max(latest, version)
            while snapshots and snapshots[0].version <= latest:
                snapshot = snapshots.pop(0)
                rows.append(_snapshot(snapshot))
                versions.append(latest)
        first = len(self._rows)
        self.beginInsertRows(_ROOT, first, first + len(rows) - 1)
        self._rows.extend(rows)
        self._versions.extend(versions)
        self._latest = latest
        self._sequences.update(stored.sequence for stored in batch)
        self._events += len(batch)
        self.endInsertRows()


def _gap(before: int, version: int) -> BannerRow:
    first, last = before + 1, version - 1
    if first == last:
        title = f"Version {number_text(first)} is missing"
    else:
        title = f"Versions {number_text(first)} to {number_text(last)} are missing"
    text = f"v{before} is followed by v{version}" if before else f"the stream begins with v{version}"
    return BannerRow(RowKind.GAP, RowBanner(title, f"{text}; gaps are legal, the writer chooses the versions"))


def _snapshot(snapshot: ActorSnapshot) -> BannerRow:
    size = number_text(len(snapshot.to_json()))
    return BannerRow(RowKind.SNAPSHOT, RowBanner(f"Snapshot v{number_text(snapshot.version)}", f"{size} bytes"))
