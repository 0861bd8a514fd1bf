"""One side of a comparison: an actor of any store, at a version, as replay has it or as a snapshot holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.state.folded_stream import FoldedStream
from aether_desktop.models.state.snapshot_states import SnapshotEntry, entries_of
from aether_desktop.models.thread_work import ThreadWork
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place, Workspace
from aether_engine.errors import AetherError
from aether_engine.event import StoredEvent
from aether_engine.replay import Reducer, UserReducer

#: Rest between two looks at what was stored since, in seconds.
_REST: Final = 0.2


@dataclass(frozen=True, slots=True)
class SideChoice:
    """What a side shows: at `version` (None = the last), with `snapshot` what a snapshot holds, not the replay."""

    place: Place
    actor_id: str
    version: int | None = None
    snapshot: bool = False


def side_state(choice: SideChoice) -> dict[str, Any]:
    """A choice as a session keeps it."""
    fields = {"place": choice.place, "actor": choice.actor_id, "snapshot": choice.snapshot}
    return fields | ({} if choice.version is None else {"version": choice.version})


def side_from(state: object) -> SideChoice | None:
    """The inverse of `side_state`; None for anything else."""
    match state:
        case {"place": Place() as place, "actor": str(actor), "snapshot": bool(snapshot), **others}:
            version = others.get("version")
            return SideChoice(place, actor, version if isinstance(version, int) else None, snapshot)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class SideState:
    """What was found: the state at `version`, or why there is none."""

    choice: SideChoice
    version: int
    state: Any = None
    problem: str = ""

    @property
    def words(self) -> str:
        """What it is, in a few words."""
        kind = "snapshot " if self.choice.snapshot else ""
        return f"{self.choice.actor_id} {kind}v{self.version}" if self.version else self.choice.actor_id


class ComparedState(QObject):
    """Reads the actor of a side and folds it; another version of the same actor is had at once."""

    changed = Signal()
    """`found` is another one, or there are more versions."""

    def __init__(
        self,
        workspace: Workspace,
        choice: SideChoice,
        reducer_of: Callable[[Place], tuple[Reducer, str]],
        parent: QObject | None = None,
    ) -> None:
        """`reducer_of` tells how a namespace's events become states, and how that is called."""
        super().__init__(parent)
        self._workspace = workspace
        self._reducer_of = reducer_of
        self._tasks = TaskOwner(self._fail)
        self._threads = ThreadWork()
        self._choice = choice
        self._found: SideState | None = None
        self._snapshots: list[SnapshotEntry] = []
        self._is_stale = True
        self._task: asyncio.Task[None] | None = None
        self._use(choice.place)
        self._go_on()

    @property
    def choice(self) -> SideChoice:
        return self._choice

    @property
    def found(self) -> SideState | None:
        """What there is to see; None while the first answer is on its way."""
        return self._found

    @property
    def reducer_name(self) -> str:
        """How the events become states."""
        return self._reducer_name

    @property
    def last_version(self) -> int:
        """The last version known, 0 without any."""
        return self._folded.stream.latest_version

    @property
    def snapshots(self) -> list[int]:
        """The versions there are readable snapshots of."""
        return [entry.version for entry in self._snapshots if entry.snapshot is not None]

    @property
    def busy(self) -> bool:
        return self._tasks.busy or self._threads.busy

    def show(self, choice: SideChoice) -> None:
        """Show something else."""
        if choice == self._choice:
            return
        is_other = (choice.place, choice.actor_id) != (self._choice.place, self._choice.actor_id)
        self._choice = choice
        if is_other:
            old = self._folded.history.reducer
            if isinstance(old, UserReducer):
                self._tasks.start(asyncio.to_thread(old.close), "end a reducer")
            self._use(choice.place)
            self._is_stale = True
        self._go_on(again=is_other)

    def refresh(self) -> None:
        """More may have been stored."""
        self._is_stale = True
        self._go_on()

    async def close(self) -> None:
        """End what is running, a reducer's process too."""
        self._end_foreign()
        await self._tasks.cancel_all()
        await self._threads.idle()
        reducer = self._folded.history.reducer
        if isinstance(reducer, UserReducer):
            await asyncio.to_thread(reducer.close)

    def _use(self, place: Place) -> None:
        """Begin anew; the reducer is this side's own."""
        reducer, self._reducer_name = self._reducer_of(place)
        self._folded = FoldedStream(reducer, elsewhere=isinstance(reducer, UserReducer))
        self._snapshots = []

    def _go_on(self, *, again: bool = False) -> None:
        if self._task is not None and again:
            self._task.cancel()
            self._task = None
        if self._task is None:
            self._task = self._tasks.start(self._look(), "state to compare")

    async def _look(self) -> None:
        try:
            while True:
                folded, choice = self._folded, self._choice
                if self._is_stale:
                    self._is_stale = False
                    await self._read(folded, choice)
                found = await self._threads.run(partial(_find, folded, choice, self._snapshots))
                if choice == self._choice and folded is self._folded:
                    self._found = found
                    self.changed.emit()
                    if not self._is_stale:
                        return
                    await asyncio.sleep(_REST)
        finally:
            if self._task is asyncio.current_task():
                self._task = None

    async def _read(self, folded: FoldedStream, choice: SideChoice) -> None:
        entries = entries_of(await self._workspace.snapshots(choice.place, choice.actor_id))
        stream: AsyncIterator[list[StoredEvent]] = self._workspace.stream(
            choice.place, choice.actor_id, folded.stream.latest_version
        )
        async for batch in stream:
            folded.extend(batch)
            while await self._threads.run(partial(folded.fold_slice, blame=False)):
                pass
        if folded is self._folded:
            self._snapshots = entries

    def _fail(self, error: Exception) -> None:
        self._found = SideState(self._choice, 0, problem=str(error))
        self.changed.emit()

    def _end_foreign(self) -> None:
        reducer = self._folded.history.reducer
        if isinstance(reducer, UserReducer):
            reducer.stop()


def _find(folded: FoldedStream, choice: SideChoice, snapshots: list[SnapshotEntry]) -> SideState:
    """The state that is asked for, or words. For a thread."""
    stream, history = folded.stream, folded.history
    if choice.snapshot:
        wanted = choice.version
        entry = next((one for one in reversed(snapshots) if wanted is None or one.version <= wanted), None)
        if entry is None:
            return SideState(choice, 0, problem=f"There is no snapshot of {choice.actor_id} up to there.")
        if entry.snapshot is None:
            return SideState(choice, entry.version, problem=f"The snapshot {entry.words}")
        return SideState(choice, entry.version, entry.state)
    if not len(stream):
        return SideState(
            choice, 0, problem=f"There are no events of {choice.actor_id} in {choice.place.namespace}."
        )
    position = len(stream) if choice.version is None else stream.position_of(choice.version)
    version = stream.versions[position - 1] if position else 0
    try:
        return SideState(choice, version, history.state_at(version))
    except AetherError as error:
        return SideState(choice, version, problem=str(error))
