"""Which reducer makes the states of the namespace shown: one that is built in, or a file that is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from aether_desktop.models.state.replay_options import FILE, USUAL, ReplayMemory, ReplayOptions
from aether_desktop.models.state.snapshot_states import FROM_BEST
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place
from aether_engine.errors import AetherError, ReducerTrustError
from aether_engine.replay import REDUCERS, Reducer, ReducerFile, UserReducer

NAMES: Final = {
    "json-merge": "JSON merge",
    "shallow-merge": "Shallow merge",
    "last-event": "Last event",
    "by-event-type": "Per event type",
}
EXPLANATIONS: Final = {
    "json-merge": "Each event's data is merged into the state (RFC 7396); null removes",
    "shallow-merge": "Each top-level member of the data replaces that of the state",
    "last-event": "The state is the data of the last event",
    "by-event-type": "For each event type, the data of its last event",
}
_INSTEAD: Final = "JSON merge is used instead."
#: Rest after a file has changed before it is read, in milliseconds: editors write in several steps.
_REST: Final = 150


@dataclass(frozen=True, slots=True)
class ReducerItem:
    """A reducer to choose: the key or the path that choosing it needs, and what is said of it."""

    key: str
    path: str
    name: str
    explanation: str


class ReducerChooser(QObject):
    """Chooses, remembers for each namespace, watches the chosen file, and asks before anything of it runs."""

    used = Signal(object)
    """This reducer makes the states from now on."""
    changed = Signal()
    """Another one is chosen, or there is another one to choose."""
    trust_asked = Signal(object)
    """Whether this content of a file (a `ReducerFile`) may run; `trust` is the answer."""
    told = Signal(str, str)
    """What the user should know of the file: the fact, and what it means. Empty when that has passed."""

    def __init__(self, memory: ReplayMemory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self._tasks = TaskOwner(self._fail)
        self._place: Place | None = None
        self._options = self._before = ReplayOptions()
        self._reducer: Reducer = REDUCERS[USUAL]
        #: Content of the chosen file that waits for being trusted.
        self._awaited: ReducerFile | None = None
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(self._file_changed)
        self._watcher.directoryChanged.connect(self._file_changed)
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self._look_at_file)

    @property
    def busy(self) -> bool:
        return self._tasks.busy

    @property
    def reducer(self) -> Reducer:
        """The reducer in use."""
        return self._reducer

    @property
    def options(self) -> ReplayOptions:
        """What is chosen for the namespace."""
        return self._options

    @property
    def current(self) -> tuple[str, str]:
        """Key and path of what is in use."""
        if isinstance(self._reducer, UserReducer):
            return FILE, self._reducer.path
        return next((key for key, one in REDUCERS.items() if one is self._reducer), USUAL), ""

    @property
    def current_name(self) -> str:
        """How what is in use is called."""
        key, path = self.current
        return Path(path).name if key == FILE else NAMES[key]

    @property
    def items(self) -> Sequence[ReducerItem]:
        """What there is to choose from."""
        paths = self._memory.recent_files
        key, path = self.current
        if key == FILE and path not in paths:
            paths.insert(0, path)
        return [
            *(ReducerItem(key, "", name, EXPLANATIONS[key]) for key, name in NAMES.items()),
            *(ReducerItem(FILE, path, Path(path).name, path) for path in paths),
        ]

    @property
    def awaited(self) -> ReducerFile | None:
        """Content of the chosen file that does not run because nobody has said that it may."""
        return self._awaited

    def reducer_for(self, place: Place) -> tuple[Reducer, str]:
        """A reducer for whoever shows states of another namespace, and its name; a file's is theirs to close."""
        options = self._memory.options(place)
        if options.reducer != FILE:
            return REDUCERS[options.reducer], NAMES[options.reducer]
        name = Path(options.path).name
        try:
            file = ReducerFile.read(options.path)
            if self._memory.is_trusted(file.path, file.sha256):
                return UserReducer(file.path, trusted=file.sha256), name
        except AetherError:
            pass
        return REDUCERS[USUAL], f"{NAMES[USUAL]}, as {name} is not trusted"

    # Choosing

    def show_place(self, place: Place) -> None:
        """Use what was chosen for another namespace."""
        if place == self._place:
            return
        self._place = place
        options = self._memory.options(place)
        if options != self._options or self._awaited is not None:
            self._options = options
            self._use_options(asked=False)

    def choose(self, key: str) -> None:
        """Use a reducer that is built in."""
        if key in REDUCERS:
            self._options = ReplayOptions(key)
            self._use_options(asked=True)
            self._remember()

    def choose_file(self, path: str) -> None:
        """Use a file of the user's; asks first if its content is not trusted. It is remembered once it runs."""
        self._before, self._options = self._options, ReplayOptions(FILE, path)
        self._use_options(asked=True)

    def begin_with(self, start: int) -> None:
        """Remember whether replay begins with the best snapshot."""
        self._options = replace(self._options, from_snapshot=start == FROM_BEST)
        self._remember()

    def trust(self, file: ReducerFile, *, later: bool = False) -> None:
        """Let this content run; with `later` also whatever the file becomes while the window is open."""
        self._memory.trust(file.path, file.sha256, later=later)
        if self._options.reducer == FILE:
            self._tasks.start(self._use_file(asked=True), "use reducer")

    def decline(self) -> None:
        """Let the content that waits not run, and go back to what was used before."""
        if self._awaited is not None and not self._is_in_use(self._awaited.path):
            self._options = self._before
            self._use_options(asked=False)

    def ask_again(self) -> None:
        """Ask again about the content that waits."""
        if self._awaited is not None:
            self.trust_asked.emit(self._awaited)

    def _use_options(self, *, asked: bool) -> None:
        self._awaited = None
        self.told.emit("", "")
        if self._options.reducer == FILE:
            self._tasks.start(self._use_file(asked=asked), "use reducer")
        else:
            self._watch("")
            self._use(REDUCERS[self._options.reducer])

    async def _use_file(self, *, asked: bool) -> None:
        """Run the chosen file if its content is trusted; `asked`: the user is waiting for that."""
        options = self._options
        try:
            file = await asyncio.to_thread(ReducerFile.read, options.path)
            if options is not self._options:
                return
            self._watch(file.path)
            if not self._memory.is_trusted(file.path, file.sha256):
                self._await_trust(file, asked=asked)
                return
            reducer = self._reducer
            if not isinstance(reducer, UserReducer) or (reducer.path, reducer.sha256) != (file.path, file.sha256):
                reducer = await asyncio.to_thread(UserReducer, file.path, trusted=file.sha256)
        except ReducerTrustError:
            # Changed in between: it is looked at again.
            self._rest.start()
            return
        except AetherError as error:
            if options is self._options:
                self._refuse(error, asked=asked)
            return
        if options is self._options:
            self._awaited = None
            self._memory.trust(file.path, file.sha256)
            self._options = replace(options, path=file.path)
            self._remember()
            self.told.emit("", "")
            self._use(reducer)

    def _await_trust(self, file: ReducerFile, *, asked: bool) -> None:
        self._awaited = file
        name = Path(file.path).name
        if self._is_in_use(file.path):
            self.told.emit(f"{name} has changed.", "The states are still those of the content that was trusted.")
        if asked:
            self.trust_asked.emit(file)
        elif not self._is_in_use(file.path):
            self._use(REDUCERS[USUAL])
            self.told.emit(f"{name} is not used: it is not the content that was trusted.", _INSTEAD)
        self.changed.emit()

    def _refuse(self, error: AetherError, *, asked: bool) -> None:
        if asked:
            self._options = self._before
        else:
            self._use(REDUCERS[USUAL])
        self.told.emit(str(error), "" if asked else _INSTEAD)
        self.changed.emit()

    def _is_in_use(self, path: str) -> bool:
        return isinstance(self._reducer, UserReducer) and self._reducer.path == path

    def _use(self, reducer: Reducer) -> None:
        old, self._reducer = self._reducer, reducer
        if old is not reducer:
            self.used.emit(reducer)
            if isinstance(old, UserReducer):
                self._tasks.start(asyncio.to_thread(old.close), "end a reducer")
        self.changed.emit()

    def _remember(self) -> None:
        if self._place is not None:
            self._memory.set_options(self._place, self._options)

    # Watching

    def _watch(self, path: str) -> None:
        """Hear of changes of a file, also of such as replace it."""
        watched = [*self._watcher.files(), *self._watcher.directories()]
        wanted = [path, str(Path(path).parent)] if path else []
        if gone := [one for one in watched if one not in wanted]:
            self._watcher.removePaths(gone)
        if new := [one for one in wanted if one not in watched and Path(one).exists()]:
            self._watcher.addPaths(new)

    def _file_changed(self) -> None:
        self._rest.start()

    def _look_at_file(self) -> None:
        if self._options.reducer == FILE:
            self._tasks.start(self._use_file(asked=False), "look at a reducer")

    # Ending

    async def close(self) -> None:
        """End the reducer's process."""
        self._rest.stop()
        await self._tasks.cancel_all()
        if isinstance(self._reducer, UserReducer):
            await asyncio.to_thread(self._reducer.close)

    def _fail(self, error: Exception) -> None:
        self.told.emit("The reducer could not be changed.", str(error))
