"""A table of any number of rows, of which no key may visit each."""

from __future__ import annotations

from PySide6.QtWidgets import QTableView


class LongTable(QTableView):
    """Letters that are typed into it do nothing.

    Qt would ask row after row whether it begins so, which takes seconds with a million of them, and most of them
    are not even loaded. What looks for text is the filter or the search beside the table.
    """

    def keyboardSearch(self, search: str) -> None:
        """Look for nothing."""
