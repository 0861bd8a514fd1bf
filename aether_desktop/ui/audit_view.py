"""The document of an audit: its head, the table of findings, and the finding that is selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit_run import AuditRun, AuditState
from aether_desktop.models.finding_cells import line_of
from aether_desktop.models.finding_filter import FindingFilter
from aether_desktop.models.finding_groups import GroupBy
from aether_desktop.models.finding_table import KINDS, FindingTable
from aether_desktop.models.kept_audit import kept_settings
from aether_desktop.numbers import counted, number_text
from aether_desktop.ui.audit_head import AuditHead
from aether_desktop.ui.audit_totals import AuditTotals
from aether_desktop.ui.banner import Banner, BannerKind
from aether_desktop.ui.chosen_rows import selected_ranges
from aether_desktop.ui.document_view import DocumentView
from aether_desktop.ui.empty_state import EmptyState
from aether_desktop.ui.event_delegate import PADDING
from aether_desktop.ui.finding_detail import FindingDetail
from aether_desktop.ui.kept_layout import KeptSplitter
from aether_desktop.ui.table_setup import setup_table
from aether_desktop.workspace import Selection
from aether_engine.audit import CHECKS, AuditScope, Finding, Severity
from aether_engine.codec import format_timestamp
from aether_engine.errors import AetherError, CorruptStoreError, UnsupportedFormatError

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
#: What makes events unreliable, as opposed to merely odd.
_DAMAGE: Final = frozenset(check for check, one in CHECKS.items() if one.severity is Severity.ERROR)


class FindingsView(QTableView):
    """Enter opens a finding or a group; left and right close and open groups."""

    entered_row = Signal(int)
    fold_asked = Signal(int, bool)
    copy_asked = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index, key = self.currentIndex(), event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
            return
        if index.isValid():
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.entered_row.emit(index.row())
                return
            if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
                self.fold_asked.emit(index.row(), key == Qt.Key.Key_Right)
                return
        super().keyPressEvent(event)


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
        self._show_banner()
        self._show_page()

    def _show_page(self) -> None:
        run = self.run
        if run.table.rowCount():
            self._stack.setCurrentIndex(0)
            self.detail.show()
            return
        self.detail.hide()
        checks = len(run.settings.checks) - len(run.left_out)
        events = number_text(run.totals.events)
        match run.state:
            case AuditState.READY:
                notes = " ".join(run.kind.notes) if run.kind is not None else ""
                what = f"{run.subject.title} has not been audited yet."
                why = "Run audit reads all of it and changes nothing; findings appear as they are found."
                self._empty.set_words(what, f"{why} {notes}".strip())
            case AuditState.FAILED:
                self._empty.set_words("It could not be audited.", run.problem)
            case AuditState.RUNNING | AuditState.PAUSED:
                self._empty.set_words("No findings yet.", f"{events} events were read so far.")
            case _ if run.totals.findings:
                self._empty.set_words("No finding passes the filter.", "Clear it with Ctrl+Shift+F.")
            case AuditState.CANCELLED:
                self._empty.set_words("No findings, and not everything was read.", f"{events} events were read.")
            case _:
                left_out = run.left_out
                why = f"Not made here: {', '.join(CHECKS[check].title for check in left_out)}." if left_out else ""
                self._empty.set_words(f"No findings. {checks} checks, {events} events.", why)
        self._stack.setCurrentIndex(1)

    def _show_banner(self) -> None:
        run, banner = self.run, self.banner
        banner.clear_actions()
        if run.state is AuditState.FAILED:
            banner.set_message(BannerKind.CORRUPTED, f"{run.subject.title} could not be audited.", run.problem)
            file = run.subject.file
            if file is not None and isinstance(run.error, (CorruptStoreError, UnsupportedFormatError)):
                banner.add_action("Recover into a new file…", self.recover_asked.emit)
            banner.show()
            return
        if run.state is AuditState.CANCELLED:
            banner.set_message(
                BannerKind.GAP,
                "The audit was cancelled.",
                f"{number_text(run.progress.checked)} places were looked at; what is behind them is not known.",
            )
            banner.show()
            return
        damaged = [tally for check, tally in run.totals.tallies.items() if check in _DAMAGE and tally.count]
        firsts = [tally.first for tally in damaged if tally.first is not None and tally.first.sequence is not None]
        if not firsts or run.is_running:
            banner.hide()
            return
        self._show_damage(sum(tally.count for tally in damaged), firsts)
        banner.show()

    def _show_damage(self, count: int, firsts: Sequence[Finding]) -> None:
        timed = [one for one in firsts if one.recorded_at is not None]
        first = min(timed, key=_moment) if timed else min(firsts, key=lambda one: one.sequence or 0)
        sequence = first.sequence or 0
        when = f" on {first.timestamp or format_timestamp(first.recorded_at)}" if first.recorded_at else ""
        errors = f"{counted(count, 'error')} in the log, the first{when}"
        one_log = len({one.namespace for one in firsts}) == 1 and sequence == min(
            one.sequence or 0 for one in firsts
        )
        intact = (
            f"Everything up to sequence {number_text(sequence - 1)} is intact." if one_log and sequence > 1 else ""
        )
        self.banner.set_message(BannerKind.CORRUPTED, errors, intact)
        self.banner.add_action(f"Go to {number_text(sequence)}", lambda: self.show_first_of(first))


def _moment(finding: Finding) -> datetime:
    assert finding.recorded_at is not None
    return finding.recorded_at
