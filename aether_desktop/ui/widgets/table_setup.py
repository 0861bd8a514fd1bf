"""The settings that make a `QTableView` or `QTreeView` look and behave like every other one here."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QCursor, QMouseEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QTreeView, QWidget

from aether_desktop.models.events.roles import ColumnKind
from aether_desktop.ui.widgets.cell_marks import GUTTER_WIDTH, PADDING
from aether_desktop.ui.widgets.event_delegate import EventDelegate
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import Density, current_theme, grown, row_height, theme_notifier, ui_font

_DIVIDER_MARGIN = 5
_ARROW = 12


class TableHeader(QHeaderView):
    """A header on window colour with short dividers; titles aligned as their columns, the order's arrow beside."""

    def __init__(self, parent: QWidget, delegate: EventDelegate | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._delegate = delegate
        #: Columns whose width somebody has chosen with the mouse.
        self.dragged: set[int] = set()
        self._is_pressed = False
        self.sectionResized.connect(self._resized)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setHighlightSections(False)
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setStretchLastSection(True)
        self.setMinimumSectionSize(GUTTER_WIDTH)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def _reload(self) -> None:
        self.setFont(ui_font(-1, semibold=True))
        self.setFixedHeight(grown(24))
        self.viewport().update()

    def _is_right_aligned(self, section: int) -> bool:
        if self._delegate is not None:
            return self._delegate.column_kind(section) is ColumnKind.NUMBER
        said = self.model().headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        return said is not None and bool(int(said) & int(Qt.AlignmentFlag.AlignRight.value))

    def title(self, section: int) -> str:
        """The title of a column, as it is shown."""
        title = self.model().headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole)
        return visible(str(title)) if title is not None else ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember that what changes now is wanted."""
        self._is_pressed = True
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Widths that are fitted to the content by a double click are wanted too."""
        self._is_pressed = True
        super().mouseDoubleClickEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """What changes from now on changes by itself."""
        super().mouseReleaseEvent(event)
        self._is_pressed = False

    def _resized(self, section: int, _before: int, _now: int) -> None:
        if self._is_pressed:
            self.dragged.add(section)

    def sectionSizeFromContents(self, section: int) -> QSize:
        """Return room for the title and the arrow of the order."""
        width = self.fontMetrics().horizontalAdvance(self.title(section)) + 2 * PADDING
        return QSize(width + _ARROW + 4, self.height())

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draw one title."""
        theme = current_theme()
        painter.fillRect(rect, theme.window)
        title = self.title(section)
        is_last = self.visualIndex(section) == self.count() - 1
        if title and not is_last:
            right = rect.x() + rect.width() - 1
            height = rect.height() - 2 * _DIVIDER_MARGIN
            painter.fillRect(right, rect.y() + _DIVIDER_MARGIN, 1, height, theme.line)
        if not title:
            return
        ordered = self.isSortIndicatorShown() and self.sortIndicatorSection() == section
        room = rect.width() - PADDING - (_ARROW + 4 if ordered else 3)
        metrics = self.fontMetrics()
        shown = metrics.elidedText(title, Qt.TextElideMode.ElideRight, max(room, 0))
        width = metrics.horizontalAdvance(shown)
        right_aligned = self._is_right_aligned(section)
        left = rect.x() + (rect.width() - PADDING - width if right_aligned else PADDING)
        painter.setFont(self.font())
        painter.setPen(theme.text if ordered else theme.text2)
        painter.drawText(left, rect.y() + (rect.height() - metrics.height()) // 2 + metrics.ascent(), shown)
        if ordered:
            rising = self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder
            name, ratio = "chevron-up" if rising else "chevron-down", painter.device().devicePixelRatio()
            arrow = pixmap(name, _ARROW, theme.text2, ratio)
            arrow_left = left - _ARROW - 3 if right_aligned else left + width + 3
            painter.drawPixmap(arrow_left, rect.y() + (rect.height() - _ARROW) // 2, arrow)


class RowHover(QObject):
    """Tells a delegate which row the pointer is on; Qt itself only knows the cell."""

    def __init__(self, view: QTableView, delegate: EventDelegate) -> None:
        super().__init__(view)
        self._view = view
        self._delegate = delegate
        view.viewport().setMouseTracking(True)
        view.viewport().installEventFilter(self)
        view.verticalScrollBar().valueChanged.connect(self._scrolled)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the pointer; never takes an event."""
        kind = event.type()
        if kind == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            self._at(event.position().toPoint())
        elif kind == QEvent.Type.Leave:
            self._delegate.set_hover_row(-1)
        return False

    def _at(self, point: QPoint) -> None:
        self._delegate.set_hover_row(self._view.rowAt(point.y()))

    def _scrolled(self) -> None:
        viewport = self._view.viewport()
        if viewport.underMouse():
            self._at(viewport.mapFromGlobal(QCursor.pos()))
        else:
            self._delegate.set_hover_row(-1)


class _ColumnWidener(QObject):
    """Widens columns whose numbers or times would be cut off, once the running repaint is over."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view
        self._wanted: dict[int, int] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._widen)

    def ask(self, column: int, width: int) -> None:
        """Remember that a column needs at least `width` pixels."""
        self._wanted[column] = width
        self._timer.start()

    def _widen(self) -> None:
        header = self._view.horizontalHeader()
        for column, width in self._wanted.items():
            if header.sectionSize(column) < width:
                header.resizeSection(column, width)
        self._wanted.clear()


def setup_table(
    view: QTableView, kinds: Sequence[ColumnKind | str] = (), density: Density = "comfortable"
) -> EventDelegate:
    """Give a table view its delegate, header and settings, and return the delegate.

    Call it before or after the model is set; columns of kind gutter get their width when the model is there.
    """
    delegate = EventDelegate(view, kinds, density)
    view.setItemDelegate(delegate)
    header = TableHeader(view, delegate)
    view.setHorizontalHeader(header)
    _common(view)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setCornerButtonEnabled(False)
    view.setTabKeyNavigation(False)
    # Whole rows: the first one is never cut, and a position is a row number at ten million rows too.
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
    rows = view.verticalHeader()
    rows.hide()
    rows.setMinimumSectionSize(1)
    rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    set_density(view, density)
    RowHover(view, delegate)
    widener = _ColumnWidener(view)
    delegate.columnTooNarrow.connect(widener.ask)

    def fit_gutters() -> None:
        delegate.forget_kinds()
        for column in range(header.count()):
            if delegate.column_kind(column) is ColumnKind.GUTTER:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                header.resizeSection(column, GUTTER_WIDTH)

    header.sectionCountChanged.connect(fit_gutters)
    fit_gutters()
    return delegate


def setup_tree(view: QTreeView) -> TableHeader:
    """Give a tree view the header and settings of the tables; its rows are always compact."""
    header = TableHeader(view)
    view.setHeader(header)
    _common(view)
    view.setUniformRowHeights(True)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setIndentation(16)
    return header


def _common(view: QAbstractItemView) -> None:
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.setAlternatingRowColors(False)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setTabKeyNavigation(False)


def set_density(view: QTableView, density: Density) -> None:
    """Make the rows of a table that `setup_table` has prepared compact or comfortable."""
    delegate = view.itemDelegate()
    if isinstance(delegate, EventDelegate):
        delegate.set_density(density)
    view.verticalHeader().setDefaultSectionSize(row_height(density))
