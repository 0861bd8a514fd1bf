"""The plot of a tail's rate with its title and figures, below the table."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.numbers import number_text
from aether_desktop.ui.tail.rate_plot import RatePlot
from aether_desktop.ui.widgets.flow_layout import FlowLayout, group
from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier, ui_font


class RatePane(QWidget):
    """The plot with its title and figures."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.title = QLabel("Rate", self)
        self.about = QLabel("events per second, last 2 minutes, UTC", self)
        self.plot = RatePlot(self)
        self.plot.setObjectName("tailRate")
        self._figures = [(QLabel(name, self), QLabel("", self)) for name in ("Now", "Sum", "Peak")]
        self.close_button = icon_button("close", "Hide the rate", self)
        self.close_button.clicked.connect(self.closed)
        header = FlowLayout(spacing=12)
        header.setContentsMargins(12, 2, 8, 0)
        header.addWidget(self.title)
        header.addWidget(self.about)
        for name, value in self._figures:
            header.addWidget(group(self, name, value, spacing=6))
        header.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(_line(self))
        column.addLayout(header)
        column.addWidget(self.plot)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def show_rate(self, controller: TailController) -> None:
        """Show the last two minutes of a tail."""
        figures = controller.rate.figures()
        values = (
            number_text(figures.now),
            f"{number_text(figures.total)} in {figures.seconds} s",
            number_text(figures.peak),
        )
        for (_, label), value in zip(self._figures, values, strict=True):
            label.setText(value)
        words = ", ".join(f"{name.text()} {value}" for (name, _), value in zip(self._figures, values, strict=True))
        self.plot.set_samples(controller.rate.samples(), words)

    def _reload(self) -> None:
        self.title.setFont(ui_font(semibold=True))
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().text2)
        for label in (self.about, *(name for name, _ in self._figures)):
            label.setPalette(palette)
        for _, value in self._figures:
            value.setFont(ui_font(semibold=True))


def _line(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setFixedHeight(1)
    line.setAutoFillBackground(True)
    line.setBackgroundRole(QPalette.ColorRole.Mid)
    return line
