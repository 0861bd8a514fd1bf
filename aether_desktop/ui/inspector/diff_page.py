"""The page that shows what differs between an event and the actor's event before it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHeaderView, QWidget

from aether_desktop.models.inspector.event_diff import EventDiff
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.widgets.view_footer import ViewFooter, with_footer
from aether_engine.event import StoredEvent

#: Bytes of both events up to which they are compared at once; larger ones wait until somebody looks.
_EAGER: Final = 1 << 16


class DiffPage(QWidget):
    """Compares the pair of `show_pair`, large ones not before the page is looked at."""

    copy_requested = Signal(object)
    """A text to copy (str), whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pair: tuple[StoredEvent, StoredEvent] | None = None
        self._is_stale = False
        self._difference = EventDiff(self)
        self.view = JsonView("eventDiff", "What differs from the actor's event before", self, colours_sides=True)
        self.view.setModel(self._difference.model)
        header = self.view.header()
        header.setStretchLastSection(False)
        for column, width in ((0, 72), (1, 200), (2, 60)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self._footer = ViewFooter(self)
        with_footer(self.view, self._footer, self)
        self.view.copy_requested.connect(self.copy_requested)
        self._footer.action.clicked.connect(self._toggle_unchanged)
        self._difference.changed.connect(self._show_footer)

    @property
    def title(self) -> str:
        """The name of the page's tab."""
        before = self._pair[0].event if self._pair is not None else None
        return f"Diff to v{before.version}" if before is not None else "Diff"

    @property
    def has_pair(self) -> bool:
        """Whether there is anything to compare."""
        return self._pair is not None

    def show_pair(self, previous: StoredEvent | None, stored: StoredEvent | None) -> None:
        """Compare two events; nothing is shown if either is missing or damaged."""
        if previous is None or stored is None or previous.event is None or stored.event is None:
            self._pair, self._is_stale = None, False
            self._difference.clear()
            return
        self._pair, self._is_stale = (previous, stored), True
        if len(previous.raw) + len(stored.raw) <= _EAGER or self.isVisible():
            self.compare()

    def compare(self) -> None:
        """Compare what was not compared yet."""
        if self._pair is None or not self._is_stale:
            return
        self._is_stale = False
        before, after = self._pair
        assert before.event is not None
        assert after.event is not None
        self._difference.compare(before.raw, after.raw, before.event.version, after.event.version)

    def _show_footer(self) -> None:
        model, difference = self._difference.model, self._difference
        count = model.change_count
        if difference.is_comparing:
            text = "Comparing…"
        elif difference.problem:
            text = difference.problem
        elif self._pair is None:
            text = ""
        elif difference.are_more:
            text = f"More than {count:,} values differ, the first {count:,} are listed."
        else:
            words = "value differs" if count == 1 else "values differ"
            found = f"{count:,} {words}" if count else "Nothing differs"
            text = f"{found}. {model.unchanged_text}" if model.unchanged_text else f"{found}."
        self._footer.label.set_text(text)
        action, verb = self._footer.action, "Hide" if model.shows_unchanged else "Show"
        action.setVisible(bool(model.unchanged_text) and self._pair is not None)
        action.set_text(verb)
        action.setAccessibleName(f"{verb} unchanged values")
        self.view.expandAll()

    def _toggle_unchanged(self) -> None:
        model = self._difference.model
        model.show_unchanged(not model.shows_unchanged)
        self._show_footer()
