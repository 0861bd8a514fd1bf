"""A JSON document as a tree, exactly as written: numbers with all digits, escapes as escapes, duplicate keys both.

The document stays the bytes it is. A node is a span of them; the members of a container are looked up when it is
opened, in slices of a few milliseconds, so that neither 30 MB nor 900 levels hold the window up.
"""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from aether_desktop.models.filter_terms import value_term
from aether_desktop.models.json_container import LOADED_AT_MOST, PAGE, OpenContainer, slice_end
from aether_desktop.models.json_scan import Members, scan_container, scan_document
from aether_desktop.models.tree_roles import (
    PREVIEW_LENGTH,
    Note,
    TreeRole,
    ValueKind,
    child_path,
    count_text,
    key_text,
    preview,
    written,
)
from aether_engine.lossless import Kind, ScanError, Span, string_value

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()

#: Bytes of a closed container up to which its members are counted for its summary.
_COUNTED: Final = 1 << 14
_ROOT: Final = 0
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
        self._raw = b""
        self._containers: list[OpenContainer] = []
        self._opened: dict[tuple[int, int], int] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self._pending: list[int] = []
        self._changing = False
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._work)

    @property
    def raw(self) -> bytes:
        """The bytes of the document."""
        return self._raw

    @property
    def is_reading(self) -> bool:
        """True while some container is still being read."""
        return bool(self._pending)

    def set_document(self, raw: bytes, *, problem: str = "") -> None:
        """Show another document. `problem` says why it is not JSON at all; then it is the only row."""
        was_reading = self.is_reading
        self.beginResetModel()
        self._raw = raw
        self._opened.clear()
        self._counts.clear()
        self._pending.clear()
        self._timer.stop()
        members = Members()
        root = OpenContainer(-1, 0, Span(Kind.OBJECT, 0, len(raw)), members, None)
        if problem:
            root.problem = problem
            root.note = Note.PROBLEM
        elif raw:
            root.steps = scan_document(raw, members)
            root.read(slice_end(len(raw)))
            root.shown, root.note = root.wanted()
            if root.steps is not None:
                self._pending.append(_ROOT)
        self._containers = [root]
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
        if not index.isValid() or index.internalId() == _ROOT:
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
        return member >= 0 and container.members.may_be_opened(member, self._raw)

    def canFetchMore(self, parent: Index) -> bool:
        if self._changing or not parent.isValid() or self._number_of(parent) is not None:
            return False
        return self.hasChildren(parent)

    def fetchMore(self, parent: Index) -> None:
        if not self.canFetchMore(parent):
            return
        span = self._span(parent)
        assert span is not None
        members = Members()
        steps = scan_container(self._raw, span.kind, span.start, members)
        member = self._containers[parent.internalId()].member_at(parent.row())
        depth = self._containers[parent.internalId()].depth + 1
        container = OpenContainer(parent.internalId(), member, span, members, steps, span.start, depth=depth)
        was_reading = self.is_reading
        container.read(slice_end(span.end - span.start))
        shown, note = container.wanted()
        # Opened before the rows come: the view asks for their parents while they are inserted.
        number = len(self._containers)
        self._containers.append(container)
        self._opened[parent.internalId(), member] = number
        self._insert(number, shown, note)
        if container.steps is not None:
            self._pending.append(number)
        self._follow_up(was_reading)

    # Content

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        container = self._containers[index.internalId()]
        if role == _DEPTH:
            return container.depth
        member = container.member_at(index.row())
        if member < 0:
            return self._note_data(container, container.note_at(index.row()), index.column(), role)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._field(container, member) if index.column() == self.FIELD else self._value_text(index)
        span = container.members.value(member)
        match role:
            case TreeRole.KIND:
                return _KINDS[span.kind]
            case TreeRole.SPAN:
                return span.start, span.end
            case TreeRole.PATH:
                return self._path(index)
            case TreeRole.EXACT:
                return self._raw[span.start : span.end]
            case TreeRole.PLAIN:
                text = self._raw[span.start : span.end]
                return string_value(text) if span.kind is Kind.STRING else written(text)
            case TreeRole.FILTER:
                return self._filter_term(index, span)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(index, span)
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
        number: int | None = _ROOT if self._containers else None
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

    # Answers

    def _number_of(self, index: Index) -> int | None:
        if not index.isValid():
            return _ROOT if self._containers else None
        container = index.internalId()
        return self._opened.get((container, self._containers[container].member_at(index.row())))

    def _index_of(self, number: int) -> QModelIndex:
        if number == _ROOT:
            return QModelIndex()
        container = self._containers[number]
        row = self._containers[container.parent].row_of(container.member)
        return self.createIndex(row, 0, container.parent) if row >= 0 else QModelIndex()

    def _span(self, index: Index) -> Span | None:
        container = self._containers[index.internalId()]
        member = container.member_at(index.row())
        return container.members.value(member) if member >= 0 else None

    def _key(self, container: OpenContainer, row: int) -> str | int:
        start, end = container.members.key(row)
        return string_value(self._raw[start:end]) if end > start else row

    def _field(self, container: OpenContainer, row: int) -> str:
        start, end = container.members.key(row)
        if end > start:
            return key_text(preview(self._raw[start + 1 : end - 1]))
        return "(value)" if self._is_scalar_document(container) else key_text(row)

    def _is_scalar_document(self, container: OpenContainer) -> bool:
        return container.parent < 0 and self._raw.lstrip(b" \t\r\n")[:1] not in (b"{", b"[")

    def _value_text(self, index: Index) -> str:
        span = self._span(index)
        assert span is not None
        if not _is_container(span):
            return preview(self._raw[span.start : span.end])
        is_object = span.kind is Kind.OBJECT
        count = self._count(index, span)
        if count is not None:
            return count_text(count, is_object)
        size = f"{span.end - span.start:,} bytes"
        return f"{{ {size} }}" if is_object else f"[ {size} ]"

    def _count(self, index: Index, span: Span) -> int | None:
        number = self._number_of(index)
        if number is not None:
            opened = self._containers[number]
            return len(opened.members) if opened.steps is None and not opened.problem else None
        key = (index.internalId(), self._containers[index.internalId()].member_at(index.row()))
        if key not in self._counts:
            if span.end - span.start > _COUNTED:
                return None
            members = Members()
            try:
                for _ in scan_container(self._raw, span.kind, span.start, members):
                    pass
            except ScanError:
                return None
            self._counts[key] = len(members)
        return self._counts[key]

    def _filter_term(self, index: Index, span: Span) -> str:
        if _is_container(span) or span.end - span.start > PREVIEW_LENGTH:
            return ""
        text = self._raw[span.start : span.end]
        is_text = span.kind is Kind.STRING
        value = string_value(text) if is_text else text.decode("ascii")
        return value_term(self._keys(index), value, is_text=is_text)

    def _path(self, index: Index) -> str:
        path = ""
        for key in self._keys(index):
            path = child_path(path, key)
        return path

    def _keys(self, index: Index) -> list[str | int]:
        """The names and places that lead to a row, from the outside in."""
        number = index.internalId()
        member = self._containers[number].member_at(index.row())
        keys: list[str | int] = []
        while number >= 0:
            container = self._containers[number]
            if not (number == _ROOT and self._is_scalar_document(container)):
                keys.append(self._key(container, member))
            number, member = container.parent, container.member
        keys.reverse()
        return keys

    def _tooltip(self, index: Index, span: Span) -> str:
        place = f"{self._path(index)}\nBytes {span.start:,} to {span.end - 1:,} ({span.end - span.start:,})"
        if _is_container(span):
            return place
        return f"{preview(self._raw[span.start : span.end])}\n{place}"

    def _note_data(self, container: OpenContainer, note: Note | None, column: int, role: int) -> Any:
        if role == TreeRole.NOTE:
            return note
        if role == TreeRole.KIND:
            return ValueKind.NOTE
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        total, first = len(container.members), container.first
        behind = first + container.shown
        match note:
            case Note.LOAD_ALL:
                texts = (f"{container.shown:,} of {total:,} shown", f"Load all {total:,}")
            case Note.EARLIER:
                before = min(first, PAGE)
                texts = (f"{first:,} before", f"Show the {before:,} before")
            case Note.LATER:
                after = min(total - behind, PAGE)
                texts = (f"{container.shown:,} of {total:,} shown", f"Show the next {after:,}")
            case Note.READING:
                read = container.position - container.span.start
                texts = ("Reading…", f"{read:,} of {container.span.end - container.span.start:,} bytes")
            case _:
                texts = ("Not JSON", container.problem)
        return texts[column]


def _is_container(span: Span) -> bool:
    return span.kind is Kind.OBJECT or span.kind is Kind.ARRAY
