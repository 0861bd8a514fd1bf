"""From one page of a view to another, without losing the keyboard."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedLayout, QWidget


def turn_to(pages: QStackedLayout, page: QWidget, *, view: QWidget, content: QWidget) -> None:
    """Show `page`. If `view` or what it shows has the keyboard, `content` has it then, or `view` without that.

    Qt hands it on when what has it is hidden, as a table without rows is: to the filter perhaps, where keys that
    were meant for the table would be written.
    """
    shown, focus = pages.currentWidget(), view.window().focusWidget()
    if shown is None or shown is page:
        return
    is_here = focus is not None and (focus is view or focus is shown or shown.isAncestorOf(focus))
    if is_here:
        view.setFocus()
    pages.setCurrentWidget(page)
    if is_here and content.isVisible():
        content.setFocus()
