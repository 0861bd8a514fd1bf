"""The tool bar, with the namespace and the filter that are shown; and the stripe under it for PRODUCTION."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QMainWindow, QSizePolicy, QToolBar, QToolButton, QWidget

from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.workspace import Place, Workspace

if TYPE_CHECKING:
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QComboBox

    from aether_desktop.ui.window.actions import Actions


class MainToolBar(QToolBar):
    """Commands, and between them what needs a connection, put in when there is one."""

    place_picked = Signal(object)
    """The user has chosen this `Place`."""

    def __init__(self, actions: Actions) -> None:
        super().__init__("Main")
        self.setObjectName("toolBar")
        self.setMovable(False)
        self.setIconSize(QSize(16, 16))
        set_by_name(self, contextMenuPolicy="PreventContextMenu")
        self.addAction(actions["open_file"])
        self.addAction(actions["connect"])
        self._before_namespaces = self.widgetForAction(actions["connect"])
        self.addSeparator()
        self._namespace_combo: QComboBox | None = None
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        # What needs a connection is put in before the gap when there is one.
        self._gap_action = self.addWidget(gap)
        self._filter_action: QAction | None = None
        for name, text in (("go_to", "Go to"), ("append", "Append"), ("new_tail", "Tail"), ("audit", "Audit")):
            actions[name].setIconText(text)
            self.addAction(actions[name])
            button = self.widgetForAction(actions[name])
            assert isinstance(button, QToolButton)
            set_by_name(button, toolButtonStyle="ToolButtonTextBesideIcon")
        self.addSeparator()
        self.addAction(actions["command_palette"])

    @property
    def namespace_combo(self) -> QComboBox:
        """The namespaces of all connections, made on first use; there while there are any."""
        if self._namespace_combo is None:
            from PySide6.QtWidgets import QComboBox

            self._namespace_combo = QComboBox()
            self._namespace_combo.setAccessibleName("Namespace")
            self._namespace_combo.setToolTip("Namespace shown")
            self._namespace_combo.setMinimumWidth(180)
            self._namespace_combo.activated.connect(self._namespace_picked)
            self._namespace_action = self.insertWidget(
                self._filter_action or self._gap_action, self._namespace_combo
            )
            self._namespace_action.setVisible(False)
            QWidget.setTabOrder(self._before_namespaces, self._namespace_combo)
        return self._namespace_combo

    def fill_namespaces(self, workspace: Workspace) -> None:
        """List the namespaces of all connections, with the one that is shown in front."""
        combo = self.namespace_combo
        combo.clear()
        for connection in workspace.connections:
            for info in connection.namespaces:
                combo.addItem(icon("braces"), info.name, Place(connection, info.name))
                if workspace.place == Place(connection, info.name):
                    combo.setCurrentIndex(combo.count() - 1)
        if workspace.place is not None and combo.currentData() != workspace.place:
            # A namespace that nobody has written to yet.
            combo.addItem(icon("braces"), workspace.place.namespace, workspace.place)
            combo.setCurrentIndex(combo.count() - 1)
        self._namespace_action.setVisible(combo.count() > 0)

    def add_filter_bar(self, filter_bar: QWidget) -> None:
        """Take the filter bar in, hidden until there is something to filter."""
        self._filter_action = self.insertWidget(self._gap_action, filter_bar)
        self._filter_action.setVisible(False)

    def show_filter_bar(self, shown: bool) -> None:
        """Show the filter bar, or leave its place empty."""
        if self._filter_action is not None:
            self._filter_action.setVisible(shown)
            self._gap_action.setVisible(not shown)

    def _namespace_picked(self, index: int) -> None:
        place = self.namespace_combo.itemData(index)
        if isinstance(place, Place):
            self.place_picked.emit(place)


class ProductionStripe:
    """The stripe under the tool bar, over the whole width, made when it is first shown."""

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._stripe: QToolBar | None = None

    def show(self, shown: bool) -> None:
        """Show or hide it."""
        if self._stripe is None:
            if not shown:
                return
            self._stripe = self._made()
        self._stripe.setVisible(shown)

    def _made(self) -> QToolBar:
        from aether_desktop.ui.widgets.badge import HazardStripe

        stripe = QToolBar("PRODUCTION")
        stripe.setObjectName("productionStripe")
        stripe.setMovable(False)
        set_by_name(stripe, contextMenuPolicy="PreventContextMenu")
        stripe.toggleViewAction().setVisible(False)
        stripe.setStyleSheet("QToolBar { padding: 0; spacing: 0; border: none; }")
        stripe.addWidget(HazardStripe())
        stripe.setFixedHeight(HazardStripe.HEIGHT)
        self._window.addToolBarBreak()
        self._window.addToolBar(stripe)
        return stripe
