"""The state panel: an actor's state at any version, what that version changed, who set what, and its snapshots."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.snapshot_states import SnapshotEntry
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_search import StateSearch
from aether_desktop.models.state.state_tree import StateTreeModel
from aether_desktop.models.state.state_view import StateView
from aether_desktop.ui.state.bisect_bar import BisectBar
from aether_desktop.ui.state.blame_page import BlamePage
from aether_desktop.ui.state.snapshots_page import SnapshotsPage
from aether_desktop.ui.state.state_controls import StateControls
from aether_desktop.ui.state.state_diff_page import StateDiffPage
from aether_desktop.ui.state.state_footer import StateFooter
from aether_desktop.ui.state.state_moves import StateMoves
from aether_desktop.ui.state.state_notices import StateNotices
from aether_desktop.ui.state.version_marks import MarkKind, SliderMark
from aether_desktop.ui.state.version_slider import VersionSlider
from aether_desktop.ui.state.versioned_view import VersionedView
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.text_dialog import TextDialog
from aether_desktop.ui.widgets.theme_qss import set_tab_role

#: Milliseconds between two looks at a growing stream.
_LOOK: Final = 60
#: Marks of damaged events that are drawn.
_MARKS: Final = 500
STATE, DIFF, BLAME, SNAPSHOTS = range(4)


class StatePanel(QWidget):
    """Shows what the `StateController` has folded. Only moves of the user's are told by `version_changed`."""

    version_changed = Signal(object)
    """The user has gone to this version (int)."""
    title_changed = Signal(str)
    """Another actor or version is shown; `detail_text` has changed."""
    copy_requested = Signal(object)
    """A text to copy (str), never a shortened one."""

    def __init__(
        self,
        controller: StateController,
        chooser: ReducerChooser | None = None,
        search: StateSearch | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("statePanel")
        self.setAccessibleName("State")
        self._controller = controller
        self._chooser = chooser
        self._tree_model = StateTreeModel(self)
        self._detail = ""
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK)
        self._look.timeout.connect(self._show_versions)
        self._build(search)
        self._connect()
        self._reset()

    @property
    def detail_text(self) -> str:
        """Actor and version in a few words, for the dock's title."""
        return self._detail

    @property
    def version(self) -> int:
        """The version that is shown, 0 for none."""
        return self._controller.shown_version

    def show_version(self, version: int) -> None:
        """Show a version, or the nearest one below; does not tell `version_changed`."""
        self._controller.show_version(version)

    def add_commands(self, fork: QAction, menu: QMenu) -> None:
        """Offer the window's commands about states."""
        self.controls.add_commands(fork, menu)

    def show_tab(self, tab: int) -> None:
        """Bring a tab to the front and give it the keyboard."""
        self.tabs.setCurrentIndex(tab)
        (self.tree, self.diff, self.blame, self.snapshots.table)[tab].setFocus()

    def show_bisect(self) -> None:
        """Ask when something became so."""
        if self.bisect is not None:
            self.bisect.show()
            self.bisect.take_keyboard()

    @property
    def busy(self) -> bool:
        return self.blame_page.busy

    async def close_panel(self) -> None:
        """End what the pages do."""
        self.moves.set_playing(False)
        await self.blame_page.close_page()

    # Building

    def _build(self, search: StateSearch | None) -> None:
        controller = self._controller
        self._empty = EmptyState("Select an actor's event to see its state.", parent=self)
        self._content = QWidget(self)
        self.controls = StateControls(self)
        self.slider = VersionSlider(self)
        self.moves = StateMoves(controller, self.controls, self.slider, self)
        self.notices = StateNotices(controller, self._chooser, self)
        self.banner = self.notices.state
        self.bisect = BisectBar(controller, search, self) if search is not None else None
        self.tree = VersionedView("stateTree", "State", self)
        self.tree.setModel(self._tree_model)
        # Room for sign and chevron beside one another.
        self.tree.setIndentation(22)
        self.tree.fit_columns(132)
        self.diff_page = StateDiffPage(controller, self)
        self.diff = self.diff_page.view
        self.blame_page = BlamePage(controller, self)
        self.blame = self.blame_page.view
        self.snapshots = SnapshotsPage(controller, self)
        for view in (self.tree, self.diff, self.blame):
            self.moves.watch(view)
        self.tabs = QTabWidget(self)
        set_tab_role(self.tabs.tabBar(), "panel")
        self.tabs.tabBar().setAccessibleName("Views of the state")
        for page, name in (
            (self.tree, "State"),
            (self.diff_page, "Diff"),
            (self.blame_page, "Blame"),
            (self.snapshots, "Snapshots"),
        ):
            # A narrow window shortens what is in them before anything else.
            page.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            self.tabs.addTab(page, name)
        self.footer = StateFooter(controller, self)
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.controls)
        slider_row = QHBoxLayout()
        slider_row.setContentsMargins(6, 0, 8, 0)
        slider_row.addWidget(self.slider)
        layout.addLayout(slider_row)
        layout.addWidget(self.notices)
        if self.bisect is not None:
            self.bisect.hide()
            layout.addWidget(self.bisect)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.footer)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._pages)

    def _connect(self) -> None:
        controller = self._controller
        controller.reset.connect(self._reset)
        controller.versions_changed.connect(self._versions_changed)
        controller.loaded.connect(self._show_versions)
        controller.state_changed.connect(self._show_view)
        controller.blame_changed.connect(lambda _view: self._tree_model.versions_changed())
        for signal in (controller.held, controller.broken, controller.failed):
            signal.connect(lambda _trouble: self._show_nothing())
        controller.quarantine_changed.connect(self._quarantine_changed)
        controller.snapshots_changed.connect(self._mark_snapshots)
        self.moves.moved.connect(self.version_changed)
        self.diff_page.title_changed.connect(lambda title: self.tabs.setTabText(DIFF, title))
        self.snapshots.title_changed.connect(lambda title: self.tabs.setTabText(SNAPSHOTS, title))
        for view in (self.tree, self.diff, self.blame, self.snapshots.view):
            view.copy_requested.connect(self.copy_requested)
        for source in (self.tree, self.diff, self.blame_page):
            source.version_requested.connect(self._go_to)
        self.notices.go_requested.connect(self._go_to)
        if self.bisect is not None:
            self.bisect.go_requested.connect(self._go_to)
            self.bisect.closed.connect(self._close_bisect)
        self.footer.changes_requested.connect(lambda: self.tabs.setCurrentIndex(DIFF))
        self.footer.printed_requested.connect(self._show_printed)
        if self._chooser is not None:
            self._chooser.changed.connect(self._show_reducers)
            self._show_reducers()

    # Following the controller

    def _reset(self) -> None:
        self.moves.set_playing(False)
        self._tree_model.clear()
        self._pages.setCurrentWidget(self._content if self._controller.actor_id else self._empty)
        self._mark_snapshots()
        self._show_versions()
        self._tell_title()

    def _versions_changed(self) -> None:
        if not self._look.isActive():
            self._look.start()

    def _show_versions(self) -> None:
        controller = self._controller
        versions = controller.versions
        self.slider.set_versions(versions, controller.gaps)
        self.slider.set_marks("troubles", self._trouble_marks())
        self.controls.setEnabled(bool(versions))
        self.slider.setEnabled(bool(versions))
        last = max(self.moves.last, controller.shown_version)
        self.controls.set_limits(self.moves.first or 1, last, complete=controller.is_complete)
        self.moves.show_place()
        self.footer.show_all()

    def _trouble_marks(self) -> list[SliderMark]:
        controller = self._controller
        marks = [
            SliderMark(one.after_version, f"#{one.sequence:,}: {one.reason}", MarkKind.CORRUPTED)
            for one in controller.troubles[:_MARKS]
        ]
        marks += [
            SliderMark(version, f"v{version} is left out", MarkKind.LEFT_OUT)
            for version in sorted(controller.quarantine)[:_MARKS]
        ]
        if controller.failure is not None:
            error = controller.failure.error
            marks.append(SliderMark(error.version, str(error), MarkKind.FAILURE))
        return marks

    def _mark_snapshots(self) -> None:
        self.slider.set_marks("snapshots", [_mark(entry) for entry in self._controller.snapshots])

    def _quarantine_changed(self) -> None:
        self._show_versions()
        self._tell_title()

    def _show_view(self, view: object) -> None:
        if not isinstance(view, StateView):
            return
        # While it is compared with a version of one's choice, what is marked is the difference to that one.
        self._tree_model.set_state(
            view.state,
            view.changes,
            version=view.version,
            set_by=self._controller.set_by,
            last_write=self._controller.last_write,
        )
        if self.slider.version_at(self.slider.maximum()) < view.version:
            self._show_versions()
        self.moves.show_place()
        self.footer.show_all()
        self._tell_title()

    def _show_nothing(self) -> None:
        self.moves.set_playing(False)
        if self._controller.view is None:
            self._tree_model.clear()
        self._show_versions()
        self._tell_title()

    def _show_reducers(self) -> None:
        assert self._chooser is not None
        self.controls.reducer.show_items(self._chooser.items, self._chooser.current)

    def _tell_title(self) -> None:
        actor, version, left_out = self._controller.actor_id, self.version, len(self._controller.quarantine)
        detail = f"{actor} at v{version}" if version else actor
        if left_out:
            detail += f", without {left_out:,} {'event' if left_out == 1 else 'events'}"
        if detail != self._detail:
            self._detail = detail
            self.title_changed.emit(detail)

    # What the user does

    def _go_to(self, version: object) -> None:
        if isinstance(version, int):
            self.moves.set_playing(False)
            self.moves.go_to(version)

    def _close_bisect(self) -> None:
        if self.bisect is not None:
            self.bisect.hide()
            self.tabs.currentWidget().setFocus()

    def _show_printed(self) -> None:
        version = self.version
        printed = self._controller.printed.get(version, "")
        TextDialog(
            "Printed by the reducer", f"What the reducer printed at v{version}:", printed, self.window()
        ).open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move one version with ← and →."""
        if not self.moves.moved_by(event):
            super().keyPressEvent(event)


def _mark(entry: SnapshotEntry) -> SliderMark:
    kind = MarkKind.DRIFTED if entry.is_trouble else MarkKind.SNAPSHOT
    return SliderMark(entry.version, f"Snapshot v{entry.version} {entry.words}", kind)
