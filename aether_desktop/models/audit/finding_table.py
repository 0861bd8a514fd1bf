"""The findings of an audit as a table: grouped, filtered, and filled while more of them are found.

Findings stay in the order they were found; each group keeps the numbers of those that are shown in it. With that
a batch costs as much as it has findings, however many there are already, and going through all of them, for a
filter or other groups, is done in pieces between which the event loop has its turns.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QObject, Qt, Signal

from aether_desktop.models.audit.finding_cells import CHANGES, LOOKS, place_text, time_text
from aether_desktop.models.audit.finding_groups import Group, GroupBy, Key, in_order, key_of, make_group
from aether_desktop.models.events.roles import CellIcon, ColumnKind, Role, RowKind
from aether_desktop.models.events.titled_table import Index, TitledTable
from aether_desktop.tasks import TaskOwner
from aether_engine.audit import Finding

KINDS: Final = (
    ColumnKind.TEXT,
    ColumnKind.TEXT,
    ColumnKind.TEXT,
    ColumnKind.NUMBER,
    ColumnKind.ID,
    ColumnKind.TIME,
    ColumnKind.TEXT,
    ColumnKind.TEXT,
)
_CHANGE_LOOKS: Final = {"new": CellIcon("plus", "accent"), "gone": CellIcon("minus", "text2")}
#: Findings that are looked at between two turns of the event loop.
_SLICE: Final = 2000
#: Groups that a batch may touch one by one; of more the table is laid out anew.
_ONE_BY_ONE: Final = 8


class FindingTable(TitledTable):
    """Rows are findings, and headings of groups. `shown` findings pass the filter."""

    SEVERITY, CHECK, NAMESPACE, SEQUENCE, PLACE, TIME, CHANGE, EXPLANATION = range(8)
    HEADERS = ("Severity", "Check", "Namespace", "Sequence", "Place", "Timestamp", "Change", "What is wrong")

    counted = Signal()
    """How many are shown, or how far filtering is, has changed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.findings: list[Finding] = []
        self.shown = 0
        self.is_filtering = False
        self.group_by = GroupBy.CHECK
        self._passes: Callable[[Finding], bool] | None = None
        self._groups: dict[Key, Group] = {}
        self._order: list[Group] = []
        self._ends: list[int] = []
        self._closed: set[Key] = set()
        self._counts: dict[str, int] = {}
        # By identity: findings are values, and equal ones may stand at several places.
        self._changes: dict[int, str] = {}
        self._tasks = TaskOwner()
        self._laying_out: asyncio.Task[Any] | None = None

    async def close(self) -> None:
        """End what is going on."""
        await self._tasks.cancel_all()

    # -- filling

    def clear(self) -> None:
        """Begin anew."""
        self._stop_laying_out()
        self.beginResetModel()
        self.findings = []
        self._changes.clear()
        self._counts.clear()
        self._put({})
        self.endResetModel()
        self.counted.emit()

    def add(self, findings: Sequence[Finding]) -> None:
        """Take more in, behind those that are there."""
        first = len(self.findings)
        self.findings += findings
        if self.is_filtering:
            # They are looked at behind the others.
            return
        passes = self._passes
        new: dict[Key, list[int]] = {}
        for number, finding in enumerate(findings, first):
            if passes is None or passes(finding):
                new.setdefault(self._key(finding), []).append(number)
        if len(new) <= _ONE_BY_ONE:
            for key, numbers in new.items():
                self._insert(key, numbers)
        elif new:
            self.beginResetModel()
            for key, numbers in new.items():
                group = self._groups.get(key)
                if group is None:
                    group = self._groups[key] = self._make(key)
                group.rows.extend(numbers)
            self._put(self._groups)
            self.endResetModel()
        self.counted.emit()

    def set_counts(self, counts: dict[str, int]) -> None:
        """How many findings of each check there are, also those that are only counted."""
        if counts == self._counts:
            return
        self._counts = counts
        if self.group_by is GroupBy.CHECK:
            for row in [0, *self._ends][:-1]:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.HEADERS) - 1))

    def set_changes(self, changes: dict[int, str]) -> None:
        """How findings (by `id`) stand to an earlier report: "new", "gone" or "same"."""
        self._changes = changes
        self._lay_out()

    def change_of(self, finding: Finding) -> str:
        """How a finding stands to an earlier report, empty while none was compared."""
        return self._changes.get(id(finding), "")

    # -- grouping and filtering

    @property
    def _has_headings(self) -> bool:
        return self.group_by is not GroupBy.NONE

    def set_group_by(self, group_by: GroupBy) -> None:
        """Show other groups."""
        if group_by is not self.group_by:
            self.group_by = group_by
            self._closed.clear()
            self._lay_out()

    def show_passing(self, passes: Callable[[Finding], bool] | None) -> None:
        """Leave out what does not pass; None leaves nothing out."""
        self._passes = passes
        self._lay_out()

    def _lay_out(self) -> None:
        """Sort all findings into groups: at once if they are few, else piece by piece."""
        self._stop_laying_out()
        groups: dict[Key, Group] = {}
        if len(self.findings) <= _SLICE:
            self._sort_in(groups, 0, len(self.findings))
            self._laid_out(groups)
            return
        self.is_filtering = True
        self.counted.emit()
        self._laying_out = self._tasks.start(self._lay_out_slowly(groups), "lay out findings")

    async def _lay_out_slowly(self, groups: dict[Key, Group]) -> None:
        done = 0
        while done < len(self.findings):
            end = min(done + _SLICE, len(self.findings))
            self._sort_in(groups, done, end)
            done = end
            await asyncio.sleep(0)
        self._laying_out = None
        self._laid_out(groups)

    def _stop_laying_out(self) -> None:
        if self._laying_out is not None:
            self._laying_out.cancel()
            self._laying_out = None
        self.is_filtering = False

    def _sort_in(self, groups: dict[Key, Group], start: int, end: int) -> None:
        passes, key_of = self._passes, self._key
        for number in range(start, end):
            finding = self.findings[number]
            if passes is None or passes(finding):
                key = key_of(finding)
                group = groups.get(key)
                if group is None:
                    group = groups[key] = self._make(key)
                group.rows.append(number)

    def _laid_out(self, groups: dict[Key, Group]) -> None:
        self.is_filtering = False
        self.beginResetModel()
        self._put(groups)
        self.endResetModel()
        self.counted.emit()

    def _key(self, finding: Finding) -> Key:
        return key_of(self.group_by, finding, self.change_of(finding))

    def _make(self, key: Key) -> Group:
        return make_group(self.group_by, key, is_open=key not in self._closed)

    def _put(self, groups: dict[Key, Group]) -> None:
        self._groups = groups
        self._order = in_order(self.group_by, groups.values())
        self._reckon()

    def _reckon(self) -> None:
        """Where each group ends, in rows."""
        heading = 1 if self._has_headings else 0
        self._ends = list(accumulate(heading + (len(group.rows) if group.is_open else 0) for group in self._order))
        self.shown = sum(len(group.rows) for group in self._order)

    def _start(self, place: int) -> int:
        return self._ends[place - 1] if place else 0

    def _insert(self, key: Key, numbers: list[int]) -> None:
        group = self._groups.get(key)
        if group is None:
            self._insert_group(key, numbers)
            return
        place = self._order.index(group)
        if group.is_open:
            end = self._ends[place]
            self.beginInsertRows(QModelIndex(), end, end + len(numbers) - 1)
        group.rows.extend(numbers)
        self._reckon()
        if group.is_open:
            self.endInsertRows()
        self._heading_changed(place)

    def _insert_group(self, key: Key, numbers: list[int]) -> None:
        group = self._make(key)
        group.rows.extend(numbers)
        place = len(self._order)
        if self.group_by in (GroupBy.CHECK, GroupBy.NONE):
            place = next((at for at, one in enumerate(self._order) if one.key > key), place)
        count = (1 if self._has_headings else 0) + (len(numbers) if group.is_open else 0)
        start = self._start(place)
        self.beginInsertRows(QModelIndex(), start, start + count - 1)
        self._groups[key] = group
        self._order.insert(place, group)
        self._reckon()
        self.endInsertRows()

    def _heading_changed(self, place: int) -> None:
        if self._has_headings:
            row = self._start(place)
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.HEADERS) - 1))

    # -- rows

    def _at(self, row: int) -> tuple[Group, int] | None:
        """The group of a row, and which of its findings it is; -1 for the heading."""
        if not 0 <= row < self.rowCount():
            return None
        place = bisect_right(self._ends, row)
        group = self._order[place]
        within = row - self._start(place) - (1 if self._has_headings else 0)
        return group, within

    def finding(self, row: int) -> Finding | None:
        """The finding in a row, None for a heading."""
        number = self.number(row)
        return None if number is None else self.findings[number]

    def number(self, row: int) -> int | None:
        """Which of `findings` stands in a row, None for a heading."""
        at = self._at(row)
        return None if at is None or at[1] < 0 else at[0].rows[at[1]]

    def row_of(self, number: int) -> int:
        """The row of one of `findings`, -1 if it is not shown."""
        if not 0 <= number < len(self.findings):
            return -1
        group = self._groups.get(self._key(self.findings[number]))
        if group is None or not group.is_open:
            return -1
        within = bisect_right(group.rows, number) - 1
        if within < 0 or group.rows[within] != number:
            return -1
        heading = 1 if self._has_headings else 0
        return self._start(self._order.index(group)) + heading + within

    def position(self, row: int) -> int:
        """How many findings are shown above a row, in groups that are closed too."""
        at = self._at(row)
        if at is None:
            return 0
        before = sum(len(group.rows) for group in self._order[: bisect_right(self._ends, row)])
        return before + max(at[1], 0)

    def numbers_in(self, parts: Iterable[range]) -> list[int]:
        """The findings in ranges of rows; a heading stands for all of its group."""
        found: dict[int, None] = {}
        heading = 1 if self._has_headings else 0
        for rows in parts:
            place = bisect_right(self._ends, rows.start)
            while place < len(self._order) and (start := self._start(place)) < rows.stop:
                group = self._order[place]
                first, stop = max(rows.start - start - heading, 0), max(rows.stop - start - heading, 0)
                is_whole = heading and rows.start <= start
                found.update(dict.fromkeys(group.rows if is_whole else group.rows[first:stop]))
                place += 1
        return list(found)

    def numbers(self) -> list[int]:
        """All findings that are shown, also those of closed groups."""
        return [number for group in self._order for number in group.rows]

    def is_heading(self, row: int) -> bool:
        """Whether a row is the heading of a group."""
        at = self._at(row)
        return at is not None and at[1] < 0

    def set_open(self, row: int, is_open: bool) -> int:
        """Open or close the group of a row; returns the row of its heading."""
        at = self._at(row)
        if at is None or not self._has_headings:
            return row
        group = at[0]
        place = bisect_right(self._ends, row)
        start = self._start(place)
        if group.is_open is is_open:
            return start
        (self._closed.discard if is_open else self._closed.add)(group.key)
        count = len(group.rows)
        begin, end = (
            (self.beginInsertRows, self.endInsertRows) if is_open else (self.beginRemoveRows, self.endRemoveRows)
        )
        if count:
            begin(QModelIndex(), start + 1, start + count)
        group.is_open = is_open
        self._reckon()
        if count:
            end()
        self._heading_changed(place)
        return start

    def is_open(self, row: int) -> bool:
        """Whether the group of a row is open."""
        at = self._at(row)
        return at is not None and at[0].is_open

    # -- Qt

    def _row_count(self) -> int:
        return self._ends[-1] if self._ends else 0

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self.data_at(index.row(), index.column(), role) if index.isValid() else None

    def data_at(self, row: int, column: int, role: int) -> Any:
        """As `data`, without an index."""
        at = self._at(row)
        if at is None:
            return None
        group, within = at
        if within < 0:
            return self._heading(group, role)
        finding = self.findings[group.rows[within]]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(finding, column)
            case Role.ICON if column == self.SEVERITY:
                return LOOKS[finding.severity]
            case Role.ICON if column == self.CHANGE:
                return _CHANGE_LOOKS.get(self.change_of(finding))
            case Role.FULL_TEXT if column == self.EXPLANATION:
                return finding.explanation
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._text(finding, column)
        return None

    def _heading(self, group: Group, role: int) -> Any:
        count, is_filtered = self._counts.get(group.check), self._passes is not None
        match role:
            case Role.KIND:
                return RowKind.NOTE
            case Role.BANNER:
                return group.heading(count, is_filtered=is_filtered)
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return f"{group.title}: {group.said(count, is_filtered=is_filtered)}"
        return None

    def _text(self, finding: Finding, column: int) -> Any:
        match column:
            case self.SEVERITY:
                return finding.severity.value.capitalize()
            case self.CHECK:
                return finding.title
            case self.NAMESPACE:
                return finding.namespace
            case self.SEQUENCE:
                return finding.sequence
            case self.PLACE:
                return place_text(finding)
            case self.TIME:
                return time_text(finding)
            case self.CHANGE:
                return CHANGES.get(self.change_of(finding), "")
        return finding.explanation
