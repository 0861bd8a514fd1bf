"""Two states side by side: of any actors, versions and stores, with what differs marked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QHeaderView, QStackedLayout, QVBoxLayout, QWidget

from aether_desktop.connection import Connection
from aether_desktop.models.state.compare_tree import CompareTree
from aether_desktop.models.state.compared_state import ComparedState, side_state
from aether_desktop.models.state.comparison import Comparison
from aether_desktop.numbers import number_text
from aether_desktop.tasks import TaskOwner
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.state.side_picker import SidePicker
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.widgets.links import LinkButton, icon_button
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.workspace import Place
from aether_engine.codec import dumps
from aether_engine.replay import patch_of

#: Least width of what is said of the differences, in pixels.
_NARROWEST_WORDS = 96


class CompareView(DocumentView):
    """Keeps both trees open and scrolled alike."""

    order_text = "Left and right in the same order"
    title_changed = Signal(str)

    def __init__(
        self,
        left: ComparedState,
        right: ComparedState,
        find_actors: Callable[[Place, str, int], Awaitable[Sequence[str]]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("compareView")
        self.left, self.right = left, right
        self._tasks = TaskOwner()
        self._task: asyncio.Task[None] | None = None
        self._comparison = Comparison({}, {})
        self._at = -1
        self._mirroring = False
        self.pickers = (SidePicker(left, "Left", find_actors, self), SidePicker(right, "Right", find_actors, self))
        self.models = (CompareTree(right=False, parent=self), CompareTree(right=True, parent=self))
        self.trees = (
            JsonView("compareLeft", "Left state", self),
            JsonView("compareRight", "Right state", self),
        )
        self._empties = (EmptyState(parent=self), EmptyState(parent=self))
        split = KeptSplitter("compareSplitter", Qt.Orientation.Horizontal, self)
        split.setChildrenCollapsible(False)
        self._stacks: list[QStackedLayout] = []
        for side, picker, tree, empty, model in zip(
            (left, right), self.pickers, self.trees, self._empties, self.models, strict=True
        ):
            split.addWidget(self._column(picker, tree, empty))
            self._prepare(side, picker, tree, model)
        self.words = ToneLabel(parent=self)
        self.words.setWordWrap(True)
        self.words.setMinimumWidth(_NARROWEST_WORDS)
        self.words.setObjectName("compareWords")
        self.previous = icon_button("chevron-up", "Previous difference", self)
        self.next = icon_button("chevron-down", "Next difference", self)
        self.only = QCheckBox("Only differences", self)
        self.only.setObjectName("compareOnly")
        self.patch = LinkButton("Copy JSON Patch", self)
        self.patch.setObjectName("comparePatch")
        head = Surface("window", bottom="line", parent=self)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.previous)
        row.addWidget(self.next)
        row.addWidget(self.only)
        row.addWidget(self.patch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(split, 1)
        self.previous.clicked.connect(lambda: self.step(-1))
        self.next.clicked.connect(lambda: self.step(1))
        self.only.toggled.connect(lambda _on: self._show_comparison())
        self.patch.clicked.connect(self._copy_patch)
        self._link_trees()
        self._renew()

    def _column(self, picker: SidePicker, tree: JsonView, empty: EmptyState) -> QWidget:
        part = QWidget(self)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(picker)
        pages = QWidget(part)
        stack = QStackedLayout(pages)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.addWidget(tree)
        stack.addWidget(empty)
        self._stacks.append(stack)
        column.addWidget(pages, 1)
        return part

    def _prepare(self, side: ComparedState, picker: SidePicker, tree: JsonView, model: CompareTree) -> None:
        tree.setModel(model)
        tree.setIndentation(22)
        header = tree.header()
        header.setStretchLastSection(False)
        header.resizeSection(0, 150)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        tree.copy_requested.connect(lambda text: QGuiApplication.clipboard().setText(str(text)))
        picker.chosen.connect(side.show)
        side.changed.connect(self._renew)

    # -- a document

    @property
    def busy(self) -> bool:
        return self.left.busy or self.right.busy or self._tasks.busy

    @property
    def title(self) -> str:
        """What is compared, for the tab."""
        left, right = self.left.choice.actor_id, self.right.choice.actor_id
        return f"Compare {left}" if left == right else f"Compare {left} with {right}"

    def show_places(self, places: Sequence[Place]) -> None:
        """Offer these namespaces on both sides."""
        for picker in self.pickers:
            picker.show_places(places)

    @property
    def connections(self) -> Sequence[Connection]:
        return [side.choice.place.connection for side in (self.left, self.right)]

    def refresh(self) -> None:
        for side in (self.left, self.right):
            side.refresh()

    def session_state(self) -> Mapping[str, Any]:
        sides = {"left": side_state(self.left.choice), "right": side_state(self.right.choice)}
        return {**sides, "only": self.only.isChecked()}

    async def close_document(self) -> None:
        await self._tasks.cancel_all()
        for picker in self.pickers:
            await picker.close_picker()
        for side in (self.left, self.right):
            await side.close()

    # -- comparing

    def _renew(self) -> None:
        sides = (self.left.found, self.right.found)
        for stack, empty, found, side in zip(
            self._stacks, self._empties, sides, (self.left, self.right), strict=True
        ):
            if found is None:
                empty.set_words(f"Reading {side.choice.actor_id}…")
            elif found.problem:
                empty.set_words(found.problem)
            stack.setCurrentIndex(1 if found is None or found.problem else 0)
        self.title_changed.emit(self.title)
        left, right = sides
        if left is None or right is None or left.problem or right.problem:
            self.words.set_text("Nothing to compare yet.")
            return
        if self._comparison.left is left.state and self._comparison.right is right.state:
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._tasks.start(self._compare(left.state, right.state), "compare states")

    async def _compare(self, left: object, right: object) -> None:
        comparison = await asyncio.to_thread(partial(Comparison, left, right))
        self._comparison, self._at, self._task = comparison, -1, None
        self._show_comparison()

    def _show_comparison(self) -> None:
        comparison = self._comparison
        # Both open the same by themselves.
        self._mirroring = True
        for model in self.models:
            model.show_comparison(comparison, only_differences=self.only.isChecked())
        self._mirroring = False
        count = len(comparison.changes)
        differ = "Both are the same." if not count else "1 value differs." if count == 1 else ""
        self.words.set_text(differ or f"{number_text(count)} values differ.")
        for button in (self.previous, self.next, self.patch):
            button.setEnabled(count > 0)

    def step(self, by: int) -> None:
        """Go to the next (1) or previous (-1) difference; behind the last comes the first."""
        changes = self._comparison.changes
        if not changes:
            return
        self._at = (self._at + by) % len(changes) if self._at >= 0 else (0 if by > 0 else len(changes) - 1)
        path = changes[self._at].path
        for tree, model in zip(self.trees, self.models, strict=True):
            tree.go_to(model.index_of(path))
        self.words.set_text(f"Difference {number_text(self._at + 1)} of {number_text(len(changes))}.")

    def _copy_patch(self) -> None:
        QGuiApplication.clipboard().setText(dumps(patch_of(self._comparison.changes)).decode())

    # -- two trees alike

    def _link_trees(self) -> None:
        for number in (0, 1):
            tree, other = self.trees[number], self.trees[1 - number]
            tree.expanded.connect(partial(self._mirror, number, True))
            tree.collapsed.connect(partial(self._mirror, number, False))
            tree.verticalScrollBar().valueChanged.connect(other.verticalScrollBar().setValue)
            tree.selectionModel().currentRowChanged.connect(partial(self._mirror_current, number))
            tree.header().sectionResized.connect(partial(self._mirror_width, number))

    def _twin(self, number: int, index: QModelIndex) -> QModelIndex:
        return self.models[1 - number].index_at(self.models[number].place_of(index))

    def _mirror(self, number: int, is_open: bool, index: QModelIndex) -> None:
        if self._mirroring:
            return
        self._mirroring = True
        self.trees[1 - number].setExpanded(self._twin(number, index), is_open)
        self._mirroring = False

    def _mirror_current(self, number: int, current: QModelIndex, _previous: QModelIndex) -> None:
        if self._mirroring or not current.isValid():
            return
        self._mirroring = True
        self.trees[1 - number].setCurrentIndex(self._twin(number, current))
        self._mirroring = False

    def _mirror_width(self, number: int, section: int, _old: int, new: int) -> None:
        if section == 0 and not self._mirroring:
            self._mirroring = True
            self.trees[1 - number].header().resizeSection(0, new)
            self._mirroring = False
