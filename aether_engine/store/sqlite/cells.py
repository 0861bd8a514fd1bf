"""Rows as they stand on the leaf pages of tables: cells, records, and payloads that go on on further pages.

The format is https://sqlite.org/fileformat2.html, sections 1.5, 1.6 and 2.1. Everything read here is hostile:
lengths are checked against the page and the file, chains end after as many pages as their length needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aether_engine.store.sqlite.pages import LEAF_TABLE, FilePages
from aether_engine.store.sqlite.schema import ID_HASH_LENGTH, MAX_RAW_LENGTH

Value = int | float | bytes | str | None
#: Of a cell: its row id, where its payload begins on the page, and how long that is.
Place = tuple[int, int, int]

#: How wide the values of the serial types are; from 12 on they are blobs (even) and texts.
_WIDTHS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_INTEGERS: Final = _WIDTHS.keys() - {0}
_BLOB: Final = 12
_MOST_COLUMNS: Final = 16
#: The least that a cell takes of a page, with the pointer to it.
_LEAST_CELL: Final = 6
#: So many bytes of a payload tell the serial types of an event.
_LEAD: Final = 32


def cells_of(page: bytes, header: int = 0) -> Iterator[Place]:
    """The cells of a table's leaf page whose header begins at `header`; of any other page none."""
    if len(page) < header + 8 or page[header] != LEAF_TABLE:
        return
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    for index in range(min(count, (len(page) - header - 8) // _LEAST_CELL)):
        at = header + 8 + 2 * index
        place = cell_at(page, int.from_bytes(page[at : at + 2], "big"))
        if place is not None:
            yield place


def cell_at(page: bytes, start: int) -> Place | None:
    """The cell that begins at `start`, None if none can."""
    try:
        length, offset = varint(page, start)
        row_id, offset = varint(page, offset)
    except IndexError:
        return None
    return (row_id, offset, length) if 0 < length <= MAX_RAW_LENGTH + 1024 and row_id < 1 << 63 else None


def payload_of(pages: FilePages, page: bytes, offset: int, length: int) -> bytes | None:
    """The payload of a cell with what of it lies on other pages, None if it is not all there."""
    usable = pages.page_size
    local = local_length(length, usable)
    if local == length:
        payload = page[offset : offset + length]
        return payload if len(payload) == length else None
    if length > pages.page_count * usable:
        return None
    parts = [page[offset : offset + local]]
    left = length - local
    following = int.from_bytes(page[offset + local : offset + local + 4], "big")
    while left > 0:
        overflow = pages.page(following)
        # The last page of a file that was cut off may be long enough.
        if len(overflow) < min(usable, left + 4):
            return None
        part = overflow[4 : 4 + min(left, usable - 4)]
        parts.append(part)
        left -= len(part)
        following = int.from_bytes(overflow[:4], "big")
    return b"".join(parts)


def record(payload: bytes) -> list[Value] | None:
    """The values of a record, None for what is none."""
    head = _serial_types(payload)
    if head is None:
        return None
    kinds, cursor = head
    values: list[Value] = []
    for kind in kinds:
        width = _WIDTHS.get(kind) if kind < _BLOB else (kind - _BLOB) // 2
        if width is None:
            return None  # A float, or a type that is reserved: no column of ours has one.
        field = payload[cursor : cursor + width]
        if len(field) != width:
            return None
        cursor += width
        if kind == 0:
            values.append(None)
        elif kind in (8, 9):
            values.append(kind - 8)
        elif kind < _BLOB:
            values.append(int.from_bytes(field, "big", signed=True))
        else:
            values.append(field.decode("utf-8", "replace") if kind % 2 else field)
    return values


def is_event(values: list[Value]) -> bool:
    """Whether a row has the shape of one of `events`."""
    return (
        len(values) == 8
        and values[0] is None
        and all(type(values[index]) is int for index in (1, 2, 3, 5, 6))
        and type(values[4]) is bytes
        and len(values[4]) == ID_HASH_LENGTH
        and type(values[7]) is bytes
    )


def begins_as_event(page: bytes, offset: int, length: int) -> bool:
    """The same of a payload, by its head alone."""
    head = _serial_types(page[offset : offset + min(length, _LEAD)])
    if head is None:
        return False
    kinds = head[0]
    return (
        len(kinds) == 8
        and kinds[0] == 0
        and all(kinds[index] in _INTEGERS for index in (1, 2, 3, 5, 6))
        and kinds[4] == _BLOB + 2 * ID_HASH_LENGTH
        and kinds[7] >= _BLOB
        and kinds[7] % 2 == 0
    )


def varint(page: bytes, offset: int) -> tuple[int, int]:
    """Value and end of a variable-length integer; raises `IndexError` at the end of the page."""
    value = 0
    for index in range(8):
        byte = page[offset + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + index + 1
    return value << 8 | page[offset + 8], offset + 9


def local_length(length: int, usable: int) -> int:
    """How much of a payload stays on a table's leaf page (file format, 1.6)."""
    most = usable - 35
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    surplus = least + (length - least) % (usable - 4)
    return surplus if surplus <= most else least


def _serial_types(payload: bytes) -> tuple[list[int], int] | None:
    """The serial types of a record's values, and where those begin; None for what is no record."""
    try:
        end, cursor = varint(payload, 0)
        kinds: list[int] = []
        while cursor < end and len(kinds) <= _MOST_COLUMNS:
            kind, cursor = varint(payload, cursor)
            kinds.append(kind)
    except IndexError:
        return None
    return (kinds, cursor) if cursor == end and kinds and len(kinds) <= _MOST_COLUMNS else None
