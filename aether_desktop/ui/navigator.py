"""The navigator: connections with their namespaces, and the actors of the chosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPalette, QResizeEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStyle,
    QStyleOptionViewItem,
    QTableView,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.connection import Connection
from aether_desktop.models.actor_table import COLUMN_KINDS, COLUMN_ORDERS, ActorTable
from aether_desktop.numbers import number_text
from aether_desktop.ui.badge import BadgeKind
from aether_desktop.ui.cell_marks import PADDING
from aether_desktop.ui.connection_rows import BADGE, COLOR, ConnectionDelegate, connection_words
from aether_desktop.ui.drawn_tree import draw_chevron
from aether_desktop.ui.icons import icon
from aether_desktop.ui.kept_layout import KeptSplitter
from aether_desktop.ui.links import LinkButton
from aether_desktop.ui.safe_text import plain_tooltip, visible
from aether_desktop.ui.table_setup import setup_table
from aether_desktop.ui.theme import current_theme, ui_font

#: Widths of the names, in pixels: the least, and from which on the last activity has room beside them.
_LEAST_NAMES, _ROOM_FOR_NAMES = 96, 180
#: Width of the bar at the left of the namespace that is shown.
_BAR = 3
Index = QModelIndex | QPersistentModelIndex
_CONNECTION = Qt.ItemDataRole.UserRole + 1
_NAMESPACE = Qt.ItemDataRole.UserRole + 2


class NamespaceTree(QTreeView):
    """Connections and, below each, its namespaces with the number of events."""

    namespace_chosen = Signal(object, str)
    close_asked = Signal(object)
    reconnect_asked = Signal(object, bool)
    """The connection, and whether nothing is to be written."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("namespaceTree")
        self.setItemDelegate(ConnectionDelegate(self))
        self.setAccessibleName("Connections and namespaces")
        self.setHeaderHidden(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setUniformRowHeights(True)
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._following = False
        self._model = QStandardItemModel(0, 2, self)
        self.setModel(self._model)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.customContextMenuRequested.connect(self._show_menu)
        self.selectionModel().currentRowChanged.connect(self._chosen)

    def show_connections(self, connections: list[Connection]) -> None:
        """Show exactly these in this order, keeping what stays where it is."""
        for row in reversed(range(self._model.rowCount())):
            if self._model.item(row).data(_CONNECTION) not in connections:
                self._model.removeRow(row)
        for row, connection in enumerate(connections):
            self._move_here(connection, row)
            item = self._model.item(row)
            if item is None or item.data(_CONNECTION) is not connection:
                item = QStandardItem(icon(connection.icon_name), visible(connection.title))
                item.setToolTip(plain_tooltip(connection_words(connection)))
                item.setData(visible(connection_words(connection)), Qt.ItemDataRole.AccessibleTextRole)
                item.setData(connection, _CONNECTION)
                item.setData(connection.color, COLOR)
                mark = QStandardItem()
                if connection.is_production:
                    mark.setData(BadgeKind.PRODUCTION, BADGE)
                    mark.setData(BadgeKind.PRODUCTION.value, Qt.ItemDataRole.AccessibleTextRole)
                self._model.insertRow(row, [item, mark])
                self.expand(item.index())
            self._show_namespaces(item, connection)

    def _move_here(self, connection: Connection, row: int) -> None:
        """Bring a connection that stands further down to `row`."""
        rows = range(row + 1, self._model.rowCount())
        before = next((each for each in rows if self._model.item(each).data(_CONNECTION) is connection), None)
        if before is None or self._model.item(row).data(_CONNECTION) is connection:
            return
        current = self.currentIndex()
        chosen = (current.data(_CONNECTION), current.data(_NAMESPACE)) if current.parent().isValid() else None
        was_open = self.isExpanded(self._model.index(before, 0))
        self._following = True
        self._model.insertRow(row, self._model.takeRow(before))
        self.setExpanded(self._model.index(row, 0), was_open)
        self._following = False
        if chosen is not None:
            self.choose(*chosen)

    def choose(self, connection: Connection, namespace: str) -> None:
        """Make a namespace the current one; nobody is told, as it was not the user who chose it."""
        found = (
            index
            for index in self._namespace_indexes()
            if index.data(_CONNECTION) is connection and index.data(_NAMESPACE) == namespace
        )
        self._following = True
        # One that nobody has written to yet is not among them.
        self.setCurrentIndex(next(found, QModelIndex()))
        self._following = False

    def _show_namespaces(self, parent: QStandardItem, connection: Connection) -> None:
        wanted = {info.name: info for info in connection.namespaces}
        for row in reversed(range(parent.rowCount())):
            name = parent.child(row).data(_NAMESPACE)
            if name is not None and name not in wanted:
                parent.removeRow(row)
        for row, info in enumerate(connection.namespaces):
            item = parent.child(row)
            if item is None or item.data(_NAMESPACE) != info.name:
                item = QStandardItem(icon("braces"), info.name)
                item.setData(connection, _CONNECTION)
                item.setData(info.name, _NAMESPACE)
                count = QStandardItem()
                count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                parent.insertRow(row, [item, count])
                if parent.rowCount() == 1:
                    self.expand(parent.index())
            text = number_text(info.event_count)
            if (count_item := parent.child(row, 1)).text() != text:
                count_item.setText(text)
        foreign = [parent.child(row).text() for row in range(len(connection.namespaces), parent.rowCount())]
        if foreign != connection.foreign_streams:
            parent.removeRows(len(connection.namespaces), parent.rowCount() - len(connection.namespaces))
            for name in connection.foreign_streams:
                parent.appendRow(_foreign_items(name))
                if parent.rowCount() == 1:
                    self.expand(parent.index())

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the row, the whole of it in one colour, and the bar of the one that is shown."""
        is_chosen, rect = self.selectionModel().isRowSelected(index.row(), index.parent()), option.rect
        if is_chosen:
            groups, is_active = QPalette.ColorGroup, QStyle.StateFlag.State_Active in option.state
            ground = option.palette.brush(
                groups.Active if is_active else groups.Inactive, QPalette.ColorRole.Highlight
            )
            painter.fillRect(0, rect.y(), self.viewport().width(), rect.height(), ground)
        super().drawRow(painter, option, index)
        if is_chosen:
            theme = current_theme()
            painter.fillRect(0, rect.y(), _BAR, rect.height(), theme.accent if self.hasFocus() else theme.text3)

    def drawBranches(self, painter: QPainter, rect: QRect, index: Index) -> None:
        """Draw only a chevron, as the other trees have it."""
        if self._model.hasChildren(index):
            draw_chevron(painter, rect, is_open=self.isExpanded(index))

    def _namespace_indexes(self) -> list[QModelIndex]:
        return [
            self._model.item(row).child(child).index()
            for row in range(self._model.rowCount())
            for child in range(self._model.item(row).rowCount())
        ]

    def _chosen(self, current: QModelIndex) -> None:
        first = current.siblingAtColumn(0)
        namespace = first.data(_NAMESPACE)
        if namespace is not None and not self._following:
            self.namespace_chosen.emit(first.data(_CONNECTION), namespace)

    def _show_menu(self, position: QPoint) -> None:
        connection = self.indexAt(position).siblingAtColumn(0).data(_CONNECTION)
        if connection is not None:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            if connection.can_reopen:
                read_only = connection.engine.read_only
                menu.addAction(
                    "Reconnect as writable" if read_only else "Reconnect read-only",
                    lambda: self.reconnect_asked.emit(connection, not read_only),
                )
            menu.addAction("Close connection", lambda: self.close_asked.emit(connection))
            menu.popup(self.viewport().mapToGlobal(position))


def _foreign_items(name: str) -> list[QStandardItem]:
    """A stream of another program: it is said to be there, and nothing can be done with it."""
    item, remark = QStandardItem(icon("stream"), visible(name)), QStandardItem("not ours")
    remark.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    for each in (item, remark):
        each.setEnabled(False)
        each.setToolTip(
            "Another program's stream: its events are not laid out as ours are. It is never written to."
        )
    return [item, remark]


class ActorView(QTableView):
    """The list of actors; Enter or a double click opens the stream."""

    actor_opened = Signal(str)

    def __init__(self, actors: ActorTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actors = actors
        self._current = ""
        self.setObjectName("actorTable")
        self.setAccessibleName("Actors")
        self.setModel(actors)
        setup_table(self, COLUMN_KINDS)
        header = self.horizontalHeader()
        header.setSectionsMovable(False)
        header.setSortIndicatorShown(True)
        header.setStretchLastSection(False)
        header.sectionClicked.connect(self._sort_by_column)
        metrics = self.fontMetrics()
        for column, usual in ((1, "000,000"), (2, "Version0"), (3, "2024-01-01 00:00:00.000000 +00:00")):
            self.setColumnWidth(column, metrics.horizontalAdvance(usual) + 2 * PADDING)
        self.selectionModel().currentRowChanged.connect(self._remember_current)
        actors.counts_changed.connect(self._follow)
        actors.modelReset.connect(self.scrollToTop)
        self._follow()

    def sort_by(self, column: int) -> None:
        """Sort by what a column shows; again: the other way round. Numbers begin with the highest."""
        order, actors = COLUMN_ORDERS.get(column), self._actors
        if order is not None:
            turned = actors.order is order
            actors.sort_by(order, descending=not actors.descending if turned else column != 0)
        self._follow()

    def _sort_by_column(self, column: int) -> None:
        self.sort_by(column)

    def _follow(self) -> None:
        """Show the order, and keep the current actor where others have joined before it."""
        actors = self._actors
        column = next(column for column, order in COLUMN_ORDERS.items() if order is actors.order)
        falling = Qt.SortOrder.DescendingOrder if actors.descending else Qt.SortOrder.AscendingOrder
        header = self.horizontalHeader()
        if (header.sortIndicatorSection(), header.sortIndicatorOrder()) != (column, falling):
            header.setSortIndicator(column, falling)
        current = actors.actor_at(self.currentIndex().row())
        if self._current and current is not None and current.actor_id != self._current:
            row = actors.row_of_actor(self._current)
            if row >= 0:
                self.selectRow(row)
            else:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())

    def _remember_current(self, current: QModelIndex) -> None:
        actor = self._actors.actor_at(current.row()) if current.isValid() else None
        self._current = actor.actor_id if actor is not None else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the names the room that the others leave; where that is little, without the last activity."""
        super().resizeEvent(event)
        room = self.viewport().width() - self.columnWidth(1) - self.columnWidth(2)
        with_activity = room - self.columnWidth(3)
        self.setColumnWidth(0, max(with_activity if with_activity >= _ROOM_FOR_NAMES else room, _LEAST_NAMES))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
            event.accept()
            return
        super().keyPressEvent(event)

    def open_current(self) -> None:
        """Open the current actor, the first one if none is."""
        actor = self._actors.actor_at(max(self.currentIndex().row(), 0))
        if actor is not None:
            self.actor_opened.emit(actor.actor_id)


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
        else:
            self._actors.load_more()

    def _show_counts(self) -> None:
        actors = self._actors
        rows, found = number_text(actors.rowCount()), actors.found
        self._actors_count.setText(rows if found is None else number_text(found))
        action = ""
        if working := actors.working_text:
            text, action = working, "Cancel"
        elif actors.shown_search is None:
            text = "Reading…" if actors.busy else ""
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
