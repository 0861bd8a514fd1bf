"""The rows of a live tail: what each holds and how it reads. Texts are made when a row is painted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from aether_desktop.models.events.event_cells import EventCells, cells_of, data_preview, data_text
from aether_desktop.models.events.roles import RowBanner, RowKind
from aether_desktop.models.events.unseen_event import QUICK, UnseenEvent
from aether_desktop.numbers import number_text
from aether_engine.event import Event, Gap, Published, StoredEvent, Tailed

#: What a user can see and select as an event.
TailEvent = StoredEvent | Published

LOAD_GAP = "Load them from the log"


class TailRow:
    """One row: an event from the log or the bus, a gap, or a note about the tail itself.

    `at` is when the store recorded the event; of an event from the bus, which does not say, when it arrived here.
    """

    __slots__ = ("_made", "at", "is_event", "item", "kind", "namespace")

    def __init__(self, kind: RowKind, namespace: str, item: TailEvent | Gap | RowBanner, at: datetime) -> None:
        self.kind = kind
        self.namespace = namespace
        self.item = item
        self.at = at
        #: Whether this row is an event, damaged or not. Counted by the thousand, so it is no property.
        self.is_event = kind is RowKind.EVENT or kind is RowKind.CORRUPTED
        self._made: str | EventCells | RowBanner | None = None

    @property
    def stored(self) -> TailEvent | None:
        """The event in this row, None in gaps and notes."""
        return self.item if isinstance(self.item, (StoredEvent, Published)) else None

    @property
    def event(self) -> Event | None:
        """The readable event in this row."""
        return self.item.event if isinstance(self.item, (StoredEvent, Published)) else None

    @property
    def sequence(self) -> int | None:
        """The event's place in its namespace's log, None where it is not known."""
        return self.item.sequence if isinstance(self.item, (StoredEvent, Published)) else None

    def as_stored(self) -> StoredEvent | None:
        """The event as the log has it. From the bus: recorded on arrival, sequence 0 where unknown."""
        if isinstance(self.item, Published):
            return StoredEvent(self.item.sequence or 0, self.at, self.raw, self.item.event, None)
        return self.item if isinstance(self.item, StoredEvent) else None

    @property
    def cells(self) -> EventCells | None:
        """What a damaged event still says; None for every other row."""
        if self.kind is not RowKind.CORRUPTED or not isinstance(self.item, StoredEvent):
            return None
        if not isinstance(self._made, EventCells):
            self._made = cells_of(self.item)
        return self._made

    @property
    def banner(self) -> RowBanner | None:
        """The line that a gap or note is; None for events."""
        if isinstance(self.item, RowBanner):
            return self.item
        if not isinstance(self.item, Gap):
            return None
        if not isinstance(self._made, RowBanner):
            self._made = gap_banner(self.item)
        return self._made

    @property
    def preview(self) -> str:
        """The payload on one line."""
        if not isinstance(self._made, str):
            self._made = data_preview(self.raw)
        return self._made

    @property
    def payload(self) -> str:
        """The whole payload exactly as stored."""
        return data_text(self.raw)

    @property
    def raw(self) -> bytes:
        """The event's bytes as stored, empty where there are none."""
        if isinstance(self.item, StoredEvent):
            return self.item.raw
        return self.item.event.to_json() if isinstance(self.item, Published) else b""

    @property
    def time_text(self) -> str:
        """`at` as `date time offset`, no digit lost."""
        return moment_text(self.at)


class UnseenTailEvent(UnseenEvent, frozen=True, gc=False):
    """One of a namespace."""

    namespace: str


#: What a tail keeps: a row, or an event of a log that nobody has looked at yet.
TailEntry = TailRow | UnseenTailEvent


def kept_of(item: Tailed) -> TailEntry:
    """What a tail keeps of an event that a log delivered."""
    namespace, stored = item.namespace, item.stored
    if stored.error is not None:
        return TailRow(RowKind.CORRUPTED, namespace, stored, stored.recorded_at)
    if len(stored.raw) > QUICK:
        return TailRow(RowKind.EVENT, namespace, stored, stored.recorded_at)
    return UnseenTailEvent(stored.sequence, stored.recorded_at, stored.raw, namespace)


def seen(entry: TailEntry) -> TailRow:
    """The row that somebody looks at."""
    if isinstance(entry, TailRow):
        return entry
    return TailRow(RowKind.EVENT, entry.namespace, entry.as_stored(), entry.recorded_at)


def others_in(entries: Iterable[TailEntry]) -> int:
    """How many of `entries` are no events but gaps and notes."""
    # Asked of every event of a flood, by every tail.
    return sum([1 for entry in entries if type(entry) is TailRow and not entry.is_event])


def stored_of(entries: Iterable[TailEntry]) -> list[StoredEvent]:
    """The events of `entries`, in their order."""
    found = (entry.as_stored() for entry in entries)
    return [stored for stored in found if stored is not None]


def last_event(rows: Sequence[TailEntry]) -> Event | None:
    """The last event of `rows`, which has one; None if it is damaged."""
    for row in reversed(rows):
        if isinstance(row, UnseenTailEvent) or row.is_event:
            return seen(row).event
    return None


def row_of(item: Tailed | Published | Gap, now: datetime) -> TailRow:
    """The row for what a log or a bus delivered at `now`."""
    if isinstance(item, Tailed):
        stored = item.stored
        kind = RowKind.EVENT if stored.event is not None else RowKind.CORRUPTED
        return TailRow(kind, item.namespace, stored, stored.recorded_at)
    if isinstance(item, Published):
        return TailRow(RowKind.EVENT, item.namespace, item, now)
    return TailRow(RowKind.GAP, item.namespace, item, now)


def note(title: str, text: str, now: datetime, icon: str = "info") -> TailRow:
    """A line about the tail itself."""
    return TailRow(RowKind.NOTE, "", RowBanner(title, text, icon=icon), now)


def reconnect_note(lost: datetime, back: datetime, place: str) -> TailRow:
    """A line about a link that was away."""
    away = f"{(back - lost).total_seconds():.3f} s without a link"
    text = f"{away} to {place}." if place else f"{away}."
    return note(f"Connection lost at {_clock_text(lost)}, back at {_clock_text(back)}", text, back, "reconnect")


def gap_banner(gap: Gap) -> RowBanner:
    """How a gap reads: how many events, why, and which."""
    if gap.missed is None:
        title = "Events not shown here, how many is not known"
    else:
        title = f"{events_text(gap.missed)} not shown here"
    reason = gap.reason.rstrip(".")
    where = gap.namespace
    if gap.after_sequence is not None:
        if gap.missed is None:
            where = f"{gap.namespace} behind sequence {number_text(gap.after_sequence)}"
        else:
            first, last = gap.after_sequence + 1, gap.after_sequence + gap.missed
            span = number_text(first) if first == last else f"{number_text(first)} to {number_text(last)}"
            where = f"{gap.namespace} {span}"
    text = f"{reason[:1].upper()}{reason[1:]}. {where}." if reason else f"{where}."
    return RowBanner(title, text, LOAD_GAP if gap.after_sequence is not None else "")


def events_text(count: int) -> str:
    """A number of events in words."""
    return f"{number_text(count)} event" if count == 1 else f"{number_text(count)} events"


def moment_text(moment: datetime) -> str:
    """A moment as `date time offset`; milliseconds, or microseconds where there are any."""
    text = moment.isoformat(sep=" ", timespec="microseconds" if moment.microsecond % 1000 else "milliseconds")
    return f"{text[:-6]} {text[-6:]}"


def _clock_text(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03}"
