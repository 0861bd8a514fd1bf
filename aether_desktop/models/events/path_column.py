"""A value of the events' data or metadata as a column of their tables."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.events.roles import ColumnKind
from aether_desktop.settings import Settings
from aether_engine.json_pieces import array_pieces, object_pieces

#: Events from this size on are not taken apart for a cell.
LARGEST = 1 << 20
MOST_COLUMNS = 20
_SETTING = "path_columns"


@dataclass(frozen=True, slots=True)
class PathColumn:
    """The value at a path, written as in a filter: `data.resource`, `data.items.0.sku`, `meta.UserID`."""

    path: str
    steps: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.path

    @property
    def kind(self) -> ColumnKind:
        return ColumnKind.MONO

    @property
    def characters(self) -> int:
        """Width in characters of its usual text."""
        return 18

    def value(self, raw: bytes) -> bytes:
        """The value exactly as stored, nothing where an event has none there."""
        found = raw
        for step in self.steps:
            member = _member(found, step)
            if member is None:
                return b""
            found = member
        return found


def path_column(text: str) -> PathColumn:
    """The column that `text` means; raises `ValueError`, which says what is wrong with it."""
    from aether_engine.query import parse_filter
    from aether_engine.query.conditions import DataIs, MetadataIs

    path = text.strip()
    wanted = parse_filter(f"{path}:*")
    if wanted.problems and path.startswith(("data.", "meta.")) and " " not in path:
        raise ValueError(wanted.problems[0].reason)
    is_one = len(wanted.terms) == 1 and not wanted.problems
    condition = wanted.terms[0].condition if is_one else None
    if isinstance(condition, MetadataIs):
        return PathColumn(path, ("metadata", condition.name))
    if isinstance(condition, DataIs):
        steps = [step for step in condition.path if step is not None]
        if len(steps) < len(condition.path):
            raise ValueError("A column shows one value: * cannot be a step of its path.")
        return PathColumn(path, ("data", *steps))
    raise ValueError(
        "A column is one path such as data.resource, data.items.0.sku or meta.UserID; "
        "a name with spaces stands in quotes."
    )


class PathColumns(QObject):
    """The paths that tables of events show besides, kept in the settings."""

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    @property
    def columns(self) -> list[PathColumn]:
        paths = self._settings.get(_SETTING)
        columns: list[PathColumn] = []
        for path in paths if isinstance(paths, list) else []:
            try:
                columns.append(path_column(str(path)))
            except ValueError:
                continue  # Settings of another version, or edited by hand.
        return columns[:MOST_COLUMNS]

    def add(self, column: PathColumn) -> None:
        """Show `column` too."""
        columns = self.columns
        if column not in columns:
            self._keep([*columns, column])

    def remove(self, column: PathColumn) -> None:
        """Show `column` no longer."""
        self._keep([other for other in self.columns if other != column])

    def _keep(self, columns: list[PathColumn]) -> None:
        self._settings.set(_SETTING, [column.path for column in columns][-MOST_COLUMNS:])
        self.changed.emit()


def _member(raw: bytes, step: str) -> bytes | None:
    """The member or item of a container, of duplicates the last; None if it has no such or is none."""
    first = raw.lstrip()[:1]
    found: bytes | None = None
    try:
        if first == b"{":
            for members in object_pieces(raw):
                if step in members:
                    found = bytes(members[step])
        elif first == b"[" and step.isascii() and step.isdigit():
            place = int(step)
            for items in array_pieces(raw):
                if place < len(items):
                    return bytes(items[place])
                place -= len(items)
    except ValueError:
        return None
    return found
