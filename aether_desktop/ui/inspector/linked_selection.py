"""One selection in three views of an event: what is chosen in the tree, the text or the bytes is marked in all."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.models.inspector.tree_roles import TreeRole
from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.inspector.raw_view import RawView

Span = tuple[int, int]


class LinkedSelection(QObject):
    """Listens to the three views. A view that has not got its bytes yet is left alone: see `filled`."""

    marked = Signal(object)
    """The bytes that are marked now (`Span`), None for none."""

    def __init__(self, model: JsonTreeModel, tree: JsonView, raw: RawView, hexadecimal: HexView) -> None:
        super().__init__(tree)
        self._model = model
        self._tree = tree
        self._raw = raw
        self._hex = hexadecimal
        #: The views that have the bytes of the event.
        self.filled: set[QWidget] = set()
        # What was chosen while the tree was still reading on the way to it.
        self._awaited: tuple[Span, QWidget | None] | None = None
        tree.span_selected.connect(lambda span: self.choose(span, tree))
        raw.span_selected.connect(lambda span: self.choose(span, raw))
        hexadecimal.span_selected.connect(lambda span: self.choose(span, hexadecimal))
        model.modelReset.connect(self._forget)
        model.reading_changed.connect(self._go_on)

    @property
    def path(self) -> str:
        """The path of the row that is selected in the tree, "" for none."""
        index = self._tree.currentIndex()
        return str(index.data(TreeRole.PATH) or "") if index.isValid() else ""

    def choose(self, span: Span | None, source: QWidget | None) -> None:
        """Bytes were chosen in the view `source` (None: by nobody's hand)."""
        self._awaited = None
        if span is None or source is self._tree:
            self.mark(span, source)
            return
        index = self._model.index_at(span[0])
        self._tree.go_to(index)
        if self._model.is_reading:
            self._awaited = span, source
        node = index.data(TreeRole.SPAN) if index.isValid() else None
        # Exactly what the user has selected; where that is one place only, the value it lies in.
        self.mark(span if span[1] - span[0] > 1 or node is None else node, source)

    def mark(self, span: Span | None, source: QWidget | None = None) -> None:
        """Mark bytes in every view but `source`, where they are marked already."""
        for view in (self._raw, self._hex):
            if view is not source and view in self.filled:
                view.highlight(span)
        self.marked.emit(span)

    def mark_current(self) -> None:
        """Mark the bytes of the row that is selected in the tree."""
        index = self._tree.currentIndex()
        self.mark(index.data(TreeRole.SPAN) if index.isValid() else None, self._tree)

    def _forget(self) -> None:
        self._awaited = None

    def _go_on(self, reading: bool) -> None:
        if not reading and self._awaited is not None:
            span, source = self._awaited
            self.choose(span, source)
