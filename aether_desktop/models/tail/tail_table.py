"""The table of a live tail: a bounded ring of rows, newest last, changed in batches and never per event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.events.event_cells import NOT_TRUSTED
from aether_desktop.models.events.roles import ColumnKind, Role, RowKind
from aether_desktop.models.tail.tail_rows import (
    TailEntry,
    TailEvent,
    TailRow,
    UnseenTailEvent,
    moment_text,
    others_in,
    seen,
)
from aether_engine.event import Published, StoredEvent

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

DEFAULT_CAPACITY = 10_000

_DISPLAY = int(Qt.ItemDataRole.DisplayRole)
_ACCESSIBLE = int(Qt.ItemDataRole.AccessibleTextRole)
_TOOLTIP = int(Qt.ItemDataRole.ToolTipRole)
# Plain integers: comparing with members of an enumeration is measurable at a thousand questions a frame.
_KIND = int(Role.KIND)
_NEW = int(Role.NEW)
_ICON = int(Role.ICON)
_DIMMED = int(Role.DIMMED)
_MARKED = int(Role.MARKED)
_SAME_DATE = int(Role.SAME_DATE)
_FULL_TEXT = int(Role.FULL_TEXT)
_COPY_TEXT = int(Role.COPY_TEXT)
_BANNER = int(Role.BANNER)


class TailColumn(IntEnum):
    """The columns of a tail."""

    GUTTER = 0
    NAMESPACE = 1
    SEQUENCE = 2
    VERSION = 3
    EVENT_TYPE = 4
    ACTOR = 5
    RECORDED = 6
    DATA = 7


_KINDS = (
    ColumnKind.GUTTER,
    ColumnKind.ID,
    ColumnKind.NUMBER,
    ColumnKind.NUMBER,
    ColumnKind.CHIP,
    ColumnKind.ID,
    ColumnKind.TIME,
    ColumnKind.MONO,
)
_TITLES = ("", "Namespace", "Sequence", "Version", "Event type", "Actor", "Recorded", "Data")
_HINTS = (
    "Marks and trouble",
    "The namespace the event was stored in",
    "Place in the namespace's log",
    "Version of the actor that the event made",
    "What happened",
    "What it happened to",
    "When the store recorded the event",
    "The payload exactly as stored; the whole of it is in the tooltip and in the Inspector",
)


def _version(row: TailRow) -> str | int:
    event = row.event
    return event.version if event is not None else row.cells.version if row.cells is not None else ""


def _event_type(row: TailRow) -> str:
    event = row.event
    return event.event_type if event is not None else row.cells.event_type if row.cells is not None else ""


def _actor(row: TailRow) -> str:
    event = row.event
    return event.actor_id if event is not None else row.cells.actor if row.cells is not None else ""


def _data(row: TailRow) -> str:
    return row.preview if row.kind is RowKind.EVENT else NOT_TRUSTED


#: The text of each column of an event.
_DISPLAYED: tuple[Callable[[TailRow], str | int | None], ...] = (
    lambda _row: "",
    lambda row: row.namespace,
    lambda row: row.sequence,
    _version,
    _event_type,
    _actor,
    lambda row: row.time_text,
    _data,
)


class TailTableModel(QAbstractTableModel):
    """At most `capacity` rows; what leaves at the front is counted by whoever appends.

    Events keep their order of arrival. Gaps and notes are rows in place.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._capacity = max(1, capacity)
        # What came from a log becomes a row when somebody looks at it: most of a flood passes through unseen.
        self._rows: list[TailEntry] = []
        self._events = 0
        self._recorded_title = _TITLES[TailColumn.RECORDED]
        self._is_marked: Callable[[str, int], bool] | None = None

    @property
    def capacity(self) -> int:
        """Most rows that are kept."""
        return self._capacity

    @property
    def event_count(self) -> int:
        """Events in the table; gaps and notes are not events."""
        return self._events

    def row_at(self, row: int) -> TailRow | None:
        """What stands in `row`."""
        return self._row(row) if 0 <= row < len(self._rows) else None

    def _row(self, row: int) -> TailRow:
        entry = self._rows[row]
        if isinstance(entry, UnseenTailEvent):
            entry = self._rows[row] = seen(entry)
        return entry

    def entries(self) -> list[TailEntry]:
        """Everything that is in the table now."""
        return list(self._rows)

    def stored_at(self, row: int) -> tuple[str, TailEvent] | None:
        """Namespace and event in `row`; None for gaps and notes."""
        entry = self.row_at(row)
        stored = entry.stored if entry is not None else None
        return None if entry is None or stored is None else (entry.namespace, stored)

    def find(self, namespace: str, sequence: int) -> int:
        """The row of an event by its place in the log, -1 if it is not here (any more)."""
        for row in range(len(self._rows) - 1, -1, -1):
            entry = self._rows[row]
            if entry.sequence == sequence and entry.namespace == namespace:
                return row
        return -1

    # -- changing --------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[TailEntry]) -> int:
        """Add a batch at the end with one insertion; returns how many events left the buffer for it."""
        left = 0
        if len(rows) > self._capacity:
            gone = rows[: -self._capacity]
            left = len(gone) - others_in(gone)
            rows = rows[-self._capacity :]
        if not rows:
            return left
        left += self._remove_front(len(self._rows) + len(rows) - self._capacity)
        first = len(self._rows)
        self.beginInsertRows(_ROOT, first, first + len(rows) - 1)
        self._rows.extend(rows)
        self._events += len(rows) - others_in(rows)
        self.endInsertRows()
        return left

    def replace(self, row: int, rows: Sequence[TailRow]) -> int:
        """Put `rows` in the place of one, a gap that was filled; returns how many events left the buffer."""
        self.beginRemoveRows(_ROOT, row, row)
        self._events -= 1 - others_in(self._rows[row : row + 1])
        del self._rows[row]
        self.endRemoveRows()
        if not rows:
            return 0
        self.beginInsertRows(_ROOT, row, row + len(rows) - 1)
        self._rows[row:row] = rows
        self._events += sum(entry.is_event for entry in rows)
        self.endInsertRows()
        return self._remove_front(len(self._rows) - self._capacity)

    def set_capacity(self, capacity: int) -> int:
        """Keep at most `capacity` rows from now on; returns how many events left the buffer for it."""
        self._capacity = max(1, capacity)
        return self._remove_front(len(self._rows) - self._capacity)

    def clear(self) -> None:
        """Forget every row."""
        if self._rows:
            self._remove_front(len(self._rows))

    def index_of(self, entry: TailRow) -> int:
        """The row in which `entry` stands, -1 if it left."""
        return next((row for row, each in enumerate(self._rows) if each is entry), -1)

    def _remove_front(self, count: int) -> int:
        if count <= 0:
            return 0
        events = count - others_in(self._rows[:count])
        self.beginRemoveRows(_ROOT, 0, count - 1)
        del self._rows[:count]
        self._events -= events
        self.endRemoveRows()
        return events

    # -- looks -----------------------------------------------------------------------------------------------

    def set_recorded_title(self, title: str) -> None:
        """Say what the time column is: a bus does not tell when an event was recorded."""
        if title != self._recorded_title:
            self._recorded_title = title
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, TailColumn.RECORDED, TailColumn.RECORDED)

    def set_marks(self, is_marked: Callable[[str, int], bool] | None) -> None:
        """Let `is_marked(namespace, sequence)` say which rows carry the user's mark."""
        self._is_marked = is_marked
        self.marks_changed()

    def marks_changed(self) -> None:
        """Marks were set or removed somewhere."""
        if self._rows:
            last = self.index(len(self._rows) - 1, TailColumn.GUTTER)
            self.dataChanged.emit(self.index(0, TailColumn.GUTTER), last, [int(Role.MARKED)])

    # -- Qt --------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(TailColumn)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(TailColumn):
            return None
        if role == _DISPLAY:
            return self._recorded_title if section == TailColumn.RECORDED else _TITLES[section]
        if role == Role.COLUMN_KIND:
            return _KINDS[section]
        if role == _TOOLTIP:
            return _HINTS[section]
        if role == _ACCESSIBLE and section == TailColumn.GUTTER:
            return "Mark"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.data_at(index.row(), index.column(), role)

    def data_at(self, number: int, column: int, role: int) -> Any:
        """As `data`, without the way through Qt, for who draws."""
        # Painting a frame asks a thousand times; what every cell is asked for comes first.
        if not 0 <= number < len(self._rows):
            return None
        row = self._row(number)
        if role == _KIND:
            return row.kind
        if not row.is_event:
            return self._banner_data(row, column, role)
        if role == _DISPLAY:
            return _DISPLAYED[column](row)
        if role in (_NEW, _ICON, _DIMMED):
            return None
        if role == _MARKED:
            return self._marked(row)
        if role == _SAME_DATE:
            return column == TailColumn.RECORDED and self._same_date(number)
        if role == _TOOLTIP:
            return self._tooltip(row) if column == TailColumn.RECORDED else None
        if role in (_FULL_TEXT, _COPY_TEXT):
            return self._full_text(row, column)
        if role == _ACCESSIBLE:
            return self._accessible(row, column)
        return None

    def _banner_data(self, row: TailRow, column: int, role: int) -> Any:
        banner = row.banner
        if role == _BANNER:
            return banner
        if role in (_DISPLAY, _ACCESSIBLE) and column == TailColumn.NAMESPACE and banner is not None:
            return f"{banner.title}. {banner.text}".strip()
        return None

    def _full_text(self, row: TailRow, column: int) -> str | None:
        """The cell in plain digits and stored text; of a damaged event's type the whole reason."""
        if column == TailColumn.DATA and row.kind is RowKind.EVENT:
            return row.payload
        if column == TailColumn.EVENT_TYPE and isinstance(row.item, StoredEvent) and row.item.error is not None:
            return str(row.item.error.error)
        value = _DISPLAYED[column](row)
        return None if value is None else str(value)

    def _accessible(self, row: TailRow, column: int) -> str | None:
        if column != TailColumn.GUTTER:
            value = _DISPLAYED[column](row)
            return None if value is None else str(value)
        said = ["corrupted"] if row.kind is RowKind.CORRUPTED else []
        if self._marked(row):
            said.append("marked")
        return ", ".join(said)

    def _tooltip(self, row: TailRow) -> str:
        if isinstance(row.item, Published):
            return f"Arrived here {moment_text(row.at)}. The bus does not say when the store recorded it."
        return f"Recorded by the store {moment_text(row.at)}."

    def _marked(self, row: TailRow) -> bool:
        sequence = row.sequence
        return self._is_marked is not None and sequence is not None and self._is_marked(row.namespace, sequence)

    def _same_date(self, row: int) -> bool:
        """Whether the nearest event above has the same date; gaps and notes show none."""
        date = self._row(row).at.date()
        for above in range(row - 1, max(-1, row - 4), -1):
            entry = self._row(above)
            if entry.is_event:
                return entry.at.date() == date
        return False
