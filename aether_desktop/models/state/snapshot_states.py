"""An actor's snapshots against its replay, and states that begin with one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from aether_desktop.models.state.state_values import Path, path_text, preview_value, value_at
from aether_engine.errors import ReducerError
from aether_engine.event import ActorSnapshot
from aether_engine.replay import ActorStream, Blame, Change, Origin, StateHistory, changes_between
from aether_engine.replay.exact import exact_state
from aether_engine.replay.snapshot_check import first_difference
from aether_engine.store.protocols import StoredSnapshot

#: Histories behind snapshots that are kept; those behind true snapshots are not needed.
_MOST_SEGMENTS: Final = 4
#: Events behind a snapshot that are folded by themselves before it is known whether it equals the replay.
_WORTH_FOLDING: Final = 2_000

#: Replay from the first event, and from the best snapshot; any other number is the version of a chosen snapshot.
FROM_FIRST: Final = 0
FROM_BEST: Final = -1


class Standing(StrEnum):
    """What a snapshot is worth."""

    UNCHECKED = "unchecked"
    EQUAL = "equal"
    DIFFERS = "differs"
    AHEAD = "ahead"
    UNREADABLE = "unreadable"
    #: The reducer fails before the snapshot's version.
    NO_REPLAY = "no replay"


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotEntry:
    """A stored snapshot and how it stands to the replay.

    `change` is the first place where they differ: `old` is the replay's value, `new` the snapshot's. `is_exact`
    says that they are written the same, too.
    """

    version: int
    raw: bytes
    snapshot: ActorSnapshot | None
    standing: Standing = Standing.UNCHECKED
    change: Change | None = None
    reason: str = ""
    is_exact: bool = False

    @property
    def state(self) -> Any:
        """The state in it with every number as stored; None of one that cannot be read."""
        return exact_state(self.snapshot) if self.snapshot is not None else None

    @property
    def is_trouble(self) -> bool:
        """Whether whoever begins with it goes wrong, or cannot."""
        return self.standing in (Standing.DIFFERS, Standing.AHEAD, Standing.UNREADABLE)

    @property
    def words(self) -> str:
        """How it stands, in a few words."""
        match self.standing:
            case Standing.EQUAL:
                return "equals the replay"
            case Standing.DIFFERS:
                return f"differs from the replay, {self._difference()}"
            case Standing.AHEAD:
                return "is ahead of the stream"
            case Standing.UNREADABLE:
                return f"cannot be read: {self.reason}"
            case Standing.NO_REPLAY:
                return f"cannot be checked: {self.reason}"
        return "not checked yet"

    def _difference(self) -> str:
        assert self.change is not None
        place = f"path {path_text(self.change.path)}" if self.change.path else "as a whole"
        if self.change.kind == "added":
            return f"{place}: only the snapshot has {preview_value(self.change.new)}"
        if self.change.kind == "removed":
            return f"{place}: only the replay has {preview_value(self.change.old)}"
        return f"{place}: {preview_value(self.change.new)}, the replay has {preview_value(self.change.old)}"


def entries_of(stored: Iterable[StoredSnapshot]) -> list[SnapshotEntry]:
    """Snapshots as entries by version, nothing checked yet."""
    entries = [
        SnapshotEntry(one.version, one.raw, one.snapshot)
        if one.snapshot is not None
        else SnapshotEntry(one.version, one.raw, None, Standing.UNREADABLE, reason=str(one.error))
        for one in stored
    ]
    return sorted(entries, key=lambda entry: entry.version)


def judge(history: StateHistory, entry: SnapshotEntry) -> SnapshotEntry:
    """`entry` against the states of `history`, which begins with the first event and is whole. For a thread."""
    if entry.snapshot is None:
        return entry
    if entry.version > history.latest_version:
        return replace(entry, standing=Standing.AHEAD)
    try:
        replayed = history.state_at(entry.version)
    except ReducerError as error:
        return replace(entry, standing=Standing.NO_REPLAY, reason=str(error))
    state = exact_state(entry.snapshot)
    change = first_difference(replayed, state)
    if change is not None:
        return replace(entry, standing=Standing.DIFFERS, change=change)
    is_exact = next(changes_between(replayed, state), None) is None
    return replace(entry, standing=Standing.EQUAL, is_exact=is_exact)


class SnapshotBlame:
    """Who set what is in a state that began with a snapshot: of what the replay has too, who set it there.

    Asked as a `Blame` is.
    """

    def __init__(self, behind: Blame, before: Blame, version: int) -> None:
        """`behind` knows what happened since the snapshot of `version`, `before` the replay up to there."""
        self.state = behind.state
        self._behind = behind
        self._before = before
        self._version = version

    def origin(self, path: Path) -> Origin:
        """Where the value at `path` comes from; it must be in the state."""
        found = self._behind.origin(path)
        if found.changed > self._version:
            return found
        try:
            is_same = value_at(self.state, path) == value_at(self._before.state, path)
        except (LookupError, TypeError):
            return found
        if not is_same:
            return found
        earlier = self._before.origin(path)
        return Origin(earlier.changed, found.written if found.written > self._version else earlier.written)

    def leaves(self) -> Iterator[tuple[Path, Any, Origin]]:
        """Every value that contains no other, in document order, with its path and origin."""
        for path, value, _ in self._behind.leaves():
            yield path, value, self.origin(path)


@dataclass(frozen=True, slots=True)
class StartedState:
    """A state and what it was made of: the snapshot it began with (None: the first event), and how many events."""

    state: Any
    entry: SnapshotEntry | None
    events: int


class SnapshotStarts:
    """States of an actor from the best snapshot, or a chosen one. Not for two threads at once.

    One that is known to differ from the replay is not the best: it is begun with only where somebody chose it.

    Behind a snapshot that equals the replay to the letter the states are those of the replay; only behind others
    are they folded by themselves.
    """

    def __init__(self, history: StateHistory, entries: Sequence[SnapshotEntry], start: int) -> None:
        self._history = history
        first_left_out = min(history.quarantine.versions, default=None)
        self._entries = [
            entry
            for entry in entries
            if entry.snapshot is not None
            and (entry.version == start or (start == FROM_BEST and not entry.is_trouble))
            and (first_left_out is None or entry.version < first_left_out)
        ]
        self._segments: dict[int, StateHistory] = {}

    def entry_for(self, version: int) -> SnapshotEntry | None:
        """The snapshot that the state at `version` begins with."""
        entry = next((entry for entry in reversed(self._entries) if entry.version <= version), None)
        if entry is not None and entry.standing is Standing.UNCHECKED:
            # Soon it is known whether what the replay has anyway will do.
            behind = self._history.position_of(version) - self._history.position_of(entry.version)
            return entry if behind <= _WORTH_FOLDING else None
        return entry

    def state_at(self, version: int) -> StartedState:
        """The state at `version`. Raises `ReducerError`."""
        history, entry = self._history, self.entry_for(version)
        position = history.position_of(version)
        if entry is None:
            return StartedState(history.state_at(version), None, position)
        behind = position - history.position_of(entry.version)
        source = history if entry.is_exact else self._segment(entry, position)
        return StartedState(source.state_at(version), entry, behind)

    def blame_at(self, version: int) -> Blame | SnapshotBlame:
        """Who set what is in the state at `version`: what only a snapshot has was set by it."""
        history, entry = self._history, self.entry_for(version)
        if entry is None or entry.is_exact:
            return history.blame_at(version)
        behind = self._segment(entry, history.position_of(version)).blame_at(version)
        if entry.standing is Standing.UNCHECKED:
            return behind
        return SnapshotBlame(behind, history.blame_at(entry.version), entry.version)

    def _segment(self, entry: SnapshotEntry, position: int) -> StateHistory:
        """The states behind a snapshot, up to a position of the stream."""
        segment = self._segments.pop(entry.version, None)
        if segment is None:
            segment = StateHistory(
                reducer=self._history.reducer,
                quarantine=self._history.quarantine,
                snapshot=entry.snapshot,
                stream=ActorStream(),
            )
        self._segments[entry.version] = segment
        while len(self._segments) > _MOST_SEGMENTS:
            del self._segments[next(iter(self._segments))]
        stream = self._history.stream
        begin = stream.position_of(max(entry.version, segment.latest_version))
        segment.extend(stream.stored(place) for place in range(begin, position))
        return segment
