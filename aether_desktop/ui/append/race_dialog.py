"""*Race it*: writers race for the versions of an actor, and a table says what each of them was told."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.append.race import MOST_VERSIONS, MOST_WRITERS, Race, Round
from aether_desktop.models.append.race_table import FIRST_WRITER, RaceTable, standings, summary
from aether_desktop.ui.append.append_place import caption, fixed_field
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.theme_qss import restyle
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

_SIZE: Final = (760, 520)
_WIDTHS: Final = (76, 90, 76, 130)
_WRITER_WIDTH: Final = 136
#: Rounds are shown together so often, in milliseconds.
_EVERY: Final = 100


class RaceDialog(QDialog):
    """Asks how many writers race for what, shows the race, and can end it."""

    started = Signal(str, int, int)
    """Begin: actor, writers, versions."""
    stream_asked = Signal(str)
    """Show the stream of this actor."""

    def __init__(self, race: Race, namespace: str, actor_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("raceDialog")
        self.setWindowTitle("Race it")
        self.setAccessibleName(self.windowTitle())
        self._race = race
        self._waiting: list[Round] = []
        self.namespace = fixed_field("raceNamespace", "Namespace", namespace)
        self.actor = QLineEdit(actor_id)
        self.actor.setObjectName("raceActor")
        self.actor.setAccessibleName("Actor")
        self.writers = Int64SpinBox(2, MOST_WRITERS, 2)
        self.writers.setObjectName("raceWriters")
        self.writers.setAccessibleName("Writers")
        self.versions = Int64SpinBox(1, MOST_VERSIONS, 10)
        self.versions.setObjectName("raceVersions")
        self.versions.setAccessibleName("Versions to race for")
        self.model = RaceTable(self)
        self.table = QTableView()
        self.table.setObjectName("raceTable")
        self.table.setAccessibleName("The race: what each writer was told of each version")
        setup_table(self.table, (), "compact")
        self.table.setModel(self.model)
        self.failure = Banner(BannerKind.GAP, closable=False)
        self.failure.setObjectName("raceFailure")
        self.failure.hide()
        self.summary = ToneLabel("", "text", semibold=True)
        self.summary.setObjectName("raceSummary")
        self.standings = ToneLabel("", "text2")
        self.standings.setObjectName("raceStandings")
        self.stream_button = QPushButton("Open its stream")
        self.stream_button.setObjectName("raceOpenStream")
        self.close_button = QPushButton("Close")
        self.close_button.setObjectName("raceClose")
        self.start_button = QPushButton("Start")
        self.start_button.setObjectName("raceStart")
        self._lay_out()
        self._showing = QTimer(self, interval=_EVERY)
        self._showing.timeout.connect(self._show_rounds)
        self.start_button.clicked.connect(self._start_or_cancel)
        self.close_button.clicked.connect(self.reject)
        self.stream_button.clicked.connect(lambda: self.stream_asked.emit(self.actor.text()))
        self.actor.textChanged.connect(lambda _text: self._show_state())
        race.round_ended.connect(self._waiting.append)
        race.checked.connect(self._show_checked)
        race.ended.connect(self._ended)
        self._show_state()
        self.resize(*_SIZE)
        self.start_button.setFocus()

    def reject(self) -> None:
        """End the race, and close."""
        self._race.cancel(at_once=True)
        super().reject()

    def _start_or_cancel(self) -> None:
        if self._race.running:
            self._race.cancel()
            return
        self.failure.hide()
        self.summary.set_text("")
        self.standings.set_text("")
        self._waiting.clear()
        self.model.begin(self.writers.value())
        for column in range(self.model.columnCount()):
            self.table.setColumnWidth(column, _WIDTHS[column] if column < FIRST_WRITER else _WRITER_WIDTH)
        self._showing.start()
        self.started.emit(self.actor.text(), self.writers.value(), self.versions.value())
        self._show_state()

    def _show_rounds(self) -> None:
        rounds, self._waiting[:] = list(self._waiting), []
        self.model.add(rounds)
        if rounds:
            self.table.scrollToBottom()

    def _show_checked(self, rounds: tuple[Round, ...]) -> None:
        self._show_rounds()
        self.model.replace(rounds)

    def _ended(self, reason: str) -> None:
        self._showing.stop()
        self._show_rounds()
        rounds = self._race.rounds
        if reason:
            self.failure.set_message(BannerKind.GAP, "The race did not go its whole way.", reason)
            self.failure.show()
        if rounds or not reason:
            self.summary.set_text(summary(rounds))
            self.standings.set_text(standings(rounds))
        self._show_state()

    def _show_state(self) -> None:
        running = self._race.running
        for field in (self.actor, self.writers, self.versions):
            field.setReadOnly(running)
        self.start_button.setText("Cancel" if running else "Start")
        self.start_button.setAccessibleName(self.start_button.text())
        self.start_button.setIcon(icon("stop" if running else "play", "onAccent"))
        self.start_button.setEnabled(running or bool(self.actor.text()))
        self.stream_button.setEnabled(not running and bool(self._race.rounds))
        restyle(self.start_button)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.addWidget(caption("Namespace", self.namespace), 0, 0)
        grid.addWidget(self.namespace, 0, 1)
        grid.addWidget(caption("Actor", self.actor), 0, 2)
        grid.addWidget(self.actor, 0, 3)
        counts = QHBoxLayout()
        counts.setSpacing(8)
        counts.addWidget(self.writers)
        counts.addSpacing(8)
        counts.addWidget(caption("Versions", self.versions))
        counts.addWidget(self.versions)
        counts.addStretch(1)
        grid.addWidget(caption("Writers", self.writers), 1, 0)
        grid.addLayout(counts, 1, 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        head = QVBoxLayout()
        head.setContentsMargins(16, 12, 16, 12)
        head.setSpacing(8)
        head.addWidget(
            plain_label(
                "In each round all writers try to store an event of their own at the same version. One can win, "
                "the others are told of a conflict. One event a version is stored, and stays."
            )
        )
        head.addLayout(grid)
        result = Surface("window", top="line")
        lines = QVBoxLayout(result)
        lines.setContentsMargins(16, 8, 16, 0)
        lines.setSpacing(2)
        self.summary.setWordWrap(True)
        self.standings.setWordWrap(True)
        lines.addWidget(self.summary)
        lines.addWidget(self.standings)
        footer = Surface("window")
        row = QHBoxLayout(footer)
        row.setContentsMargins(16, 8, 16, 12)
        row.setSpacing(8)
        row.addWidget(self.stream_button)
        row.addStretch(1)
        row.addWidget(self.close_button)
        row.addWidget(self.start_button)
        for button in (self.stream_button, self.close_button, self.start_button):
            button.setAutoDefault(False)
            button.setAccessibleName(button.text())
        self.start_button.setProperty("primary", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.failure)
        column.addWidget(self.table, 1)
        column.addWidget(result)
        column.addWidget(footer)
