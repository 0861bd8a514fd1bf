"""The state panel: an actor's state at any version, what that version changed, and moving along the versions."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from aether_desktop.models.state_controller import HeldState, StateController, StateView
from aether_desktop.models.state_diff import StateDiffModel
from aether_desktop.models.state_tree import StateTreeModel
from aether_desktop.ui.banner import Banner, BannerKind
from aether_desktop.ui.empty_state import EmptyState
from aether_desktop.ui.json_view import JsonView
from aether_desktop.ui.links import LinkButton
from aether_desktop.ui.safe_text import plain_tooltip
from aether_desktop.ui.state_controls import StateControls
from aether_desktop.ui.theme import grown
from aether_desktop.ui.theme_qss import set_tab_role
from aether_desktop.ui.tinted import Surface, ToneLabel
from aether_desktop.ui.version_slider import SliderMark, VersionSlider

#: Milliseconds between two versions while playing, and between two looks at a growing stream.
_PLAY_STEP: Final = 400
_LOOK: Final = 60
#: Marks of damaged events that are drawn.
_MARKS: Final = 500
#: Damaged events that a tooltip names.
_LISTED: Final = 12


class StatePanel(QWidget):
    """Shows what the `StateController` has folded. Only moves of the user's are told by `version_changed`."""

    version_changed = Signal(object)
    """The user has gone to this version (int)."""
    title_changed = Signal(str)
    """Another actor or version is shown; `detail_text` has changed."""
    copy_requested = Signal(object)
    """A text to copy (str), never a shortened one."""

    def __init__(self, controller: StateController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statePanel")
        self.setAccessibleName("State")
        self._controller = controller
        self._tree_model = StateTreeModel(self)
        self._diff_model = StateDiffModel(self)
        self._diff_is_stale = True
        self._detail = ""
        self._play = QTimer(self)
        self._play.setInterval(_PLAY_STEP)
        self._play.timeout.connect(self._play_step)
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK)
        self._look.timeout.connect(self._show_versions)
        self._build()
        self._connect()
        self._reset()

    @property
    def detail_text(self) -> str:
        """Actor and version in a few words, for the dock's title."""
        return self._detail

    @property
    def version(self) -> int:
        """The version that is shown, 0 for none."""
        shown = self._controller.view or self._controller.held_state
        return shown.version if shown is not None else 0

    def show_version(self, version: int) -> None:
        """Show a version, or the nearest one below; does not tell `version_changed`."""
        self._controller.show_version(version)

    def set_snapshots(self, marks: list[SliderMark]) -> None:
        """Mark the versions there are snapshots of."""
        self.slider.set_snapshots(marks)

    # Building

    def _build(self) -> None:
        self._empty = EmptyState("Select an actor's event to see its state.", parent=self)
        self._content = QWidget(self)
        self.controls = StateControls(self)
        self.controls.set_reducers(self._controller.reducers, self._controller.reducer)
        self.slider = VersionSlider(self)
        self.banner = Banner(BannerKind.CORRUPTED, parent=self, closable=False)
        self.banner.hide()
        self.tree = JsonView("stateTree", "State", self)
        self.tree.setModel(self._tree_model)
        self.diff = JsonView("stateDiff", "What this version changed", self, colours_sides=True)
        self.diff.setModel(self._diff_model)
        for view in (self.tree, self.diff):
            header = view.header()
            header.setStretchLastSection(False)
            header.resizeSection(0, 116)
            header.resizeSection(2, 64)
            header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
            view.installEventFilter(self)
        # Room for sign and chevron beside one another.
        self.tree.setIndentation(22)
        self.tree.header().resizeSection(0, 132)
        self.tabs = QTabWidget(self)
        set_tab_role(self.tabs.tabBar(), "panel")
        self.tabs.tabBar().setAccessibleName("Views of the state")
        self._unchanged = ToneLabel(parent=self)
        self._show_unchanged = LinkButton("Show", self)
        unchanged = Surface("base", parent=self)
        row = QHBoxLayout(unchanged)
        row.setContentsMargins(12, 0, 8, 0)
        row.addWidget(self._unchanged)
        row.addWidget(self._show_unchanged)
        row.addStretch(1)
        self._unchanged_row = unchanged
        diff_page = QWidget()
        page = QVBoxLayout(diff_page)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.diff, 1)
        page.addWidget(unchanged)
        self.tabs.addTab(self.tree, "State")
        self.tabs.addTab(diff_page, "Diff")
        footer = Surface("window", top="line", parent=self)
        self._origin = ToneLabel(elide=Qt.TextElideMode.ElideRight, parent=footer)
        self._left_out = ToneLabel("", "corrupted", semibold=True, parent=footer)
        self._changed = LinkButton("", footer)
        line = QHBoxLayout(footer)
        line.setContentsMargins(12, 0, 8, 0)
        line.setSpacing(4)
        line.addWidget(self._origin)
        line.addWidget(self._left_out)
        line.addWidget(self._changed)
        line.addStretch(1)
        footer.setFixedHeight(grown(32))
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.controls)
        slider_row = QHBoxLayout()
        slider_row.setContentsMargins(6, 0, 8, 0)
        slider_row.addWidget(self.slider)
        layout.addLayout(slider_row)
        layout.addWidget(self.banner)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(footer)
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
        controller.held.connect(self._show_held)
        controller.failed.connect(self._show_error)
        self.controls.reducer_chosen.connect(controller.set_reducer)
        self.controls.first_requested.connect(lambda: self._go_to(self._first()))
        self.controls.last_requested.connect(lambda: self._go_to(self._last()))
        self.controls.step_requested.connect(self._step)
        self.controls.version_typed.connect(self._typed)
        self.controls.play_requested.connect(self._set_playing)
        self.slider.valueChanged.connect(self._slid)
        self.tabs.currentChanged.connect(lambda _index: self._fill_diff())
        self.tree.copy_requested.connect(self.copy_requested)
        self.diff.copy_requested.connect(self.copy_requested)
        self._show_unchanged.clicked.connect(self._toggle_unchanged)
        self._changed.clicked.connect(lambda: self.tabs.setCurrentIndex(1))

    # Following the controller

    def _reset(self) -> None:
        self._set_playing(False)
        self._tree_model.clear()
        self._diff_model.clear()
        self._diff_is_stale = True
        self.slider.set_versions(())
        self.slider.set_snapshots([])
        self.slider.set_troubles([])
        self.banner.hide()
        self.tabs.setTabText(1, "Diff")
        self._pages.setCurrentWidget(self._content if self._controller.actor_id else self._empty)
        self._show_versions()
        self._tell_title()

    def _versions_changed(self) -> None:
        if not self._look.isActive():
            self._look.start()

    def _show_versions(self) -> None:
        controller = self._controller
        versions = controller.versions
        self.slider.set_versions(versions)
        self.slider.set_troubles(
            [
                SliderMark(one.after_version, f"#{one.sequence:,}: {one.reason}")
                for one in controller.troubles[:_MARKS]
            ]
        )
        self.controls.setEnabled(bool(versions))
        self.slider.setEnabled(bool(versions))
        self.controls.set_limits(self._first() or 1, self._last(), complete=controller.is_complete)
        self._move_handle()
        self._show_footer()

    def _show_view(self, view: object) -> None:
        if not isinstance(view, StateView):
            return
        self._tree_model.set_state(
            view.state,
            view.changes,
            version=view.version,
            set_by=lambda path: self._controller.set_by(path, view.version),
            last_write=lambda path: self._controller.last_write(path, view.version),
        )
        if self._last() < view.version or self.slider.version_at(self.slider.maximum()) < view.version:
            self._show_versions()
        self.banner.setVisible(self._controller.error is not None)
        count = f"{len(view.changes):,}"
        previous, version = view.previous_version, view.version
        words = f"Diff v{previous} to v{version} ({count})" if previous else f"Set by v{version} ({count})"
        self.tabs.setTabText(1, words)
        self._diff_is_stale = True
        self._fill_diff()
        self._move_handle()
        self._show_footer()
        self._tell_title()

    def _show_held(self, held: object) -> None:
        if not isinstance(held, HeldState):
            return
        self._tree_model.clear()
        self._diff_model.clear()
        self._diff_is_stale = True
        self.tabs.setTabText(1, "Diff")
        self.banner.clear_actions()
        self.banner.set_message(
            BannerKind.INFO,
            f"The state at v{held.version} is not folded yet.",
            f"The events up to there have {held.size:,} bytes: folding them takes seconds and much memory.",
        )
        self.banner.add_action("Fold it", self._fold_anyway)
        self.banner.show()
        self._show_versions()
        self._tell_title()

    def _fold_anyway(self) -> None:
        self.banner.hide()
        self._controller.fold_anyway()
        self._show_footer()

    def _show_error(self, error: object) -> None:
        self._set_playing(False)
        self.banner.clear_actions()
        self.banner.set_message(BannerKind.CORRUPTED, "The state is not known.", str(error))
        self.banner.show()
        self._show_versions()

    def _fill_diff(self) -> None:
        view = self._controller.view
        if view is None or not self._diff_is_stale or self.tabs.currentIndex() != 1:
            return
        self._diff_is_stale = False
        set_by = self._controller.set_by
        self._diff_model.set_changes(
            view.changes,
            view.state,
            old_version=lambda path: set_by(path, view.previous_version),
            new_version=lambda path: set_by(path, view.version) or view.version,
        )
        self._show_unchanged_row()

    def _show_unchanged_row(self) -> None:
        model = self._diff_model
        self._unchanged_row.setVisible(bool(model.unchanged_text))
        self._unchanged.set_text(model.unchanged_text)
        self._show_unchanged.set_text("Hide" if model.shows_unchanged else "Show")
        verb = "Hide" if model.shows_unchanged else "Show"
        self._show_unchanged.setAccessibleName(f"{verb} unchanged values")
        self.diff.expandAll()

    def _toggle_unchanged(self) -> None:
        self._diff_model.show_unchanged(not self._diff_model.shows_unchanged)
        self._show_unchanged_row()

    def _move_handle(self) -> None:
        version = self.version
        blocked = self.slider.blockSignals(True)
        self.slider.set_version(version)
        self.slider.blockSignals(blocked)
        self.controls.set_version(version)

    def _show_footer(self) -> None:
        controller, view = self._controller, self._controller.view
        total = len(controller.versions)
        parts: list[str] = []
        if controller.is_loading:
            # First: the rest gives way where there is little room.
            parts.append(f"Reading, {total:,} so far…")
        if view is not None:
            events = "1 event" if view.events_applied == 1 else f"{view.events_applied:,} events"
            parts.append(f"From the beginning, {events}.")
        elif controller.error is not None or controller.held_state is not None:
            parts.append("Nothing is shown.")
        elif not controller.is_loading and controller.actor_id:
            parts.append("There is no event to fold.")
        self._origin.set_text(" ".join(parts))
        troubles = controller.troubles
        self._left_out.setVisible(bool(troubles))
        self._left_out.set_text(f"{len(troubles):,} left out")
        self._left_out.setToolTip(
            plain_tooltip("\n".join(f"#{one.sequence:,}: {one.reason}" for one in troubles[:_LISTED]))
        )
        self._changed.setVisible(view is not None)
        if view is not None:
            count = len(view.changes)
            values = "nothing" if not count else f"{count:,} value" if count == 1 else f"{count:,} values"
            self._changed.set_text(f"Changed in v{view.version}: {values}")

    def _tell_title(self) -> None:
        actor, version = self._controller.actor_id, self.version
        detail = f"{actor} at v{version}" if version else actor
        if detail != self._detail:
            self._detail = detail
            self.title_changed.emit(detail)

    # Moving

    def _first(self) -> int:
        return self._controller.versions[0] if self._controller.versions else 0

    def _last(self) -> int:
        return self._controller.versions[-1] if self._controller.versions else 0

    def _go_to(self, version: int) -> None:
        if version and version != self.version:
            self._controller.show_version(version)
            self.version_changed.emit(version)

    def _step(self, steps: int) -> None:
        self._set_playing(False)
        self._go_to(self._controller.neighbour(self.version, steps))

    def _typed(self, version: object) -> None:
        if isinstance(version, int) and version != self.version:
            versions = self._controller.versions
            target = self._controller.neighbour(version, 0)
            self._go_to(target)
            place = bisect_left(versions, version)
            if place == len(versions) or versions[place] != version:
                # The number that was typed is none of the versions: the one below it is shown.
                self.controls.set_version(target)

    def _slid(self, place: int) -> None:
        self._go_to(self.slider.version_at(place))

    def _set_playing(self, playing: bool) -> None:
        if playing and self.version < self._last():
            self._play.start()
        else:
            self._play.stop()
        self.controls.set_playing(self._play.isActive())

    def _play_step(self) -> None:
        self._go_to(self._controller.neighbour(self.version, 1))
        if self.version >= self._last():
            self._set_playing(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let ← and → in the trees move between versions; + and − open and close rows."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._moved_by(event):
            return True
        return bool(super().eventFilter(watched, event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move one version with ← and →."""
        if not self._moved_by(event):
            super().keyPressEvent(event)

    def _moved_by(self, event: QKeyEvent) -> bool:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if steps is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        self._step(steps)
        return True
