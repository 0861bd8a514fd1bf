"""What the window works on, without the window: connections, the selection and its history, jobs and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Jobs
from aether_desktop.numbers import number_text
from aether_desktop.selection_history import SelectionHistory
from aether_desktop.settings import Settings
from aether_desktop.tasks import TaskOwner

# The engine is loaded with the first store that is opened: the window's first paint does not wait for it.
if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.connection_making import ConnectionMaking
    from aether_desktop.profiles import Profile
    from aether_desktop.transfers import Transfers
    from aether_desktop.write_guard import WriteGuard
    from aether_engine.event import Event, StoredEvent
    from aether_engine.store.protocols import Store, StoredSnapshot

#: File names that hold events line by line rather than a store.
NDJSON_SUFFIXES = (".ndjson", ".jsonl", ".json", ".gz")


class Place:
    """A namespace of a connection; two of them are equal if both parts are.

    Written out: a named tuple in an item's data would come back from Qt as a list, and the first paint does not
    wait for `dataclasses`.
    """

    __slots__ = ("connection", "namespace")

    def __init__(self, connection: Connection, namespace: str) -> None:
        self.connection: Final = connection
        self.namespace: Final = namespace

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Place):
            return NotImplemented
        return self.connection is other.connection and self.namespace == other.namespace

    def __hash__(self) -> int:
        return hash((self.connection, self.namespace))

    def __repr__(self) -> str:
        return f"Place({self.connection!r}, {self.namespace!r})"


class Selection(NamedTuple):
    """The selected event and where it is from."""

    place: Place
    stored: StoredEvent

    @property
    def event(self) -> Event | None:
        """The event, of a damaged one what its bytes still claim."""
        from aether_desktop.models.events.claims import claimed_event

        return self.stored.event or claimed_event(self.stored.raw)


class Failure(NamedTuple):
    """Something the user asked for and did not get. `what` is the fact, `why` the reason and remedy.

    `profile` is that of a connection that could not be opened, `path` the file.
    """

    what: str
    why: str
    error: BaseException
    profile: Profile | None = None
    path: Path | None = None


class Workspace(QObject):
    """Opens and closes connections and hands out their stores; widgets ask it and never a store."""

    connections_changed = Signal()
    connection_opened = Signal(object)
    link_changed = Signal(object)
    place_changed = Signal()
    selection_changed = Signal(object)
    selection_cleared = Signal()
    """What was selected is gone with its connection."""
    history_changed = Signal()
    failed = Signal(object)
    solved = Signal(str)
    """The failure whose `what` this is has passed."""
    told = Signal(str)
    offered = Signal(str, str, object)
    """As `told`, with something to do about it: its name, and what does it."""

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.jobs = Jobs(self)
        self.connections: list[Connection] = []
        self.place: Place | None = None
        self.selection: Selection | None = None
        self._history = SelectionHistory()
        self._tasks = TaskOwner(lambda error: self.fail("That did not work", error))
        self.is_closing = False
        self._making: ConnectionMaking | None = None
        self._write_guard: WriteGuard | None = None
        self._transfers: Transfers | None = None

    @property
    def write_guard(self) -> WriteGuard:
        """Asks before anything is written to connections marked PRODUCTION; made on first use."""
        if self._write_guard is None:
            from aether_desktop.write_guard import WriteGuard

            self._write_guard = WriteGuard(self)
        return self._write_guard

    @property
    def transfers(self) -> Transfers:
        """Moves events between stores and files; made on first use."""
        if self._transfers is None:
            from aether_desktop.transfers import Transfers

            self._transfers = Transfers(self)
        return self._transfers

    # -- connections

    async def open(
        self,
        url: str,
        *,
        read_only: bool = False,
        title: str = "",
        remember: bool = True,
        announce: bool = True,
        options: Mapping[str, str] | None = None,
        profile: Profile | None = None,
    ) -> Connection | None:
        """Open a store by URL; a failure is told through `failed` and returns None.

        `announce` False leaves it to the caller to emit `connection_opened`, after filling the store. `options`
        are the engine's, such as a login; they are used and forgotten. What is open already in the same way is
        not opened again; another login is another connection, and so is another `profile`.
        """
        from aether_desktop.connection_making import ConnectionMaking, not_opened

        if self._making is None:
            self._making = ConnectionMaking(self)
        opening = self._making.fingerprint(url, read_only, options or {}, profile)
        for connection in self.connections:
            if connection.opening == opening and url != "memory://":
                self.connection_opened.emit(connection)
                return connection
        made = await self._making.made_in_job(url, read_only, title, options or {}, profile)
        if made is None:
            return None
        connection = made
        connection.opening = opening
        if self.is_closing:
            await connection.close()
            return None
        connection.failed.connect(lambda error: self.fail(f"{connection.title} could not be read", error))
        connection.namespaces_changed.connect(self.connections_changed)
        connection.link_changed.connect(lambda: self.link_changed.emit(connection))
        connection.is_remembered &= remember
        self.connections.append(connection)
        self.solved.emit(not_opened(url, title))
        if connection.is_file and remember:
            self.settings.add_recent(connection.engine.url)
        self.connections_changed.emit()
        if announce:
            self.connection_opened.emit(connection)
        return connection

    async def open_path(
        self,
        path: Path,
        *,
        read_only: bool = False,
        title: str = "",
        remember: bool = True,
        announce: bool = True,
    ) -> Connection | None:
        """Open a file: a store as it is, a list of events by importing it into memory."""
        if path.suffix.lower() in NDJSON_SUFFIXES:
            return await self._open_ndjson(path, announce=announce)
        from aether_engine.urls import sqlite_url

        return await self.open(
            sqlite_url(path), read_only=read_only, title=title, remember=remember, announce=announce
        )

    def move_connection(self, connection: Connection, place: int) -> None:
        """Have a connection stand at another place among them."""
        if self.connections.index(connection) != place:
            self.connections.remove(connection)
            self.connections.insert(place, connection)
            self.connections_changed.emit()

    async def close_connection(self, connection: Connection) -> None:
        """Close one connection; what was shown of it is closed by whoever shows it."""
        if connection in self.connections:
            self.connections.remove(connection)
            self._forget(connection)
            if self.place is not None and self.place.connection is connection:
                self.use_place(None)
            self.connections_changed.emit()
            await connection.close()
            connection.deleteLater()

    async def close(self) -> None:
        """End every task and job and close every connection."""
        self.is_closing = True
        await self.jobs.cancel_all()
        await self._tasks.cancel_all()
        for connection in self.connections:
            await connection.close()
        self.connections.clear()

    async def store(self, place: Place) -> Store:
        return await place.connection.engine.store(place.namespace)

    async def stream(self, place: Place, actor_id: str, from_version: int = 0) -> AsyncIterator[list[StoredEvent]]:
        """The stored events of an actor from a version on, for whoever folds them."""
        store = await self.store(place)
        async for batch in store.read_actor(actor_id, from_version=from_version):
            yield batch

    async def snapshots(self, place: Place, actor_id: str) -> list[StoredSnapshot]:
        """The stored snapshots of an actor, damaged ones too."""
        from aether_engine.store.protocols import SnapshotLog

        store = await self.store(place)
        # Every store of ours is one.
        assert isinstance(store, SnapshotLog)
        return [stored async for batch in store.read_snapshots(actor_id=actor_id) for stored in batch]

    async def save_snapshot(self, place: Place, actor_id: str, version: int, state: dict[str, Any]) -> None:
        """Store a state as an actor's snapshot."""
        from aether_engine.event import ActorSnapshot

        store = await self.store(place)
        what = f"Save a snapshot of {actor_id} at version {number_text(version)}"
        async with self.write_guard.writing(place.connection, place.namespace, what):
            await store.save_snapshot(ActorSnapshot(actor_id, version, state))

    # -- place and selection

    def use_place(self, place: Place | None) -> None:
        """Make a namespace the one that is shown."""
        if place != self.place:
            self.place = place
            self.place_changed.emit()

    def select(self, place: Place, stored: StoredEvent) -> None:
        """Make an event the selected one, everywhere."""
        selection = Selection(place, stored)
        current = self.selection
        if current is not None and current.place == place and current.stored.sequence == stored.sequence:
            return
        self._history.add(selection)
        self._select(selection)

    async def select_at(self, place: Place, sequence: int) -> bool:
        """Select the event at `sequence`; that there is none (any more) is told."""
        found = await self.event_at(place, sequence)
        if found is not None:
            self.select(place, found.stored)
            return True
        self.told.emit(f"There is no event at sequence {number_text(sequence)} of {place.namespace}.")
        return False

    async def event_at(self, place: Place, sequence: int) -> Selection | None:
        """The event at `sequence`, without selecting it."""
        store = await self.store(place)
        async for batch in store.read(from_sequence=sequence, to_sequence=sequence):
            for stored in batch:
                return Selection(place, stored)
        return None

    def go_back(self) -> None:
        self._go(-1)

    def go_forward(self) -> None:
        self._go(1)

    @property
    def can_go_back(self) -> bool:
        return self._history.can_step(-1, is_gone=self.selection is None)

    @property
    def can_go_forward(self) -> bool:
        return self._history.can_step(1, is_gone=self.selection is None)

    def _go(self, by: int) -> None:
        selection = self._history.step(by, is_gone=self.selection is None)
        if selection is not None:
            self._select(selection)

    def _forget(self, connection: Connection) -> None:
        """Take what is of a connection out of the history and the selection."""
        self._history.forget(connection)
        if self.selection is not None and self.selection.place.connection is connection:
            self.selection = None
            self.selection_cleared.emit()
        self.history_changed.emit()

    def _select(self, selection: Selection) -> None:
        self.selection = selection
        self.history_changed.emit()
        self.selection_changed.emit(selection)

    async def _open_ndjson(self, path: Path, *, announce: bool) -> Connection | None:
        connection = await self.open("memory://", title=f"{path.name} (in memory)", announce=False)
        if connection is None:
            return None
        connection.events_file = path
        stem = path.name.split(".", 1)[0]
        namespace = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)
        job = self.transfers.import_file(Place(connection, namespace or "events"), path)
        job.path = path
        if not await self.jobs.wait(job):
            await self.close_connection(connection)
            return None
        await connection.refresh()
        if announce:
            self.connection_opened.emit(connection)
        return connection

    # -- telling

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        """Run `coroutine` as a task of the workspace; its failure is told."""
        self._tasks.start(coroutine, name)

    async def idle(self) -> None:
        """Wait for everything that was started, such as the opening of documents."""
        await self._tasks.idle()

    @property
    def busy(self) -> bool:
        return self._tasks.busy or bool(self.jobs.running)

    def fail(self, what: str, error: BaseException) -> None:
        """Tell that something failed, in the words of the error; not for each reading without a link.

        That the link is lost is said already, and stays said until it is back.
        """
        without_link = [each.engine.url for each in self.connections if not each.link_up]
        if not (getattr(error, "passing", False) and getattr(error, "url", "") in without_link):
            self.tell_failure(what, error)

    def tell_failure(
        self, what: str, error: BaseException, profile: Profile | None = None, path: Path | None = None
    ) -> None:
        """Tell that something failed, whatever was told before."""
        self.failed.emit(Failure(what, str(error) or type(error).__name__, error, profile, path))
