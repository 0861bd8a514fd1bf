"""The timeline of an actor's stream: its versions at equal steps, or its events over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from time import monotonic

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.events.stream_rows import StreamRow, StreamRows
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.tasks import TaskOwner
from aether_engine.moments import TimeCount, count_events
from aether_engine.store.protocols import CountsByTime, Store
from aether_engine.time_bars import BAR_TYPES, Bars, Layer, TimeHistogram, make_bars

#: Events whose type and time are looked up; of a longer stream some, spread over it.
LOOKED_UP = 4096
_AT_ONCE = 500
_REPAINT_INTERVAL = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the drawing: one row of the stream, or as many as there is no room for.

    `counts` are by the types of the `Steps` it belongs to, the last one those of all other types; what was not
    looked up is in none of them. Of a single row `text` says what it is if it is no event.
    """

    first_version: int
    last_version: int
    sequence: int
    events: int
    counts: tuple[int, ...]
    damaged: int
    gaps: int
    time: int | None
    text: str = ""
    snapshots: tuple[str, ...] = ()
    event_type: str = ""
    is_left_out: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """The versions of a stream. `are_single` says that each step is one event or gap."""

    steps: tuple[Step, ...]
    types: tuple[str, ...]
    are_single: bool
    events: int
    looked_up: int
    first_version: int
    last_version: int
    damaged: int
    gaps: int
    snapshots: int


