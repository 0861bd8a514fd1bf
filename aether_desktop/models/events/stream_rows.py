"""The rows of an actor's stream in few bytes each: where its events, gaps and snapshots stand."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from enum import IntEnum

from aether_desktop.models.events.event_table import BannerRow
from aether_desktop.models.events.roles import RowBanner, RowKind
from aether_desktop.numbers import number_text
from aether_engine.event import ActorSnapshot


class StreamRow(IntEnum):
    """What a row of a stream is."""

    EVENT = 0
    GAP = 1
    SNAPSHOT = 2


class StreamRows:
    """Version, sequence and kind of each row, 17 bytes together, so that a million events are no burden.

    A gap stands at the version behind it, a snapshot at that of the event before it, both at the sequence before.
    """

    def __init__(self) -> None:
        self.versions = array("q")
        self._sequences = array("q")
        self._kinds = bytearray()
        self._rising = True
        self._snapshots: list[ActorSnapshot] = []
        self._snapshot_rows: dict[int, BannerRow] = {}
        self.latest = 0
        self.events = 0
        # Sequences at the latest version: the next read begins with it again.
        self._at_latest: set[int] = set()

    def __len__(self) -> int:
        return len(self.versions)

    def await_snapshots(self, snapshots: Iterable[ActorSnapshot]) -> None:
        """Put these, by version, behind the events they are of."""
        self._snapshots = list(snapshots)

    def is_known(self, sequence: int) -> bool:
        """Whether the event at `sequence`, which has at least the latest version, was added."""
        return sequence in self._at_latest

    def add(self, version: int | None, sequence: int) -> int:
        """Add the next event, None for a version that cannot be trusted, with what stands around it.

        Returns the event's row.
        """
        before = self._sequences[-1] if self._sequences else 0
        self._rising = self._rising and sequence > before
        if version is not None and version > self.latest + 1:
            self._append(version, before, StreamRow.GAP)
        if version is not None and version > self.latest:
            self.latest = version
            self._at_latest.clear()
        self._at_latest.add(sequence)
        row = len(self)
        self._append(self.latest if version is None else version, sequence, StreamRow.EVENT)
        self.events += 1
        while self._snapshots and self._snapshots[0].version <= self.latest:
            self._snapshot_rows[len(self)] = _snapshot(self._snapshots.pop(0))
            self._append(self.latest, sequence, StreamRow.SNAPSHOT)
        return row

    def _append(self, version: int, sequence: int, kind: StreamRow) -> None:
        self.versions.append(version)
        self._sequences.append(sequence)
        self._kinds.append(kind)

    def is_event(self, row: int) -> bool:
        """Whether an event stands in `row`."""
        return self._kinds[row] == StreamRow.EVENT

    def kind(self, row: int) -> StreamRow:
        """What stands in `row`."""
        return StreamRow(self._kinds[row])

    def count(self, kind: StreamRow, first: int, end: int) -> int:
        """How many rows from `first` to `end` (not included) are of a kind."""
        return self._kinds.count(kind, first, end)

    def sequence(self, row: int) -> int:
        """The sequence of the event in `row`."""
        return self._sequences[row]

    def banner(self, row: int) -> BannerRow:
        """The gap or snapshot in `row`."""
        snapshot = self._snapshot_rows.get(row)
        if snapshot is not None:
            return snapshot
        return _gap(self.versions[row - 1] if row else 0, self.versions[row])

    def row_of_version(self, version: int) -> int:
        """The row of the event with `version`, -1 if there is none."""
        if not -(2**63) <= version < 2**63:
            return -1
        for row in range(bisect_left(self.versions, version), len(self)):
            if self.versions[row] != version:
                break
            if self.is_event(row):
                return row
        return -1

    def row_of_sequence(self, sequence: int) -> int:
        """The row of the event at `sequence`, -1 if there is none."""
        try:
            row = bisect_left(self._sequences, sequence) if self._rising else self._sequences.index(sequence)
        except ValueError:
            return -1
        while row < len(self) and self._sequences[row] == sequence:
            if self.is_event(row):
                return row
            row += 1
        return -1


def _gap(before: int, version: int) -> BannerRow:
    first, last = before + 1, version - 1
    if first == last:
        title = f"Version {number_text(first)} is missing"
    else:
        title = f"Versions {number_text(first)} to {number_text(last)} are missing"
    text = f"v{before} is followed by v{version}" if before else f"the stream begins with v{version}"
    return BannerRow(RowKind.GAP, RowBanner(title, f"{text}; gaps are legal, the writer chooses the versions"))


def _snapshot(snapshot: ActorSnapshot) -> BannerRow:
    size = number_text(len(snapshot.to_json()))
    return BannerRow(RowKind.SNAPSHOT, RowBanner(f"Snapshot v{number_text(snapshot.version)}", f"{size} bytes"))
