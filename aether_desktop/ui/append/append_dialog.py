"""The dialog that appends one event."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QWidget

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.ui.append.append_form import AppendForm
from aether_desktop.ui.append.appending_dialog import AppendingDialog

_HEIGHT: Final = 380


class AppendDialog(AppendingDialog):
    """Lets the user type an event and append it."""

    def __init__(
        self, controller: AppendController, *, keeps_drafts: bool = False, parent: QWidget | None = None
    ) -> None:
        self.controller = controller
        self.form = AppendForm(controller)
        actor = "a new actor" if controller.actor_is_new else controller.actor_id
        super().__init__(
            controller,
            self.form,
            title=f"Append event to {actor}",
            height=_HEIGHT,
            switch_words="Several as a batch…",
            keeps_drafts=keeps_drafts,
            parent=parent,
        )