class StreamTimelineController(QObject):
    """Looks up types and times of a stream's events in the background while somebody looks at its timeline."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, store: Store, table: StreamTable, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._table = table
        self._known: dict[int, TimeCount] = {}
        self._known_changes = 0
        # The last long picture, and what it was made of: scrolling asks for it again and again.
        self._drawn: tuple[tuple[object, ...], Steps] | None = None
        self._looked_at = 0
        self._active = False
        self._running = False
        self._told = 0.0
        self._tasks = TaskOwner(self._fail)
        self._soon = QTimer(self, singleShot=True)
        self._soon.timeout.connect(self._tell)
        for changed in (table.rowsInserted, table.modelReset, table.loaded, table.more_to_search):
            changed.connect(self.look)

    @property
    def busy(self) -> bool:
        return self._running

    @property
    def is_exact(self) -> bool:
        """Whether every event was looked up."""
        return self._looked_at == len(self._table.all_rows) <= LOOKED_UP

    def set_active(self, active: bool) -> None:
        """Look up, or rest, because the timeline came into sight or went."""
        self._active = active
        self._go_on()

    def rest(self, resting: bool) -> None:
        """A stream's search is done before it would be worth resting."""

    def look_for_damage(self) -> None:
        """What is damaged was found when it was looked up."""

    def look(self) -> None:
        """There may be more events, or others shown."""
        self._picture_changed()
        self._go_on()

    async def close(self) -> None:
        """Stop looking up."""
        self._active = False
        self._soon.stop()
        await self._tasks.cancel_all()

    # -- what there is

    def steps(self, limit: int) -> Steps:
        """The versions: each by itself if there are at most `limit`, else in as many steps of several rows."""
        rows = self._table.all_rows
        snapshots = rows.count(StreamRow.SNAPSHOT, 0, len(rows))
        are_single = len(rows) - snapshots <= limit
        made_of = (rows, len(rows), snapshots, self._known_changes, self.is_exact, limit)
        if not are_single and self._drawn is not None and self._drawn[0] == made_of:
            return self._drawn[1]
        totals = Counter[str]()
        damaged = rows.events - len(self._known) if self.is_exact else 0
        for group in self._known.values():
            if group.is_damaged:
                damaged += 1
            else:
                totals[group.event_type] += 1
        types = tuple(name for name, _ in totals.most_common(BAR_TYPES))
        steps = self._single(rows) if are_single else self._several(rows, types, limit)
        made = Steps(
            steps=tuple(steps),
            types=types,
            are_single=are_single,
            events=rows.events,
            looked_up=len(self._known),
            first_version=rows.versions[0] if len(rows) else 0,
            last_version=rows.latest,
            damaged=damaged,
            gaps=rows.count(StreamRow.GAP, 0, len(rows)),
            snapshots=snapshots,
        )
        self._drawn = (made_of, made)
        return made

    def bars(self, limit: int) -> Bars:
        """At most `limit` bars over the time of the stream."""
        found, events = list(self._known.values()), self._table.all_rows.events
        if self.is_exact:
            histogram = TimeHistogram()
            if events > len(found):
                # What is lost was not found to be looked up.
                found.append(TimeCount("", None, events - len(found), 0, 0, 0, is_damaged=True))
            histogram.add(found, 1)
            return make_bars(Layer(histogram), None, limit)
        return make_bars(Layer(TimeHistogram(), found, events / max(len(found), 1)), None, limit)

    def _single(self, rows: StreamRows) -> list[Step]:
        shown = self._shown_rows(len(rows))
        steps: list[Step] = []
        for row in range(len(rows)):
            kind, version = rows.kind(row), rows.versions[row]
            if kind is StreamRow.SNAPSHOT:
                banner = rows.banner(row).banner
                if steps:
                    steps[-1] = _with_snapshot(steps[-1], f"{banner.title}, {banner.text}")
            elif kind is StreamRow.GAP:
                title = rows.banner(row).banner.title
                steps.append(Step(version, version, 0, 0, (), 0, 1, None, title))
            else:
                sequence = rows.sequence(row)
                group = self._known.get(sequence)
                is_damaged = group.is_damaged if group is not None else self.is_exact
                steps.append(
                    Step(
                        version,
                        version,
                        sequence,
                        1,
                        (),
                        int(is_damaged),
                        0,
                        group.earliest if group is not None and group.span is not None else None,
                        event_type=group.event_type if group is not None else "",
                        is_left_out=shown is not None and row + 1 not in shown,
                    )
                )
        return steps

    def _shown_rows(self, count: int) -> set[int] | None:
        """The numbers of the rows that a filter leaves, None without one."""
        if not self._table.is_filtered or not count:
            return None
        return set(self._table.numbers(0, self._table.total))

    def _several(self, rows: StreamRows, types: Sequence[str], limit: int) -> list[Step]:
        index = {name: place for place, name in enumerate(types)}
        # As many rows in each step, the last one excepted.
        length = -(-len(rows) // limit)
        bounds = [*range(0, len(rows), length), len(rows)]
        count = len(bounds) - 1
        counts = [[0] * (len(types) + 1) for _ in range(count)]
        damaged = [0] * count
        times: list[int | None] = [None] * count
        for sequence, group in self._known.items():
            row = rows.row_of_sequence(sequence)
            if row < 0:
                continue
            place = row // length
            if group.is_damaged:
                damaged[place] += 1
            else:
                counts[place][index.get(group.event_type, len(types))] += 1
            if times[place] is None and group.span is not None:
                times[place] = group.earliest
        return [
            Step(
                rows.versions[first],
                rows.versions[end - 1],
                rows.sequence(first) if rows.is_event(first) else rows.sequence(min(first + 1, len(rows) - 1)),
                rows.count(StreamRow.EVENT, first, end),
                tuple(counts[place]),
                damaged[place],
                rows.count(StreamRow.GAP, first, end),
                times[place],
                snapshots=("snapshots",) * min(rows.count(StreamRow.SNAPSHOT, first, end), 1),
            )
            for place, (first, end) in enumerate(pairwise(bounds))
        ]

    # -- looking up

    def _go_on(self) -> None:
        if self._active and not self._running and self._looked_at < len(self._table.all_rows):
            self._running = self._tasks.start(self._look_up(), "timeline of a stream") is not None

    async def _look_up(self) -> None:
        try:
            while self._active and self._looked_at < len(self._table.all_rows):
                rows = self._table.all_rows
                end = len(rows)
                if end > LOOKED_UP:
                    # Others than before stand for the whole now.
                    places = [end * number // LOOKED_UP for number in range(LOOKED_UP)]
                    if end < self._looked_at * 1.1:
                        places = []
                else:
                    places = list(range(self._looked_at, end))
                sequences = [rows.sequence(row) for row in places if rows.is_event(row)]
                sequences = [sequence for sequence in sequences if sequence not in self._known]
                if end > LOOKED_UP and sequences:
                    self._known.clear()
                    self._known_changes += 1
                # Where they cannot be asked for by place, the stream is read, and that once.
                part = _AT_ONCE if isinstance(self._store, CountsByTime) else max(len(sequences), 1)
                for start in range(0, len(sequences), part):
                    for group in await self._times_of(sequences[start : start + part]):
                        self._known[group.first_sequence] = group
                    self._known_changes += 1
                    self._picture_changed()
                    if self._rests():
                        return
                self._looked_at = end
        finally:
            self._running = False

    def _rests(self) -> bool:
        return not self._active

    async def _times_of(self, sequences: Sequence[int]) -> list[TimeCount]:
        if isinstance(self._store, CountsByTime):
            return await self._store.sample_times(sequences, 1)
        return await self._read_times(set(sequences))

    async def _read_times(self, wanted: set[int]) -> list[TimeCount]:
        found: list[TimeCount] = []
        async for batch in self._store.read_actor(self._table.actor_id):
            for stored in batch:
                if stored.sequence in wanted:
                    found += count_events([stored], 1)
            if len(found) == len(wanted):
                break
        return found

    def _picture_changed(self) -> None:
        wait = _REPAINT_INTERVAL - int((monotonic() - self._told) * 1000)
        if wait <= 0:
            self._tell()
        elif not self._soon.isActive():
            self._soon.start(wait)

    def _tell(self) -> None:
        self._soon.stop()
        self._told = monotonic()
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self._running = False
        self.failed.emit(error)


def _with_snapshot(step: Step, text: str) -> Step:
    return replace(step, snapshots=(*step.snapshots, text))
