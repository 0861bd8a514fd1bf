"""A spin box for versions and sequences: Qt's own ends at 2^31 - 1, they end at 2^63 - 1."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QSizePolicy, QStyle, QStyleOptionSpinBox, QWidget

INT64_MAX: Final = 2**63 - 1
_TEXT_MARGIN: Final = 5
_AROUND: Final = 44  # pixels for border, text margins, cursor and arrows; the style counts its paddings twice


class Int64SpinBox(QAbstractSpinBox):
    """Shows and takes whole numbers of 64 bits as plain digits; separators that are pasted along are dropped.

    While something is typed that is no number within the limits, `value` stays the last good one.
    """

    valueChanged = Signal(object)
    """The new value (int)."""

    def __init__(
        self, minimum: int = 1, maximum: int = INT64_MAX, value: int | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._minimum = minimum
        self._maximum = maximum
        self._value = minimum if value is None else max(minimum, min(value, maximum))
        self.setAccelerated(True)
        self.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToPreviousValue)
        # The style leaves a styled spin box's text no room at the left.
        self.lineEdit().setTextMargins(_TEXT_MARGIN, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.lineEdit().setText(str(self._value))
        self.lineEdit().textEdited.connect(self._typed)
        self.editingFinished.connect(self._show)

    def value(self) -> int:
        """The number."""
        return self._value

    def minimum(self) -> int:
        """The lowest number that can be typed."""
        return self._minimum

    def maximum(self) -> int:
        """The highest number that can be typed."""
        return self._maximum

    def setRange(self, minimum: int, maximum: int) -> None:
        """Change the limits; the value moves to the nearer one if it lies outside."""
        self._minimum, self._maximum = minimum, max(minimum, maximum)
        self.setValue(self._value)
        # The arrows may have to look otherwise.
        self.update()

    def setValue(self, value: int) -> None:
        """Change the number, within the limits."""
        bounded = max(self._minimum, min(value, self._maximum))
        changed = bounded != self._value
        self._value = bounded
        self._show()
        if changed:
            self.valueChanged.emit(bounded)

    def stepBy(self, steps: int) -> None:
        """Go `steps` up or down."""
        self.setValue(self._value + steps)
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Which arrows lead anywhere."""
        enabled = QAbstractSpinBox.StepEnabledFlag.StepNone
        if self.isReadOnly():
            return enabled
        if self._value < self._maximum:
            enabled |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self._value > self._minimum:
            enabled |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return enabled

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Digits within the limits are good, what may become such is let pass, anything else is not typed."""
        digits = _digits(text)
        if digits in ("", "-"):
            allowed = digits == "" or self._minimum < 0
            return QValidator.State.Intermediate if allowed else QValidator.State.Invalid, text, position
        number = _number(digits)
        if number is None or number > self._maximum or (number < 0 and number < self._minimum):
            return QValidator.State.Invalid, text, position
        if number < self._minimum:
            return QValidator.State.Intermediate, text, position
        return QValidator.State.Acceptable, digits, position - (len(text) - len(digits))

    def fixup(self, text: str) -> str:
        """Return the text of the last good number."""
        return str(self._value)

    def sizeHint(self) -> QSize:
        """Room for the number, and for one of four digits at least."""
        self.ensurePolished()
        digits = max(4, len(self.lineEdit().text()))
        width = self.fontMetrics().horizontalAdvance("0" * digits)
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        content = QSize(width, self.lineEdit().sizeHint().height())
        height = self.style().sizeFromContents(QStyle.ContentsType.CT_SpinBox, option, content, self).height()
        return QSize(width + _AROUND, height)

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`: less than that is of no use."""
        return self.sizeHint()

    def _typed(self, text: str) -> None:
        number = _number(_digits(text))
        if number is not None and self._minimum <= number <= self._maximum and number != self._value:
            self._value = number
            self.updateGeometry()
            self.valueChanged.emit(number)

    def _show(self) -> None:
        text = str(self._value)
        if self.lineEdit().text() != text:
            self.lineEdit().setText(text)
        self.updateGeometry()


_SEPARATORS: Final = str.maketrans("", "", " ,._'’\u00a0\u2009\u202f")


def _digits(text: str) -> str:
    return text.translate(_SEPARATORS)


def _number(digits: str) -> int | None:
    body = digits.removeprefix("-")
    # A number of 64 bits has at most 19 digits; Python would also take digits of other scripts.
    return int(digits) if body.isascii() and body.isdigit() and len(body) <= 19 else None
