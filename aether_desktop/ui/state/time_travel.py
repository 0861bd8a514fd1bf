"""Going through an actor's versions: which one is shown, how it is made, and all that is done with states."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMenu

from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.replay_options import FILE, ReplayMemory
from aether_desktop.models.state.snapshot_states import FROM_BEST, FROM_FIRST
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_search import StateSearch
from aether_desktop.models.trace.related_events import RelatedEvents
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.chosen_rows import ChosenRows
from aether_desktop.ui.state.branching import Branching
from aether_desktop.ui.state.snapshot_saving import SnapshotSaving
from aether_desktop.ui.state.state_actions import STATE_COMMANDS, STATE_MENU, fill_menu, state_action
from aether_desktop.ui.state.state_exporting import StateExporting
from aether_desktop.ui.state.state_moves import SPEEDS
from aether_desktop.ui.state.state_panel import BLAME, DIFF, SNAPSHOTS, STATE, StatePanel
from aether_desktop.ui.state.trust_dialog import TrustDialog
from aether_desktop.ui.trace.tracing import Tracing
from aether_desktop.ui.window.desk import Desk
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.errors import ReducerFileError, ReducerStoppedError
from aether_engine.event import StoredEvent
from aether_engine.replay import ReducerFile

if TYPE_CHECKING:
    from aether_desktop.ui.window.main_window import MainWindow

#: Events that can be left out at once.
MOST_LEFT_OUT = 10_000
_SPEED_SETTING = "play_speed"
_PYTHON_FILES = "Python files (*.py)"


class TimeTravel(QObject):
    """Owns the state panel and what is behind it, and runs the commands about states."""

    def __init__(self, window: MainWindow, desk: Desk, related: RelatedEvents, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._workspace: Workspace = window.workspace
        self._actions = window.actions_by_name
        self._actions.add(STATE_COMMANDS)
        self.place: Place | None = None
        self.state = StateController(self)
        self.chooser = ReducerChooser(ReplayMemory(self._workspace.settings), self)
        self.search = StateSearch(self.state, self._workspace.jobs, self)
        self.panel = StatePanel(self.state, self.chooser, self.search)
        self.exporting = StateExporting(self._workspace, self.state, window, self)
        self.saving = SnapshotSaving(self._workspace, self.state, self.chooser, window, self)
        self.branching = Branching(self._workspace, self.state, self.chooser, window.documents, desk, window, self)
        self.tracing = Tracing(self._workspace, window.documents, desk, related, self)
        speed = self._workspace.settings.get(_SPEED_SETTING)
        if speed in SPEEDS:
            self.panel.moves.set_speed(speed)
        self._connect()
        self._fill_menus()
        self.update_actions()

    @property
    def busy(self) -> bool:
        """Whether the state that is shown is still on its way."""
        return self.state.busy or self.chooser.busy or self.panel.busy

    async def close(self) -> None:
        """End what is running, a reducer's process too."""
        self.search.cancel()
        await self.panel.close_panel()
        await self.state.close()
        await self.chooser.close()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions about states do, by name."""
        moves, chooser, state = self.panel.moves, self.chooser, self.state
        return {
            "state_first": moves.go_to_first,
            "state_back": lambda: moves.step(-1),
            "state_on": lambda: moves.step(1),
            "state_last": moves.go_to_last,
            "play": lambda: moves.set_playing(not moves.is_playing),
            "play_faster": lambda: moves.change_speed(1),
            "play_slower": lambda: moves.change_speed(-1),
            "show_state": lambda: self._show_tab(STATE),
            "show_difference": lambda: self._show_tab(DIFF),
            "show_blame": lambda: self._show_tab(BLAME),
            "show_snapshots": lambda: self._show_tab(SNAPSHOTS),
            "bisect": self._show_bisect,
            "compare_with_this": lambda: self.panel.diff_page.compare_with(state.shown_version),
            "compare_with_previous": lambda: self.panel.diff_page.compare_with(None),
            "leave_out": lambda: state.leave_out(self._chosen_versions()),
            "take_back": lambda: state.take_back(self._chosen_versions()),
            "take_back_all": state.take_back,
            "begin_with_best": lambda: self._begin_with(FROM_BEST),
            "begin_with_first": lambda: self._begin_with(FROM_FIRST),
            "reducer_json_merge": lambda: chooser.choose("json-merge"),
            "reducer_shallow_merge": lambda: chooser.choose("shallow-merge"),
            "reducer_last_event": lambda: chooser.choose("last-event"),
            "reducer_by_event_type": lambda: chooser.choose("by-event-type"),
            "reducer_file": self._ask_for_file,
            **self.exporting.commands(),
            **self.saving.commands(),
            **self.branching.commands(),
            **self.tracing.commands(),
        }

    # -- what is shown

    def show(self, selection: Selection) -> None:
        """Show the state at the selected event."""
        event, place = selection.event, selection.place
        if event is None:
            return
        self.place = self.branching.place = place
        self.chooser.show_place(place)
        self._use_start()
        self.state.show(
            (id(place.connection), place.namespace, event.actor_id),
            event.actor_id,
            partial(self._stream, place),
            event.version,
            snapshots=partial(self._workspace.snapshots, place),
        )
        self.update_actions()

    def clear(self) -> None:
        """Show nothing."""
        self.place = self.branching.place = None
        self.state.clear()
        self.update_actions()

    def _stream(self, place: Place, actor_id: str, from_version: int) -> AsyncIterator[list[StoredEvent]]:
        return self._workspace.stream(place, actor_id, from_version)

    def _use_start(self) -> None:
        self.state.begin_with(self.chooser.options.start)

    # -- following

    def _connect(self) -> None:
        state, chooser, panel = self.state, self.chooser, self.panel
        chooser.used.connect(self._use_reducer)
        chooser.changed.connect(self.update_actions)
        chooser.trust_asked.connect(self._ask_for_trust)
        panel.controls.reducer.chosen.connect(self._choose_reducer)
        panel.controls.reducer.file_asked.connect(self._ask_for_file)
        panel.snapshots.replay_requested.connect(state.begin_with)
        panel.snapshots.save_requested.connect(self.saving.save)
        panel.snapshots.compare_requested.connect(self.branching.compare_snapshot)
        panel.snapshots.check_requested.connect(self.branching.ask_what_to_check)
        self._workspace.place_changed.connect(self.update_actions)
        self._workspace.selection_changed.connect(lambda _selection: self.update_actions())
        panel.moves.speed_changed.connect(lambda speed: self._workspace.settings.set(_SPEED_SETTING, speed))
        for signal in (
            state.reset,
            state.state_changed,
            state.held,
            state.broken,
            state.failed,
            state.versions_changed,
            state.quarantine_changed,
        ):
            signal.connect(self.update_actions)
        state.failed.connect(self._tell_failure)

    def _tell_failure(self, error: Exception) -> None:
        # What is wrong with a reducer is said in the panel, where it was chosen.
        if not isinstance(error, (ReducerFileError, ReducerStoppedError)):
            self._workspace.fail("The state could not be folded", error)

    def _use_reducer(self, reducer: object) -> None:
        self.state.use_reducer(reducer)  # type: ignore[arg-type]  # what `used` carries
        self._use_start()

    def _begin_with(self, start: int) -> None:
        self.chooser.begin_with(start)
        self.state.begin_with(start)
        self.update_actions()

    # -- commands

    def _fill_menus(self) -> None:
        menus: Sequence[QMenu] = self._window.menuBar().findChildren(QMenu)
        for menu in menus:
            if menu.objectName() == "menuState":
                fill_menu(menu, self._actions, STATE_MENU)
        more = QMenu(self.panel)
        fill_menu(more, self._actions, STATE_MENU)
        self.panel.add_commands(self._actions["fork"], more)

    def update_actions(self) -> None:
        """Offer what can be done now."""
        actions, state, moves = self._actions, self.state, self.panel.moves
        version, view = state.shown_version, state.view
        for names, possible in (
            (("state_back", "state_first"), version > moves.first > 0),
            (("state_on", "state_last"), 0 < version < moves.last),
            (("play", "play_faster", "play_slower"), moves.first < moves.last),
            (("show_state", "show_difference", "show_blame", "show_snapshots", "bisect"), bool(state.actor_id)),
            (("compare_with_this", "compare_with_previous"), version > 0),
            (("leave_out",), version > 0),
            (("fork",), version > 0),
            (("compare", "check_actor"), bool(state.actor_id)),
            (("check_namespace", "check_all"), self._workspace.place is not None),
            (("trace",), self._has_correlation),
            (("take_back", "take_back_all"), bool(state.quarantine)),
            (tuple(name for name in self.exporting.commands()), view is not None),
            (("save_snapshot",), view is not None and not self.saving.forbidden(self.place)),
        ):
            for name in names:
                actions[name].setEnabled(possible)
        key, _ = self.chooser.current
        for name in ("json-merge", "shallow-merge", "last-event", "by-event-type"):
            state_action(actions, f"reducer_{name.replace('-', '_')}", checked=key == name)
        state_action(actions, "reducer_file", checked=key == FILE)
        state_action(actions, "begin_with_best", checked=state.start == FROM_BEST)
        state_action(actions, "begin_with_first", checked=state.start == FROM_FIRST)
        self.panel.snapshots.allow_saving(self.saving.forbidden(self.place))

    @property
    def _has_correlation(self) -> bool:
        selection = self._workspace.selection
        event = selection.event if selection is not None else None
        return event is not None and bool(event.correlation_id)

    async def leave_out_of(self, actor_id: str, version: int) -> None:
        """Show the state of an actor without one of its events, once its stream is there."""
        if self.state.actor_id == actor_id and await self.state.whole() is not None:
            self._show_tab(STATE)
            self.state.leave_out([version])

    def _chosen_versions(self) -> list[int]:
        """The versions of the events chosen in the table that has the keyboard, else the one that is shown."""
        rows = ChosenRows(self._workspace, self._window.documents)
        if rows.count > MOST_LEFT_OUT:
            count, most = number_text(rows.count), number_text(MOST_LEFT_OUT)
            self._workspace.told.emit(
                f"{count} rows are selected, and at most {most} events can be left out at once."
            )
            return []
        versions = [
            chosen.stored.event.version
            for chosen in rows
            if chosen.stored is not None
            and chosen.stored.event is not None
            and chosen.place == self.place
            and chosen.stored.event.actor_id == self.state.actor_id
        ]
        return versions or [self.state.shown_version]

    def _show_tab(self, tab: int) -> None:
        self._raise_panel()
        self.panel.show_tab(tab)

    def _show_bisect(self) -> None:
        self._raise_panel()
        self.panel.show_bisect()

    def _raise_panel(self) -> None:
        dock = self.panel.parentWidget()
        if dock is not None:
            dock.show()
            dock.raise_()

    # -- reducers

    def _choose_reducer(self, key: str, path: str) -> None:
        if key == FILE:
            self.chooser.choose_file(path)
        else:
            self.chooser.choose(key)

    def _ask_for_file(self) -> None:
        self.update_actions()
        dialog = QFileDialog(self._window, "Choose a reducer")
        dialog.setNameFilters([_PYTHON_FILES, "All files (*)"])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.chooser.choose_file)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_for_trust(self, file: ReducerFile) -> None:
        in_use = self.chooser.current == (FILE, file.path)
        dialog = TrustDialog(file, changed=in_use, parent=self._window)
        dialog.trusted.connect(lambda later: self.chooser.trust(file, later=later))
        dialog.rejected.connect(self.chooser.decline)
        dialog.open()
