"""The banner: one line in the pane it concerns that says what happened and what can be done.

It stays until the matter is solved or the user closes it. All of its texts are plain text; a line that does not
fit continues on a second one instead of being cut off.
"""

from collections.abc import Callable
from enum import StrEnum

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from aether_desktop.ui.widgets.links import IconLabel, LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import Meaning, Theme, current_theme, grown, theme_notifier, ui_font

_BAR = 3
_HEIGHT = 36


class BannerKind(StrEnum):
    """What a banner is about; it decides icon and colours."""

    CORRUPTED = "corrupted"
    DISCONNECTED = "disconnected"
    CONFLICT = "conflict"
    GAP = "gap"
    INFO = "info"


_ICONS = {
    BannerKind.CORRUPTED: ("corrupted", "corrupted"),
    BannerKind.DISCONNECTED: ("no-link", "gap"),
    BannerKind.CONFLICT: ("conflict", "conflict"),
    BannerKind.GAP: ("gap", "gap"),
    BannerKind.INFO: ("info", "accent"),
}


def _meaning(theme: Theme, kind: BannerKind) -> Meaning:
    match kind:
        case BannerKind.CORRUPTED:
            return theme.corrupted
        case BannerKind.CONFLICT:
            return theme.conflict
        case BannerKind.INFO:
            return theme.changed
        case _:
            return theme.gap


