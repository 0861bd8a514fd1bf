"""Dialogs as high as what they say, and forms whose names stand level with their fields."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFormLayout

from aether_desktop.ui.widgets.theme import grown

_FIELD = 28
#: What a frame and a title take of a screen's height, in pixels.
_FRAME = 40


class FittedDialog(QDialog):
    """A dialog without empty room: Qt reckons what text that wraps needs with another width than it gets."""

    def showEvent(self, event: QShowEvent) -> None:
        """Take the height that everything needs in the width there is."""
        layout = self.layout()
        if layout is not None and layout.hasHeightForWidth() and not event.spontaneous():
            layout.activate()
            room = self.screen().availableGeometry().height() - _FRAME
            self.resize(self.width(), min(layout.totalHeightForWidth(self.width()), room))
        super().showEvent(event)


def level_labels(form: QFormLayout) -> None:
    """Put the names of a form level with their fields: Qt puts them a little higher."""
    for row in range(form.rowCount()):
        name, field = (form.itemAt(row, role) for role in (form.ItemRole.LabelRole, form.ItemRole.FieldRole))
        label = name.widget() if name is not None else None
        if label is not None and field is not None:
            label.setMinimumHeight(min(field.sizeHint().height(), grown(_FIELD)))
