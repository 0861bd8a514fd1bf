"""The tree of every JSON document: an event's fields, a folded state, a difference.

What rows mean comes from the roles in `models/inspector/tree_roles`. Tints and signs are drawn behind the cells
and chevrons in the indentation, which a delegate does not reach.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QMenu, QStyleOptionViewItem, QWidget

from aether_desktop.models.inspector.tree_roles import NOTES_TO_ACTIVATE, Note, TreeRole
from aether_desktop.ui.events.bytes_menu import as_text
from aether_desktop.ui.inspector.json_delegate import JsonDelegate, mark_meaning
from aether_desktop.ui.widgets.cell_text import CellFont
from aether_desktop.ui.widgets.drawn_tree import DrawnTree, Index
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.table_setup import setup_tree
from aether_desktop.ui.widgets.theme import Theme, current_theme, theme_notifier, ui_font

_INDENT: Final = 16
#: Room that the name of a deep row has at least.
_NAME_ROOM: Final = 72
#: Rows that are opened unasked, in all.
_OPENED: Final = 60
#: Levels below the top that are opened unasked.
_LEVELS: Final = 2


class JsonView(DrawnTree):
    """A tree that keeps what is open, selected and scrolled to when its model shows another version or event."""

    copy_requested = Signal(object)
    """A text to copy (str, or bytes of UTF-8), whole."""
    filter_requested = Signal(str)
    """Look for events that have the same value there: a filter term."""
    span_selected = Signal(object)
    """The bytes of the row the user has gone to, `(start, end)`; None where it has none."""

    def __init__(
        self, name: str, accessible: str, parent: QWidget | None = None, *, colours_sides: bool = False
    ) -> None:
        """`colours_sides` gives the values of a difference the colour of their side in place of their kind's."""
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(accessible)
        self._signs = CellFont(ui_font(semibold=True))
        self._open: set[str] = set()
        self._closed: set[str] = set()
        self._restoring = False
        self._kept = (0, 0, "")
        # The width of the first column before it grew for deep names, None while it has not.
        self._usual_width: int | None = None
        setup_tree(self)
        self.setItemDelegate(JsonDelegate(self, colours_sides=colours_sides))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setIndentation(_INDENT)
        self.setExpandsOnDoubleClick(True)
        self.setAllColumnsShowFocus(True)
        self.setMouseTracking(True)
        self.header().setSectionsMovable(False)
        self.header().setSectionsClickable(False)
        self.expanded.connect(self._was_expanded)
        self.collapsed.connect(self._was_collapsed)
        self.clicked.connect(self._load_all)
        theme_notifier().changed.connect(self._reload)

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a model that answers the roles of `tree_roles`."""
        super().setModel(model)
        if model is not None:
            model.modelAboutToBeReset.connect(self._keep)
            # A model that reads its rows on demand says when it is ready to.
            getattr(model, "filled", model.modelReset).connect(self._restore)
            self._restore()

    def go_to(self, index: Index) -> None:
        """Select a row without telling anybody, and open and scroll to it."""
        self._restoring = True
        try:
            if not index.isValid():
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
                return
            parent = index.parent()
            while parent.isValid():
                if not self.isExpanded(parent):
                    self.expand(parent)
                parent = parent.parent()
            self.setCurrentIndex(self.model().index(index.row(), 0, index.parent()))
            self.scrollTo(self.currentIndex())
        finally:
            self._restoring = False

    # Deep down

    def scrollTo(
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Bring a row into sight, and its name, however deep it is."""
        super().scrollTo(index, hint)
        if index.isValid():
            self._make_room(index, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the current row whole: a scroll bar that comes with a wider column must not hide it."""
        super().resizeEvent(event)
        rect, height = self.visualRect(self.currentIndex()), self.viewport().height()
        if rect.isValid() and rect.top() < height <= rect.bottom():
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + rect.bottom() - height + 1)

    def _make_room(self, index: Index, levels: int) -> None:
        """Widen the first column for names that stand so many levels deeper than `index`, and scroll to them."""
        bar, header = self.horizontalScrollBar(), self.header()
        start = self.visualRect(index.sibling(index.row(), 0)).left() + bar.value() + levels * self.indentation()
        if start + _NAME_ROOM > header.sectionSize(0):
            if self._usual_width is None:
                self._usual_width = header.sectionSize(0)
            header.resizeSection(0, start + _NAME_ROOM)
        width = self.viewport().width()
        if self._usual_width is not None and not bar.value() <= start <= bar.value() + width - _NAME_ROOM:
            # The range of the bar follows the column only with the next layout.
            bar.setMaximum(max(bar.maximum(), header.length() - width))
            bar.setValue(max(0, start - width // 3))

    # What is open

    def _was_expanded(self, index: QModelIndex) -> None:
        if not self._restoring:
            if self.model().rowCount(index):
                self._make_room(index, 1)
            path = str(index.data(TreeRole.PATH))
            self._open.add(path)
            self._closed.discard(path)

    def _was_collapsed(self, index: QModelIndex) -> None:
        if not self._restoring:
            path = str(index.data(TreeRole.PATH))
            self._closed.add(path)
            self._open.discard(path)

    def _keep(self) -> None:
        if self._usual_width is not None:
            self.header().resizeSection(0, self._usual_width)
            self._usual_width = None
        current = self.currentIndex()
        path = str(current.data(TreeRole.PATH) or "") if current.isValid() else ""
        self._kept = (self.verticalScrollBar().value(), self.horizontalScrollBar().value(), path)

    def _restore(self) -> None:
        """Open what the user has opened, and as much as is easily seen; select and scroll as before."""
        model = self.model()
        self._restoring = True
        try:
            wanted = self._kept[2]
            found = QModelIndex()
            room = _OPENED - model.rowCount()
            pending = [(QModelIndex(), 0)]
            while pending:
                parent, level = pending.pop(0)
                for row in range(min(model.rowCount(parent), 1000)):
                    index = model.index(row, 0, parent)
                    if not wanted and not model.hasChildren(index):
                        continue
                    path = str(index.data(TreeRole.PATH) or "")
                    if wanted and path == wanted and not found.isValid():
                        found = index
                    if path in self._closed or not model.hasChildren(index):
                        continue
                    if path not in self._open:
                        if level >= _LEVELS or room <= 0:
                            continue
                        if model.canFetchMore(index):
                            model.fetchMore(index)
                        count = model.rowCount(index)
                        if count > room:
                            continue
                        room -= count
                    self.expand(index)
                    pending.append((index, level + 1))
            if found.isValid():
                self.setCurrentIndex(found)
            self.verticalScrollBar().setValue(self._kept[0])
            self.horizontalScrollBar().setValue(self._kept[1])
        finally:
            self._restoring = False

    # Choosing and copying

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Tell which bytes the row stands for."""
        super().selectionChanged(selected, deselected)
        if not self._restoring and self.currentIndex().isValid():
            self.span_selected.emit(self.currentIndex().data(TreeRole.SPAN))

    def _load_all(self, index: QModelIndex) -> bool:
        note = index.data(TreeRole.NOTE)
        if note not in NOTES_TO_ACTIVATE:
            return False
        load_all = getattr(self.model(), "load_all", None)
        if load_all is not None:
            parent = QPersistentModelIndex(index.parent())
            load_all(index)
            if note in (Note.EARLIER, Note.LATER):
                # On where one was: behind what was shown, or in front of it.
                rows = self.model().rowCount(parent)
                self.go_to(self.model().index(1 if note == Note.LATER else rows - 2, 0, parent))
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter on "load all" loads all; Ctrl+C copies the exact JSON of the row, never a shortened text."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy(QPersistentModelIndex(self.currentIndex()), TreeRole.EXACT)
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._load_all(self.currentIndex()):
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to copy the row under the pointer, or the current one for the keyboard."""
        if event.reason() is QContextMenuEvent.Reason.Mouse:
            index = self.indexAt(event.pos())
        else:
            index = self.currentIndex()
        menu = self.copy_menu(index)
        if menu is not None:
            # What whoever placed the view has added to it.
            menu.addSeparator()
            menu.addActions(self.actions())
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(event.globalPos())

    def copy_menu(self, index: Index) -> QMenu | None:
        """Return the menu of a row: each entry asks to copy something of it, whole."""
        if not index.isValid() or index.data(TreeRole.EXACT) is None:
            return None
        place = QPersistentModelIndex(index)
        menu = QMenu(self)
        for name, text, role in (
            ("copy", "Copy exact JSON", TreeRole.EXACT),
            ("copy", "Copy value", TreeRole.PLAIN),
            ("braces", "Copy path", TreeRole.PATH),
        ):
            action = menu.addAction(icon(name), text)
            action.triggered.connect(lambda _checked=False, wanted=role: self._copy(place, wanted))
        term = index.data(TreeRole.FILTER)
        if term:
            menu.addSeparator()
            action = menu.addAction(icon("filter"), "Filter by this value")
            action.triggered.connect(lambda _checked=False: self.filter_requested.emit(term))
            action = menu.addAction(icon("copy"), "Copy as filter")
            action.triggered.connect(lambda _checked=False: self._copy(place, TreeRole.FILTER))
        return menu

    def _copy(self, place: QPersistentModelIndex, role: TreeRole) -> None:
        value = place.data(role) if place.isValid() else None
        if value is not None:
            self.copy_requested.emit(as_text(value) if isinstance(value, bytes) else str(value))

    # Drawing

    def _reload(self) -> None:
        self._signs = CellFont(ui_font(semibold=True))
        self.scheduleDelayedItemsLayout()
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show where a click does something."""
        note = self.indexAt(event.position().toPoint()).data(TreeRole.NOTE)
        over = Qt.CursorShape.PointingHandCursor if note in NOTES_TO_ACTIVATE else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(over)
        super().mouseMoveEvent(event)

    def _tint(self, index: Index, theme: Theme) -> QColor | None:
        mark = index.data(TreeRole.MARK)
        return None if mark is None else mark_meaning(theme, mark).tint

    def _draw_cells(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw chevron and cells, and the sign in the gutter."""
        rect: QRect = option.rect
        header = self.header()
        depth = index.data(TreeRole.DEPTH)
        if depth is None:
            name_left = self.visualRect(index).x()
        else:
            # The view looks through all of its rows for the place of one.
            levels = depth + self.rootIsDecorated()
            name_left = header.sectionViewportPosition(0) + levels * self.indentation()
        self.drawBranches(
            painter, QRect(name_left - self.indentation(), rect.y(), self.indentation(), rect.height()), index
        )
        is_heading = bool(index.data(TreeRole.HEADING))
        width = self.viewport().width()
        for column in range(header.count()):
            left, size = header.sectionViewportPosition(column), header.sectionSize(column)
            if left > width or left + size < 0 or header.isSectionHidden(column):
                continue
            if column == 0:
                right = width if is_heading else left + size
                left = name_left
                size = right - left
            elif is_heading:
                break
            cell = QStyleOptionViewItem(option)
            cell.rect = QRect(left, rect.y(), max(size, 0), rect.height())
            self.itemDelegate().paint(painter, cell, index.sibling(index.row(), column))
        mark = index.data(TreeRole.MARK)
        if mark is not None:
            painter.setFont(self._signs.font)
            painter.setPen(mark_meaning(current_theme(), mark).text)
            # Left of the chevron, which some rows have as well.
            painter.drawText(1, self._signs.baseline(rect.y(), rect.height()), str(mark))
