"""What the window works on, without the window: connections, the selection and its history, jobs and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Job, Jobs
from aether_desktop.numbers import number_text
from aether_desktop.settings import Settings
from aether_desktop.tasks import TaskOwner
from aether_desktop.urls import title_of

# The engine is loaded with the first store that is opened: the window's first paint does not wait for it.
if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.profiles import Profile
    from aether_desktop.write_guard import WriteGuard
    from aether_engine.event import Event, StoredEvent
    from aether_engine.query import EventFilter
    from aether_engine.store.protocols import Store, StoredSnapshot

#: Positions of the selection that Alt+Left goes back through.
HISTORY_LENGTH = 200
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
        from aether_desktop.models.claims import claimed_event

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
        self._history: list[Selection] = []
        self._position = -1
        self._tasks = TaskOwner(lambda error: self.fail("That did not work", error))
        self._closing = False
        self._fingerprint_key = urandom(16)
        self._write_guard: WriteGuard | None = None

    @property
    def write_guard(self) -> WriteGuard:
        """Asks before anything is written to connections marked PRODUCTION; made on first use."""
        if self._write_guard is None:
            from aether_desktop.write_guard import WriteGuard

            self._write_guard = WriteGuard(self)
        return self._write_guard

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
        opening = self._fingerprint(url, read_only, options or {}, profile)
        for connection in self.connections:
            if connection.opening == opening and url != "memory://":
                self.connection_opened.emit(connection)
                return connection
        made = await self._made_in_job(url, read_only, title, options or {}, profile)
        if made is None:
            return None
        connection = made
        connection.opening = opening
        if self._closing:
            await connection.close()
            return None
        connection.failed.connect(lambda error: self.fail(f"{connection.title} could not be read", error))
        connection.namespaces_changed.connect(self.connections_changed)
        connection.link_changed.connect(lambda: self.link_changed.emit(connection))
        connection.is_remembered &= remember
        self.connections.append(connection)
        self.solved.emit(_not_opened(url, title))
        if connection.is_file and remember:
            self.settings.add_recent(connection.engine.url)
        self.connections_changed.emit()
        if announce:
            self.connection_opened.emit(connection)
        return connection

    async def _made_in_job(
        self, url: str, read_only: bool, title: str, options: Mapping[str, str], profile: Profile | None
    ) -> Connection | None:
        """A new connection, looked into; a server may take its time, and can be given up."""
        import asyncio

        made: list[Connection | None] = []

        async def work(_job: Job) -> None:
            made.append(await self._make(url, read_only, title, options, profile))

        shown = title or title_of(url)
        job = self.jobs.start(f"Open {shown}", work, unit="")
        job.tells_cancelling = False
        assert job.task is not None
        try:
            await asyncio.wait([job.task])
        except asyncio.CancelledError:
            job.cancel()
            await asyncio.wait([job.task])
            raise
        if job.task.cancelled() and not self._closing:
            self.told.emit(f"Opening {shown} was cancelled.")
        return made[0] if made else None

    async def _make(
        self, url: str, read_only: bool, title: str, options: Mapping[str, str], profile: Profile | None
    ) -> Connection | None:
        from asyncio import CancelledError

        from aether_desktop.connection import Connection
        from aether_engine.engine import open_engine

        engine = None
        try:
            engine = await open_engine(url, read_only=read_only, **options)
            connection = Connection(
                engine, title or self._distinct_title(engine.url, options), self, profile=profile
            )
            if connection.is_production:
                self.write_guard.watch(connection)
            await connection.start()
        except Exception as error:  # noqa: BLE001 (told to the user, whatever it is)
            if engine is not None:
                await engine.close()
            self._tell_failure(_not_opened(url, title), error, profile, _file_of(url))
            return None
        except CancelledError:
            if engine is not None:
                await engine.close()
            raise
        return connection

    def _fingerprint(
        self, url: str, read_only: bool, options: Mapping[str, str], profile: Profile | None
    ) -> bytes:
        """Tells one way to open a store from another; nobody can read a password from it."""
        from hashlib import blake2b

        marks = (profile.id, profile.production) if profile is not None else ("", False)
        text = repr((url, read_only, sorted(options.items()), marks))
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._fingerprint_key).digest()

    def _distinct_title(self, url: str, options: Mapping[str, str]) -> str:
        """How a connection is called beside others to the same server: by its user, or by a number."""
        title = title_of(url)
        taken = {connection.title for connection in self.connections}
        if title not in taken or not url.startswith(("nats:", "tls:")):
            return title
        if options.get("user"):
            title = f"{title} as {options['user']}"
        number = 2
        distinct = title
        while distinct in taken:
            distinct, number = f"{title} ({number})", number + 1
        return distinct

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
        self._closing = True
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
        del self._history[self._position + 1 :]
        self._history.append(selection)
        del self._history[:-HISTORY_LENGTH]
        self._position = len(self._history) - 1
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
        return self._target(-1) >= 0

    @property
    def can_go_forward(self) -> bool:
        return self._target(1) < len(self._history)

    def _target(self, by: int) -> int:
        # Where the selection itself is gone, one stands behind the place in the history.
        return self._position + (0 if by < 0 and self.selection is None else by)

    def _go(self, by: int) -> None:
        target = self._target(by)
        if 0 <= target < len(self._history):
            self._position = target
            self._select(self._history[target])

    def _forget(self, connection: Connection) -> None:
        """Take what is of a connection out of the history; where one stands in it stays as near as can be."""
        before = self._history[: self._position + 1]
        self._position = sum(entry.place.connection is not connection for entry in before) - 1
        self._history = [entry for entry in self._history if entry.place.connection is not connection]
        if self.selection is not None and self.selection.place.connection is connection:
            self.selection = None
            self.selection_cleared.emit()
        self.history_changed.emit()

    def _select(self, selection: Selection) -> None:
        self.selection = selection
        self.history_changed.emit()
        self.selection_changed.emit(selection)

    # -- moving events

    def import_file(self, place: Place, path: Path) -> Job:
        """Import NDJSON into a namespace, all of it or nothing."""

        from aether_engine.transfer import import_ndjson

        async def work(job: Job) -> None:
            store = await self.store(place)
            async with self.write_guard.writing(place.connection, place.namespace, f"Import {path.name}"):
                result = await import_ndjson(store, path, progress=job.report_transfer)
            self.told.emit(f"Imported {result.events:,} events of {path.name} into {place.namespace}.")

        return self.jobs.start(f"Import {path.name}", work)

    def export_file(
        self, place: Place, path: Path, actor_id: str | None = None, event_filter: EventFilter | None = None
    ) -> Job:
        """Export a namespace or one actor, or what of it passes a filter: as CSV if so called, else as NDJSON."""

        from aether_engine.transfer import export_csv, export_ndjson, is_csv

        export = export_csv if is_csv(path.name) else export_ndjson

        async def work(job: Job) -> None:
            store = await self.store(place)
            result = await export(
                store,
                path,
                actor_id=actor_id,
                event_filter=event_filter,
                overwrite=True,
                progress=job.report_transfer,
            )
            left_out = f"; {len(result.skipped):,} damaged events were left out" if result.skipped else ""
            damaged = f"; {len(result.damaged):,} of them are damaged" if result.damaged else ""
            self.told.emit(f"Exported {result.events:,} events to {path.name}{left_out}{damaged}.")

        return self.jobs.start(f"Export {path.name}", work)

    async def copy(self, place: Place, target: Place, actor_id: str | None = None, *, snapshots: bool) -> bool:
        """Copy a namespace or one actor into another namespace, of this or another connection, byte for byte.

        Returns whether it went well; how it went is told.
        """

        from aether_engine.transfer import copy_events

        async def work(job: Job) -> None:
            name, connection = target.namespace, target.connection
            source, into = await self.store(place), await self.store(target)
            async with self.write_guard.writing(connection, name, f"Copy into {name}"):
                result = await copy_events(
                    source, into, actor_id=actor_id, snapshots=snapshots, progress=job.report_transfer
                )
            lost = len(result.skipped) + len(result.skipped_snapshots)
            left_out = f"; {lost:,} damaged ones were left out" if lost else ""
            also = f" and {result.snapshots:,} snapshots" if result.snapshots else ""
            self.told.emit(f"Copied {result.events:,} events{also} into {name}{left_out}.")
            await connection.refresh()

        return await self.jobs.run(f"Copy {actor_id or place.namespace} into {target.namespace}", work)

    async def _open_ndjson(self, path: Path, *, announce: bool) -> Connection | None:
        connection = await self.open("memory://", title=f"{path.name} (in memory)", announce=False)
        if connection is None:
            return None
        connection.events_file = path
        stem = path.name.split(".", 1)[0]
        namespace = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem)
        job = self.import_file(Place(connection, namespace or "events"), path)
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
            self._tell_failure(what, error)

    def _tell_failure(
        self, what: str, error: BaseException, profile: Profile | None = None, path: Path | None = None
    ) -> None:
        self.failed.emit(Failure(what, str(error) or type(error).__name__, error, profile, path))


def _file_of(url: str) -> Path | None:
    """The file of a URL, None if it names none that is there."""
    if not url.startswith("sqlite:"):
        return None
    from aether_desktop.urls import file_of
    from aether_engine.errors import StoreUnavailableError

    try:
        path = file_of(url)
        return path if path.is_file() else None
    except (StoreUnavailableError, OSError):
        return None


def _not_opened(url: str, title: str) -> str:
    return f"{title or title_of(url)} could not be opened"
