"""What the trees of events, states and differences ask of their models, besides Qt's own roles.

`Qt.ItemDataRole.DisplayRole` is the text of a cell as it is to be read, possibly a shortened preview that says so;
`TreeRole.EXACT` is never shortened.
"""

from __future__ import annotations

import json
import re
from enum import IntEnum, StrEnum
from typing import Final

from PySide6.QtCore import Qt

PREVIEW_LENGTH: Final = 512
"""Characters of a value that a cell shows; what is longer ends with its full length and is copied whole."""

SHOWN_AT_ONCE: Final = 1000
"""Members of one container that a tree shows before it offers to load all."""

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


class TreeRole(IntEnum):
    """Item data roles that `JsonView` reads. Roles "of the row" give the same answer in every column."""

    KIND = Qt.ItemDataRole.UserRole + 101
    """Of a value cell: a `ValueKind`, which chooses its colour."""
    SPAN = Qt.ItemDataRole.UserRole + 102
    """Of the row: `(start, end)`, the bytes of the value in the document; None where there is no such place."""
    PATH = Qt.ItemDataRole.UserRole + 103
    """Of the row: the path of the value, such as `data.lines[0]`."""
    EXACT = Qt.ItemDataRole.UserRole + 104
    """Of the row: the JSON of the value, whole, as `bytes`; of a document exactly as written."""
    PLAIN = Qt.ItemDataRole.UserRole + 105
    """Of the row: what copying the value gives: the text a string stands for, else the JSON, whole."""
    MARK = Qt.ItemDataRole.UserRole + 106
    """Of the row: a `Mark`, or None."""
    WAS = Qt.ItemDataRole.UserRole + 107
    """Of a value cell: a text of lesser weight behind the value, such as `was "Group 2"`."""
    NOTE = Qt.ItemDataRole.UserRole + 108
    """Of the row: a `Note` when it is about the document and not of it."""
    VERSION = Qt.ItemDataRole.UserRole + 109
    """Of the row: the version the row speaks of, an exact int."""
    HEADING = Qt.ItemDataRole.UserRole + 110
    """Of the row: True for the heading of a group."""
    DEPTH = Qt.ItemDataRole.UserRole + 112
    """Of the row: how many rows it lies in, 0 at the top; None where the view has to find that out."""
    FILTER = Qt.ItemDataRole.UserRole + 111
    """Of the row: the filter term that events with the same value here pass; None or "" where there is none."""


class ValueKind(StrEnum):
    """How a value is coloured."""

    STRING = "string"
    NUMBER = "number"
    LITERAL = "literal"
    CONTAINER = "container"
    """The summary of an object or array, such as `{ 5 keys }`."""
    NOTE = "note"
    PLAIN = "plain"


class Mark(StrEnum):
    """What happened to a row; the text is the sign in the gutter."""

    ADDED = "+"
    REMOVED = "−"
    CHANGED = "~"


#: Notes that do something when they are activated.
NOTES_TO_ACTIVATE: Final = frozenset({"load all", "earlier", "later"})


class Note(StrEnum):
    """Rows that speak about the document."""

    LOAD_ALL = "load all"
    """Activating the row shows the rest."""
    EARLIER = "earlier"
    LATER = "later"
    """Activating the row shows the members before or behind those that are shown, in their place."""
    READING = "reading"
    PROBLEM = "problem"


def child_path(parent: str, key: str | int) -> str:
    """The path of a member: `a.b`, `a["odd key"]`, `a[0]`."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{parent}.{key}" if parent else key
    return f"{parent}[{json.dumps(key, ensure_ascii=False)}]"


def key_text(key: str | int) -> str:
    """A key as a row shows it; in quotes where the eye would miss something: an empty one, spaces at its ends."""
    if isinstance(key, int):
        return f"[{key}]"
    return key if key and key == key.strip() else f'"{key}"'


def written(raw: bytes) -> str:
    """Bytes as text; each byte that is not UTF-8 becomes its value, such as `⟨0xC3⟩`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "surrogateescape")
        return _ESCAPED_BYTE.sub(lambda match: f"⟨0x{ord(match.group()) - 0xDC00:02X}⟩", text)


def preview(raw: bytes) -> str:
    """The beginning of `raw` as a cell shows it; says how long the whole is if it is longer."""
    if len(raw) <= PREVIEW_LENGTH:
        return written(raw)
    # A character is up to four bytes; one that is cut in two is left out.
    head = raw[:PREVIEW_LENGTH]
    while head and head[-1] & 0xC0 == 0x80:
        head = head[:-1]
    if head and head[-1] >= 0xC0:
        head = head[:-1]
    return f"{written(head)}… ({len(raw):,} bytes)"


def count_text(count: int, is_object: bool) -> str:
    """The summary of a container with `count` members."""
    if not count:
        return "{ }" if is_object else "[ ]"
    if is_object:
        return f"{{ {count:,} {'key' if count == 1 else 'keys'} }}"
    return f"[ {count:,} {'item' if count == 1 else 'items'} ]"
