"""The tree of every JSON document: an event's fields, a folded state, a difference.

What rows mean comes from the roles in `aether_desktop.models.tree_roles`. Tints and signs are drawn behind the
cells and chevrons in the indentation, which a delegate does not reach.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QMenu,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from aether_desktop.models.tree_roles import NOTES_TO_ACTIVATE, Mark, Note, TreeRole, ValueKind
from aether_desktop.ui.bytes_menu import as_text
from aether_desktop.ui.cell_text import CellFont
from aether_desktop.ui.drawn_tree import DrawnTree, Index, PlainTipDelegate
from aether_desktop.ui.icons import icon
from aether_desktop.ui.safe_text import visible
from aether_desktop.ui.table_setup import setup_tree
from aether_desktop.ui.theme import Meaning, Theme, current_theme, fixed_font, row_height, theme_notifier, ui_font

_PADDING: Final = 8
_INDENT: Final = 16
#: Room that the name of a deep row has at least.
_NAME_ROOM: Final = 72
#: Rows that are opened unasked, in all.
_OPENED: Final = 60
#: Levels below the top that are opened unasked.
_LEVELS: Final = 2


def _mark_meaning(theme: Theme, mark: Mark) -> Meaning:
    match mark:
        case Mark.ADDED:
            return theme.added
        case Mark.REMOVED:
            return theme.removed
        case _:
            return theme.changed


class JsonDelegate(PlainTipDelegate):
    """Draws the texts of a `JsonView`: names in the window's font, values fixed-width and coloured by kind."""

    def __init__(self, view: QTreeView, *, colours_sides: bool = False) -> None:
        super().__init__(view)
        self._view = view
        self._colours_sides = colours_sides
        self._load_look()
        theme_notifier().changed.connect(self._load_look)

    def _load_look(self) -> None:
        self._theme = current_theme()
        self._body = CellFont(ui_font())
        self._strong = CellFont(ui_font(semibold=True))
        self._mono = CellFont(fixed_font(-1))
        self._height = row_height("compact")

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the height of a compact row, and the width of the name and no more than 400 px."""
        text = str(index.data() or "")[:200]
        font = self._mono if index.column() == 1 else self._body
        return QSize(min(font.width(visible(text)) + 2 * _PADDING, 400), self._height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell; the background is the view's."""
        text = index.data()
        if not text:
            return
        theme = self._theme
        rect: QRect = option.rect
        is_version = bool(index.data(Qt.ItemDataRole.TextAlignmentRole))
        if is_version:
            self._paint_version(painter, rect, index, str(text))
            return
        left = rect.x() + (_PADDING if index.column() or not self._view.rootIsDecorated() else 2)
        right = rect.x() + rect.width() - 4
        if index.column() == 0:
            font = self._strong if index.data(TreeRole.HEADING) else self._body
            color = theme.text2 if index.data(TreeRole.NOTE) else theme.text
        else:
            font, color = self._mono, self._value_color(index)
            if index.data(TreeRole.NOTE):
                font = self._strong if index.data(TreeRole.NOTE) in NOTES_TO_ACTIVATE else self._body
        mode = Qt.TextElideMode.ElideRight
        if index.column() == 0 and not index.data(TreeRole.NOTE):
            mode = Qt.TextElideMode.ElideMiddle
        fitted = font.fit(str(text), right - left, mode)
        base = font.baseline(rect.y(), rect.height())
        painter.setFont(font.font)
        painter.setPen(color)
        painter.drawText(left, base, fitted.text)
        was = index.data(TreeRole.WAS)
        if was:
            left += fitted.width + self._mono.width("  ")
            rest = self._mono.fit(str(was), right - left, Qt.TextElideMode.ElideRight)
            if right > left:
                painter.setPen(theme.text2)
                painter.drawText(left, base, rest.text)

    def _paint_version(self, painter: QPainter, rect: QRect, index: Index, text: str) -> None:
        theme = self._theme
        marked = index.data(TreeRole.MARK) in (Mark.CHANGED, Mark.ADDED)
        font = self._strong if marked else self._body
        painter.setFont(font.font)
        painter.setPen(theme.text if marked else theme.text2)
        left = rect.x() + rect.width() - _PADDING - font.width(text)
        painter.drawText(left, font.baseline(rect.y(), rect.height()), text)

    def _value_color(self, index: Index) -> QColor:
        theme = self._theme
        if self._colours_sides and (mark := index.data(TreeRole.MARK)) is not None:
            return _mark_meaning(theme, mark).text
        match index.data(TreeRole.KIND):
            case ValueKind.STRING:
                return theme.string
            case ValueKind.NUMBER:
                return theme.number
            case ValueKind.LITERAL:
                return theme.literal
            case ValueKind.CONTAINER:
                return theme.text2
            case ValueKind.NOTE:
                note = index.data(TreeRole.NOTE)
                if note in NOTES_TO_ACTIVATE:
                    return theme.accent
                return theme.corrupted.text if note == Note.PROBLEM else theme.text2
        return theme.text


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
        return None if mark is None else _mark_meaning(theme, mark).tint

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
            painter.setPen(_mark_meaning(current_theme(), mark).text)
            # Left of the chevron, which some rows have as well.
            painter.drawText(1, self._signs.baseline(rect.y(), rect.height()), str(mark))
