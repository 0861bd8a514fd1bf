"""A JSON document as a tree, exactly as written: numbers with all digits, escapes as escapes, duplicate keys both.

The document stays the bytes it is. A node is a span of them; the members of a container are looked up when it is
opened, in slices of a few milliseconds, so that neither 30 MB nor 900 levels hold the window up.
"""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from aether_desktop.models.inspector.json_container import LOADED_AT_MOST, PAGE, OpenContainer, slice_end
from aether_desktop.models.inspector.json_document import ROOT, JsonDocument
from aether_desktop.models.inspector.tree_roles import Note, TreeRole, ValueKind, written
from aether_engine.lossless import Kind, string_value

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()

# Joining flags takes longer than all else that a view wants to know of a row.
_OPENABLE: Final = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
_DEPTH: Final = int(TreeRole.DEPTH)
_LEAF: Final = _OPENABLE | Qt.ItemFlag.ItemNeverHasChildren
_KINDS: Final = {
    Kind.OBJECT: ValueKind.CONTAINER,
    Kind.ARRAY: ValueKind.CONTAINER,
    Kind.STRING: ValueKind.STRING,
    Kind.NUMBER: ValueKind.NUMBER,
    Kind.LITERAL: ValueKind.LITERAL,
}


class JsonTreeModel(QAbstractItemModel):
    """The document of `set_document`, with the columns Field and Value as stored.

    An index carries the number of the opened container it is a row of; there is no object per row.
    """

    FIELD, VALUE = 0, 1

    filled = Signal()
    """Another document is shown and may be opened; follows `modelReset`."""
    reading_changed = Signal(bool)
    """True while some container is still being read."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document: JsonDocument | None = None
        self._containers: list[OpenContainer] = []
        self._pending: list[int] = []
        self._changing = False
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)

    @property
    def raw(self) -> bytes:
        """The bytes of the document."""
        return self._document.raw if self._document is not None else b""

    @property
    def is_reading(self) -> bool:
        """True while some container is still being read."""
        return bool(self._pending)

    def set_document(self, raw: bytes, *, problem: str = "") -> None:
        """Show another document. `problem` says why it is not JSON at all; then it is the only row."""
        was_reading = self.is_reading
        self.beginResetModel()
        self._pending.clear()
        self._timer.stop()
        self._document = JsonDocument(raw, problem)
        self._containers = self._document.containers
        if self._containers[ROOT].steps is not None:
            self._pending.append(ROOT)
        # Nothing is opened while views are still hearing of a change: the next change would come inside it.
        self._changing = True
        self.endResetModel()
        self._changing = False
        self.filled.emit()
        self._follow_up(was_reading)

    def clear(self) -> None:
        """Show nothing."""
        self.set_document(b"")

    # Structure

    def index(self, row: int, column: int, parent: Index = _NOWHERE) -> QModelIndex:
        if row < 0 or not 0 <= column < 2:
            return QModelIndex()
        number = self._number_of(parent)
        if number is None or row >= self._containers[number].rows:
            return QModelIndex()
        return self.createIndex(row, column, number)

    def parent(self, index: Index = _NOWHERE) -> QModelIndex:  # type: ignore[override]  # QObject.parent, overloaded
        if not index.isValid() or index.internalId() == ROOT:
            return QModelIndex()
        return self._index_of(index.internalId())

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        if parent.column() > 0:
            return 0
        number = self._number_of(parent)
        return 0 if number is None else self._containers[number].rows

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 2

    def hasChildren(self, parent: Index = _NOWHERE) -> bool:
        if not parent.isValid():
            return self.rowCount() > 0
        if parent.column() > 0:
            return False
        container = self._containers[parent.internalId()]
        member = container.member_at(parent.row())
        return member >= 0 and container.members.may_be_opened(member, self.raw)

    def canFetchMore(self, parent: Index) -> bool:
        if self._changing or not parent.isValid() or self._number_of(parent) is not None:
            return False
        return self.hasChildren(parent)

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        assert self._document is not None
        was_reading = self.is_reading
        # Opened before the rows come: the view asks for their parents while they are inserted.
        member = self._containers[parent.internalId()].member_at(parent.row())
        number = self._document.open(parent.internalId(), member)
        container = self._containers[number]
        self._insert(number, *container.wanted())
        if container.steps is not None:
            self._pending.append(number)
        self._follow_up(was_reading)

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        document = self._document
        if document is None or not index.isValid():
            return None
        number = index.internalId()
        container = self._containers[number]
        if role == _DEPTH:
            return container.depth
        member = container.member_at(index.row())
        if member < 0:
            return _note_data(container, container.note_at(index.row()), index.column(), role)
        if role == Qt.ItemDataRole.DisplayRole:
            is_field = index.column() == self.FIELD
            return document.field(container, member) if is_field else document.value_text(number, member)
        span = container.members.value(member)
        match role:
            case TreeRole.KIND:
                return _KINDS[span.kind]
            case TreeRole.SPAN:
                return span.start, span.end
            case TreeRole.PATH:
                return document.path(number, member)
            case TreeRole.EXACT:
                return document.raw[span.start : span.end]
            case TreeRole.PLAIN:
                text = document.raw[span.start : span.end]
                return string_value(text) if span.kind is Kind.STRING else written(text)
            case TreeRole.FILTER:
                return document.filter_term(number, member)
            case Qt.ItemDataRole.ToolTipRole:
                return document.about(number, member)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("Field", "Value as stored")[section] if 0 <= section < 2 else None
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _OPENABLE if self.hasChildren(index) else _LEAF

    # Places

    def index_at(self, offset: int) -> QModelIndex:
        """The innermost node whose key or value holds the byte `offset`; opens and shows what is on the way to it.

        Stops above a container that takes longer to read: then the container is the answer.
        """
        found = QModelIndex()
        number: int | None = ROOT if self._containers else None
        while number is not None:
            container = self._containers[number]
            member = container.members.at(offset)
            if member < 0 or not self._show(number, member):
                break
            found = self.createIndex(container.row_of(member), 0, number)
            value = container.members.value(member)
            if not value.start <= offset < value.end:
                break
            if self.canFetchMore(found):
                self.fetchMore(found)
            number = self._number_of(found)
        return found

    def load_all(self, note: Index) -> None:
        """Do what the note row `note` offers: show all members of its container, or those before or behind."""
        if not note.isValid():
            return
        number = note.internalId()
        container = self._containers[number]
        match note.data(TreeRole.NOTE):
            case Note.LOAD_ALL:
                container.limit = LOADED_AT_MOST
                self._adjust(number)
            case Note.EARLIER:
                self._move(number, max(0, container.first - PAGE))
            case Note.LATER:
                self._move(number, container.first + container.shown)

    def _show(self, number: int, member: int) -> bool:
        """Have a member among the rows; False where that takes longer."""
        container = self._containers[number]
        if container.row_of(member) >= 0:
            return True
        if container.steps is not None:
            return False
        if len(container.members) <= LOADED_AT_MOST:
            container.limit = max(container.limit, member + 1)
            self._adjust(number)
        else:
            # As a page of a book: the same members stand together wherever one comes from.
            self._move(number, member - member % PAGE)
        return True

    def _move(self, number: int, first: int) -> None:
        """Show other members of a large container in the place of those shown."""
        container = self._containers[number]
        parent = self._index_of(number)
        self._changing = True
        self.beginRemoveRows(parent, 0, container.rows - 1)
        container.first, container.shown, container.note = 0, 0, None
        self.endRemoveRows()
        container.limit = PAGE
        shown = min(len(container.members) - first, container.limit)
        note = Note.LATER if first + shown < len(container.members) else None
        if note is None and container.problem:
            note = Note.PROBLEM
        self.beginInsertRows(parent, 0, (first > 0) + shown + (note is not None) - 1)
        container.first, container.shown, container.note = first, shown, note
        self.endInsertRows()
        self._changing = False

    # Reading in slices

    def _work(self) -> None:
        deadline = slice_end()
        while self._pending and time.perf_counter() < deadline:
            number = self._pending[-1]
            container = self._containers[number]
            container.read(deadline)
            self._adjust(number)
            if container.steps is None:
                self._pending.remove(number)
        self._follow_up(True)

    def _follow_up(self, was_reading: bool) -> None:
        if self._pending:
            self._timer.start()
        else:
            self._timer.stop()
        if was_reading is not self.is_reading:
            self.reading_changed.emit(self.is_reading)

    def _adjust(self, number: int) -> None:
        container = self._containers[number]
        shown, note = container.wanted()
        parent = self._index_of(number)
        if container.note is not None and (note is None or shown > container.shown):
            # It is the last row and its words change with the rows above it.
            self._changing = True
            self.beginRemoveRows(parent, container.rows - 1, container.rows - 1)
            container.note = None
            self.endRemoveRows()
            self._changing = False
        self._insert(number, shown, note)
        if container.note is not None:
            last = self.createIndex(container.rows - 1, 0, number)
            self.dataChanged.emit(last, last.siblingAtColumn(self.VALUE))

    def _insert(self, number: int, shown: int, note: Note | None) -> None:
        container = self._containers[number]
        parent = self._index_of(number)
        more = shown - container.shown
        new_note = note is not None and container.note is None
        if more or new_note:
            self._changing = True
            end = container.rows
            self.beginInsertRows(parent, end, end + more - 1 + new_note)
            container.shown = shown
            container.note = note
            self.endInsertRows()
            self._changing = False
        container.note = note

    # Places of containers

    def _number_of(self, index: Index) -> int | None:
        if self._document is None:
            return None
        if not index.isValid():
            return ROOT
        number = index.internalId()
        return self._document.opened(number, self._containers[number].member_at(index.row()))

    def _index_of(self, number: int) -> QModelIndex:
        if number == ROOT:
            return QModelIndex()
        container = self._containers[number]
        row = self._containers[container.parent].row_of(container.member)
        return self.createIndex(row, 0, container.parent) if row >= 0 else QModelIndex()


def _note_data(container: OpenContainer, note: Note | None, column: int, role: int) -> Any:
    if role == TreeRole.NOTE:
        return note
    if role == TreeRole.KIND:
        return ValueKind.NOTE
    if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
        return container.words(note)[column]
    return None
