"""A trace as a tree: under each event those that it caused, with the time that each of them took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.events.event_cells import duration_text, timestamp_text
from aether_desktop.models.trace.trace_events import Trace, TracedEvent
from aether_desktop.numbers import number_text
from aether_engine.causation import CausationLink, CausationNode

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()


class TraceRole(IntEnum):
    """What the view of a trace asks for, of the row."""

    EVENT = Qt.ItemDataRole.UserRole + 201
    """The `TracedEvent`."""
    STRAY = Qt.ItemDataRole.UserRole + 202
    """The `Stray` that it is because of its cause, None for events under their cause and for first ones."""
    DAMAGED = Qt.ItemDataRole.UserRole + 203
    CAUSE_TIME = Qt.ItemDataRole.UserRole + 204
    """When its cause happened, in seconds since 1970; None for topmost events."""
    CHAINED = Qt.ItemDataRole.UserRole + 205
    """Whether its cause is the row above it, of which it is the only effect."""
    LEADS_ON = Qt.ItemDataRole.UserRole + 206
    """Whether the row below it is its only effect."""


class Stray(StrEnum):
    """Events that no cause leads to from the beginning, in words short enough to stand beside any of them."""

    ORPHAN = "cause missing"
    CIRCLE = "circle of causes"


@dataclass(slots=True, eq=False)
class _Row:
    node: CausationNode[TracedEvent]
    #: The row of its cause, -1 for topmost events.
    cause: int
    #: The row it hangs under, -1 for none: its cause if that has several effects, else what its cause hangs under.
    parent: int
    row: int
    children: list[int]


class TraceTree(QAbstractItemModel):
    """The columns Event, Actor, Place, After cause and the axis."""

    EVENT, ACTOR, PLACE, AFTER, AXIS = range(5)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._top: list[int] = []
        self._places: dict[tuple[str, int], int] = {}
        self._times: list[float] = []
        # Several namespaces: each event names its own.
        self._is_wide = False

    def show_trace(self, trace: Trace) -> None:
        """Show the events of a trace."""
        self.beginResetModel()
        self._rows, self._top = _lay_out(trace.roots)
        self._places = {row.node.item.place: number for number, row in enumerate(self._rows)}
        self._times = sorted({row.node.item.time for row in self._rows})
        self._is_wide = len({row.node.item.namespace for row in self._rows}) > 1
        self.endResetModel()

    @property
    def times(self) -> Sequence[float]:
        """The different times of all events, in seconds since 1970, rising."""
        return self._times

    def index_of(self, place: tuple[str, int]) -> QModelIndex:
        """The row of the event at a namespace and sequence."""
        number = self._places.get(place)
        return QModelIndex() if number is None else self.createIndex(self._rows[number].row, 0, number)

    def event_at(self, index: Index) -> TracedEvent | None:
        """The event of a row."""
        return self._rows[index.internalId()].node.item if index.isValid() else None

    # Structure: an index carries the number of its row.

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        numbers = self._children(parent)
        if not 0 <= row < len(numbers) or not 0 <= column <= self.AXIS:
            return QModelIndex()
        return self.createIndex(row, column, numbers[row])

    def parent(self, index: Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        number = self._rows[index.internalId()].parent if index.isValid() else -1
        return QModelIndex() if number < 0 else self.createIndex(self._rows[number].row, 0, number)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.column() > 0 else len(self._children(parent))

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return self.AXIS + 1

    def _children(self, parent: Index) -> Sequence[int]:
        return self._rows[parent.internalId()].children if parent.isValid() else self._top

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.internalId()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(row, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(row)
            case Qt.ItemDataRole.TextAlignmentRole if index.column() == self.AFTER:
                return int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
            case TraceRole.EVENT:
                return row.node.item
            case TraceRole.STRAY:
                return _stray(row.node)
            case Qt.ItemDataRole.AccessibleTextRole if index.column() == self.EVENT:
                return ", ".join(text for text in (self._text(row, self.EVENT), _stray(row.node)) if text)
            case TraceRole.DAMAGED:
                return row.node.item.stored.event is None
            case TraceRole.CAUSE_TIME:
                return None if row.cause < 0 else self._rows[row.cause].node.item.time
            case TraceRole.CHAINED:
                return row.cause >= 0 and row.parent != row.cause
            case TraceRole.LEADS_ON:
                return len(row.node.children) == 1
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section <= self.AXIS:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section == self.AFTER:
            return int((Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter).value)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return ("Event type", "Actor", "Stored", "After cause", "Time")[section]

    def _text(self, row: _Row, column: int) -> str:
        traced = row.node.item
        match column:
            case self.EVENT:
                return traced.event.event_type
            case self.ACTOR:
                return f"{traced.event.actor_id} v{traced.event.version}"
            case self.PLACE:
                sequence = f"#{number_text(traced.stored.sequence)}"
                return f"{sequence} {traced.namespace}" if self._is_wide else sequence
            case self.AFTER if row.cause >= 0:
                cause = self._rows[row.cause].node.item
                return duration_text(
                    cause.event.timestamp, traced.event.timestamp, _timestamp(cause), _timestamp(traced)
                )
        return ""

    def _caused_by(self, row: _Row) -> str:
        if row.cause < 0:
            return ""
        cause = self._rows[row.cause].node.item
        return f"caused by {cause.event.event_type} #{number_text(cause.stored.sequence)}"

    def _tooltip(self, row: _Row) -> str:
        traced = row.node.item
        event = traced.event
        lines = [
            f"{event.event_type}  {event.actor_id} v{event.version}",
            f"{traced.namespace}, sequence {number_text(traced.stored.sequence)}",
            self._caused_by(row),
            _timestamp(traced),
            _note(row.node),
            "It is damaged: what it says is not to be trusted." if traced.stored.event is None else "",
        ]
        return "\n".join(line for line in lines if line)


def _lay_out(nodes: Sequence[CausationNode[TracedEvent]]) -> tuple[list[_Row], list[int]]:
    """A forest in rows: an only effect stands right behind its cause, several hang under it.

    Most chains of causes are long and hardly branch; each level would be another step to the right.
    """
    rows: list[_Row] = []
    top: list[int] = []
    pending = [(node, -1, -1) for node in reversed(nodes)]
    while pending:
        node, cause, parent = pending.pop()
        siblings = top if parent < 0 else rows[parent].children
        number = len(rows)
        rows.append(_Row(node, cause, parent, len(siblings), []))
        siblings.append(number)
        under = parent if len(node.children) == 1 else number
        pending += ((child, number, under) for child in reversed(node.children))
    return rows, top


def _timestamp(traced: TracedEvent) -> str:
    return timestamp_text(traced.stored.raw, traced.event.timestamp)


def _stray(node: CausationNode[TracedEvent]) -> Stray | None:
    if node.link is CausationLink.ORPHAN:
        return Stray.ORPHAN
    return Stray.CIRCLE if node.link is CausationLink.CYCLE or node.in_cycle else None


def _note(node: CausationNode[TracedEvent]) -> str:
    match node.link:
        case CausationLink.ORPHAN:
            return f"Its cause {node.cause} is not in this correlation."
        case CausationLink.CYCLE:
            return "Its causes lead back to it."
    return "It is in a circle of causes." if node.in_cycle else ""
