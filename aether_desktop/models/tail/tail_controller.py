"""A live tail without widgets: it reads, filters, counts and batches, and can freeze its table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import chain

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from aether_desktop.models.tail.tail_alerts import TailAlerts
from aether_desktop.models.tail.tail_counters import TailCounters, TailFilter, TailState, by_subscription
from aether_desktop.models.tail.tail_feed import NOW, FeedItem, TailEngine, TailFeed, TailSource, TailStart
from aether_desktop.models.tail.tail_gap import read_gap
from aether_desktop.models.tail.tail_rate import RateRecorder, RateState
from aether_desktop.models.tail.tail_rows import (
    TailEntry,
    TailRow,
    events_text,
    kept_of,
    last_event,
    note,
    reconnect_note,
    row_of,
)
from aether_desktop.models.tail.tail_table import DEFAULT_CAPACITY, TailTableModel
from aether_desktop.models.tail.tail_tally import TailTally
from aether_desktop.models.tail.tail_waiting import WaitingRows
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError, NamespaceNameError
from aether_engine.event import Gap, Published, SubscriptionFilter, Tailed
from aether_engine.patterns import check_namespace_pattern

log = logging.getLogger(__name__)

#: Milliseconds between two changes of the table, and the most a slow view can ask for.
FRAME, LONGEST_FRAME = 50, 250


class TailController(QObject):
    """One tail of an engine and the table it fills; every widget that shows it listens to the same signals.

    Signals come at most once per `FRAME`, never per event.
    """

    state_changed = Signal()
    """State, link, pattern or error are others now."""
    counters_changed = Signal()
    rate_changed = Signal()
    """A second is over, or what the plot marks has changed."""

    def __init__(
        self,
        engine: TailEngine,
        parent: QObject | None = None,
        *,
        capacity: int = DEFAULT_CAPACITY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._clock = clock
        self.table = TailTableModel(capacity, self)
        self.rate = RateRecorder(clock)
        self.alerts = TailAlerts(self)
        self._tasks = TaskOwner(self._failed)
        self._feed: TailFeed | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped: set[TailFeed] = set()
        self._closed = False
        self._state = TailState.STOPPED
        self._pattern = ""
        self._source = TailSource.LOG
        self._filter: TailFilter | None = None
        self._error: Exception | None = None
        self._message = ""
        self._link_up = True
        self._link_lost_at: datetime | None = None
        self._started_at: datetime | None = None
        self._waiting = WaitingRows()
        self._tally = TailTally()
        self._new = 0
        self._frame_interval = FRAME
        self._framed_at = 0.0
        self._frame = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._frame.timeout.connect(self._show_frame)
        self._seconds = QTimer(self, interval=1000)
        self._seconds.timeout.connect(self.rate_changed)

    # -- looks -----------------------------------------------------------------------------------------------

    @property
    def state(self) -> TailState:
        """What the tail is doing."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether events are being taken, shown at once or not."""
        return self._state in (TailState.LIVE, TailState.PAUSED)

    @property
    def pattern(self) -> str:
        """The namespaces that are, or were last, tailed."""
        return self._pattern

    @property
    def source(self) -> TailSource:
        """Where the events come, or came last, from."""
        return self._source

    @property
    def is_filtered(self) -> bool:
        """Whether some events may not be wanted."""
        return self._filter is not None

    @property
    def error(self) -> Exception | None:
        """What went wrong last; None since the last start."""
        return self._error

    @property
    def message(self) -> str:
        """A sentence about how the tail ended or what went wrong; empty after a start."""
        return self._message

    @property
    def link_up(self) -> bool:
        """Whether the store or server can be reached, as far as is known."""
        return self._link_up

    @property
    def link_lost_at(self) -> datetime | None:
        """Since when there is no link; None while there is one."""
        return self._link_lost_at

    @property
    def started_at(self) -> datetime | None:
        """When the tail was started."""
        return self._started_at

    @property
    def new_count(self) -> int:
        """Events since the view was frozen that are not shown yet."""
        return self._new

    @property
    def counters(self) -> TailCounters:
        """Where every event of this run went."""
        return self._tally.counters(self.table.event_count, self._waiting.events)

    # -- commands --------------------------------------------------------------------------------------------

    @staticmethod
    def check_pattern(pattern: str) -> NamespaceNameError | None:
        """Why `pattern` can match no namespace, None if it can."""
        try:
            check_namespace_pattern(pattern)
        except NamespaceNameError as error:
            return error
        return None

    def start(self, pattern: str, source: TailSource = TailSource.LOG, start: TailStart = NOW) -> None:
        """Begin anew with an empty table. Raises `NamespaceNameError` and, if the engine is closed,
        `StoreUnavailableError`; then everything stays as it was."""
        check_namespace_pattern(pattern)
        if self._closed:
            return
        feed = TailFeed(self._engine, pattern, source, start)
        self.stop()
        self.table.clear()
        self.table.set_recorded_title("Recorded" if source is TailSource.LOG else "Recorded or arrived")
        self._waiting.take()
        self._tally = TailTally()
        self._new = 0
        self._pattern, self._source, self._error, self._message = pattern, source, None, ""
        self._started_at = self._now()
        self._feed = feed
        self._task = self._tasks.start(self._run(feed), f"tail {pattern}")
        self.rate.clear()
        self._set_state(TailState.LIVE)
        self._seconds.start()
        self.counters_changed.emit()

    def stop(self) -> None:
        """Take no more events; what has arrived is shown. The task ends by itself, `close` waits for it."""
        if self._task is not None and self._feed is not None:
            self._task.cancel()
            # A task that is cancelled before its first step never comes to close what it was given.
            self._stopped.add(self._feed)
            self._tasks.start(self._let_go(self._feed), "tail end")
        self._end(TailState.STOPPED)

    async def close(self) -> None:
        """Stop, and return when nothing of this tail is running any more; it cannot be started again."""
        self._closed = True
        self.stop()
        for feed in list(self._stopped):
            await feed.close()
        await self._tasks.cancel_all()

    def pause(self) -> None:
        """Freeze the table; what arrives is counted and kept, as much as the table could hold."""
        if self._state is TailState.LIVE:
            self._show_waiting()
            self._set_state(TailState.PAUSED)
            self.counters_changed.emit()

    def resume(self) -> None:
        """Show what has arrived and go on."""
        if self._state is TailState.PAUSED:
            self._show_waiting()
            self._set_state(TailState.LIVE)
            self.counters_changed.emit()

    def show_waiting(self) -> None:
        """Show what has arrived so far, and stay paused."""
        self._show_waiting()
        self.counters_changed.emit()

    def set_capacity(self, rows: int) -> None:
        """Keep at most `rows` rows from now on."""
        self._tally.left += self.table.set_capacity(rows) + self._waiting.bound(self.table.capacity)
        self.counters_changed.emit()

    def set_filter(self, wanted: TailFilter | SubscriptionFilter | None) -> None:
        """Show only matching events from now on. Damaged events pass every `SubscriptionFilter`."""
        before = self._filter
        self._filter = by_subscription(wanted) if isinstance(wanted, SubscriptionFilter) else wanted
        if self.running and (before is not None or wanted is not None):
            text = "The rows above were chosen by the previous filter."
            self._add([note("Filter changed", text, self._now(), "filter")])
        self.state_changed.emit()

    def set_link(self, up: bool, place: str = "") -> None:
        """The link to the store was lost or is back; a line in the table says for how long it was away."""
        if up == self._link_up:
            return
        now = self._now()
        self._link_up = up
        if not up:
            self._link_lost_at = now
        elif self._link_lost_at is not None:
            lost, self._link_lost_at = self._link_lost_at, None
            if self.running:
                self._add([reconnect_note(lost, now, place)])
        self._mark_rate()
        self.state_changed.emit()

    def load_gap(self, row: int) -> None:
        """Read the events of the gap in `row` from the log and put them in its place."""
        entry = self.table.row_at(row)
        if entry is None or not isinstance(entry.item, Gap) or entry.item.after_sequence is None:
            return
        if entry.item.missed is None:
            to_sequence = self._next_sequence(row, entry.namespace)
        else:
            to_sequence = entry.item.after_sequence + entry.item.missed
        self._tasks.start(self._load_gap(entry, entry.item, to_sequence), "tail gap")

    @property
    def frame(self) -> int:
        """Milliseconds between two changes of the table."""
        return self._frame_interval

    def set_frame(self, milliseconds: int) -> None:
        """Change the table less often than every `FRAME`, because drawing it takes long; never more often."""
        self._frame_interval = min(max(milliseconds, FRAME), LONGEST_FRAME)

    # -- reading ---------------------------------------------------------------------------------------------

    async def _run(self, feed: TailFeed) -> None:
        try:
            async with aclosing(feed.batches()) as batches:
                async for batch in batches:
                    self.take(batch.items, live=batch.live)
                    # The store may have the next batch at hand; the window comes first.
                    await asyncio.sleep(0)
        except Exception as error:
            # Told here, where it is known which run failed: a later one may have begun.
            if feed is not self._feed:
                raise
            self._say(error)
            self._end(TailState.FAILED)
        else:
            if feed is self._feed:
                self._message = "The connection was closed."
                self._end(TailState.STOPPED)

    async def _let_go(self, feed: TailFeed) -> None:
        await feed.close()
        self._stopped.discard(feed)

    def take(self, items: Sequence[FeedItem], *, live: bool = True) -> None:
        """Filter, count and queue what a source delivered; `live` is False for what was stored before."""
        now = self._now()
        wanted = self._filter
        rows: list[TailEntry] = []
        gaps = 0
        for item in items:
            # An event of a log is a row only once it is looked at; a bus does not say when it was recorded.
            if type(item) is Tailed:
                if wanted is None or wanted(item.namespace, item.stored):
                    rows.append(kept_of(item))
            elif isinstance(item, Gap):
                gaps += 1
                self._tally.take_gap(item)
                rows.append(row_of(item, now))
            elif isinstance(item, Published) and (wanted is None or wanted(item.namespace, item)):
                rows.append(row_of(item, now))
        events = len(items) - gaps
        shown = len(rows) - gaps
        self._tally.take(events, shown)
        if live:
            self.rate.add(events)
            if shown and wanted is not None and self.alerts.on:
                self.alerts.passed(self._pattern, shown, last_event(rows))
        self._add(rows, shown)

    def _add(self, rows: Sequence[TailEntry], events: int = 0) -> None:
        """Queue `rows`, of which `events` are events, for the next frame."""
        self._waiting.add(rows, events)
        if self._state is TailState.PAUSED:
            self._new += events
        self._tally.left += self._waiting.bound(self.table.capacity)
        if not self._frame.isActive():
            # Counted from the last frame: the first event after a rest is seen at once.
            rest = self._framed_at + self._frame_interval / 1000 - time.monotonic()
            self._frame.start(max(0, round(rest * 1000)))

    def _show_frame(self) -> None:
        self._framed_at = time.monotonic()
        if self._state is not TailState.PAUSED:
            self._show_waiting()
        self.counters_changed.emit()

    def _show_waiting(self) -> None:
        rows = self._waiting.take()
        self._new = 0
        if rows:
            self._tally.left += self.table.append(rows)

    def _failed(self, error: Exception) -> None:
        """A gap could not be loaded or an ended run not be closed; the tail itself goes on."""
        self._say(error)
        self.state_changed.emit()

    def _say(self, error: Exception) -> None:
        self._error = error
        if isinstance(error, AetherError):
            self._message = str(error)
        else:
            log.error("a tail failed", exc_info=error)
            self._message = f"{type(error).__name__}: {error}"

    def _end(self, state: TailState) -> None:
        if not self.running:
            return
        feed, self._feed, self._task = self._feed, None, None
        unsaid = feed.unsaid_dropped if feed is not None else 0
        if unsaid:
            gap = Gap(self._pattern, None, unsaid, "they were lost just before the tail ended")
            self._tally.take_gap(gap)
            self._add([row_of(gap, self._now())])
        self._show_waiting()
        self.alerts.forget()
        self._frame.stop()
        self._seconds.stop()
        self._set_state(state)
        self.counters_changed.emit()

    # -- gaps ------------------------------------------------------------------------------------------------

    async def _load_gap(self, entry: TailRow, gap: Gap, to_sequence: int | None) -> None:
        store = await self._engine.store(gap.namespace)
        found = await read_gap(store, gap, to_sequence, self._filter, self.table.capacity)
        if self._feed is not None and to_sequence is None and found.last_sequence:
            self._feed.skip_to(gap.namespace, found.last_sequence)
        row = self.table.index_of(entry)
        if row < 0:
            return  # The gap has left the buffer meanwhile; it stays counted as dropped.
        rows = found.rows
        if not rows:
            text = "None of them passes the filter." if found.filtered else "The log holds none there."
            rows = [note(f"{events_text(found.count)} loaded from the log", text, self._now())]
        self._tally.load_gap(gap, found)
        self._tally.left += self.table.replace(row, rows)
        self.counters_changed.emit()

    def _next_sequence(self, row: int, namespace: str) -> int | None:
        """The last sequence before the next event of `namespace` below `row`; None if there is none."""
        for entry in chain(self.table.entries()[row + 1 :], self._waiting):
            if entry.namespace == namespace and entry.sequence is not None:
                return entry.sequence - 1
        return None

    # -- small things ----------------------------------------------------------------------------------------

    def _set_state(self, state: TailState) -> None:
        if state is not self._state:
            self._state = state
            self._mark_rate()
            self.state_changed.emit()

    def _mark_rate(self) -> None:
        if not self.running:
            self.rate.set_state(RateState.OFF)
        elif not self._link_up:
            self.rate.set_state(RateState.NO_LINK)
        else:
            self.rate.set_state(RateState.PAUSED if self._state is TailState.PAUSED else RateState.LIVE)
        self.rate_changed.emit()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
