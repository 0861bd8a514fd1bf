"""The navigator: connections with their namespaces, and the actors of the chosen one."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QSplitter,
    QTableView,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.connection import Connection
from aether_desktop.models.actor_table import COLUMN_KINDS, ActorTable
from aether_desktop.numbers import number_text
from aether_desktop.ui.cell_marks import PADDING
from aether_desktop.ui.icons import icon
from aether_desktop.ui.links import LinkButton
from aether_desktop.ui.safe_text import plain_tooltip, visible
from aether_desktop.ui.table_setup import setup_table
from aether_desktop.ui.theme import ui_font

#: Rest in typing after which the actors are searched, in milliseconds.
SEARCH_DELAY = 120
_CONNECTION = Qt.ItemDataRole.UserRole + 1
_NAMESPACE = Qt.ItemDataRole.UserRole + 2


class NamespaceTree(QTreeView):
    """Connections and, below each, its namespaces with the number of events."""

    namespace_chosen = Signal(object, str)
    close_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("namespaceTree")
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
        """Show exactly these, keeping what stays where it is."""
        for row in reversed(range(self._model.rowCount())):
            if self._model.item(row).data(_CONNECTION) not in connections:
                self._model.removeRow(row)
        for row, connection in enumerate(connections):
            item = self._model.item(row)
            if item is None or item.data(_CONNECTION) is not connection:
                item = QStandardItem(icon(connection.icon_name), visible(connection.title))
                item.setToolTip(plain_tooltip(connection.engine.url))
                item.setData(connection, _CONNECTION)
                self._model.insertRow(row, [item, QStandardItem()])
                self.expand(item.index())
            self._show_namespaces(item, connection)

    def choose(self, connection: Connection, namespace: str) -> None:
        """Make a namespace the current one; nobody is told, as it was not the user who chose it."""
        for index in self._namespace_indexes():
            if index.data(_CONNECTION) is connection and index.data(_NAMESPACE) == namespace:
                self._following = True
                self.setCurrentIndex(index)
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
            text = number_text(info.event_count)
            if (count_item := parent.child(row, 1)).text() != text:
                count_item.setText(text)
        foreign = [parent.child(row).text() for row in range(len(connection.namespaces), parent.rowCount())]
        if foreign != connection.foreign_streams:
            parent.removeRows(len(connection.namespaces), parent.rowCount() - len(connection.namespaces))
            for name in connection.foreign_streams:
                parent.appendRow(_foreign_items(name))
        if parent.rowCount():
            self.expand(parent.index())

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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
            event.accept()
            return
        super().keyPressEvent(event)

    def open_current(self) -> None:
        """Open the current actor, the first one if none is."""
        model = self.model()
        assert isinstance(model, ActorTable)
        actor = model.actor_at(max(self.currentIndex().row(), 0))
        if actor is not None:
            self.actor_opened.emit(actor.actor_id)


class Navigator(QWidget):
    """Namespaces above, actors with search and counts below."""

    namespace_chosen = Signal(object, str)
    actor_opened = Signal(str)
    close_asked = Signal(object)
    search_changed = Signal(str)

    def __init__(self, actors: ActorTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("navigator")
        self._actors = actors
        self.tree = NamespaceTree()
        self.tree.namespace_chosen.connect(self.namespace_chosen)
        self.tree.close_asked.connect(self.close_asked)

        self._actors_title = QLabel("Actors")
        self._actors_title.setFont(ui_font(semibold=True))
        self._actors_count = QLabel()
        self.search = QLineEdit()
        self.search.setObjectName("actorSearch")
        self.search.setAccessibleName("Search actors")
        self.search.setPlaceholderText("prefix, pat*ern or =exact")
        self.search.setToolTip("Actors whose id starts so, matches a pattern with * or is exactly =this (Ctrl+P)")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self._delay = QTimer(self, singleShot=True, interval=SEARCH_DELAY)
        self._delay.timeout.connect(lambda: self.search_changed.emit(self.search.text()))
        self.search.textChanged.connect(self._search_typed)
        self._awaited_search: str | None = None

        self.table = ActorView()
        self.table.setObjectName("actorTable")
        self.table.setAccessibleName("Actors")
        self.table.setModel(actors)
        setup_table(self.table, COLUMN_KINDS)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(False)
        header.setSectionsMovable(False)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        metrics = self.table.fontMetrics()
        for column, usual in ((1, "000,000"), (2, "Version0")):
            self.table.setColumnWidth(column, metrics.horizontalAdvance(usual) + 2 * PADDING)
        self.table.actor_opened.connect(self.actor_opened)
        self.table.clicked.connect(lambda: self.table.open_current())
        self.search.returnPressed.connect(self._open_found)

        self._footer = QLabel("No actors")
        self._more = LinkButton("Load more")
        self._more.setAccessibleName("Load more actors")
        self._more.clicked.connect(actors.load_more)
        actors.counts_changed.connect(self._show_counts)
        actors.counts_changed.connect(self._search_done)
        self._lay_out()
        self._show_counts()

    def _search_typed(self) -> None:
        self._awaited_search = None
        self._delay.start()

    def _open_found(self) -> None:
        """Open the first actor found, once the search for what stands there now is done."""
        self._awaited_search = self.search.text().strip()
        if self._awaited_search != self._actors.shown_search:
            self._delay.stop()
            self.search_changed.emit(self.search.text())
        else:
            self._search_done()

    def _search_done(self) -> None:
        if self._awaited_search is not None and self._awaited_search == self._actors.shown_search:
            self._awaited_search = None
            self.table.open_current()

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
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.tree)
        splitter.addWidget(lower)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(splitter)

    def _show_counts(self) -> None:
        loaded = number_text(self._actors.rowCount())
        complete = self._actors.complete
        self._actors_count.setText(loaded if complete else f"{loaded} of more")
        self._footer.setText(f"Loaded {loaded} of {loaded}" if complete else f"Loaded {loaded}, there are more")
        self._more.setVisible(not complete)
