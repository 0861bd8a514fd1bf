"""The snapshots of an actor: how each stands to the replay, what is in it, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.state.snapshot_states import SnapshotEntry
from aether_desktop.models.state.snapshot_table import KINDS, SnapshotTable
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_tree import StateTreeModel
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.tinted import Surface

#: Width of the page from which on times have room, in pixels.
_ROOM_FOR_TIMES = 640


class SnapshotsPage(QWidget):
    """A list, and below it the state that the chosen snapshot holds, as it is stored."""

    title_changed = Signal(str)
    save_requested = Signal()
    """A snapshot of what is shown is to be saved."""
    replay_requested = Signal(object)
    """Replay is to begin with the snapshot of this version (int)."""
    compare_requested = Signal(object)
    """The snapshot of this version (int) is to be shown beside the replay."""
    check_requested = Signal()

    def __init__(self, controller: StateController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._forbidden = ""
        self.model = SnapshotTable(self)
        self.table = QTableView(self)
        self.table.setObjectName("snapshotTable")
        self.table.setAccessibleName("Snapshots")
        self.table.setModel(self.model)
        setup_table(self.table, KINDS, "compact")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(False)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(SnapshotTable.STANDING, QHeaderView.ResizeMode.Stretch)
        for column, width in (
            (SnapshotTable.VERSION, 64),
            (SnapshotTable.SIZE, 64),
        ):
            self.table.setColumnWidth(column, width)
        self.table.setColumnWidth(SnapshotTable.TAKEN, 230)
        self._state = StateTreeModel(self)
        self.view = JsonView("snapshotState", "State in the snapshot", self)
        self.view.setModel(self._state)
        self.view.setColumnHidden(StateTreeModel.SET_BY, True)
        self.view.header().resizeSection(0, 132)
        self.save = LinkButton("Save one…", self)
        self.save.setObjectName("snapshotSave")
        self.replay = LinkButton("Replay from it", self)
        self.replay.setObjectName("snapshotReplay")
        self.replay.setToolTip(plain_tooltip("Begin with this snapshot instead of the best one"))
        self.compare = LinkButton("Compare", self)
        self.compare.setObjectName("snapshotCompare")
        self.compare.setToolTip(plain_tooltip("The snapshot and the replay, side by side"))
        self.check = LinkButton("Check…", self)
        self.check.setObjectName("snapshotCheck")
        self.check.setToolTip(plain_tooltip("Check snapshots of this actor, the namespace, or all"))
        tools = Surface("base", parent=self)
        row = QHBoxLayout(tools)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        for button in (self.replay, self.compare):
            row.addWidget(button)
        row.addStretch(1)
        for button in (self.check, self.save):
            row.addWidget(button)
        split = KeptSplitter("snapshotSplitter", Qt.Orientation.Vertical, self)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self.view)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 1)
        self._split = split
        self._empty = EmptyState(parent=self)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(tools)
        stack = QWidget(self)
        self._stack = QStackedLayout(stack)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(split)
        self._stack.addWidget(self._empty)
        whole.addWidget(stack, 1)
        self.save.clicked.connect(self.save_requested)
        self.check.clicked.connect(self.check_requested)
        self.replay.clicked.connect(lambda: self._ask(self.replay_requested))
        self.compare.clicked.connect(lambda: self._ask(self.compare_requested))
        self.table.doubleClicked.connect(lambda _index: self._ask(self.compare_requested))
        self.table.selectionModel().currentRowChanged.connect(lambda *_rows: self._show_chosen())
        controller.reset.connect(self._show)
        controller.snapshots_changed.connect(self._show)
        controller.loaded.connect(self._show)
        controller.state_changed.connect(lambda _view: self._show_buttons())
        controller.broken.connect(lambda _broken: self._show_buttons())
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show when they were taken where there is room for it."""
        super().resizeEvent(event)
        self.table.setColumnHidden(SnapshotTable.TAKEN, self.width() < _ROOM_FOR_TIMES)

    @property
    def chosen(self) -> SnapshotEntry | None:
        """The snapshot that is chosen in the list."""
        return self.model.entry(self.table.currentIndex().row())

    def choose(self, version: int) -> None:
        """Choose the snapshot of a version."""
        row = self.model.row_of(version)
        if row >= 0:
            self.table.setCurrentIndex(self.model.index(row, SnapshotTable.VERSION))

    def allow_saving(self, reason: str) -> None:
        """Offer to save a snapshot, or say why that cannot be done."""
        self._forbidden = reason
        self._show_buttons()

    def _ask(self, signal: SignalInstance) -> None:
        entry = self.chosen
        if entry is not None and entry.snapshot is not None:
            signal.emit(entry.version)

    def _show(self) -> None:
        entries = self._controller.snapshots
        self.model.show_entries(entries)
        self.title_changed.emit(f"Snapshots ({len(entries):,})" if entries else "Snapshots")
        if entries:
            self._stack.setCurrentWidget(self._split)
            if not self.table.currentIndex().isValid():
                self.table.setCurrentIndex(self.model.index(0, SnapshotTable.VERSION))
        else:
            self._empty.set_words(
                "No snapshots of this actor.", "Without one, replay begins with the actor's first event."
            )
            self._stack.setCurrentWidget(self._empty)
        self._show_chosen()

    def _show_chosen(self) -> None:
        entry = self.chosen
        self._show_buttons()
        if entry is None or entry.snapshot is None:
            self._state.clear()
            return
        self.view.setAccessibleName(f"State in snapshot v{entry.version}")
        self._state.set_state(entry.state)

    def _show_buttons(self) -> None:
        entry, view = self.chosen, self._controller.view
        readable = entry is not None and entry.snapshot is not None
        self.replay.setEnabled(readable)
        self.compare.setEnabled(readable)
        self.check.setEnabled(bool(self._controller.actor_id))
        self.save.set_text(f"Save one at v{view.version}…" if view is not None else "Save one…")
        self.save.setEnabled(view is not None and not self._forbidden)
        self.save.setToolTip(plain_tooltip(self._forbidden or "Store the state shown as a snapshot"))
