"""How a user has laid out a part of the window: widths and order of columns, and where splitters stand.

Only what somebody has moved with the mouse is kept; the rest goes on fitting itself to what is shown.
"""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QSplitter, QWidget

from aether_desktop.ui.widgets.table_setup import TableHeader

#: Widths and heights that somebody may have meant, in pixels.
_SIZES: Final = range(16, 10_000)
#: Columns and parts of which one is told.
_MOST: Final = 200


class KeptSplitter(QSplitter):
    """A splitter whose place comes back. Its name is the key."""

    def __init__(self, name: str, orientation: Qt.Orientation, parent: QWidget | None = None) -> None:
        super().__init__(orientation, parent)
        self.setObjectName(name)
        #: The sizes of its parts when somebody moved it last, in pixels; empty before.
        self.moved_to: list[int] = []
        self.splitterMoved.connect(lambda *_where: self._note())

    def _note(self) -> None:
        self.moved_to = self.sizes()

    def move_to(self, sizes: list[int]) -> None:
        """Divide the room as it was divided."""
        self.moved_to = sizes
        self.setSizes(sizes)


def kept_layout(part: QWidget) -> dict[str, Any]:
    """What was moved in `part`, as JSON, by the names of views and splitters."""
    layout: dict[str, Any] = {}
    for header in part.findChildren(TableHeader):
        if (kept := _columns(header)) and (name := _view_of(header)):
            layout[name] = kept
    for splitter in part.findChildren(KeptSplitter):
        if splitter.moved_to:
            layout[splitter.objectName()] = {"sizes": splitter.moved_to}
    return layout


def restore_layout(part: QWidget, layout: object) -> None:
    """Lay out `part` as it was; what is not understood or not there any more is passed over."""
    if not isinstance(layout, dict):
        return
    for header in part.findChildren(TableHeader):
        kept = layout.get(_view_of(header))
        if isinstance(kept, dict):
            _restore_order(header, kept.get("order"))
            _restore_widths(header, kept.get("widths"))
    for splitter in part.findChildren(KeptSplitter):
        kept = layout.get(splitter.objectName())
        sizes = kept.get("sizes") if isinstance(kept, dict) else None
        if isinstance(sizes, list) and len(sizes) == splitter.count() and all(map(_is_size, sizes)):
            splitter.move_to(sizes)


def _columns(header: TableHeader) -> dict[str, Any]:
    names = _names(header)
    kept: dict[str, Any] = {}
    widths = {names[each]: header.sectionSize(each) for each in sorted(header.dragged) if each < len(names)}
    if widths:
        kept["widths"] = widths
    if header.sectionsMoved():
        kept["order"] = [names[header.logicalIndex(place)] for place in range(header.count())]
    return kept


def _restore_widths(header: TableHeader, widths: object) -> None:
    if not isinstance(widths, dict):
        return
    last = header.logicalIndex(header.count() - 1) if header.stretchLastSection() else -1
    for section, name in enumerate(_names(header)):
        width = widths.get(name, 0)
        is_free = header.sectionResizeMode(section) is QHeaderView.ResizeMode.Interactive and section != last
        if is_free and _is_size(width):
            header.resizeSection(section, width)
            header.dragged.add(section)


def _restore_order(header: TableHeader, order: object) -> None:
    if not isinstance(order, list):
        return
    names = _names(header)
    # A column that has come since stays behind those that are told.
    wanted = [name for name in order[:_MOST] if name in names]
    for place, name in enumerate(wanted):
        header.moveSection(header.visualIndex(names.index(name)), place)


def _view_of(header: TableHeader) -> str:
    """The name of the table or tree that a header belongs to."""
    view = header.parent()
    return view.objectName() if view is not None else ""


def _names(header: TableHeader) -> list[str]:
    """The titles of the columns; of a gutter, which has none, its number."""
    return [header.title(section) or f"#{section}" for section in range(min(header.count(), _MOST))]


def _is_size(value: object) -> bool:
    return isinstance(value, int) and value in _SIZES
