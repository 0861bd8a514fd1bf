"""The navigator: connections with their namespaces, and the actors of the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.events.actor_table import COLUMN_ORDERS, ActorTable
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.actor_view import ActorView
from aether_desktop.ui.events.namespace_tree import NamespaceTree
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.no_match import NoMatch
from aether_desktop.ui.widgets.safe_text import short
from aether_desktop.ui.widgets.theme import ui_font

#: Keys that move in the list of actors also while the search has the keyboard.
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Navigator(QWidget):
    """Namespaces above, actors with search and counts below."""

    namespace_chosen = Signal(object, str)
    actor_opened = Signal(str)
    close_asked = Signal(object)
    reconnect_asked = Signal(object, bool)
    search_changed = Signal(str)
    nothing_found = Signal(str)
    """Enter was pressed on a search that finds no actor."""
    left = Signal()
    """The keyboard is wanted elsewhere."""

    def __init__(self, actors: ActorTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigator")
        self._actors = actors
        self.tree = NamespaceTree()
        self.tree.namespace_chosen.connect(self.namespace_chosen)
        self.tree.close_asked.connect(self.close_asked)
        self.tree.reconnect_asked.connect(self.reconnect_asked)

        self._actors_title = QLabel("Actors")
        self._actors_title.setFont(ui_font(semibold=True))
        self._actors_count = QLabel()
        self.search = QLineEdit()
        self.search.setObjectName("actorSearch")
        self.search.setAccessibleName("Search actors")
        self.search.setPlaceholderText("prefix, pat*ern or =exact")
        self.search.setToolTip("Actors whose id starts so, matches a pattern with * or is exactly =this (Ctrl+P)")
        self.search.setClearButtonEnabled(True)
        # Only a sign, but Qt makes a button of it, and a screen reader comes across that.
        sign = self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        sign.setText("Search for actors")
        sign.setToolTip("Search for actors")
        self.search.textChanged.connect(self._search_typed)
        self._awaited_search: str | None = None

        self.table = ActorView(actors)
        self._nothing = NoMatch(self.table, self._empty_words)
        self.table.actor_opened.connect(self.actor_opened)
        self.table.clicked.connect(lambda: self.table.open_current())
        self.search.returnPressed.connect(self._open_found)
        self.search.installEventFilter(self)

        self._footer = QLabel("No actors")
        self._footer.setObjectName("actorCount")
        self._more = LinkButton("Load more")
        self._more.setObjectName("actorsMore")
        self._more.clicked.connect(self._act)
        actors.counts_changed.connect(self._show_counts)
        actors.counts_changed.connect(self._search_done)
        self._lay_out()
        self._show_counts()

    def session_state(self) -> Mapping[str, Any]:
        """What is searched and how the actors are sorted."""
        actors = self._actors
        return {"search": self.search.text(), "order": actors.order.value, "descending": actors.descending}

    def restore_session(self, state: object) -> None:
        """Search and sort as `session_state` said; what is not understood is as usual."""
        if not isinstance(state, dict):
            return
        order = next((order for order in COLUMN_ORDERS.values() if order.value == state.get("order")), None)
        if order is not None:
            self._actors.sort_by(order, descending=state.get("descending") is True)
        self.search.setText(str(state.get("search") or ""))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move in the list while typing goes on; Escape empties the search, then leaves it."""
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _LIST_KEYS and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                if not self.table.currentIndex().isValid():
                    self.table.setCurrentIndex(self._actors.index(0, 0))
                else:
                    self.table.keyPressEvent(event)
                return True
            if event.key() == Qt.Key.Key_Escape:
                if self.search.text():
                    self.search.clear()
                else:
                    self.left.emit()
                return True
        return super().eventFilter(watched, event)

    def _search_typed(self) -> None:
        self._awaited_search = None
        self.search_changed.emit(self.search.text())

    def _open_found(self) -> None:
        """Open the first actor found, once the search for what stands there now is done."""
        self._awaited_search = self.search.text().strip()
        self._search_done()

    def _search_done(self) -> None:
        if self._awaited_search is not None and self._awaited_search == self._actors.shown_search:
            awaited, self._awaited_search = self._awaited_search, None
            if self._actors.rowCount():
                self.table.open_current()
            elif awaited:
                self.nothing_found.emit(awaited)

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.setContentsMargins(8, 8, 8, 0)
        title.setSpacing(8)
        title.addWidget(self._actors_title)
        title.addWidget(self._actors_count)
        title.addStretch()
        search = QHBoxLayout()
        search.setContentsMargins(8, 4, 8, 8)
        search.addWidget(self.search)
        footer = QHBoxLayout()
        footer.setContentsMargins(8, 4, 8, 4)
        footer.addWidget(self._footer)
        footer.addStretch()
        footer.addWidget(self._more)
        lower = QWidget()
        layout = QVBoxLayout(lower)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(title)
        layout.addLayout(search)
        layout.addWidget(self.table, 1)
        layout.addLayout(footer)
        splitter = KeptSplitter("navigatorSplitter", Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.tree)
        splitter.addWidget(lower)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(splitter)

    def _act(self) -> None:
        if self._actors.working_text:
            self._actors.cancel()
        elif self._found_nothing:
            self.search.clear()
        else:
            self._actors.load_more()

    @property
    def _found_nothing(self) -> bool:
        return bool(self._actors.shown_search) and self._actors.complete and not self._actors.rowCount()

    def _empty_words(self) -> str:
        searched = self._actors.shown_search
        if searched is None or not self._actors.complete:
            return ""
        if not searched:
            return "There are no actors here yet: the first event makes one."
        return f"No actor matches {short(searched)}. Type how its id begins, a pattern with *, or =the whole id."

    def _show_counts(self) -> None:
        actors = self._actors
        rows, found = number_text(actors.rowCount()), actors.found
        self._actors_count.setText(rows if found is None else number_text(found))
        action = ""
        if working := actors.working_text:
            text, action = working, "Cancel"
        elif actors.shown_search is None:
            text = "Reading…" if actors.busy else ""
        elif self._found_nothing:
            text, action = "No match", "Clear search"
        elif actors.complete:
            text = f"Loaded {rows} of {rows}"
        elif found is None:
            text = f"Loaded {rows}, counting…"
        else:
            text = f"{rows} of {number_text(found)}"
        if not action and actors.canFetchMore():
            action = "Load more"
        self._footer.setText(text)
        self._footer.setToolTip("" if actors.complete else "An exact name is found at once: type =name")
        self._more.setVisible(bool(action))
        if action:
            self._more.set_text(action)
        self._nothing.refresh()
