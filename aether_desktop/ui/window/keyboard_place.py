"""Where the keyboard was when something was asked for, so that who went on meanwhile is not thrown back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import shiboken6

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QWidget

    from aether_desktop.ui.events.event_view import EventView


class KeyboardPlace:
    """Made when a document is asked for; hands the keyboard to it unless somebody has taken it elsewhere by then.

    What is opened may take seconds, in which one searches for an actor or writes a filter: letters that go to a
    table instead are lost. Going from one document to another does not count: the one that is opened is in front.
    """

    def __init__(self, documents: QWidget) -> None:
        self._documents = documents
        self._place = self._now()
        self._was_active = documents.isActiveWindow()

    def give(self, view: EventView) -> None:
        """Have `view` take the keyboard, unless it is somewhere else than where it was left."""
        if not self._was_taken():
            view.take_keyboard()
            self._place = self._now()

    @contextmanager
    def held_for(self, view: EventView) -> Iterator[None]:
        """Give it to `view` after what is done within, by which Qt may move it on from what is hidden."""
        was_taken = self._was_taken()
        yield
        if not was_taken:
            view.take_keyboard()
            self._place = self._now()

    def _now(self) -> QWidget | None:
        return self._documents.window().focusWidget()

    def _was_taken(self) -> bool:
        now = self._now()
        if now is None or now is self._place or self._documents.isAncestorOf(now):
            return False
        if self._place is None:
            # A window that becomes the active one puts it somewhere by itself.
            return self._was_active
        # So does Qt where the place is gone.
        return shiboken6.isValid(self._place)
