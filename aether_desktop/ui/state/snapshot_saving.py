"""Saving the state that is shown as a snapshot: asked for explicitly, as services will begin with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_view import StateView
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.workspace import Place, Workspace


class SnapshotSaving(QObject):
    """Asks, and saves."""

    def __init__(
        self,
        workspace: Workspace,
        controller: StateController,
        chooser: ReducerChooser,
        window: QWidget,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._controller = controller
        self._chooser = chooser
        self._window = window
        self._place: Place | None = None

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the action does, by its name."""
        return {"save_snapshot": self.save}

    def forbidden(self, place: Place | None) -> str:
        """Why no snapshot can be saved there, "" if it can."""
        self._place = place
        if place is None:
            return "Nothing is shown."
        if place.connection.engine.read_only:
            return "This connection is read-only."
        view = self._controller.view
        if view is not None and not isinstance(view.state, dict):
            return "A snapshot holds an object, and this state is none."
        return ""

    def save(self) -> None:
        """Ask whether to save the state that is shown, and do it."""
        view, place = self._controller.view, self._place
        if view is None or place is None or self.forbidden(place):
            return
        box = QMessageBox(self._window)
        box.setObjectName("saveSnapshot")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Save a snapshot")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(visible(f"Save a snapshot of {view.actor_id} at version {view.version} in {place.namespace}?"))
        box.setInformativeText(visible(" ".join(self._facts(view))))
        save: QPushButton = box.addButton("Save snapshot", QMessageBox.ButtonRole.AcceptRole)
        save.setAutoDefault(False)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        save.clicked.connect(lambda: self._workspace.start(self._save(place, view), "save snapshot"))
        box.open()

    def _facts(self, view: StateView) -> list[str]:
        facts = [
            "Programs that use snapshots will begin with this state.",
            f"It was made by {self._chooser.current_name}.",
        ]
        if view.left_out:
            facts.append("It lacks events that are in quarantine.")
        if view.start_differs:
            facts.append(f"It was made from snapshot v{view.start_version}, which differs from the replay.")
        if any(entry.version == view.version for entry in self._controller.snapshots):
            facts.append("It will replace the snapshot of this version.")
        return facts

    async def _save(self, place: Place, view: StateView) -> None:
        await self._workspace.save_snapshot(place, view.actor_id, view.version, view.state)
        self._workspace.told.emit(f"Saved a snapshot of {view.actor_id} at version {view.version}.")
        self._controller.refresh()
