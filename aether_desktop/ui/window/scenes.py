"""Every panel, document and dialog of the window, one after the other, over the demo: for pictures and for tests.

Each scene is a name and a function that brings it about and returns the widget to look at. What a scene opens it
leaves open; `Stage.clear` closes what is modal before the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QPushButton, QWidget

from aether_desktop.models.state.compared_state import SideChoice
from aether_desktop.profiles import LoginKind, Profile
from aether_desktop.ui.audit.audit_view import AuditView
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.workspace import Place

if TYPE_CHECKING:
    from aether_desktop.ui.window.main_window import MainWindow
    from aether_desktop.ui.window.panels import Panels

#: Sequences in the demo: somewhere in the log, and an order with all that followed from it.
_NEAR: Final = 400
_ORDERED: Final = 81
_REDUCER: Final = (
    '"""Totals of an order."""\n\n\ndef apply(state, event):\n    state["events"] = state.get("events", 0) + 1\n'
    "    return state\n"
)


class Stage:
    """The window with the demo in it, and short ways about it."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.folder = folder

    @property
    def panels(self) -> Panels:
        return self.window.panels

    @property
    def place(self) -> Place:
        """The first namespace of the demo."""
        from aether_desktop.demo import TENANT_A

        return Place(self.window.workspace.connections[0], TENANT_A)

    def run(self, command: str) -> None:
        self.panels.commands.run(command)

    async def settle(self) -> None:
        """Wait until all is loaded and laid out."""
        await self.window.workspace.idle()
        await self.window.settle()

    async def dialog(self, command: str = "") -> QWidget:
        """The dialog that a command opens, or that is open."""
        if command:
            self.run(command)
        await self.settle()
        return next((each for each in QApplication.topLevelWidgets() if _is_dialog(each)), self.window)

    def clear(self) -> None:
        """Close every dialog, also one that would ask first."""
        for each in QApplication.topLevelWidgets():
            if isinstance(each, QDialog) and _is_dialog(each):
                QDialog.done(each, 0)
            elif _is_dialog(each):
                each.close()
        assert not any(_is_dialog(each) for each in QApplication.topLevelWidgets())

    async def stream(self) -> EventView:
        """The stream of the article whose snapshot drifted, in front."""
        from aether_desktop.demo import DRIFTED_ACTOR

        view = await self.panels.desk.open_stream(self.place, DRIFTED_ACTOR, 11)
        view.tell_selected()
        await self.settle()
        return view


Scene = Callable[[Stage], Awaitable[QWidget]]


async def _welcome(stage: Stage) -> QWidget:
    return stage.window


async def _log(stage: Stage) -> QWidget:
    await stage.panels.desk.open_log(stage.place)
    await stage.window.workspace.select_at(stage.place, _NEAR)
    return stage.window


async def _filter(stage: Stage) -> QWidget:
    view = await stage.panels.desk.open_log(stage.place)
    assert view.filter is not None
    view.filter.set_text("type:Order* data.total:>100", at_once=True)
    return stage.window


async def _filter_error(stage: Stage) -> QWidget:
    view = await stage.panels.desk.open_log(stage.place)
    assert view.filter is not None
    view.filter.set_text("type:Order* since:yesterdayish")
    return stage.window


async def _nothing_found(stage: Stage) -> QWidget:
    view = await stage.panels.desk.open_log(stage.place)
    assert view.filter is not None
    view.filter.set_text("type:NoSuchType corrupted:no", at_once=True)
    return stage.window


async def _stream(stage: Stage) -> QWidget:
    log = await stage.panels.desk.open_log(stage.place)
    if log.filter is not None:
        log.filter.clear()
    await stage.stream()
    return stage.window


async def _tail(stage: Stage) -> QWidget:
    from aether_desktop.models.tail.tail_feed import TailSource, TailStart

    view = stage.panels.desk.open_tail(stage.place, "prod.>")
    view.start("prod.>", TailSource.LOG, TailStart(last=500))
    return stage.window


async def _trace(stage: Stage) -> QWidget:
    await stage.window.workspace.select_at(stage.place, _ORDERED)
    await stage.settle()
    stage.run("trace")
    return stage.window


async def _compare(stage: Stage) -> QWidget:
    from aether_desktop.demo import DRIFTED_ACTOR

    left, right = (SideChoice(stage.place, DRIFTED_ACTOR, version) for version in (2, 7))
    stage.panels.travel.branching.open_compare(left, right)
    return stage.window


async def _snapshot_check(stage: Stage) -> QWidget:
    stage.run("check_namespace")
    return stage.window


async def _audit(stage: Stage) -> QWidget:
    stage.run("audit")
    await stage.settle()
    stage.run("audit_run")
    view = stage.window.documents.currentWidget()
    assert isinstance(view, AuditView)
    await stage.settle()
    view.step(1)
    return stage.window


async def _banner(stage: Stage) -> QWidget:
    await stage.stream()
    stage.window.tell(
        "corrupted", "That file could not be opened.", "It is no event file: its first bytes are “PK”."
    )
    stage.window.banner.add_action("Copy details", lambda: None)
    return stage.window


async def _production(stage: Stage) -> QWidget:
    stage.window.banner.hide()
    connection = stage.window.workspace.connections[0]
    connection.profile = Profile(name=connection.title, production=True, color="vermilion")
    stage.window.show_counts(None, 0)
    stage.panels.navigator.tree.show_connections(stage.window.workspace.connections)
    return stage.window


