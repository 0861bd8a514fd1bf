"""The document of an audit: its head, the table of findings, and the finding that is selected."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit.audit_run import AuditRun
from aether_desktop.models.audit.finding_cells import line_of
from aether_desktop.models.audit.finding_filter import FindingFilter
from aether_desktop.models.audit.finding_groups import GroupBy
from aether_desktop.models.audit.finding_table import KINDS, FindingTable
from aether_desktop.models.audit.kept_audit import kept_settings
from aether_desktop.ui.audit.audit_head import AuditHead
from aether_desktop.ui.audit.audit_notices import AuditNotices
from aether_desktop.ui.audit.audit_totals import AuditTotals
from aether_desktop.ui.audit.finding_detail import FindingDetail
from aether_desktop.ui.audit.findings_view import FindingsView
from aether_desktop.ui.events.chosen_rows import selected_ranges
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.event_delegate import PADDING
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.turn_to import turn_to
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.workspace import Selection
from aether_engine.audit import AuditScope, Finding
from aether_engine.errors import AetherError

#: Widest usual texts, from which the columns get their first widths.
_USUAL: Final = (
    (FindingTable.SEVERITY, "000Warning"),
    (FindingTable.CHECK, "Version column disagrees"),
    (FindingTable.NAMESPACE, "prod.tenant-a0"),
    (FindingTable.SEQUENCE, "Sequence00"),
    (FindingTable.PLACE, "shipment-1046 v000"),
    (FindingTable.TIME, "2011-09-01 13:59:02.412000 Z"),
    (FindingTable.CHANGE, "the same"),
)
#: Width of the table from which on times have room beside what is wrong, in averaged characters.
_ROOM_FOR_TIMES: Final = 150
#: Rest after going to a row before its bytes are read, in milliseconds.
_READ_AFTER: Final = 40
#: Selected findings up to which they stay selected when the table is laid out anew.
_KEPT: Final = 1000
#: Findings that can be copied at once; a report has all of them.
_MOST_COPIED: Final = 10_000


class AuditView(DocumentView):
    """Follows an `AuditRun`. Everything that needs more than this document is asked for by signals."""

    order_text = "Order: worst first"
    finding_shown = Signal(object)
    """The bytes of this `Finding` are wanted."""
    open_asked = Signal(object)
    """The event of this `Finding` is wanted where it is stored."""
    leave_out_asked = Signal(object)
    neighbour_asked = Signal(object, object)
    """The event at this sequence of the finding's namespace is wanted beside it: finding, sequence."""
    recover_asked = Signal()
    copy_requested = Signal(object)
    """A text to copy: the selected findings, a line each."""

    def __init__(self, run: AuditRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("auditView")
        self.run = run
        run.setParent(self)
        self.filter = self._filter = FindingFilter(run.table, self)
        self._current: int | None = None
        self._kept: list[int] = []
        #: What was selected in the window because it was selected here.
        self.own_place: tuple[str, int] | None = None
        self._read = QTimer(self, singleShot=True, interval=_READ_AFTER)
        self._read.timeout.connect(self._ask_for_bytes)
        self.head = AuditHead(run, self)
        self.banner = Banner(BannerKind.CORRUPTED, parent=self, closable=False)
        self.banner.hide()
        self.detail = FindingDetail(self)
        self.totals = AuditTotals(run, self._filter, self)
        self._build_table()
        self.splitter = KeptSplitter("auditSplitter", Qt.Orientation.Vertical, self)
        self.splitter.addWidget(self._pages)
        self.splitter.addWidget(self.detail)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setCollapsible(0, False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.head, self.banner, self.totals):
            column.addWidget(widget)
        column.addWidget(self.splitter, 1)
        self.notices = AuditNotices(run, self.banner, self._empty, self)
        self._connect()
        self._show()

    # -- a document

    @property
    def busy(self) -> bool:
        return self.run.busy or self._read.isActive()

    @property
    def displayed(self) -> int:
        """How many findings are shown."""
        return self.run.table.shown

    def take_selection(self, selection: Selection) -> bool:
        return self.own_place == (selection.place.namespace, selection.stored.sequence)

    def step(self, by: int) -> None:
        """Go to the next or previous finding."""
        table, row = self.run.table, self.table.currentIndex().row()
        row = row + by if row >= 0 else (0 if by > 0 else -1)
        while 0 <= row < table.rowCount():
            if not table.is_heading(row):
                self.select_row(row)
                return
            if not table.is_open(row):
                table.set_open(row, True)
                # Going up, the last finding of the group that was opened is the one in front.
                row = row if by > 0 else row + self._size_of_group(row) + 1
            row += by

    def _size_of_group(self, row: int) -> int:
        return len(self.run.table.numbers_in([range(row, row + 1)]))

    def session_state(self) -> Mapping[str, Any]:
        state: dict[str, Any] = {"columns": dict(self.run.subject.columns)}
        with suppress(AetherError):  # half typed, there is none to remember
            scope = self.head.scope()
            state |= {"namespaces": scope.namespaces, "actors": scope.actors}
        return state | {"settings": self.run.settings.to_json(), "group_by": self.run.table.group_by.value}

    def restore_session(self, state: Mapping[str, Any]) -> None:
        """Show the scope and settings that `session_state` said; its findings are found again by running it."""
        with suppress(AetherError):  # from a file of anybody's: the scope stays what it is
            self.head.choose_scope(AuditScope(str(state.get("namespaces", "*")), str(state.get("actors", ""))))
        self.run.use_settings(kept_settings(state.get("settings")))
        group_by = state.get("group_by")
        # By what has changed there is nothing to group before there is a comparison.
        if group_by in set(GroupBy) - {GroupBy.CHANGE}:
            self.set_group_by(GroupBy(group_by))

    async def close_document(self) -> None:
        await self._filter.close()
        await self.run.close()

    # -- building

    def _build_table(self) -> None:
        self.table = FindingsView(self)
        self.table.setObjectName("auditTable")
        self.table.setAccessibleName("Findings")
        self.table.setModel(self.run.table)
        self._delegate = setup_table(self.table, KINDS)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(False)
        metrics = self.fontMetrics()
        for column, usual in _USUAL:
            self.table.setColumnWidth(column, metrics.horizontalAdvance(usual) + 2 * PADDING)
        self._empty = EmptyState(parent=self)
        self._pages = QWidget(self)
        self._stack = QStackedLayout(self._pages)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self._empty)

    def _connect(self) -> None:
        model, table = self.run.table, self.table
        self.run.changed.connect(self._show)
        self.run.compared.connect(self._comparison_changed)
        model.counted.connect(self._show)
        model.modelAboutToBeReset.connect(self._keep)
        model.modelReset.connect(self._restore)
        table.selectionModel().currentRowChanged.connect(lambda *_rows: self._current_changed())
        table.entered_row.connect(self._enter)
        table.fold_asked.connect(self._fold)
        table.copy_asked.connect(
            lambda: self.copy_requested.emit("\n".join(map(line_of, self.chosen()[:_MOST_COPIED])))
        )
        table.doubleClicked.connect(self._double_clicked)
        table.clicked.connect(self._clicked)
        self.totals.group_asked.connect(self.set_group_by)
        self.notices.recover_asked.connect(self.recover_asked)
        self.notices.go_to_asked.connect(self.show_first_of)
        detail = self.detail
        detail.step_asked.connect(self.step)
        detail.open_asked.connect(self._open_current)
        detail.leave_out_asked.connect(self._ask_to_leave_out)
        detail.neighbour_asked.connect(self._ask_beside)

    # -- selecting

    @property
    def current(self) -> Finding | None:
        """The finding of the current row."""
        index = self.table.currentIndex()
        return self.run.table.finding(index.row()) if index.isValid() else None

    def chosen(self) -> list[Finding]:
        """The findings of the selected rows; a heading stands for its group. Without any, all that are shown."""
        table = self.run.table
        numbers = table.numbers_in(selected_ranges(self.table)) or table.numbers()
        return [table.findings[number] for number in numbers]

    def select_row(self, row: int) -> None:
        """Make a row the current one, in sight."""
        index = self.run.table.index(row, 0)
        self.table.setCurrentIndex(index)
        self.table.scrollTo(index)

    def show_first_of(self, finding: Finding) -> None:
        """Go to a finding, wherever it is listed."""
        for number, one in enumerate(self.run.table.findings):
            if one is finding:
                row = self.run.table.row_of(number)
                if row >= 0:
                    self.select_row(row)
                    self.table.setFocus()
                return

    def _current_changed(self) -> None:
        row = self.table.currentIndex().row()
        self._current = self.run.table.number(row) if row >= 0 else None
        finding, table = self.current, self.run.table
        can_open = finding is not None and self._can_open(finding)
        leave_out = can_open and finding is not None and bool(finding.actor_id) and finding.version is not None
        self.detail.show_finding(
            finding, table.position(row) + 1, table.shown, can_open=can_open, can_leave_out=leave_out
        )
        if finding is not None and finding.sequence is not None:
            self._read.start()
        else:
            self._read.stop()

    def _can_open(self, finding: Finding) -> bool:
        if finding.sequence is None and not finding.actor_id:
            return False
        run = self.run
        return run.subject.connection is not None or (run.kind is not None and run.kind.can_recover)

    def _ask_for_bytes(self) -> None:
        if self.current is not None:
            self.finding_shown.emit(self.current)

    def _keep(self) -> None:
        ranges = selected_ranges(self.table)
        rows = [row for part in ranges for row in part] if sum(map(len, ranges)) <= _KEPT else []
        self._kept = [number for row in rows if (number := self.run.table.number(row)) is not None]

    def _restore(self) -> None:
        table = self.run.table
        current = table.row_of(self._current) if self._current is not None else -1
        if current < 0:
            # A finding that is left out comes back with its row; those of another run are others.
            self._current = self._current if table.findings else None
            self.detail.show_finding(None, 0, 0, can_open=False, can_leave_out=False)
            return
        selection = QItemSelection()
        for number in self._kept:
            row = table.row_of(number)
            if row >= 0:
                selection.select(table.index(row, 0), table.index(row, table.columnCount() - 1))
        model = self.table.selectionModel()
        # The finding stays the same: nothing is to be read again.
        model.blockSignals(True)
        self.table.setCurrentIndex(table.index(current, 0))
        model.blockSignals(False)
        if self.detail.finding is None:
            self._current_changed()
        model.select(selection, QItemSelectionModel.SelectionFlag.Select)
        self.table.scrollTo(table.index(current, 0))

    def _clicked(self, index: QModelIndex) -> None:
        if self.run.table.is_heading(index.row()):
            self._fold(index.row(), not self.run.table.is_open(index.row()))

    def _double_clicked(self, index: QModelIndex) -> None:
        # A heading has followed the first click.
        if not self.run.table.is_heading(index.row()):
            self._open_current()

    def _fold(self, row: int, is_open: bool) -> None:
        heading = self.run.table.set_open(row, is_open)
        if not is_open:
            self.select_row(heading)

    def _enter(self, row: int) -> None:
        if self.run.table.is_heading(row):
            self._fold(row, not self.run.table.is_open(row))
        else:
            self._open_current()

    def _open_current(self) -> None:
        finding = self.current
        if finding is None:
            return
        if self._can_open(finding):
            self.open_asked.emit(finding)
        else:
            # What is in no store can be looked at here.
            self.detail.tabs.setCurrentWidget(self.detail.hex)
            self.detail.hex.setFocus(Qt.FocusReason.OtherFocusReason)

    def _ask_beside(self, sequence: object) -> None:
        if self.current is not None:
            self.neighbour_asked.emit(self.current, sequence)

    def _ask_to_leave_out(self) -> None:
        if self.current is not None:
            self.leave_out_asked.emit(self.current)

    # -- grouping

    def set_group_by(self, group_by: GroupBy) -> None:
        """Group findings otherwise."""
        self.run.table.set_group_by(group_by)
        self.totals.show_groups()

    def _comparison_changed(self) -> None:
        if self.run.comparison is None and self.run.table.group_by is GroupBy.CHANGE:
            self.run.table.set_group_by(GroupBy.CHECK)
        self.totals.show_groups()
        self._show()

    # -- following

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show when it was where there is room for it; of a finding that is selected it stands below."""
        super().resizeEvent(event)
        room = self.fontMetrics().averageCharWidth() * _ROOM_FOR_TIMES
        self.table.setColumnHidden(FindingTable.TIME, self.width() < room)

    def _show(self) -> None:
        run = self.run
        self.totals.show_run()
        self.table.setColumnHidden(FindingTable.NAMESPACE, len(run.totals.namespaces) < 2)
        self.table.setColumnHidden(FindingTable.CHANGE, run.comparison is None)
        # The headings say it.
        self.table.setColumnHidden(FindingTable.CHECK, run.table.group_by is GroupBy.CHECK)
        self.notices.show_banner()
        has_rows = self.notices.show_page()
        turn_to(self._stack, self.table if has_rows else self._empty, view=self, content=self.table)
        self.detail.setVisible(has_rows)
