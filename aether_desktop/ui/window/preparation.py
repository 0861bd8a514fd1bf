"""What a window needs next is loaded and made while nobody waits for it, a little at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6 import QtCore
from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from aether_desktop.ui.window.main_window import MainWindow

#: Time between two steps, in milliseconds: the event loop has it for the user.
_INTERVAL = 10
#: What a first connection needs, in the order in which one brings the next.
_FOR_A_CONNECTION = (
    "aether_desktop.connection",
    "aether_desktop.models.events.actor_table",
    "aether_desktop.models.state.state_controller",
    "aether_desktop.ui.widgets.event_delegate",
    "aether_desktop.ui.widgets.table_setup",
    "aether_desktop.ui.widgets.banner",
    "aether_desktop.models.tail.tail_controller",
    "aether_desktop.ui.window.commands",
    "aether_desktop.ui.window.desk",
    "aether_desktop.ui.events.filter_bar",
    "aether_desktop.ui.inspector.inspector",
    "aether_desktop.ui.inspector.inspection",
    "aether_desktop.ui.events.navigator",
    "aether_desktop.ui.state.state_panel",
    "aether_desktop.ui.state.time_travel",
    "aether_desktop.ui.timeline.timelines",
    "aether_desktop.ui.window.panels",
)
#: What a table has under it once it is shown.
_FOR_TABLES = (
    "aether_desktop.models.timeline.log_timeline",
    "aether_desktop.ui.timeline.bars_drawing",
    "aether_desktop.models.timeline.stream_timeline",
    "aether_desktop.ui.timeline.steps_drawing",
)
#: What is asked for by a command, and is to be there at once.
_FOR_COMMANDS = (
    "aether_desktop.ui.window.command_palette",
    "aether_desktop.ui.connection.connect_dialog",
    "aether_desktop.ui.events.go_to_dialog",
    "aether_desktop.ui.widgets.int64_spin",
    "aether_desktop.ui.append.json_editor",
    "aether_desktop.models.append.append_controller",
    "aether_desktop.models.append.append_drafts",
    "aether_desktop.ui.append.conflict_panel",
    "aether_desktop.ui.append.append_dialog",
    "aether_desktop.ui.append.batch_dialog",
    "aether_desktop.demo",
    "aether_engine.audit.checks",
    "aether_engine.audit.examining",
    "aether_engine.audit.running",
    "aether_engine.audit.report",
    "aether_desktop.audit_subjects",
    "aether_desktop.models.audit.finding_table",
    "aether_desktop.models.audit.audit_run",
    "aether_desktop.ui.audit.finding_detail",
    "aether_desktop.ui.audit.audit_view",
    "aether_desktop.ui.audit.audit_settings_dialog",
    "aether_desktop.models.audit.bundle_run",
    "aether_desktop.ui.audit.audit_handover",
)


class Preparation(QObject):
    """Goes through its steps one by one, each in a turn of the event loop; `done` comes after the last.

    Whoever needs a thing before its turn gets it all the same: everything here is made on first use.
    """

    done = QtCore.Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._steps = _steps(window)
        self._timer = QTimer(self, interval=_INTERVAL)
        self._timer.timeout.connect(self.step)
        self._timer.start()

    def step(self) -> None:
        """Do the next step, unless something is being loaded: what is asked for goes first."""
        if self._window.workspace.busy:
            return
        step = next(self._steps, None)
        if step is None:
            self.stop()
            self.done.emit()
        else:
            step()

    def stop(self) -> None:
        """Leave the rest undone."""
        self._timer.stop()


def _steps(window: MainWindow) -> Iterator[Callable[[], object]]:
    # See `by_name` for what this takes.
    yield lambda: QtCore.Qt
    for name in _FOR_A_CONNECTION:
        yield partial(import_module, name)
    yield lambda: window.panels
    yield lambda: window.status.facts
    yield lambda: window.namespace_combo
    for name in (*_FOR_TABLES, *_FOR_COMMANDS):
        yield partial(import_module, name)
