"""What goes to the clipboard."""

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QStandardItem, QStandardItemModel


def mime_data() -> QMimeData:
    """Return empty data for the clipboard, which may keep it until after Python has ended.

    An object that Python makes calls back into Python when it is deleted, and the program crashes as it ends; so
    this one is made by Qt.
    """
    model = QStandardItemModel()
    model.appendRow(QStandardItem())
    data = model.mimeData([model.index(0, 0)])
    data.clear()
    return data
