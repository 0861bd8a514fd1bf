"""Putting text on the clipboard, also megabytes of it."""

from __future__ import annotations

from PySide6.QtCore import QByteArray
from PySide6.QtGui import QGuiApplication

from aether_desktop.ui.widgets.mime import mime_data

_TEXT_TYPE = "text/plain;charset=utf-8"


def put_text(text: str | bytes, *, kind: str = "") -> None:
    """Put a text on the clipboard; bytes are UTF-8, and stand there under the type `kind` too if that is given."""
    if isinstance(text, str):
        QGuiApplication.clipboard().setText(text)
        return
    data = mime_data()
    # One array for both, and no conversion of megabytes to Qt's own text.
    shared = QByteArray(text)
    if kind:
        data.setData(kind, shared)
    data.setData(_TEXT_TYPE, shared)
    QGuiApplication.clipboard().setMimeData(data)
