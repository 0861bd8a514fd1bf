"""The dialog that appends several events, all or none."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QWidget

from aether_desktop.models.append.batch_controller import BatchController
from aether_desktop.ui.append.appending_dialog import AppendingDialog
from aether_desktop.ui.append.batch_form import BatchForm

_HEIGHT: Final = 460


class BatchDialog(AppendingDialog):
    """Lets the user type a batch and append it."""

    def __init__(
        self, controller: BatchController, *, keeps_drafts: bool = False, parent: QWidget | None = None
    ) -> None:
        self.controller = controller
        self.form = BatchForm(controller)
        actor = "a new actor" if controller.actor_is_new else controller.actor_id
        super().__init__(
            controller,
            self.form,
            title=f"Append events to {actor}",
            height=_HEIGHT,
            switch_words="One event…",
            keeps_drafts=keeps_drafts,
            parent=parent,
        )