async def _append(stage: Stage) -> QWidget:
    connection = stage.window.workspace.connections[0]
    connection.profile = None
    stage.window.show_counts(None, 0)
    stage.panels.navigator.tree.show_connections(stage.window.workspace.connections)
    await stage.stream()
    return await stage.dialog("append_like")


async def _conflict(stage: Stage) -> QWidget:
    from aether_desktop.ui.append.append_dialog import AppendDialog

    dialog = await stage.dialog("append_like")
    assert isinstance(dialog, AppendDialog)
    dialog.form.version.setValue(3)
    submit = dialog.findChild(QPushButton, "appendSubmit")
    assert submit is not None
    submit.click()
    await stage.settle()
    return dialog


async def _confirm(stage: Stage) -> QWidget:
    from aether_desktop.ui.connection.confirm_write_dialog import ConfirmWriteDialog
    from aether_desktop.write_guard import WriteQuestion

    question = WriteQuestion("prod.tenant-a", "Permits EU", "Append version 12 of order-1042")
    dialog = ConfirmWriteDialog(question, stage.window)
    dialog.finished.connect(question.answer.cancel)
    dialog.open()
    return dialog


async def _secret(stage: Stage) -> QWidget:
    from aether_desktop.ui.connection.secret_dialog import SecretDialog

    profile = Profile(
        id="1", name="Permits EU", servers="tls://eu-1.permits.example", login=LoginKind.PASSWORD, user="mara"
    )
    dialog = SecretDialog(profile, "The server refused the login.", stage.window)
    dialog.open()
    return dialog


async def _trust(stage: Stage) -> QWidget:
    from aether_desktop.ui.state.trust_dialog import TrustDialog
    from aether_engine.replay import ReducerFile

    path = stage.folder / "totals.py"
    await asyncio.to_thread(path.write_text, _REDUCER)
    dialog = TrustDialog(await asyncio.to_thread(ReducerFile.read, path), changed=False, parent=stage.window)
    dialog.open()
    return dialog


async def _go_to(stage: Stage) -> QWidget:
    await stage.stream()
    return await stage.dialog("go_to")


def _dialog(command: str) -> Scene:
    async def show(stage: Stage) -> QWidget:
        return await stage.dialog(command)

    return show


def _audit_dialog(command: str) -> Scene:
    async def show(stage: Stage) -> QWidget:
        documents = stage.window.documents
        for index in range(documents.count()):
            if isinstance(documents.widget(index), AuditView):
                documents.setCurrentIndex(index)
        return await stage.dialog(command)

    return show


def _inspector_page(index: int) -> Scene:
    async def show(stage: Stage) -> QWidget:
        await stage.stream()
        stage.panels.inspector.tabs.setCurrentIndex(index)
        return stage.panels.inspector

    return show


def _state_page(index: int) -> Scene:
    async def show(stage: Stage) -> QWidget:
        await stage.stream()
        stage.panels.state_panel.show_tab(index)
        return stage.panels.state_panel

    return show


SCENES: Final[dict[str, Scene]] = {
    "log": _log,
    "log-filtered": _filter,
    "log-filter-error": _filter_error,
    "log-nothing-found": _nothing_found,
    "stream": _stream,
    "tail": _tail,
    "trace": _trace,
    "compare": _compare,
    "snapshot-check": _snapshot_check,
    "audit": _audit,
    "banner": _banner,
    "production": _production,
    "append": _append,
    "conflict": _conflict,
    "inspector-event": _inspector_page(0),
    "inspector-raw": _inspector_page(1),
    "inspector-hex": _inspector_page(2),
    "inspector-metadata": _inspector_page(3),
    "inspector-difference": _inspector_page(4),
    "state": _state_page(0),
    "state-difference": _state_page(1),
    "state-blame": _state_page(2),
    "state-snapshots": _state_page(3),
    "append-batch": _dialog("append_batch"),
    "race": _dialog("race"),
    "copy": _dialog("copy_namespace"),
    "bundle": _audit_dialog("bundle"),
    "recover": _audit_dialog("recover"),
    "audit-settings": _audit_dialog("audit_settings"),
    "go-to": _go_to,
    "palette": _dialog("command_palette"),
    "keys": _dialog("cheat_sheet"),
    "connect": _dialog("connect"),
    "import-contexts": _dialog("import_contexts"),
    "secret": _secret,
    "confirm-write": _confirm,
    "trust": _trust,
    "fork": _dialog("fork"),
    "column": _dialog("add_column"),
    "open-link": _dialog("open_link"),
    "about": _dialog("about"),
}


async def scenes(window: MainWindow, folder: Path) -> AsyncIterator[tuple[str, QWidget]]:
    """Bring about one scene after the other, each settled when it is handed out; their files are in `folder`."""
    stage = Stage(window, folder)
    yield "welcome", await _welcome(stage)
    await window.panels.commands.start_demo(simulate=False)
    await stage.settle()
    for name, show in SCENES.items():
        widget = await show(stage)
        await stage.settle()
        yield name, widget
        stage.clear()
        await stage.settle()


def _is_dialog(widget: QWidget) -> bool:
    return widget.isVisible() and (isinstance(widget, QDialog) or widget.windowType() == Qt.WindowType.Popup)
