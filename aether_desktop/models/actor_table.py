"""The actors of a namespace, searched by prefix, pattern or exact name, loaded page by page."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal

from aether_desktop.models.event_table import Index
from aether_desktop.models.roles import ColumnKind, Role, RowKind
from aether_desktop.numbers import number_text
from aether_desktop.tasks import TaskOwner
from aether_engine.event import ActorInfo
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.protocols import EventLog

PAGE_ACTORS = 1000
_ROOT = QModelIndex()
_TITLES = ("Actor", "Events", "Version")
COLUMN_KINDS = (ColumnKind.ID, ColumnKind.NUMBER, ColumnKind.NUMBER)


class ActorTable(QAbstractTableModel):
    """Actors by id. `search` understands a prefix, a pattern with `*`, and `=exact name`."""

    counts_changed = Signal()
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log: EventLog | None = None
        self._search = ""
        #: The search whose actors are shown; another one may be on its way.
        self.shown_search: str | None = None
        self._actors: list[ActorInfo] = []
        self._last_seen: str | None = None
        self.complete = True
        self._tasks = TaskOwner(self.failed.emit)
        self._generation = 0

    @property
    def busy(self) -> bool:
        return self._tasks.busy

    def show(self, log: EventLog | None, search: str = "") -> None:
        """Start over with the actors of `log` that `search` finds."""
        self._log = log
        self._search = search.strip()
        self.reload()

    def reload(self) -> None:
        """Read again from the first actor, as many as were shown; the old rows stay until then."""
        self._generation += 1
        if self._log is None:
            self._replace([], None, complete=True)
            return
        self._tasks.start(self._read(self._generation, max(PAGE_ACTORS, len(self._actors)), fresh=True), "actors")

    def load_more(self) -> None:
        """Read the next page behind the last actor."""
        if not self.complete and not self._tasks.busy:
            self._tasks.start(self._read(self._generation, PAGE_ACTORS, fresh=False), "more actors")

    def actor_at(self, row: int) -> ActorInfo | None:
        return self._actors[row] if 0 <= row < len(self._actors) else None

    def loaded(self) -> list[ActorInfo]:
        """The actors loaded so far."""
        return list(self._actors)

    def row_of_actor(self, actor_id: str) -> int:
        """The row of an actor, -1 while it is not loaded."""
        return next((row for row, actor in enumerate(self._actors) if actor.actor_id == actor_id), -1)

    async def close(self) -> None:
        await self._tasks.cancel_all()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._actors)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(_TITLES):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return COLUMN_KINDS[section] if role == Role.COLUMN_KIND else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        actor = self.actor_at(index.row()) if index.isValid() else None
        if actor is None:
            return None
        if role == Role.KIND:
            return RowKind.EVENT
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return (actor.actor_id, number_text(actor.event_count), number_text(actor.latest_version))[
                index.column()
            ]
        if role in (Role.FULL_TEXT, Role.COPY_TEXT):
            return (actor.actor_id, str(actor.event_count), str(actor.latest_version))[index.column()]
        return None

    def canFetchMore(self, parent: Index = _ROOT) -> bool:
        return not parent.isValid() and not self.complete

    def fetchMore(self, parent: Index = _ROOT) -> None:
        self.load_more()

    async def _read(self, generation: int, count: int, *, fresh: bool) -> None:
        log, search = self._log, self._search
        assert log is not None
        exact = search[1:] if search.startswith("=") else None
        pattern = search if exact is None and "*" in search else None
        prefix = exact if exact is not None else search.split("*", 1)[0]
        after = None if fresh else self._last_seen
        found: list[ActorInfo] = []
        complete = False
        while len(found) < count and not complete:
            page = await log.actors(prefix=prefix, after=after, limit=PAGE_ACTORS)
            # Another search may have begun meanwhile; the answer to the old one is nobody's any more.
            if generation != self._generation:
                return
            complete = len(page) < PAGE_ACTORS
            after = page[-1].actor_id if page else after
            if exact is not None:
                found.extend(actor for actor in page if actor.actor_id == exact)
                complete = True
            elif pattern is not None:
                found.extend(actor for actor in page if match_actor_pattern(pattern, actor.actor_id))
            else:
                found.extend(page)
        self.shown_search = search
        if fresh:
            self._replace(found, after, complete=complete)
        else:
            self._append(found, after, complete=complete)

    def _replace(self, actors: list[ActorInfo], last_seen: str | None, *, complete: bool) -> None:
        same_actors = [actor.actor_id for actor in actors] == [actor.actor_id for actor in self._actors]
        if same_actors and actors:
            self._actors = actors
            self.dataChanged.emit(self.index(0, 0), self.index(len(actors) - 1, len(_TITLES) - 1))
        else:
            self.beginResetModel()
            self._actors = actors
            self.endResetModel()
        self._last_seen, self.complete = last_seen, complete
        self.counts_changed.emit()

    def _append(self, actors: list[ActorInfo], last_seen: str | None, *, complete: bool) -> None:
        if actors:
            first = len(self._actors)
            self.beginInsertRows(_ROOT, first, first + len(actors) - 1)
            self._actors.extend(actors)
            self.endInsertRows()
        self._last_seen, self.complete = last_seen, complete
        self.counts_changed.emit()
