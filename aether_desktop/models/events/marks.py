"""The user's marks: events to come back to, kept for each namespace of each store between starts."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.connection import Connection
from aether_desktop.settings import Settings
from aether_desktop.workspace import Place

#: Marks that one namespace can have.
MARKS_LIMIT: Final = 10_000
#: Namespaces and marks that are remembered between starts; of more, those not marked in for longest are forgotten.
_PLACES_KEPT: Final = 200
_MARKS_KEPT: Final = 50_000
_SETTING: Final = "marks"
#: Rest after a change before it is written, in milliseconds: marks come in bursts.
_REST: Final = 300

_Key = tuple[str, str]


class TooManyMarksError(Exception):
    """A namespace would have more marks than it can."""

    def __init__(self, namespace: str, count: int) -> None:
        self.namespace = namespace
        self.count = count
        super().__init__(
            f"{namespace} would have {count:,} marked events, and {MARKS_LIMIT:,} are the most; "
            "nothing was marked: mark fewer, or clear marks first."
        )


class Marks(QObject):
    """Which events are marked. Events are known by their sequence, stores by their URL without its login.

    Marks in a store that is not to be remembered last as long as its connection.
    """

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        # Rising sequences by place; the places marked in last come last.
        self._marks: dict[_Key, list[int]] = _read(settings.get(_SETTING))
        # Those are looked at for every row that is painted.
        self._sets: dict[_Key, set[int]] = {key: set(marks) for key, marks in self._marks.items()}
        # Two stores in memory have one URL and are two stores.
        self._numbers: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        self._next_number = itertools.count()
        self._passing: set[_Key] = set()
        self._writing = QTimer(self, singleShot=True, interval=_REST)
        self._writing.timeout.connect(self._write)

    def is_marked(self, place: Place, sequence: int) -> bool:
        """Whether the event at `sequence` is marked."""
        marks = self._sets.get(self._key(place))
        return marks is not None and sequence in marks

    def count(self, place: Place | None) -> int:
        """How many events of a namespace are marked."""
        return len(self._marks.get(self._key(place), ())) if place is not None else 0

    def toggle(self, place: Place, sequences: Iterable[int]) -> None:
        """Mark these events, or take the marks away if all of them are marked. Raises `TooManyMarksError`."""
        wanted = set(sequences)
        marks = self._sets.get(self._key(place), set())
        left = marks - wanted if wanted <= marks else marks | wanted
        if len(left) > MARKS_LIMIT:
            raise TooManyMarksError(place.namespace, len(left))
        if wanted:
            self._set(place, left)

    def clear(self, place: Place) -> list[int]:
        """Take away every mark of a namespace; returns which there were."""
        marks = self._marks.get(self._key(place), [])
        if marks:
            self._set(place, set())
        return marks

    def restore(self, place: Place, sequences: Iterable[int]) -> None:
        """Mark again what `clear` returned."""
        self._set(place, self._sets.get(self._key(place), set()).union(sequences))

    def next(self, place: Place, sequence: int, by: int) -> int | None:
        """The marked sequence behind (`by` 1) or before (-1) `sequence`; round the end, None without marks."""
        marks = self._marks.get(self._key(place))
        if not marks:
            return None
        at = bisect_right(marks, sequence) if by > 0 else bisect_left(marks, sequence) - 1
        return marks[at % len(marks)]

    def close(self) -> None:
        """Write what is not written yet."""
        if self._writing.isActive():
            self._writing.stop()
            self._write()

    def _key(self, place: Place) -> _Key:
        connection = place.connection
        if connection.is_remembered:
            return connection.engine.url, place.namespace
        number = self._numbers.setdefault(connection, next(self._next_number))
        return f"{connection.engine.url} {number}", place.namespace

    def _set(self, place: Place, marks: set[int]) -> None:
        key = self._key(place)
        self._marks.pop(key, None)
        self._sets.pop(key, None)
        if marks:
            self._marks[key] = sorted(marks)
            self._sets[key] = marks
        if place.connection.is_remembered:
            self._writing.start()
        else:
            self._passing.add(key)
        self.changed.emit()

    def _write(self) -> None:
        kept: list[dict[str, Any]] = []
        room = _MARKS_KEPT
        for key, marks in reversed(self._marks.items()):
            if key in self._passing:
                continue
            room -= len(marks)
            if room < 0 or len(kept) == _PLACES_KEPT:
                break
            kept.append({"url": key[0], "namespace": key[1], "sequences": marks})
        self._settings.set(_SETTING, kept)


def _read(value: object) -> dict[_Key, list[int]]:
    """What the settings hold, as far as it is marks: anybody may have edited them."""
    marks: dict[_Key, list[int]] = {}
    for entry in reversed(value[:_PLACES_KEPT]) if isinstance(value, list) else ():
        if not isinstance(entry, dict):
            continue
        url, namespace, sequences = entry.get("url"), entry.get("namespace"), entry.get("sequences")
        if isinstance(url, str) and isinstance(namespace, str) and isinstance(sequences, list):
            numbers = sorted({each for each in sequences[:MARKS_LIMIT] if type(each) is int and each > 0})
            if numbers:
                marks[url, namespace] = numbers
    return marks