class FactText(QWidget):
    """A bold fact and a plain explanation in one running paragraph, wrapped when there is too little room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fact = ""
        self._text = ""
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        policy.setHorizontalStretch(1)
        self.setSizePolicy(policy)

    def set_text(self, fact: str, text: str) -> None:
        """Show `fact` in bold and `text` after it, both as plain text."""
        self._fact = visible(fact)
        self._text = visible(text)
        self.setAccessibleName(f"{self._fact} {self._text}".strip())
        self.updateGeometry()
        self.update()

    @property
    def fact(self) -> str:
        """The bold part, as shown."""
        return self._fact

    def plain_text(self) -> str:
        """Return what is shown."""
        return self.accessibleName()

    def _layout(self, width: int, color: QColor | None = None) -> tuple[QTextLayout, int]:
        gap = "   " if self._fact and self._text else ""
        layout = QTextLayout(self._fact + gap + self._text, ui_font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        bold = QTextLayout.FormatRange()
        bold.start, bold.length = 0, len(self._fact.encode("utf-16-le", "surrogatepass")) // 2
        bold_format = QTextCharFormat()
        bold_format.setFontWeight(QFont.Weight.DemiBold)
        if color is not None:
            bold_format.setForeground(color)
        bold.format = bold_format
        layout.setFormats([bold])
        layout.beginLayout()
        height = 0.0
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(max(width, 20))
            line.setPosition(QPointF(0, height))
            height += line.height()
        layout.endLayout()
        return layout, int(height + 0.999)

    def hasHeightForWidth(self) -> bool:
        """Say that a narrower banner is a higher one."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of the wrapped text."""
        return self._layout(width)[1]

    def sizeHint(self) -> QSize:
        """Return the size of the text in one line."""
        layout, height = self._layout(100_000)
        return QSize(int(layout.maximumWidth()) + 1, height)

    def minimumSizeHint(self) -> QSize:
        """Return room for a few words."""
        return QSize(80, self._layout(100_000)[1])

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text, centred vertically."""
        theme = current_theme()
        painter = QPainter(self)
        layout, height = self._layout(self.width(), theme.text)
        painter.setPen(theme.text2)
        origin = self.rect().topLeft()
        origin.setY(max(0, (self.height() - height) // 2))
        layout.draw(painter, origin.toPointF())
        painter.end()


class Banner(QWidget):
    """A bar at the left, an icon, a bold fact, an explanation, actions at the right and a way to close it."""

    closed = Signal()
    """The user has closed the banner; it has hidden itself."""

    def __init__(
        self,
        kind: BannerKind | str = BannerKind.INFO,
        fact: str = "",
        text: str = "",
        parent: QWidget | None = None,
        *,
        closable: bool = True,
    ) -> None:
        super().__init__(parent)
        self._kind = BannerKind(kind)
        self._buttons: list[QPushButton] = []
        self._icon = IconLabel(*_ICONS[self._kind], parent=self)
        self._words = FactText(self)
        self._actions = QHBoxLayout()
        self._actions.setSpacing(8)
        self._close = icon_button("close", "Close this message", self)
        self._close.setVisible(closable)
        self._close.clicked.connect(self._dismiss)
        row = QHBoxLayout(self)
        row.setContentsMargins(_BAR + 9, 4, 8, 4)
        row.setSpacing(8)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(8)
        self._middle.addWidget(self._words, 1)
        self._middle.addLayout(self._actions)
        row.addWidget(self._icon)
        row.addLayout(self._middle, 1)
        row.addWidget(self._close)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_message(kind, fact, text)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    @property
    def kind(self) -> BannerKind:
        """What the banner is about."""
        return self._kind

    def set_message(self, kind: BannerKind | str, fact: str, text: str = "") -> None:
        """Say something else; actions stay."""
        self._kind = BannerKind(kind)
        self._icon.set_icon(*_ICONS[self._kind])
        self._words.set_text(fact, text)
        self.setAccessibleName(self._words.plain_text())
        self._arrange()
        self.update()

    @property
    def fact(self) -> str:
        """What happened, as shown."""
        return self._words.fact

    def plain_text(self) -> str:
        """Return what the banner says."""
        return self._words.plain_text()

    def height_within(self, width: int) -> int:
        """The height it takes at a width, also before it was laid out there."""
        row = self.layout()
        return max(grown(_HEIGHT), row.totalHeightForWidth(width) if row is not None else 0)

    def _arrange(self) -> None:
        """Put the actions below the words where they would leave them less than half of a line."""
        actions = self._actions.sizeHint().width()
        direction, room = QBoxLayout.Direction, self.width() - 64
        words = self._words.sizeHint().width()
        below = bool(self._buttons) and actions > room / 2 and words + actions > room
        self._middle.setDirection(direction.TopToBottom if below else direction.LeftToRight)
        self._middle.setSpacing(0 if below else 8)
        self._middle.setAlignment(self._actions, Qt.AlignmentFlag.AlignLeft if below else Qt.AlignmentFlag(0))
        self.setMinimumHeight(self.height_within(self.width()))

    def add_action(self, text: str, run: Callable[[], object], *, as_button: bool = False) -> QPushButton:
        """Add a link (or a framed button) at the right that calls `run`; the first one stands furthest left."""
        shown = visible(text)
        button: QPushButton = QPushButton(shown.replace("&", "&&"), self) if as_button else LinkButton(text, self)
        button.setAutoDefault(False)
        button.setAccessibleName(shown)
        button.clicked.connect(lambda _checked=False: run())
        self._actions.addWidget(button)
        self._buttons.append(button)
        self._arrange()
        return button

    def clear_actions(self) -> None:
        """Remove all actions."""
        for button in self._buttons:
            self._actions.removeWidget(button)
            button.deleteLater()
        self._buttons.clear()
        self._arrange()

    def _dismiss(self) -> None:
        self.hide()
        self.closed.emit()

    def _reload(self) -> None:
        self.setMinimumHeight(grown(_HEIGHT))
        self._words.updateGeometry()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Grow by the lines that the text needs at this width."""
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw tint, bar and the line below."""
        theme = current_theme()
        meaning = _meaning(theme, self._kind)
        painter = QPainter(self)
        painter.fillRect(self.rect(), meaning.tint)
        painter.fillRect(0, 0, _BAR, self.height(), meaning.text)
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.line)
        painter.end()
