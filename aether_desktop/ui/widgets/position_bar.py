"""The scroll bar of a table whose rows are a part, at a time, of more than a view can have."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QObject, Qt, QTimer
from PySide6.QtWidgets import QAbstractSlider, QScrollBar, QTableView, QWidget

from aether_desktop.models.events.paged_table import PagedTable

#: Values of a scroll bar are 32-bit numbers, positions are not.
_MOST_VALUES = 1 << 30
_STEPS = {
    action.value
    for action in (
        QAbstractSlider.SliderAction.SliderSingleStepAdd,
        QAbstractSlider.SliderAction.SliderSingleStepSub,
        QAbstractSlider.SliderAction.SliderPageStepAdd,
        QAbstractSlider.SliderAction.SliderPageStepSub,
    )
}


class PositionBar(QScrollBar):
    """Stands for all positions of a model; hidden while the view's own bar can do that.

    The table scrolls among its rows as ever. Near the first or last of them the rows are moved on, so that wheel
    and keys never meet an end that is none.
    """

    def __init__(self, table: QTableView, model: PagedTable, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.setAccessibleName("Position in the whole table")
        self._table = table
        self._model = model
        self._moving = False
        self._inner = table.verticalScrollBar()
        # Qt scrolls while it is still changing the selection; rows must not move under its hands.
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._move_on)
        table.installEventFilter(self)
        self._inner.valueChanged.connect(self._follow)
        self._inner.rangeChanged.connect(self._follow)
        model.total_changed.connect(self._follow)
        model.rebased.connect(self._keep_place)
        self.actionTriggered.connect(self._step)
        self.valueChanged.connect(self._go)
        self.hide()
        self._show()

    @property
    def top(self) -> int:
        """The position of the first row that is in sight."""
        return self._model.first_position + self._inner.value()

    def show_top(self, position: int) -> None:
        """Scroll so that `position` is the first in sight, or as far as there are rows below it."""
        position = max(0, min(position, self._model.total - self._inner.pageStep()))
        row = self._model.bring(position)
        if row >= 0:
            self._inner.setValue(row)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move the rows on before the next key, which may come before any timer; never takes an event."""
        if event.type() == QEvent.Type.KeyPress and self._later.isActive():
            self._move_on()
        return False

    def _is_near_an_end(self) -> bool:
        """Whether the first or last row is near and more is behind it."""
        model, top = self._model, self._inner.value()
        rows = model.rowCount()
        above, below = model.first_position > 0, model.first_position + rows < model.total
        return (above and top < rows // 8) or (below and top + self._inner.pageStep() > rows - rows // 8)

    def _follow(self) -> None:
        self._show()
        if not self._moving and self._is_near_an_end():
            self._later.start()

    def _move_on(self) -> None:
        self._later.stop()
        if self._is_near_an_end():
            self._model.centre(self.top)

    def _show(self) -> None:
        model = self._model
        is_part = model.rowCount() < model.total
        if is_part is self.isHidden():
            policy = Qt.ScrollBarPolicy
            shown = policy.ScrollBarAlwaysOff if is_part else policy.ScrollBarAsNeeded
            self._table.setVerticalScrollBarPolicy(shown)
            self.setVisible(is_part)
        if not is_part:
            return
        was_moving, self._moving = self._moving, True
        in_sight = self._inner.pageStep()
        self.setRange(0, (model.total - in_sight) // self._unit)
        self.setPageStep(max(1, in_sight // self._unit))
        at_end = self.top + in_sight >= model.total
        self.setValue(self.maximum() if at_end else self.top // self._unit)
        self._moving = was_moving

    @property
    def _unit(self) -> int:
        """Positions that one value of the bar stands for."""
        return self._model.total // _MOST_VALUES + 1

    def _go(self, value: int) -> None:
        if not self._moving:
            last = self._model.total - self._inner.pageStep()
            self.show_top(last if value == self.maximum() else value * self._unit)

    def _step(self, action: int) -> None:
        if action in _STEPS:
            # A step is one of the table's, which is less than one of this bar's where there are very many.
            self.setSliderPosition(self.value())
            self._inner.triggerAction(QAbstractSlider.SliderAction(action))

    def _keep_place(self, moved: int) -> None:
        """The rows begin `moved` positions later: what was selected and in sight stays so while it is there."""
        table, model = self._table, self._model
        selection = table.selectionModel()
        last, column = model.rowCount() - 1, model.columnCount() - 1
        current = selection.currentIndex()
        kept = QItemSelection()
        parts = selection.selection()
        for part in map(parts.at, range(parts.count())):
            top, bottom = max(part.top() - moved, 0), min(part.bottom() - moved, last)
            if top <= bottom:
                kept.select(model.index(top, 0), model.index(bottom, column))
        row = current.row() - moved
        self._moving = True
        selection.blockSignals(True)
        if current.isValid() and 0 <= row <= last:
            index = model.index(row, current.column())
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        else:
            selection.clearCurrentIndex()
        selection.select(kept, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        selection.blockSignals(False)
        # Positions pass 32 bits, the rows there are now do not.
        self._inner.setValue(max(0, min(self._inner.value() - moved, last)))
        table.viewport().update()
        self._moving = False
