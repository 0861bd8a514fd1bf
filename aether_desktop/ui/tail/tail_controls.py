"""What a tail is to follow: pattern, beginning, source and size, with the buttons that start and pause it."""

from __future__ import annotations

from PySide6.QtCore import QRegularExpression, Qt, Signal
from PySide6.QtGui import QPalette, QRegularExpressionValidator
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.filter.time_terms import moment_of
from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import NOW, TailSource, TailStart
from aether_desktop.models.tail.tail_table import DEFAULT_CAPACITY
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.flow_layout import FlowLayout, group
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.row_count_combo import RowCountCombo
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier, ui_font
from aether_desktop.ui.widgets.theme_qss import restyle
from aether_engine.patterns import is_wildcard_pattern

_LAST = (100, 500, 5_000)
_KEEP = (1_000, DEFAULT_CAPACITY, 50_000, 100_000)
#: Fewest and most rows that can be kept; a row takes about a kilobyte.
_KEEP_LIMITS = (100, 1_000_000)
_SEQUENCE = "sequence"
_SINCE = "since"

_PATTERN_HELP = (
    "Namespace or pattern to follow. * stands for one token, a last > for one or more, "
    "a lone * for every namespace."
)
_ALERTS = (
    "Have the desktop call when an event passes the filter: its type and actor, at most every 10 seconds. "
    "Off at first."
)
_NO_ALERTS = "Have the desktop call at certain events: filter the tail first, by what is to be called at (Ctrl+F)."
_CROSSES = "This pattern crosses namespaces on purpose: events of every matching namespace are shown together."


