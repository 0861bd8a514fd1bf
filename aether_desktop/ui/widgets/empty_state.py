"""What a pane says when it has nothing to show: what, why, and one thing to do."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import LABEL_LIMIT, short, visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier, ui_font


def plain_label(text: str = "", parent: QWidget | None = None) -> QLabel:
    """Return a label that never takes its text for markup, wraps it and lets it be selected."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setText(visible(text, keep_lines=True))
    return label


class EmptyState(QWidget):
    """Left-aligned text on base colour with at most one action; no drawing."""

    activated = Signal()
    """The action was chosen."""

    def __init__(
        self,
        what: str = "",
        why: str = "",
        action: str = "",
        parent: QWidget | None = None,
        *,
        as_button: bool = False,
        run: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._what = plain_label(parent=self)
        self._why = plain_label(parent=self)
        self._button: QPushButton = QPushButton(self) if as_button else LinkButton("", self)
        self._button.setAutoDefault(False)
        self._button.clicked.connect(self.activated)
        if run is not None:
            self.activated.connect(lambda: run())
        column = QVBoxLayout(self)
        # A link has 6 px of its own around the text; its first letter stands under those above.
        inset = 0 if as_button else 6
        column.setContentsMargins(24 - inset, 24, 24, 24)
        self._what.setContentsMargins(inset, 0, 0, 0)
        self._why.setContentsMargins(inset, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._what)
        column.addWidget(self._why)
        actions = QHBoxLayout()
        actions.setContentsMargins(0, 4, 0, 0)
        actions.addWidget(self._button, 0, Qt.AlignmentFlag.AlignLeft)
        actions.addStretch(1)
        column.addLayout(actions)
        column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.set_words(what, why, action)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def set_words(self, what: str, why: str = "", action: str = "") -> None:
        """Say what is not there, why, and name the action; empty parts are not shown."""
        what, why = short(what, LABEL_LIMIT), short(why, 2 * LABEL_LIMIT)
        self._what.setText(visible(what))
        self._why.setText(visible(why, keep_lines=True))
        self._why.setVisible(bool(why))
        shown = visible(action)
        self._button.setText(shown.replace("&", "&&"))
        self._button.setAccessibleName(shown)
        self._button.setVisible(bool(action))
        self.setAccessibleName(" ".join(part for part in (visible(what), visible(why)) if part))

    def _reload(self) -> None:
        self._what.setFont(ui_font(semibold=True))
        palette = self._why.palette()
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().text2)
        self._why.setPalette(palette)
