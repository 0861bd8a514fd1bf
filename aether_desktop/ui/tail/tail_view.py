"""A live tail as a document tab: controls, counters, the table that follows, and the rate below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.tail.tail_controller import LONGEST_FRAME, TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import NOW, TailSource, TailStart
from aether_desktop.models.tail.tail_rows import moment_text
from aether_desktop.models.tail.tail_table import TailColumn
from aether_desktop.numbers import number_text
from aether_desktop.ui.tail.rate_pane import RatePane
from aether_desktop.ui.tail.tail_controls import TailControls
from aether_desktop.ui.tail.tail_status import PauseBar, TailStatus
from aether_desktop.ui.tail.tail_table_view import TailTableView
from aether_desktop.ui.tail.tail_view_state import restore_tail, tail_state
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.theme import ui_font
from aether_desktop.ui.widgets.turn_to import turn_to
from aether_engine.errors import AetherError, NamespaceNameError
from aether_engine.event import StoredEvent
from aether_engine.patterns import is_wildcard_pattern

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
#: Height below the controls and counters from which on the rate is shown under the table.
_RATE_FROM = 400
#: The part of the time that drawing a flooded table may take.
_DRAWING_SHARE = 0.2
#: Widest usual texts, from which the columns get their first widths.
_USUAL = {
    TailColumn.NAMESPACE: "prod.tenant-a0",
    TailColumn.SEQUENCE: "9,999,999",
    TailColumn.VERSION: "Version00",
    TailColumn.EVENT_TYPE: "0000PaymentAuthorized",
    TailColumn.ACTOR: "shipment-104820000",
    TailColumn.RECORDED: "2025-11-23 14:01:11.132000 +00:00",
}


class TailView(QWidget):
    """Shows a `TailController`, which belongs to whoever made it; closing the view does not close the tail.

    While it follows, the newest row stays in view. Selecting a row or scrolling up ends that, End begins it again.
    """

    event_selected = Signal(object)
    """(namespace, `StoredEvent`) of the selected row."""
    state_requested = Signal(str, str, object)
    """Namespace, actor and version whose state is to be shown."""

    def __init__(self, controller: TailController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controller = controller
        self._following = True
        self._rate_wanted = True
        self.setAccessibleName("Live tail")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.controls = TailControls(self)
        self.status = TailStatus(self)
        self.banner = Banner(BannerKind.DISCONNECTED, "", "", self)
        self.banner.hide()
        self.empty = EmptyState(parent=self)
        self.pause_bar = PauseBar(self)
        self.table = TailTableView(self)
        self._set_up_table()
        self._rate = RatePane(self)
        self.rate_plot = self._rate.plot
        self._lay_out()
        self._connect()
        self._show_state()
        self._show_rate()

    # -- commands --------------------------------------------------------------------------------------------

    def start(self, pattern: str, source: TailSource = TailSource.LOG, start: TailStart = NOW) -> None:
        """Fill the controls and start; what prevents it is shown here and nothing is raised."""
        self.controls.set_request(pattern, source, start)
        self._start(pattern, source, start)

    @property
    def rate_wanted(self) -> bool:
        """Whether the plot of the rate is shown where there is room for it."""
        return self._rate_wanted

    def session_state(self) -> Mapping[str, Any]:
        """What the next start needs to begin this tail anew."""
        return tail_state(self)

    def restore_session(self, state: Mapping[str, Any]) -> None:
        """Begin anew as `session_state` said; what is not understood is as usual."""
        restore_tail(self, state)

    def toggle_pause(self) -> None:
        """Freeze the view, or go on."""
        if self.controller.state is TailState.PAUSED:
            self.controller.resume()
        else:
            self.controller.pause()

    def start_or_stop(self) -> None:
        """Stop the tail, or start it anew as the fields say."""
        self.controls.start_or_stop()

    def toggle_alerts(self) -> None:
        """Have the desktop call at events that pass the filter, or no more."""
        self.set_alerts(not self.controller.alerts.on)

    def set_alerts(self, on: bool) -> None:
        """Have the desktop call, or not; without a filter it never does."""
        self.controller.alerts.set_on(on and self.controller.is_filtered)
        self._show_state()

    @property
    def following(self) -> bool:
        """Whether the newest row is kept in view."""
        return self._following

    def follow(self) -> None:
        """Keep the newest row in view, from now on."""
        self._set_following(True)
        self.table.scrollToBottom()

    @property
    def selected(self) -> tuple[str, StoredEvent] | None:
        """Namespace and event of the selected row."""
        selection, current = self.table.selectionModel(), self.table.currentIndex()
        # The table has a current row too that nobody has chosen: Qt makes one when the keyboard comes in.
        return self.event_in(current.row()) if selection.isSelected(current) else None

    def select_row(self, row: int) -> None:
        """Select `row` and bring it into sight."""
        index = self.controller.table.index(row, TailColumn.NAMESPACE)
        if index.isValid():
            selection, flags = self.table.selectionModel(), QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(index, flags.NoUpdate)
            selection.select(index, flags.ClearAndSelect | flags.Rows)
            self.table.scrollTo(index)

    def step(self, by: int) -> None:
        """Select the next (1) or previous (-1) event, passing over gaps and notes; without one the newest."""
        model = self.controller.table
        if self.selected is not None:
            row = self.table.currentIndex().row() + by
        else:
            row, by = model.rowCount() - 1, -1
        while 0 <= row < model.rowCount():
            if self.event_in(row) is not None:
                self.select_row(row)
                return
            row += by

    def show_rate(self, shown: bool) -> None:
        """Show or hide the plot of the rate."""
        self._rate_wanted = shown
        self._fit_rate()
        self._rate_link.setVisible(not shown)

    def _fit_rate(self) -> None:
        # In a low view the table and the buttons need the room.
        bars = self.controls.heightForWidth(self.width()) + self.status.heightForWidth(self.width())
        self._rate.setVisible(self._rate_wanted and self.height() - max(bars, 0) >= _RATE_FROM)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the rate only where there is room for it."""
        super().resizeEvent(event)
        self._fit_rate()

    # -- building --------------------------------------------------------------------------------------------

    def _set_up_table(self) -> None:
        table, model = self.table, self.controller.table
        table.setObjectName("tailTable")
        table.setAccessibleName("Events of the tail, newest last")
        # Before the view itself hears of it: Qt would move the selection on to a row nobody has chosen.
        model.rowsAboutToBeRemoved.connect(self._before_removal)
        table.setModel(model)
        self._delegate = setup_table(table)
        self._delegate.bannerActivated.connect(lambda index: self.controller.load_gap(index.row()))
        table.horizontalHeader().setSectionsClickable(False)
        metrics = QFontMetrics(ui_font())
        for column, usual in _USUAL.items():
            table.setColumnWidth(column, metrics.horizontalAdvance(usual) + 16)
        model.rowsInserted.connect(self._rows_inserted)
        model.rowsRemoved.connect(self._rows_removed)
        table.selectionModel().selectionChanged.connect(self._selection_changed)
        table.verticalScrollBar().actionTriggered.connect(self._scrolled)
        # A click on the selected row again counts too: meanwhile the state may have gone to another version.
        table.clicked.connect(lambda index: self._tell_row(index.row()))
        table.doubleClicked.connect(lambda index: self._request_state(index.row()))

    def _lay_out(self) -> None:
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self._rate_link = LinkButton("Show the rate", self)
        self._rate_link.setToolTip("Show the events per second of the last 2 minutes")
        self._rate_link.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.controls)
        column.addWidget(self.status)
        column.addWidget(self.banner)
        column.addLayout(self._stack, 1)
        column.addWidget(self.pause_bar)
        column.addWidget(self._rate)
        column.addWidget(self._rate_link, 0, Qt.AlignmentFlag.AlignRight)

    def _connect(self) -> None:
        self.controls.start_requested.connect(self._start)
        self.controls.stop_requested.connect(self.controller.stop)
        self.controls.pause_requested.connect(self.toggle_pause)
        self.controls.keep_changed.connect(self.controller.set_capacity)
        self.controls.alerts_requested.connect(self.set_alerts)
        self.pause_bar.show_requested.connect(self.controller.show_waiting)
        self.pause_bar.follow_requested.connect(self.follow)
        self.empty.activated.connect(self.controls.request_start)
        self._rate.closed.connect(lambda: self.show_rate(False))
        self._rate_link.clicked.connect(lambda: self.show_rate(True))
        self.controller.state_changed.connect(self._show_state)
        self.controller.counters_changed.connect(self._show_counters)
        self.controller.rate_changed.connect(self._show_rate)

    # -- following -------------------------------------------------------------------------------------------

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self._show_pause_bar()

    def _rows_inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        self._show_table()
        self.table.expect_flood(last - first + 1)
        if self._following and self.isVisible():
            self.table.scrollToBottom()

    def _before_removal(self, _parent: QModelIndex, first: int, last: int) -> None:
        if first <= self.table.currentIndex().row() <= last:
            self.table.selectionModel().clear()

    def _rows_removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        bar = self.table.verticalScrollBar()
        if not self._following and first == 0:
            # What the user looks at stays where it is while older rows leave above it.
            bar.setValue(max(0, bar.value() - (last + 1)))

    def _scrolled(self, action: int) -> None:
        if action != QAbstractSlider.SliderAction.SliderNoAction.value:
            bar = self.table.verticalScrollBar()
            self._set_following(bar.sliderPosition() >= bar.maximum())

    # -- selecting -------------------------------------------------------------------------------------------

    def _selection_changed(self) -> None:
        if not self.table.selectionModel().hasSelection():
            return
        self._set_following(False)
        self._tell_row(self.table.currentIndex().row())

    def _tell_row(self, row: int) -> None:
        item = self.event_in(row)
        if item is not None:
            self.event_selected.emit(item)

    def event_in(self, row: int) -> tuple[str, StoredEvent] | None:
        """Namespace and event of a row, None for gaps and notes."""
        entry = self.controller.table.row_at(row)
        stored = entry.as_stored() if entry is not None else None
        return (entry.namespace, stored) if entry is not None and stored is not None else None

    def _request_state(self, row: int) -> None:
        entry = self.controller.table.row_at(row)
        if entry is not None and entry.event is not None:
            self.state_requested.emit(entry.namespace, entry.event.actor_id, entry.event.version)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space pauses and resumes, End follows, Enter goes to the state of the current row."""
        key, row = event.key(), self.table.currentIndex().row()
        if event.modifiers() not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier):
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Space and self.controller.running:
            self.toggle_pause()
        elif key == Qt.Key.Key_End:
            self.follow()
        elif key in _ENTER and row >= 0:
            entry = self.controller.table.row_at(row)
            if entry is not None and entry.kind == "gap":
                self.controller.load_gap(row)
            else:
                self._request_state(row)
        else:
            super().keyPressEvent(event)

    # -- showing ---------------------------------------------------------------------------------------------

    def _start(self, pattern: str, source: TailSource, start: TailStart) -> None:
        try:
            self.controller.start(pattern, source, start)
        except NamespaceNameError:
            self.controls.request_start()  # Marks the pattern and says why.
        except AetherError as error:
            self._show_trouble("The tail was not started.", str(error))
        else:
            self.follow()
            # So that Space pauses at once; an empty table is hidden and cannot take the focus yet.
            target = self.table if self.table.isVisible() else self
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_trouble(self, fact: str, text: str) -> None:
        self.banner.set_message(BannerKind.DISCONNECTED, fact, visible(text))
        self.banner.show()

    def _show_state(self) -> None:
        controller = self.controller
        self.controls.show_state(controller.state)
        self.controls.show_alerts(on=controller.alerts.on, possible=controller.is_filtered)
        self.status.show_state(
            controller.state,
            link_up=controller.link_up,
            crosses=controller.running and is_wildcard_pattern(controller.pattern),
        )
        if controller.message:
            ended = "That did not work." if controller.running else "The tail has ended."
            self._show_trouble(ended, controller.message)
        else:
            self.banner.hide()
        self._show_counters()

    def _show_counters(self) -> None:
        if not self.isVisible():
            # Another tab is in front: nobody looks, and what would be drawn is drawn when somebody does.
            self.controller.set_frame(LONGEST_FRAME)
            return
        self.controller.set_frame(round(self.table.cost * 1000 / _DRAWING_SHARE))
        self.status.show_counters(self.controller.counters)
        self._show_pause_bar()
        if self.controller.table.rowCount():
            self._show_table()
        else:
            self._show_empty()

    def _show_pause_bar(self) -> None:
        controller = self.controller
        self.pause_bar.show_state(
            paused=controller.state is TailState.PAUSED,
            following=self._following or not controller.running,
            new=controller.new_count,
        )

    def take_keyboard(self) -> None:
        """Have the keyboard: the table, or the view itself while there is nothing in it."""
        (self.table if self.table.isVisible() else self).setFocus()

    def _show_table(self) -> None:
        turn_to(self._stack, self.table, view=self, content=self.table)

    def _show_empty(self) -> None:
        controller = self.controller
        turn_to(self._stack, self.empty, view=self, content=self.table)
        if not controller.running:
            self.empty.set_words(
                "No tail is running.",
                "Name a namespace, or a pattern such as prod.> or *, and events appear here as they are stored.",
                "Start" if controller.check_pattern(self.controls.pattern.text()) is None else "",
            )
            return
        lost, since = controller.link_lost_at, controller.started_at
        if lost is not None:
            why = f"No link since {moment_text(lost)}."
        else:
            why = f"Link up, watching since {moment_text(since)}." if since is not None else ""
        filtered = controller.counters.filtered
        if filtered:
            why += f" {number_text(filtered)} filtered out."
        self.empty.set_words(f"Waiting for events in {controller.pattern}.", why)

    def _show_rate(self) -> None:
        if self.isVisible():
            self._rate.show_rate(self.controller)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what came while another tab was in front."""
        super().showEvent(event)
        self._show_counters()
        self._show_rate()
        if self._following:
            self.table.scrollToBottom()

    def sizeHint(self) -> QSize:
        """Return room for the columns of a tail."""
        return QSize(1100, 700)