class TailControls(QWidget):
    """The row above a tail. Says what the user asks for; `show_state` tells it what became of it."""

    start_requested = Signal(str, object, object)
    """Pattern, `TailSource` and `TailStart`; the pattern is valid."""
    stop_requested = Signal()
    pause_requested = Signal()
    """Pause, or go on."""
    keep_changed = Signal(int)
    alerts_requested = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = TailState.STOPPED
        self.setProperty("band", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.pattern = QLineEdit("*", self)
        self.pattern.setObjectName("tailPattern")
        self.pattern.setAccessibleName("Pattern")
        self.pattern.setMinimumWidth(96)
        self.pattern.setMaximumWidth(240)
        self.pattern.textChanged.connect(self._check)
        self.pattern.returnPressed.connect(self.request_start)
        self.beginning = _combo("From", "Where the tail begins (Alt+R)", self)
        self.beginning.setObjectName("tailFrom")
        self.beginning.addItem("Now", NOW)
        for count in _LAST:
            self.beginning.addItem(f"Last {number_text(count)}", TailStart(last=count))
        self.beginning.addItem("Since…", _SINCE)
        self.beginning.addItem("Sequence…", _SEQUENCE)
        self.since = QLineEdit("15m", self)
        self.since.setObjectName("tailSince")
        self.since.setAccessibleName("Since")
        self.since.setToolTip(
            "What was recorded since then is shown first: 15m, 2d, 2026-01-31 or 2026-01-31 12:00, in UTC"
        )
        self.since.setMaximumWidth(160)
        self.since.textChanged.connect(self._check)
        self.since.returnPressed.connect(self.request_start)
        self.since.hide()
        self.sequence = QLineEdit(self)
        self.sequence.setObjectName("tailSequence")
        self.sequence.setAccessibleName("From sequence")
        self.sequence.setToolTip("First sequence to show, in every matching namespace")
        self.sequence.setPlaceholderText("1")
        self.sequence.setMaximumWidth(96)
        self.sequence.setValidator(QRegularExpressionValidator(QRegularExpression("[1-9][0-9]{0,18}"), self))
        self.sequence.returnPressed.connect(self.request_start)
        self.sequence.hide()
        self.beginning.currentIndexChanged.connect(self._show_fields)
        self.source = _combo("Source", "", self)
        self.source.setObjectName("tailSource")
        self.source.addItem("Log, nothing missed", TailSource.LOG)
        self.source.addItem("Bus, may lose events", TailSource.BUS)
        self.source.setToolTip(
            "Log: the durable log, no event missing and none twice, also across reconnects.\n"
            "Bus: what is announced while it is stored; what is lost on the way is counted. (Alt+O)"
        )
        self.keep = RowCountCombo(_KEEP, DEFAULT_CAPACITY, _KEEP_LIMITS, self)
        self.keep.setObjectName("tailKeep")
        self.keep.setAccessibleName("Keep")
        self.keep.setToolTip(
            "Rows that are kept, chosen or typed; older ones leave the buffer and are counted (Alt+K)"
        )
        self.keep.value_changed.connect(self.keep_changed)
        self.alerts = icon_button("bell", _ALERTS, self)
        self.alerts.setObjectName("tailNotify")
        self.alerts.setCheckable(True)
        self.alerts.clicked.connect(lambda on: self.alerts_requested.emit(on))
        self.start_button = QPushButton(self)
        self.start_button.setObjectName("tailStart")
        self.start_button.setAutoDefault(False)
        self.start_button.clicked.connect(self.start_or_stop)
        self.pause_button = QPushButton(self)
        self.pause_button.setObjectName("tailPause")
        self.pause_button.setAutoDefault(False)
        self.pause_button.clicked.connect(self.pause_requested)
        self.reason = QLabel(self)
        self.reason.setTextFormat(Qt.TextFormat.PlainText)
        self.reason.setWordWrap(True)
        self.reason.setObjectName("tailPatternReason")
        self.reason.hide()
        self._lay_out()
        self._reload()
        theme_notifier().changed.connect(self._reload)
        self._check()
        self.show_state(TailState.STOPPED)

    def _lay_out(self) -> None:
        row = FlowLayout(spacing=12)
        for caption, field in (
            ("&Pattern", (self.pattern,)),
            ("F&rom", (self.beginning, self.since, self.sequence)),
            ("S&ource", (self.source,)),
            ("&Keep", (self.keep,)),
        ):
            label = QLabel(caption, self)
            label.setBuddy(field[0])
            row.addWidget(group(self, label, *field))
        row.addWidget(group(self, self.alerts, self.start_button, self.pause_button))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 12, 6)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.reason)

    # -- what is asked for -----------------------------------------------------------------------------------

    def chosen_source(self) -> TailSource:
        """The source that is chosen."""
        return TailSource(self.source.currentData())

    def chosen_start(self) -> TailStart:
        """The beginning that is chosen. Raises `ValueError` for what is no time."""
        chosen = self.beginning.currentData()
        if isinstance(chosen, TailStart):
            return chosen
        if chosen == _SINCE:
            return TailStart(since=moment_of(self.since.text()))
        # A combo box may hand back a copy of what it was given, but a text stays a text.
        return TailStart(from_sequence=int(self.sequence.text() or 1))

    def set_request(self, pattern: str, source: TailSource, start: TailStart) -> None:
        """Fill the fields."""
        self.pattern.setText(pattern)
        self.source.setCurrentIndex(list(TailSource).index(source))
        if start.from_sequence is not None:
            self.sequence.setText(str(start.from_sequence))
            self.beginning.setCurrentIndex(self.beginning.findData(_SEQUENCE))
            return
        if start.since is not None:
            self.since.setText(start.since.isoformat())
            self.beginning.setCurrentIndex(self.beginning.findData(_SINCE))
            return
        for index in range(self.beginning.count()):
            if self.beginning.itemData(index) == start:
                self.beginning.setCurrentIndex(index)
                return
        self.beginning.insertItem(1, f"Last {number_text(start.last)}", start)
        self.beginning.setCurrentIndex(1)

    def request_start(self) -> None:
        """Ask for a tail as the fields say; a pattern that can match nothing keeps the focus."""
        if TailController.check_pattern(self.pattern.text()) is not None:
            self.pattern.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        try:
            start = self.chosen_start()
        except ValueError:
            self.since.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.start_requested.emit(self.pattern.text(), self.chosen_source(), start)

    def start_or_stop(self) -> None:
        """Stop what runs, or ask for a tail."""
        if self._state in (TailState.LIVE, TailState.PAUSED):
            self.stop_requested.emit()
        else:
            self.request_start()

    # -- what is shown ---------------------------------------------------------------------------------------

    def show_state(self, state: TailState) -> None:
        """Offer what can be done in `state`."""
        self._state = state
        running, paused = state in (TailState.LIVE, TailState.PAUSED), state is TailState.PAUSED
        if running:
            tip = "Stop the tail; what has arrived stays. Enter in a field starts it anew."
            _dress(self.start_button, "Stop", "stop", tip, primary=False)
        else:
            _dress(self.start_button, "Start", "play", "Start the tail (Enter in the pattern)", primary=True)
        if paused:
            _dress(self.pause_button, "Resume", "play", "Show what has arrived and go on (Space)", primary=True)
        else:
            tip = "Freeze the view; events keep being counted (Space)"
            _dress(self.pause_button, "Pause", "pause", tip, primary=False)
        self.pause_button.setEnabled(running)
        self._check()

    def _check(self) -> None:
        text = self.pattern.text()
        error: Exception | None = TailController.check_pattern(text)
        _mark(self.pattern, invalid=error is not None)
        wrong = self._wrong_time()
        _mark(self.since, invalid=wrong is not None)
        said = error or wrong
        self.reason.setVisible(said is not None)
        self.reason.setText(visible(str(said)) if said is not None else "")
        hint = _PATTERN_HELP
        if error is not None:
            hint = str(error)
        elif is_wildcard_pattern(text):
            hint = f"{_CROSSES}\n{_PATTERN_HELP}"
        self.pattern.setToolTip(plain_tooltip(f"{hint} (Alt+P)"))
        self.pattern.setAccessibleDescription(visible(hint))
        self.start_button.setEnabled(said is None or self._state in (TailState.LIVE, TailState.PAUSED))

    def _wrong_time(self) -> ValueError | None:
        if self.beginning.currentData() != _SINCE:
            return None
        try:
            moment_of(self.since.text())
        except ValueError as error:
            return error
        return None

    def _show_fields(self) -> None:
        self.sequence.setVisible(self.beginning.currentData() == _SEQUENCE)
        self.since.setVisible(self.beginning.currentData() == _SINCE)
        self._check()

    def show_alerts(self, *, on: bool, possible: bool) -> None:
        """Show whether the desktop is told of events that pass the filter; without a filter it cannot be."""
        self.alerts.setChecked(on)
        self.alerts.setEnabled(possible)
        self.alerts.setToolTip(plain_tooltip(_ALERTS if possible else _NO_ALERTS))

    def _reload(self) -> None:
        self.pattern.setFont(fixed_font())
        self.reason.setFont(ui_font(-1))
        palette = self.reason.palette()
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().corrupted.text)
        self.reason.setPalette(palette)


def _combo(name: str, hint: str, parent: QWidget) -> QComboBox:
    box = QComboBox(parent)
    box.setAccessibleName(name)
    box.setToolTip(hint)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    # A narrow window shortens the texts; it must not be pushed wider by them.
    box.setMinimumWidth(64)
    return box


def _dress(button: QPushButton, text: str, icon_name: str, tip: str, *, primary: bool) -> None:
    button.setText(text)
    button.setIcon(icon(icon_name, "onAccent" if primary else "text2"))
    button.setToolTip(tip)
    button.setAccessibleName(text)
    if bool(button.property("primary")) is not primary:
        button.setProperty("primary", primary)
        restyle(button)


def _mark(field: QLineEdit, *, invalid: bool) -> None:
    if bool(field.property("invalid")) is not invalid:
        field.setProperty("invalid", invalid)
        restyle(field)
