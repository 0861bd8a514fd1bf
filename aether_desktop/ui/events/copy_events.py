"""Copying events into another store: where to, then the job, then the log they are in."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from aether_desktop.connection import Connection
from aether_desktop.ui.events.copy_dialog import CopyDialog
from aether_desktop.ui.window.desk import Desk
from aether_desktop.workspace import Place, Workspace


def ask_where_to_copy(
    window: QWidget, workspace: Workspace, desk: Desk, place: Place, actor_id: str | None
) -> None:
    """Ask, and copy what is at `place`, all of it or one actor, to the answer."""
    dialog = CopyDialog(place, workspace.connections, actor_id, window)

    async def copy(connection: Connection | None, namespace: str, snapshots: bool) -> None:
        if connection is not None:
            target = Place(connection, namespace)
            if await workspace.transfers.copy(place, target, actor_id, snapshots=snapshots):
                await desk.open_log(target)

    async def copy_to_file(path: Path, namespace: str, snapshots: bool) -> None:
        await copy(await workspace.open_path(path), namespace, snapshots)

    def start(connection: Connection | None, namespace: str, snapshots: bool) -> None:
        if connection is not None:
            workspace.start(copy(connection, namespace, snapshots), "copy events")
            return
        file = QFileDialog(window, "Copy into a file")
        file.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        file.setNameFilters(["Aether stores (*.aether)"])
        file.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        file.setDefaultSuffix("aether")
        # What is there already stays there: a store takes further events.
        file.setOption(QFileDialog.Option.DontConfirmOverwrite)
        file.fileSelected.connect(
            lambda name: workspace.start(copy_to_file(Path(name), namespace, snapshots), "copy into a file")
        )
        file.open()

    dialog.chosen.connect(start)
    dialog.open()
