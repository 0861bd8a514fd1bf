"""What every table of events has in common: columns, texts, roles; rows are the subclass's affair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.events.event_cells import (
    NOT_TRUSTED,
    EventCells,
    cells_of,
    data_text,
    duration_text,
    on_one_line,
)
from aether_desktop.models.events.path_column import LARGEST, PathColumn
from aether_desktop.models.events.roles import BANNER_KINDS, ColumnKind, Role, RowBanner, RowKind
from aether_desktop.numbers import number_text
from aether_engine.event import StoredEvent

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_MOST_VALUES = 5000
# Plain integers: a paint asks hundreds of times, and members of an enumeration are slow to compare.
_KIND, _MARKED, _SAME_DATE = int(Role.KIND), int(Role.MARKED), int(Role.SAME_DATE)
_DISPLAY, _ACCESSIBLE = int(Qt.ItemDataRole.DisplayRole), int(Qt.ItemDataRole.AccessibleTextRole)


class Column(Enum):
    """The columns a table of events can have: title, kind and width in characters of its widest usual text."""

    GUTTER = ("", ColumnKind.GUTTER, 0)
    SEQUENCE = ("Sequence", ColumnKind.NUMBER, 10)
    VERSION = ("Version", ColumnKind.NUMBER, 8)
    EVENT_TYPE = ("Event type", ColumnKind.CHIP, 25)
    ACTOR = ("Actor", ColumnKind.ID, 18)
    SINCE_PREVIOUS = ("Since previous", ColumnKind.NUMBER, 14)
    TIMESTAMP = ("Timestamp", ColumnKind.TIME, 31)
    DATA = ("Data", ColumnKind.MONO, 40)

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def kind(self) -> ColumnKind:
        return self.value[1]

    @property
    def characters(self) -> int:
        return self.value[2]


@dataclass(frozen=True, slots=True)
class BannerRow:
    """A row that is one line over all columns: a gap, a snapshot or a note."""

    kind: RowKind
    banner: RowBanner


Row = StoredEvent | BannerRow | None


class EventTable(QAbstractTableModel):
    """Rows of stored events and banners; a row that is None is still being loaded."""

    columns: tuple[Column | PathColumn, ...] = ()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_marked: Callable[[int], bool] | None = None
        # Texts of the rows painted lately; a scrolled-over million must not stay here.
        self._cells: dict[int, EventCells] = {}
        self._values: dict[tuple[int, PathColumn], str] = {}

    def entry(self, row: int) -> Row:
        """What stands in `row`, None while it is being loaded."""
        raise NotImplementedError  # pragma: no cover - abstract

    @property
    def event_count(self) -> int:
        """The events in the table; gaps and snapshots are rows, but no events."""
        return self.rowCount()

    @property
    def total(self) -> int:
        """All positions there are; of very many the rows are a part at a time."""
        return self.rowCount()

    @property
    def first_position(self) -> int:
        """The position that the first row shows."""
        return 0

    def bring(self, position: int) -> int:
        """The row that shows `position`, which is brought among the rows if need be; -1 if there is no such."""
        return position if 0 <= position < self.rowCount() else -1

    def sequence_at(self, row: int) -> int | None:
        """The sequence of the event in `row`, None where there is none or it is not known yet."""
        stored = self.stored_at(row)
        return stored.sequence if stored is not None else None

    def set_marks(self, is_marked: Callable[[int], bool] | None) -> None:
        """Let `is_marked(sequence)` say which events carry the user's mark."""
        self._is_marked = is_marked
        self.marks_changed()

    def marks_changed(self) -> None:
        """Marks were set or removed somewhere."""
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, 0), [int(Role.MARKED)])

    def show_columns(self, wanted: Sequence[PathColumn]) -> None:
        """Show exactly these paths, before the data."""
        for column in [column for column in self.columns if isinstance(column, PathColumn)]:
            if column not in wanted:
                place = self.columns.index(column)
                self.beginRemoveColumns(_ROOT, place, place)
                self.columns = (*self.columns[:place], *self.columns[place + 1 :])
                self.endRemoveColumns()
        for column in wanted:
            if column not in self.columns:
                place = self.columns.index(Column.DATA)
                self.beginInsertColumns(_ROOT, place, place)
                self.columns = (*self.columns[:place], column, *self.columns[place:])
                self.endInsertColumns()

    def stored_at(self, row: int) -> StoredEvent | None:
        """The stored event in `row`, None for banners and rows not loaded yet."""
        entry = self.entry(row) if 0 <= row < self.rowCount() else None
        return entry if isinstance(entry, StoredEvent) else None

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Role.COLUMN_KIND:
            return column.kind
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.data_at(index.row(), index.column(), role) if index.isValid() else None

    def data_at(self, row: int, column_number: int, role: int) -> Any:
        """As `data`, for whoever asks hundreds of times a paint and cannot afford the way through Qt."""
        entry = self.entry(row)
        if entry is None:
            return RowKind.PLACEHOLDER if role == _KIND else None
        if isinstance(entry, BannerRow):
            return self._banner_data(entry, column_number, role)
        if role == _KIND:
            return RowKind.CORRUPTED if entry.error is not None else RowKind.EVENT
        column = self.columns[column_number]
        if role == _DISPLAY or (role == _ACCESSIBLE and column is not Column.GUTTER):
            return self._text(entry, row, column)
        if role == _MARKED:
            return self._is_marked is not None and self._is_marked(entry.sequence)
        if role == _ACCESSIBLE:
            return self._signs(entry)
        if role == _SAME_DATE and column is Column.TIMESTAMP:
            return self._same_date(entry, row)
        if role in (Role.FULL_TEXT, Role.COPY_TEXT):
            return self._full_text(entry, row, column)
        return None

    def _banner_data(self, entry: BannerRow, column: int, role: int) -> Any:
        if role == Role.KIND:
            return entry.kind
        if role == Role.BANNER:
            return entry.banner
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.DisplayRole) and column == 1:
            return f"{entry.banner.title} {entry.banner.text}"
        return None

    def _text(self, stored: StoredEvent, row: int, column: Column | PathColumn) -> str:
        if isinstance(column, PathColumn):
            return self._value(stored, column)
        cells = self._cells_at(row, stored)
        match column:
            case Column.SEQUENCE:
                return cells.sequence
            case Column.VERSION:
                return cells.version
            case Column.EVENT_TYPE:
                return cells.event_type
            case Column.ACTOR:
                return cells.actor
            case Column.TIMESTAMP:
                return cells.timestamp
            case Column.SINCE_PREVIOUS:
                return self._since_previous(stored, row)
            case Column.DATA:
                return cells.data
            case Column.GUTTER:
                return ""

    def _signs(self, stored: StoredEvent) -> str:
        """What the signs in the gutter mean."""
        said = ["corrupted"] if stored.error is not None else []
        if self._is_marked is not None and self._is_marked(stored.sequence):
            said.append("marked")
        return ", ".join(said)

    def _value(self, stored: StoredEvent, column: PathColumn) -> str:
        """The value at a path on one line, cut to what a cell can show."""
        if stored.event is None:
            return NOT_TRUSTED
        key = (stored.sequence, column)
        text = self._values.get(key)
        if text is None:
            if len(self._values) > _MOST_VALUES:
                self._values.clear()
            text = "…" if len(stored.raw) > LARGEST else on_one_line(column.value(stored.raw))
            self._values[key] = text
        return text

    def _full_value(self, stored: StoredEvent, column: PathColumn) -> str:
        if stored.event is None:
            return NOT_TRUSTED
        if len(stored.raw) > LARGEST:
            return f"The event has {number_text(len(stored.raw))} bytes: its values are in the inspector."
        return column.value(stored.raw).decode("utf-8", "replace")

    def _full_text(self, stored: StoredEvent, row: int, column: Column | PathColumn) -> str:
        if isinstance(column, PathColumn):
            return self._full_value(stored, column)
        event = stored.event
        match column:
            case Column.SEQUENCE:
                return str(stored.sequence)
            case Column.VERSION if event is not None:
                return str(event.version)
            case Column.EVENT_TYPE if event is not None:
                return event.event_type
            case Column.EVENT_TYPE if stored.error is not None:
                return str(stored.error.error)
            case Column.ACTOR if event is not None:
                return event.actor_id
            case Column.DATA if event is not None:
                return data_text(stored.raw)
            case _:
                return self._text(stored, row, column)

    def _since_previous(self, stored: StoredEvent, row: int) -> str:
        for above in range(row - 1, max(-1, row - 4), -1):
            previous = self.entry(above)
            if isinstance(previous, StoredEvent):
                if previous.event is None or stored.event is None:
                    return ""
                return duration_text(
                    previous.event.timestamp,
                    stored.event.timestamp,
                    self._cells_at(above, previous).timestamp,
                    self._cells_at(row, stored).timestamp,
                )
        return ""

    def _same_date(self, stored: StoredEvent, row: int) -> bool:
        above = self.entry(row - 1) if row else None
        if not isinstance(above, StoredEvent):
            return False
        date = self._cells_at(row, stored).date
        return bool(date) and self._cells_at(row - 1, above).date == date

    def _cells_at(self, row: int, stored: StoredEvent) -> EventCells:
        cells = self._cells.get(row)
        if cells is None:
            if len(self._cells) > 2000:
                self._cells.clear()
            cells = self._cells[row] = cells_of(stored)
        return cells

    def _forget_cells(self) -> None:
        self._cells.clear()


def is_banner(kind: object) -> bool:
    """Whether rows of `kind` are one line over all columns."""
    return kind in BANNER_KINDS
