"""States and differences on the clipboard and in files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from aether_desktop.jobs import Job
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_export import (
    CLIPBOARD_LIMIT,
    DIFF_FORMATS,
    STATE_FORMATS,
    ExportFormat,
    write_whole,
)
from aether_desktop.models.state.state_view import StateView
from aether_desktop.numbers import number_text
from aether_desktop.workspace import Workspace


class StateExporting(QObject):
    """Writes what the controller shows."""

    def __init__(
        self, workspace: Workspace, controller: StateController, window: QWidget, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._controller = controller
        self._window = window

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions that copy and save do, by name."""
        return {
            **{f"copy_state_{one.key}": partial(self._copy, one, "state") for one in STATE_FORMATS},
            **{f"copy_difference_{one.key}": partial(self._copy, one, "difference") for one in DIFF_FORMATS},
            "save_state": partial(self._save, STATE_FORMATS, "state"),
            "save_difference": partial(self._save, DIFF_FORMATS, "difference"),
        }

    def _copy(self, way: ExportFormat, what: str) -> None:
        view = self._controller.view
        if view is None:
            return

        async def work(_job: Job) -> None:
            text = await asyncio.to_thread(way.render, view)
            if len(text) > CLIPBOARD_LIMIT:
                size = number_text(len(text))
                self._workspace.told.emit(
                    f"Nothing was copied: the {what} has {size} characters. Save it instead."
                )
                return
            QGuiApplication.clipboard().setText(text)
            self._workspace.told.emit(f"Copied the {what} of {_named(view, what)} as {way.name}.")

        self._workspace.jobs.start(f"Copy the {what}", work, unit="documents")

    def _save(self, ways: Sequence[ExportFormat], what: str) -> None:
        view = self._controller.view
        if view is None:
            return
        dialog = QFileDialog(self._window, f"Save the {what} of {_named(view, what)}")
        filters = {f"{way.name[:1].upper()}{way.name[1:]} (*{way.suffix})": way for way in ways}
        dialog.setNameFilters(list(filters))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ways[0].suffix[1:])
        dialog.filterSelected.connect(lambda name: dialog.setDefaultSuffix(filters[name].suffix[1:]))
        dialog.fileSelected.connect(
            lambda name: self._write(view, filters[dialog.selectedNameFilter()], what, Path(name))
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _write(self, view: StateView, way: ExportFormat, what: str, path: Path) -> None:
        async def work(_job: Job) -> None:
            await asyncio.to_thread(lambda: write_whole(path, way.render(view)))
            self._workspace.told.emit(f"Saved the {what} of {_named(view, what)} as {way.name} to {path.name}.")

        self._workspace.jobs.start(f"Save {path.name}", work, unit="documents")


def _named(view: StateView, what: str) -> str:
    versions = f"v{view.version}" if what == "state" else f"v{view.previous_version} to v{view.version}"
    return f"{view.actor_id}, {versions}"
