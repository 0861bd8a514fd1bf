"""The events of a typed batch as a table: which version each will have."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QObject, Qt

from aether_desktop.models.append.batch_controller import BatchController
from aether_desktop.models.events.roles import ColumnKind
from aether_desktop.models.events.titled_table import Index, TitledTable
from aether_desktop.numbers import number_text

KINDS: Final = (ColumnKind.NUMBER, ColumnKind.NUMBER, ColumnKind.CHIP, ColumnKind.ID)


class BatchPreview(TitledTable):
    """Shows what a controller's text makes, as far as it can be read; `refresh` looks again."""

    EVENT, VERSION, TYPE, ACTOR = range(4)
    HEADERS = ("#", "Version", "Event type", "Actor")

    def __init__(self, controller: BatchController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._rows: list[tuple[str, str, str, str]] = []
        self.refresh()

    def refresh(self) -> None:
        """Show the events that are typed now."""
        draft = self._controller.draft
        rows = [
            (number_text(number), number_text(version), entry.event_type, entry.actor_id or draft.actor_id)
            for number, (entry, version) in enumerate(zip(draft.read.entries, draft.versions, strict=True), 1)
        ]
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.isValid() and role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()][index.column()]
        return None

    def _row_count(self) -> int:
        return len(self._rows)
