"""What the tables of events, actors, tails and findings ask of their models, besides Qt's own roles.

A model answers `Qt.ItemDataRole.DisplayRole` with the text of a cell exactly as it is to be read, and the roles
below for what a text cannot say. Everything but `KIND` may be left out (return None).
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

from PySide6.QtCore import Qt


class Role(IntEnum):
    """Item data roles that the delegate of every event table reads.

    Roles "of the row" give the same answer in every column of a row.
    """

    KIND = Qt.ItemDataRole.UserRole + 1
    """Of the row: a `RowKind` or its plain string. None means an ordinary event."""
    COLUMN_KIND = Qt.ItemDataRole.UserRole + 2
    """Of a column (answered by `headerData`, horizontal): a `ColumnKind`, if the view was given no list."""
    MARKED = Qt.ItemDataRole.UserRole + 3
    """Of the row: True when the user has marked this event."""
    NEW = Qt.ItemDataRole.UserRole + 4
    """Of the row: True for a row that has just arrived or changed; it gets a soft accent tint."""
    BANNER = Qt.ItemDataRole.UserRole + 5
    """Of the row: a `RowBanner` for the kinds that are one line over all columns."""
    SORT = Qt.ItemDataRole.UserRole + 6
    """The value a cell is ordered by: a number, a string, a time; never the formatted text."""
    FULL_TEXT = Qt.ItemDataRole.UserRole + 7
    """The whole text behind a shortened preview, for the tooltip and for copying; stored text, not formatted."""
    SAME_DATE = Qt.ItemDataRole.UserRole + 8
    """Of a time cell: True when its date equals that of the row above, so that the date is dimmed."""
    ICON = Qt.ItemDataRole.UserRole + 9
    """A `CellIcon` before the text of a chip, id or text cell; its colour also becomes that of the text."""
    GUTTER = Qt.ItemDataRole.UserRole + 10
    """Of a gutter cell: a `CellIcon` that stands in for the ones of corrupted and marked, for example conflict."""
    DIMMED = Qt.ItemDataRole.UserRole + 11
    """True for a cell of lesser weight (a repeated value): drawn in the secondary text colour."""
    COPY_TEXT = Qt.ItemDataRole.UserRole + 12
    """What copying this cell puts on the clipboard: plain digits, stored bytes. Not read by the delegate."""


class RowKind(StrEnum):
    """What a row of a table is."""

    EVENT = "event"
    CORRUPTED = "corrupted"
    """An event that cannot be trusted: it keeps its place, its type cell gives the reason."""
    GAP = "gap"
    """Events or versions that are not there; one line over all columns."""
    SNAPSHOT = "snapshot"
    """A stored state; one line over all columns."""
    NOTE = "note"
    """Something that happened to the table itself, such as a reconnect; one line over all columns."""
    PLACEHOLDER = "placeholder"
    """A row that exists but is still being loaded."""


BANNER_KINDS = frozenset({RowKind.GAP, RowKind.SNAPSHOT, RowKind.NOTE})
"""The kinds that are drawn as one line over all columns."""


class ColumnKind(StrEnum):
    """How the cells of a column are drawn, aligned and shortened."""

    GUTTER = "gutter"
    """24 px at the left for marks and trouble; it has no text."""
    NUMBER = "number"
    """Right-aligned, tabular, never shortened: a column that is too narrow grows."""
    CHIP = "chip"
    """An event type with its coloured sign; shortened in the middle."""
    ID = "id"
    """Actors, event ids and paths; shortened in the middle."""
    TIME = "time"
    """A timestamp as stored, date and offset dimmed; never shortened."""
    MONO = "mono"
    """Payload text in the fixed-width font; shortened at the right."""
    TEXT = "text"
    """Sentences; shortened at the right."""


class CellIcon(NamedTuple):
    """An icon in a cell: a file name of the icon set and a palette role of the theme."""

    name: str
    role: str = "text2"


class RowBanner(NamedTuple):
    """One line over all columns: a bold fact, a plain explanation and what can be done about it.

    `icon` and `tone` (a meaning of the theme, such as "corrupted" for a snapshot that differs) replace those of
    the row's kind. All texts come from stores and are shown as plain text.
    """

    title: str
    text: str = ""
    action: str = ""
    icon: str = ""
    tone: str = ""
