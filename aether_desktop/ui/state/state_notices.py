"""What has to be said above a state: why there is none, what a reducer's file is about, and what is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_view import BrokenState, HeldState
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.text_dialog import TextDialog
from aether_engine.errors import ReducerError, ReducerFileError, ReducerStoppedError

#: Versions that are named when they are left out.
_NAMED: Final = 6


class StateNotices(QWidget):
    """Three lines, each shown while there is something to say."""

    go_requested = Signal(object)
    """The user wants to see this version (int)."""

    def __init__(
        self, controller: StateController, chooser: ReducerChooser | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self.state = Banner(BannerKind.CORRUPTED, parent=self, closable=False)
        self.reducer = Banner(BannerKind.GAP, parent=self)
        self.quarantine = Banner(BannerKind.GAP, parent=self, closable=False)
        self.quarantine.setObjectName("quarantineBanner")
        self.reducer.setObjectName("reducerBanner")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for banner in (self.quarantine, self.reducer, self.state):
            banner.hide()
            column.addWidget(banner)
        controller.reset.connect(self._reset)
        controller.state_changed.connect(lambda _view: self.state.hide())
        controller.held.connect(self._show_held)
        controller.broken.connect(self._show_broken)
        controller.failed.connect(self._show_error)
        controller.quarantine_changed.connect(self._show_quarantine)
        if chooser is not None:
            self._chooser: ReducerChooser | None = chooser
            chooser.told.connect(self._show_reducer)
            chooser.changed.connect(self._show_await)
        else:
            self._chooser = None

    def _reset(self) -> None:
        self.state.hide()
        self._show_quarantine()

    def _say(self, kind: BannerKind, fact: str, text: str, *actions: tuple[str, Callable[[], object]]) -> None:
        self.state.clear_actions()
        self.state.set_message(kind, fact, text)
        for name, run in actions:
            self.state.add_action(name, run)
        self.state.show()

    def _show_held(self, held: HeldState) -> None:
        self._say(
            BannerKind.INFO,
            f"The state at v{held.version} is not folded yet.",
            f"The events up to there have {held.size:,} bytes: folding them takes seconds and much memory.",
            ("Fold it", self._fold_anyway),
        )

    def _fold_anyway(self) -> None:
        self.state.hide()
        self._controller.fold_anyway()

    def _show_broken(self, broken: BrokenState) -> None:
        error = broken.error
        where = "" if error.sequence is None else f" (#{number_text(error.sequence)})"
        behind = "" if broken.version == error.version else f" There is no state at v{broken.version} either."
        actions: list[tuple[str, Callable[[], object]]] = []
        before = self._controller.neighbour(error.version, -1)
        if before and before < error.version:
            actions.append((f"Go to v{before}", lambda: self.go_requested.emit(before)))
        actions.append(("Leave it out", lambda: self._controller.leave_out([error.version])))
        if error.trace:
            actions.append(("Details", lambda: self._show_trace(error)))
        self._say(
            BannerKind.CORRUPTED,
            f"The reducer failed at v{error.version}{where}.",
            f"{error.reason}.{behind}",
            *actions,
        )

    def _show_trace(self, error: ReducerError | ReducerFileError) -> None:
        TextDialog("Where the reducer failed", str(error), error.trace, self.window()).open()

    def _show_error(self, error: object) -> None:
        actions: list[tuple[str, Callable[[], object]]] = []
        if isinstance(error, ReducerFileError) and error.trace:
            file_error = error
            actions.append(("Details", lambda: self._show_trace(file_error)))
        if isinstance(error, ReducerStoppedError):
            return
        self._say(BannerKind.CORRUPTED, "The state is not known.", str(error), *actions)

    # The reducer's file

    def _show_reducer(self, fact: str, text: str) -> None:
        self.reducer.setVisible(bool(fact))
        self.reducer.set_message(BannerKind.GAP, fact, text)
        self._show_await()

    def _show_await(self) -> None:
        self.reducer.clear_actions()
        chooser = self._chooser
        if chooser is not None and chooser.awaited is not None:
            self.reducer.add_action("Look at it…", chooser.ask_again)

    # Quarantine

    def _show_quarantine(self) -> None:
        left_out = sorted(self._controller.quarantine)
        self.quarantine.setVisible(bool(left_out))
        self.quarantine.clear_actions()
        if not left_out:
            return
        count = "1 event is" if len(left_out) == 1 else f"{number_text(len(left_out))} events are"
        named = ", ".join(f"v{version}" for version in left_out[:_NAMED])
        rest = len(left_out) - _NAMED
        more = f" and {number_text(rest)} more" if rest > 0 else ""
        self.quarantine.set_message(
            BannerKind.GAP,
            f"Quarantine: {count} left out.",
            f"Every state is as if {named}{more} had not happened.",
        )
        self.quarantine.add_action("Take back", self._controller.take_back)
