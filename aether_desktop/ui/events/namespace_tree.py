"""The tree of connections and their namespaces."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QPainter, QPalette, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from aether_desktop.connection import Connection
from aether_desktop.numbers import number_text
from aether_desktop.ui.connection.connection_rows import BADGE, COLOR, ConnectionDelegate, connection_words
from aether_desktop.ui.widgets.badge import BadgeKind
from aether_desktop.ui.widgets.drawn_tree import draw_chevron
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import current_theme

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
