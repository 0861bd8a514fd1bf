"""The comparison of a refused event with the stored ones as a table: a row a field, a column an event."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from aether_desktop.models.append.conflict_report import ComparedField, ConflictReport
from aether_desktop.models.events.event_cells import NOT_TRUSTED

Index = QModelIndex | QPersistentModelIndex

#: What stands for a field that an event does not have.
ABSENT: Final = "—"
FIELD_COLUMN: Final = 0
YOURS_COLUMN: Final = 1
FIRST_STORED_COLUMN: Final = 2


class ConflictTableModel(QAbstractTableModel):
    """Columns: field, yours, then every stored event that is shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.report: ConflictReport | None = None
        self._rows: tuple[ComparedField, ...] = ()

    def set_report(self, report: ConflictReport) -> None:
        """Show another conflict."""
        self.beginResetModel()
        self.report = report
        self._rows = report.shown_rows
        self.endResetModel()

    def field(self, row: int) -> ComparedField:
        """The line of a row."""
        return self._rows[row]

    @property
    def compared_column(self) -> int:
        """The column the verdict is about, or -1."""
        stored_at = self.report.stored_at if self.report is not None else None
        return -1 if stored_at is None else FIRST_STORED_COLUMN + stored_at

    def is_damaged(self, column: int) -> bool:
        """Whether the stored event of a column cannot be trusted."""
        if self.report is None or column < FIRST_STORED_COLUMN:
            return False
        return self.report.landed.shown[column - FIRST_STORED_COLUMN].event is None

    def equals_yours(self, row: int, column: int) -> bool:
        """Whether a stored event has the same in this row as yours."""
        return self._rows[row].equal[column - FIRST_STORED_COLUMN]

    def differs(self, row: int) -> bool:
        """Whether yours and the stored event that the verdict is about differ in this row."""
        column = self.compared_column
        return column >= 0 and not self.is_damaged(column) and not self.equals_yours(row, column)

    def rowCount(self, parent: Index | None = None) -> int:
        """One for each field shown."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Field, yours and the stored events."""
        if self.report is None or (parent is not None and parent.isValid()):
            return 0
        return FIRST_STORED_COLUMN + len(self.report.landed.shown)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """What the events of the columns are."""
        if orientation is not Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        if section == FIELD_COLUMN or self.report is None:
            return "Field"
        if section == YOURS_COLUMN:
            return f"Yours, v{self.report.attempted}" + ("" if self.report.is_duplicate else ", not stored")
        return self.report.column_title(section - FIRST_STORED_COLUMN)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell as written, and for assistive tools what it means."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(index.row(), index.column())
        return None

    def _text(self, row: int, column: int) -> str:
        line = self._rows[row]
        if column == FIELD_COLUMN:
            return line.name
        if self.is_damaged(column):
            return NOT_TRUSTED
        text = line.yours if column == YOURS_COLUMN else line.stored[column - FIRST_STORED_COLUMN]
        return ABSENT if text is None else text

    def _spoken(self, row: int, column: int) -> str:
        text = self._text(row, column)
        if column == FIELD_COLUMN:
            return text
        said = "not there" if text == ABSENT else text
        title = self.headerData(column, Qt.Orientation.Horizontal)
        if column == YOURS_COLUMN or self.is_damaged(column):
            return f"{self._rows[row].name}, {title}: {said}"
        verdict = "the same as yours" if self.equals_yours(row, column) else "differs from yours"
        return f"{self._rows[row].name}, {title}: {said}, {verdict}"
