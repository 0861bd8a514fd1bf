"""The document tabs, and what the window needs to know of the one in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QMenu, QTabBar, QTabWidget, QWidget

from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.safe_text import plain_tooltip, short, visible
from aether_desktop.ui.widgets.theme_qss import set_tab_role

if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.workspace import Place


@dataclass(frozen=True, slots=True)
class Document:
    """What a tab shows: the key that finds it again, its kind ("log", "stream", "tail") and where it is from.

    `origin` is None for what is of no connection, such as the audit of a file that is not open.
    """

    kind: str
    origin: Place | None
    name: str = ""

    @property
    def place(self) -> Place:
        """Where it is from; only for documents that are of a connection."""
        assert self.origin is not None
        return self.origin

    @property
    def connection(self) -> Connection | None:
        """The connection it is of."""
        return self.origin.connection if self.origin is not None else None


#: Width from which on the order of the rows is said beside the tabs, in pixels.
_ROOM_FOR_ORDER = 440


class _OrderLabel(QLabel):
    def minimumSizeHint(self) -> QSize:
        """Need no width: the words must not keep the window from becoming narrow."""
        return QSize(0, super().minimumSizeHint().height())


class Documents(QTabWidget):
    """Tabs that can be moved and closed; the text at the right says in which order the rows stand."""

    close_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("documentTabs")
        self.setAccessibleName("Documents")
        self.setDocumentMode(True)
        set_tab_role(self.tabBar(), "document")
        self.setMovable(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)
        self._documents: dict[QWidget, Document] = {}
        # Those of an earlier session that were not shown in this one.
        self._waiting: list[QWidget] = []
        self._titles: dict[QWidget, str] = {}
        self.tabBar().setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tabBar().customContextMenuRequested.connect(self._show_menu)
        self.tabBar().installEventFilter(self)
        self._order_text = ""
        self._order = _OrderLabel()
        self._order.setContentsMargins(8, 0, 12, 8)
        self.setCornerWidget(self._order, Qt.Corner.TopRightCorner)

    def add(self, document: Document, view: QWidget, *, icon_name: str, title: str, tooltip: str) -> None:
        """Open a tab and bring it to the front."""
        self._documents[view] = document
        self._add_tab(view, icon_name, title, tooltip)
        self.setCurrentWidget(view)

    def add_waiting(self, view: QWidget, *, icon_name: str, title: str) -> None:
        """Add a tab behind the others that stands for a document nobody has opened yet."""
        self._waiting.append(view)
        self._add_tab(view, icon_name, title, title)

    def _add_tab(self, view: QWidget, icon_name: str, title: str, tooltip: str) -> None:
        index = self.addTab(view, icon(icon_name), "")
        self._titles[view] = visible(short(title))
        self._show_titles()
        self.setTabToolTip(index, plain_tooltip(tooltip))
        button = icon_button("close", f"Close {visible(short(title))}")
        # Said by the button itself: from the sheet of all, Qt fills it with window colour after a change of theme.
        button.setStyleSheet("QToolButton:!hover { background: none; }")
        button.clicked.connect(lambda: self.close_asked.emit(view))
        self.tabBar().setTabButton(index, QTabBar.ButtonPosition.RightSide, button)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The middle button of the mouse closes a tab."""
        if (
            watched is self.tabBar()
            and isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.MiddleButton
        ):
            view = self.widget(self.tabBar().tabAt(event.position().toPoint()))
            if view is not None:
                self.close_asked.emit(view)
                return True
        return super().eventFilter(watched, event)

    def _show_menu(self, point: QPoint) -> None:
        view = self.widget(self.tabBar().tabAt(point))
        if view is not None:
            self.menu_of(view).popup(self.tabBar().mapToGlobal(point))

    def menu_of(self, view: QWidget) -> QMenu:
        """What can be done with a tab."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        views = map(self.widget, range(self.count()))
        others = [other for other in views if other is not None and other is not view]
        menu.addAction(icon("close"), "Close tab", lambda: self.close_asked.emit(view))
        close_others = menu.addAction("Close the other tabs", lambda: self._ask_to_close(others))
        close_others.setEnabled(bool(others))
        return menu

    def _ask_to_close(self, views: list[QWidget]) -> None:
        for view in views:
            self.close_asked.emit(view)

    def move_to(self, view: QWidget, index: int) -> None:
        """Have a tab stand at `index`."""
        self.tabBar().moveTab(self.indexOf(view), index)

    def rename(self, view: QWidget, title: str) -> None:
        """Give a tab another title."""
        self._titles[view] = visible(short(title))
        self._show_titles()

    def title_of(self, view: QWidget) -> str:
        """How a tab is called, whatever else has that name."""
        return self._titles.get(view, "")

    def _show_titles(self) -> None:
        """Call each tab by its title, and those that have it in common by their connections as well."""
        of: dict[str, set[int]] = {}
        for view, title in self._titles.items():
            of.setdefault(title, set()).add(id(self._connection_of(view)))
        for view, title in self._titles.items():
            connection = self._connection_of(view)
            if len(of[title]) > 1 and connection is not None:
                title = f"{title} ({visible(short(connection.title))})"
            self.setTabText(self.indexOf(view), title.replace("&", "&&"))

    def _connection_of(self, view: QWidget) -> Connection | None:
        document = self._documents.get(view)
        return document.connection if document is not None else None

    def view_of(self, document: Document) -> QWidget | None:
        """The tab that shows `document`."""
        return next((view for view, shown in self._documents.items() if shown == document), None)

    def document_of(self, view: QWidget | None) -> Document | None:
        return self._documents.get(view) if view is not None else None

    @property
    def title_in_front(self) -> str:
        """How the tab in front is called, nothing for the log of a namespace."""
        document = self.document_of(self.currentWidget())
        if document is None or document.kind == "log":
            return ""
        return self.title_of(self.currentWidget())

    def views(self) -> dict[QWidget, Document]:
        return dict(self._documents)

    def waiting(self) -> list[QWidget]:
        """The tabs that stand for documents nobody has opened yet."""
        return list(self._waiting)

    def remove(self, view: QWidget) -> None:
        """Take a tab away; the view is the caller's to delete."""
        self._documents.pop(view, None)
        self._titles.pop(view, None)
        if view in self._waiting:
            self._waiting.remove(view)
        self.removeTab(self.indexOf(view))
        self._show_titles()

    def show_order(self, text: str) -> None:
        """Say in which order the rows of the tab in front stand, where the tabs leave room for it."""
        self._order_text = text
        self._fit_order()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the room is for the tabs."""
        super().resizeEvent(event)
        self._fit_order()

    def _fit_order(self) -> None:
        self._order.setText(self._order_text if self.width() >= _ROOM_FOR_ORDER else "")
