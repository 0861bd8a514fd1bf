"""A document with what a check of snapshots has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QWidget

from aether_desktop.models.state.snapshot_findings import KINDS, SnapshotCheck, SnapshotFindings
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.long_table import LongTable
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.window.searched_view import SearchedView
from aether_engine.replay.snapshot_check import SnapshotFinding

_WIDTHS = (
    (SnapshotFindings.ACTOR, 150),
    (SnapshotFindings.VERSION, 62),
    (SnapshotFindings.NAMESPACE, 100),
    (SnapshotFindings.PATH, 140),
    (SnapshotFindings.SNAPSHOT, 130),
    (SnapshotFindings.REPLAY, 130),
    (SnapshotFindings.SET_BY, 62),
)


class _FindingsTable(LongTable):
    """Enter opens what the current row is about."""

    entered_row = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.entered_row.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)


class SnapshotCheckView(SearchedView):
    """Fills while the check runs."""

    order_text = "Order: as found"
    opened = Signal(object)
    """The actor of a `SnapshotFinding` is wanted, at the snapshot's version."""
    compare_requested = Signal(object)
    """The snapshot of a `SnapshotFinding` is wanted beside the replay."""

    def __init__(self, check: SnapshotCheck, parent: QWidget | None = None) -> None:
        super().__init__("snapshotCheck", parent)
        self.check = check
        check.setParent(self)
        self.table = _FindingsTable(self)
        self.table.setObjectName("snapshotFindings")
        self.table.setAccessibleName("Snapshots that differ from the replay")
        self.table.setModel(check.findings)
        setup_table(self.table, KINDS)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(False)
        for column, width in _WIDTHS:
            self.table.setColumnWidth(column, width)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(SnapshotFindings.PATH, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnHidden(SnapshotFindings.NAMESPACE, len(check.scope.namespaces) == 1)
        self.compare = LinkButton("Compare", self)
        self.compare.setToolTip(plain_tooltip("The snapshot and the replay, side by side"))
        self._lay_out(self.table, self.compare)
        check.changed.connect(self._show)
        self.action.clicked.connect(self._act)
        self.compare.clicked.connect(self._compare)
        self.table.entered_row.connect(self._open)
        self.table.doubleClicked.connect(lambda index: self._open(index.row()))
        self.table.selectionModel().currentRowChanged.connect(lambda *_rows: self._show_compare())
        self._show()

    @property
    def busy(self) -> bool:
        return self.check.busy

    def session_state(self) -> Mapping[str, Any]:
        scope = self.check.scope
        return {"whole": len(scope.namespaces) > 1, "actor": scope.actor_id}

    async def close_document(self) -> None:
        await self.check.close()

    @property
    def chosen(self) -> SnapshotFinding | None:
        """The finding of the current row."""
        index: QModelIndex = self.table.currentIndex()
        return self.check.findings.found(index.row()) if index.isValid() else None

    def _show(self) -> None:
        check = self.check
        count = number_text(check.snapshots)
        looked = f"{count} {'snapshot' if check.snapshots == 1 else 'snapshots'} of {check.scope.words}"
        found = f"{number_text(check.found)} {'finding' if check.found == 1 else 'findings'}"
        if check.is_running:
            words = f"Checking… {looked} so far, {found}."
        elif check.is_complete:
            words = f"{looked} checked by {check.reducer_name}: {found}."
        else:
            words = f"Not complete: {looked} were looked at, {found}. {check.problem}".strip()
        self.words.set_text(words)
        self.action.set_text("Cancel" if check.is_running else "Check again")
        if not check.found:
            clean = "Every snapshot equals the replay." if check.snapshots else "There are no snapshots."
            self._empty.set_words(clean if check.is_complete else "Nothing found yet.", words)
        self._show_content(check.found > 0)
        self._show_compare()

    def _show_compare(self) -> None:
        finding = self.chosen
        self.compare.setEnabled(finding is not None and finding.change is not None)

    def _act(self) -> None:
        if self.check.is_running:
            self.check.cancel()
        else:
            self.check.start()

    def _open(self, row: int) -> None:
        finding = self.check.findings.found(row)
        if finding is not None:
            self.opened.emit(finding)

    def _compare(self) -> None:
        finding = self.chosen
        if finding is not None:
            self.compare_requested.emit(finding)
