"""Labels and surfaces in the colours of theme roles, which follow the theme by themselves."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from aether_desktop.ui.widgets.safe_text import LABEL_LIMIT, plain_tooltip, short, visible
from aether_desktop.ui.widgets.theme import Meaning, current_theme, fixed_font, theme_notifier, ui_font


class ToneLabel(QLabel):
    """One line of plain text in a theme colour; with `elide` shortened to its room, whole in the tooltip.

    `is_fixed` gives it the font of payloads and hashes.
    """

    def __init__(
        self,
        text: str = "",
        role: str = "text2",
        *,
        delta: int = 0,
        semibold: bool = False,
        is_fixed: bool = False,
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideNone,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._role = role
        self._delta = delta
        self._semibold = semibold
        self._is_fixed = is_fixed
        self._elide = elide
        self.setTextFormat(Qt.TextFormat.PlainText)
        if elide is not Qt.TextElideMode.ElideNone:
            self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_text(text)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def set_text(self, text: str, role: str = "") -> None:
        """Show `text` as plain text with everything in it visible, perhaps in another colour."""
        shown = visible(short(text, LABEL_LIMIT))
        self.setText(shown)
        self.setAccessibleName(shown)
        if self._elide is not Qt.TextElideMode.ElideNone:
            self.setToolTip(plain_tooltip(text))
        if role and role != self._role:
            self._role = role
            self._reload()

    def set_semibold(self, semibold: bool) -> None:
        """Change the weight."""
        if semibold != self._semibold:
            self._semibold = semibold
            self._reload()

    def set_struck_out(self, struck_out: bool) -> None:
        """Draw a line through the text."""
        font = self.font()
        font.setStrikeOut(struck_out)
        self.setFont(font)

    def minimumSizeHint(self) -> QSize:
        """A few characters where the text may be shortened."""
        hint = super().minimumSizeHint()
        if self._elide is Qt.TextElideMode.ElideNone:
            return hint
        return QSize(min(hint.width(), self.fontMetrics().horizontalAdvance("0" * 8)), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, shortened if need be."""
        if self._elide is Qt.TextElideMode.ElideNone:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        shown = self.fontMetrics().elidedText(self.text(), self._elide, self.width())
        painter.drawText(self.rect(), int(self.alignment()) | int(Qt.TextFlag.TextSingleLine), shown)
        painter.end()

    def _reload(self) -> None:
        struck_out = self.font().strikeOut()
        own = fixed_font(self._delta) if self._is_fixed else ui_font(self._delta, semibold=self._semibold)
        self.setFont(own)
        if struck_out:
            self.set_struck_out(True)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().color(self._role))
        self.setPalette(palette)


class Surface(QWidget):
    """A part of a window filled with a theme role, or a meaning's tint, with lines above and below."""

    def __init__(self, role: str, *, top: str = "", bottom: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = role
        self._top = top
        self._bottom = bottom
        theme_notifier().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill, and draw the lines."""
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), _fill(self._role))
        if self._top:
            painter.fillRect(0, 0, self.width(), 1, theme.color(self._top))
        if self._bottom:
            painter.fillRect(0, self.height() - 1, self.width(), 1, theme.color(self._bottom))
        painter.end()


def _fill(role: str) -> QColor:
    value = getattr(current_theme(), role)
    color = value.tint if isinstance(value, Meaning) else value
    assert isinstance(color, QColor)
    return color
