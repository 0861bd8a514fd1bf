"""What this program is, and which parts it runs on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from aether_desktop.ui.widgets.icons import app_pixmap
from aether_desktop.versions import versions

#: As LICENSE has it.
_LICENCE = "© 2026 The Aether Desktop authors, MIT licence."


def about_box(parent: QWidget, copy_diagnostics: Callable[[], object]) -> QMessageBox:
    """A box with version numbers that can be copied, alone or with what a report of a problem needs besides."""
    box = QMessageBox(parent)
    box.setObjectName("aboutBox")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About Aether Desktop")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setIconPixmap(app_pixmap(48, parent.devicePixelRatioF()))
    name, *parts = (f"{name} {version}" for name, version in versions().items())
    box.setText(name)
    box.setInformativeText("\n".join(["Read, replay and check event streams.", _LICENCE, "", *parts]))
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    copy = box.addButton("Copy diagnostics", QMessageBox.ButtonRole.ActionRole)
    copy.setToolTip("Versions, platform, settings and the end of the log")
    copy.clicked.connect(copy_diagnostics)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Close))
    return box
