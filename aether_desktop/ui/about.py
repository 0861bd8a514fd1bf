"""What this program is, and which parts it runs on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from aether_desktop import __version__
from aether_desktop.versions import versions


def about_box(parent: QWidget) -> QMessageBox:
    """A box with version numbers that can be copied into a report."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About Aether Desktop")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(f"Aether Desktop {__version__}")
    box.setInformativeText(
        "Read, replay and check event streams.\n\n"
        + "\n".join(f"{name} {version}" for name, version in versions().items())
    )
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return box
