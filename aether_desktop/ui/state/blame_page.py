"""Who set it: a list of every value with the version that last changed it."""

from __future__ import annotations

import asyncio
from functools import partial

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from aether_desktop.models.inspector.tree_roles import Note, TreeRole
from aether_desktop.models.state.state_blame import SHOWN_AT_ONCE, BlamedValue, StateBlameModel, blamed_values
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_view import StateView
from aether_desktop.tasks import TaskOwner
from aether_desktop.ui.state.versioned_view import VersionedView
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

#: Values that are listed on the event loop; more are listed in a thread.
_AT_ONCE = 300


class BlamePage(QWidget):
    """Filled when it is looked at, and again when another state is shown."""

    version_requested = Signal(object)

    def __init__(self, controller: StateController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._tasks = TaskOwner()
        self._task: asyncio.Task[None] | None = None
        self._limit: int | None = SHOWN_AT_ONCE
        self._shown: StateView | None = None
        self.model = StateBlameModel(self)
        self.view = VersionedView("stateBlame", "Who set each value", self)
        self.view.setModel(self.model)
        # Room for the sign of what changed now.
        self.view.setIndentation(22)
        self.view.setItemsExpandable(False)
        self.view.fit_columns(132)
        self.view.header().setSectionsClickable(True)
        self.view.header().sectionClicked.connect(lambda section: self.model.sort_by_version(section == 2))
        self.view.version_requested.connect(self.version_requested)
        self.view.clicked.connect(self._clicked)
        self._words = ToneLabel(parent=self)
        self._order = LinkButton("", self)
        self._order.setToolTip(plain_tooltip("By document order, or what was changed last first"))
        self._order.clicked.connect(self._turn_order)
        head = Surface("base", parent=self)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(4)
        row.addWidget(self._words)
        row.addWidget(self._order)
        row.addStretch(1)
        listed = QWidget(self)
        column = QVBoxLayout(listed)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self.view, 1)
        self._listed = listed
        self._empty = EmptyState(parent=self)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        self._stack = QStackedLayout()
        whole.addLayout(self._stack)
        self._stack.addWidget(listed)
        self._stack.addWidget(self._empty)
        controller.reset.connect(self._forget)
        controller.state_changed.connect(lambda _view: self._renew())
        controller.blame_changed.connect(lambda _view: self._renew())
        controller.held.connect(lambda _held: self._forget())
        controller.broken.connect(lambda _broken: self._forget())
        self.model.modelReset.connect(self._show_words)
        self._forget()

    @property
    def busy(self) -> bool:
        return self._tasks.busy

    async def close_page(self) -> None:
        """End the listing."""
        await self._tasks.cancel_all()

    def showEvent(self, event: QShowEvent) -> None:
        """Fill when looked at."""
        super().showEvent(event)
        self._controller.want_blame()
        self._renew()

    def _forget(self) -> None:
        self._shown = None
        self._limit = SHOWN_AT_ONCE
        self.model.clear()
        self._empty.set_words("There is no state to ask about.")
        self._stack.setCurrentWidget(self._empty)

    def _renew(self) -> None:
        view = self._controller.view
        if view is None or not self.isVisible() or (view is self._shown and self._task is None):
            return
        if view.blame is None:
            self._controller.want_blame()
            self._empty.set_words("Looking for who set what…", "Every event is asked what it changed.")
            self._stack.setCurrentWidget(self._empty)
            return
        if self._task is not None:
            self._task.cancel()
        self._shown = view
        values, is_whole = blamed_values(view.blame, _AT_ONCE)
        if is_whole:
            self._task = None
            self._fill(view, values, is_whole=True)
        else:
            self._task = self._tasks.start(self._list(view), "list who set what")

    async def _list(self, view: StateView) -> None:
        assert view.blame is not None
        work = partial(blamed_values, view.blame, self._limit)
        values, is_whole = await self._controller.run(work, beside=True)
        if self._shown is view:
            self._task = None
            self._fill(view, values, is_whole=is_whole)

    def _fill(self, view: StateView, values: list[BlamedValue], *, is_whole: bool) -> None:
        self.model.set_values(
            values, is_whole=is_whole, version=view.version, stored_at=self._controller.stored_at
        )
        self._stack.setCurrentWidget(self._listed)

    def _show_words(self) -> None:
        count = self.model.value_count
        more = "" if self.model.is_whole else "more than "
        noun = "value" if count == 1 and not more else "values"
        self._words.set_text(f"{more}{count:,} {noun},".capitalize())
        self._order.set_text("latest change first" if self.model.by_version else "in document order")

    def _turn_order(self) -> None:
        self.model.sort_by_version(not self.model.by_version)

    def _clicked(self, index: QModelIndex) -> None:
        if index.data(TreeRole.NOTE) == Note.LOAD_ALL and self._shown is not None:
            self._limit = None
            self._shown = None
            self._renew()
