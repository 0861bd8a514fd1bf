"""The title bar of a dock: its name, a detail beside it, its own buttons, detach and close."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QSizePolicy, QWidget

from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.safe_text import LABEL_LIMIT, plain_tooltip, short, visible
from aether_desktop.ui.widgets.theme import current_theme, grown, theme_notifier, ui_font

_HEIGHT = 32


class ElidedLabel(QWidget):
    """A line of plain text that is shortened when it must be and then has the whole text as its tooltip."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        role: str = "text2",
        elide: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
    ) -> None:
        super().__init__(parent)
        self._elide = elide
        self._text = self._shown = ""
        self._role = role
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_text(text)
        theme_notifier().changed.connect(self._reload)

    def text(self) -> str:
        """Return the whole text."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._text = text
        self._shown = visible(short(text, LABEL_LIMIT))
        self.setAccessibleName(self._shown)
        self._reload()

    def _reload(self) -> None:
        self.setFont(ui_font())
        self._update_tooltip()
        self.updateGeometry()
        self.update()

    def _update_tooltip(self) -> None:
        fits = self.fontMetrics().horizontalAdvance(self._shown) <= self.width()
        self.setToolTip("" if fits else plain_tooltip(self._text))

    def sizeHint(self) -> QSize:
        """Return room for the whole text."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._shown) + 1, metrics.height())

    def minimumSizeHint(self) -> QSize:
        """Need nothing: the text gives way first."""
        return QSize(0, self.fontMetrics().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Have a tooltip only while something is missing."""
        super().resizeEvent(event)
        self._update_tooltip()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the text."""
        painter = QPainter(self)
        painter.setPen(current_theme().color(self._role))
        shown = self.fontMetrics().elidedText(self._shown, self._elide, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
        painter.end()


class DockTitle(QWidget):
    """The widget for `QDockWidget.setTitleBarWidget`; the dock is still moved by it, as by Qt's own."""

    def __init__(self, dock: QDockWidget, title: str = "", detail: str = "") -> None:
        super().__init__(dock)
        self._dock = dock
        self._title = QLabel(self)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._detail = ElidedLabel(detail, self)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 0, 6, 0)
        self._row.setSpacing(2)
        self._row.addWidget(self._title)
        self._row.addSpacing(6)
        self._row.addWidget(self._detail, 1)
        self._own = QHBoxLayout()
        self._own.setSpacing(2)
        self._row.addLayout(self._own)
        self._detach = icon_button("detach", "Detach or dock", self)
        self._detach.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        self._close = icon_button("close", "Close", self)
        self._close.clicked.connect(dock.close)
        self._row.addWidget(self._detach)
        self._row.addWidget(self._close)
        self.set_title(title or dock.windowTitle())
        self._features_changed()
        dock.featuresChanged.connect(self._features_changed)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def set_title(self, title: str) -> None:
        """Change the bold name."""
        shown = visible(title)
        self._title.setText(shown)
        self.setAccessibleName(shown)
        for button, verb in ((self._detach, "Detach or dock"), (self._close, "Close")):
            button.setToolTip(plain_tooltip(f"{verb} {shown}"))
            button.setAccessibleName(f"{verb} {shown}")

    def set_detail(self, detail: str) -> None:
        """Change the text beside the name, for example which event is shown."""
        self._detail.set_text(detail)

    def detail(self) -> str:
        """Return the text beside the name."""
        return self._detail.text()

    def add_widget(self, widget: QWidget) -> None:
        """Put a button or label of the dock's own before detach and close."""
        self._own.addWidget(widget)

    def _features_changed(self) -> None:
        features = self._dock.features()
        self._detach.setVisible(bool(features & QDockWidget.DockWidgetFeature.DockWidgetFloatable))
        self._close.setVisible(bool(features & QDockWidget.DockWidgetFeature.DockWidgetClosable))

    def _reload(self) -> None:
        self._title.setFont(ui_font(semibold=True))
        palette = self._title.palette()
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().text)
        self._title.setPalette(palette)
        self.setFixedHeight(grown(_HEIGHT))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height of a title bar; the width is the dock's."""
        return QSize(120, grown(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        """Return room for the buttons."""
        return QSize(120, grown(_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), current_theme().window)
        painter.end()
