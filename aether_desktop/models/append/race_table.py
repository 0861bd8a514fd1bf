"""A race as a table: a row for each version, and what each writer was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.append.race import Attempt, Outcome, Round
from aether_desktop.models.events.roles import CellIcon, ColumnKind, Role
from aether_desktop.numbers import number_text

Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()
VERSION, WINNER, CONFLICTS, STREAM, FIRST_WRITER = range(5)
_HEADERS: Final = ("Version", "Won by", "Conflicts", "In the stream")


class RaceTable(QAbstractTableModel):
    """Columns: version, winner, number of conflicts, what reading back found, then one for each writer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._writers = 0
        self._rounds: list[Round] = []

    def begin(self, writers: int) -> None:
        """Show no round, and a column for each of so many writers."""
        self.beginResetModel()
        self._writers = writers
        self._rounds = []
        self.endResetModel()

    def add(self, ended: Sequence[Round]) -> None:
        """Show more rounds."""
        if ended:
            first = len(self._rounds)
            self.beginInsertRows(_NOWHERE, first, first + len(ended) - 1)
            self._rounds.extend(ended)
            self.endInsertRows()

    def replace(self, rounds: Sequence[Round]) -> None:
        """Show the same rounds, of which more is known."""
        self._rounds = list(rounds)
        if rounds:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rounds) - 1, self.columnCount() - 1))

    @property
    def kinds(self) -> list[ColumnKind]:
        """How the columns are drawn."""
        fixed = [ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.NUMBER, ColumnKind.TEXT]
        return fixed + [ColumnKind.TEXT] * self._writers

    def round(self, row: int) -> Round:
        """The round of a row."""
        return self._rounds[row]

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._rounds)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else FIRST_WRITER + self._writers

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section] if section < FIRST_WRITER else f"Writer {section - FIRST_WRITER + 1}"
        return self.kinds[section] if role == Role.COLUMN_KIND else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        ended, column = self._rounds[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole | Role.COPY_TEXT:
                return self._text(ended, column)
            case Role.ICON:
                return self._icon(ended, column)
            case Role.FULL_TEXT if column >= FIRST_WRITER:
                attempt = ended.attempts[column - FIRST_WRITER]
                return f"{attempt.words or self._text(ended, column)} ({attempt.milliseconds:,.1f} ms)"
            case Role.DIMMED:
                return column >= FIRST_WRITER and column - FIRST_WRITER + 1 != ended.winner
        return None

    def _text(self, ended: Round, column: int) -> str:
        match column:
            case 0:
                return number_text(ended.version)
            case 1:
                return f"Writer {ended.winner}" if ended.winner else "nobody"
            case 2:
                return number_text(ended.conflicts)
            case 3:
                return _held_words(ended)
        return _attempt_words(ended.attempts[column - FIRST_WRITER])

    def _icon(self, ended: Round, column: int) -> CellIcon | None:
        if column == STREAM and ended.held is not None:
            return CellIcon("check", "live") if ended.held == ended.winner else CellIcon("warning", "corrupted")
        if column < FIRST_WRITER:
            return None
        match ended.attempts[column - FIRST_WRITER].outcome:
            case Outcome.WON:
                return CellIcon("check", "live")
            case Outcome.CONFLICT:
                return CellIcon("conflict", "conflict")
        return CellIcon("warning", "gap")


def summary(rounds: Sequence[Round]) -> str:
    """What a race has come to, in a line."""
    if not rounds:
        return "No version was raced for."
    writers = len(rounds[0].attempts)
    won = sum(bool(each.winner) for each in rounds)
    conflicts = sum(each.conflicts for each in rounds)
    others = len(rounds) * writers - won - conflicts
    words = (
        f"{number_text(len(rounds))} versions, {number_text(won)} winners, {number_text(conflicts)} conflicts told"
    )
    if others:
        words += f", {number_text(others)} without a clear answer"
    if all(each.held is not None for each in rounds):
        good = sum(each.held == each.winner for each in rounds)
        words += (
            ". Read back: every version holds its winner’s event, once."
            if good == len(rounds)
            else f". Read back: {number_text(len(rounds) - good)} versions hold another event than the winner’s."
        )
    else:
        words += "."
    return words


def standings(rounds: Sequence[Round]) -> str:
    """How often each writer has won."""
    if not rounds:
        return ""
    counts = [sum(each.winner == writer for each in rounds) for writer in range(1, len(rounds[0].attempts) + 1)]
    return " · ".join(f"Writer {writer}: {number_text(count)}" for writer, count in enumerate(counts, 1))


def _held_words(ended: Round) -> str:
    if ended.held is None:
        return "…"
    if ended.held:
        return f"Writer {ended.held}"
    return "nothing of the race"


def _attempt_words(attempt: Attempt) -> str:
    match attempt.outcome:
        case Outcome.WON:
            return f"won, #{number_text(attempt.sequence)}"
        case Outcome.CONFLICT:
            return f"conflict, at v{attempt.current}"
        case Outcome.UNKNOWN:
            return "not known"
    return "refused"
