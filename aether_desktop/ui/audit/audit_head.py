"""What stands above an audit's findings: what is audited, in which scope, how far it is, and what can be done."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aether_desktop.models.audit.audit_run import AuditRun, AuditState
from aether_desktop.numbers import counted, number_text
from aether_desktop.ui.events.filter_bar import time_left
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.flow_layout import FlowLayout
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier
from aether_desktop.ui.widgets.theme_qss import restyle
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_engine.audit import CHECKS, AuditScope
from aether_engine.patterns import is_wildcard_pattern

_EVERYTHING, _NAMESPACE, _ACTOR, _PATTERN = range(4)
_SCOPES: Final = ("Everything", "Namespace", "Actor", "Pattern")
_BAR_HEIGHT: Final = 4


class ProgressLine(QWidget):
    """A thin bar; a share of None leaves it empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self.setFixedHeight(_BAR_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme_notifier().changed.connect(self.update)

    def set_share(self, share: float | None) -> None:
        """Show how much is done, 0 to 1."""
        if share != self._share:
            self._share = share
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is done of the line."""
        theme, painter = current_theme(), QPainter(self)
        painter.fillRect(self.rect(), theme.line)
        if self._share is not None:
            painter.fillRect(
                0, 0, int(self.width() * min(max(self._share, 0.0), 1.0)), self.height(), theme.accent
            )
        painter.end()


class AuditHead(Surface):
    """Follows a run. What is chosen here is asked for by signals; `scope` is what the fields say."""

    run_asked = Signal()
    pause_asked = Signal()
    cancel_asked = Signal()
    settings_asked = Signal()
    compare_asked = Signal()
    columns_asked = Signal()
    bundle_asked = Signal()
    export_asked = Signal()
    copy_requested = Signal(object)

    def __init__(self, run: AuditRun, parent: QWidget | None = None) -> None:
        super().__init__("base", bottom="line", parent=parent)
        self._run = run
        self._problem = ""
        self._has_icons = True
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(6)
        column.addLayout(self._build_title())
        column.addWidget(self._build_fields())
        column.addWidget(self._build_progress())
        run.changed.connect(self.show_run)
        if run.subject.connection is not None:
            run.subject.connection.namespaces_changed.connect(self._offer_namespaces)
        self._offer_namespaces()
        self._scope_chosen()
        self.show_run()

    # -- building

    def _build_title(self) -> QVBoxLayout:
        self._title = ToneLabel(self._run.subject.title, "text", delta=1, semibold=True, parent=self)
        self.facts = ToneLabel("", elide=Qt.TextElideMode.ElideRight, parent=self)
        self.facts.setObjectName("auditFacts")
        first = QHBoxLayout()
        first.setSpacing(12)
        first.addWidget(self._title)
        first.addWidget(self.facts, 1)
        self.hash = ToneLabel("", delta=-1, is_fixed=True, elide=Qt.TextElideMode.ElideMiddle, parent=self)
        self.hash.setObjectName("auditHash")
        self._copy = icon_button("copy", "Copy the SHA-256", self)
        self._copy.clicked.connect(lambda: self.copy_requested.emit(self._digest()))
        self._hash_row = QWidget(self)
        second = QHBoxLayout(self._hash_row)
        second.setContentsMargins(0, 0, 0, 0)
        second.addWidget(self.hash, 1)
        second.addWidget(self._copy)
        self.notes = plain_label(parent=self)
        self.notes.setObjectName("auditNotes")
        self.notes.setProperty("tone", "second")
        title = QVBoxLayout()
        title.setSpacing(2)
        title.addLayout(first)
        title.addWidget(self._hash_row)
        title.addWidget(self.notes)
        return title

    def _build_fields(self) -> QWidget:
        self.scope_combo = QComboBox(self)
        self.scope_combo.setObjectName("auditScope")
        self.scope_combo.setAccessibleName("What is audited")
        self.scope_combo.addItems(_SCOPES)
        self.scope_combo.currentIndexChanged.connect(lambda _index: self._scope_chosen())
        self.namespaces = QComboBox(self)
        self.namespaces.setObjectName("auditNamespaces")
        self.namespaces.setEditable(True)
        self.namespaces.setAccessibleName("Namespace, or a pattern of namespaces")
        self.namespaces.setMinimumWidth(130)
        self.namespaces.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.actors = QLineEdit(self)
        self.actors.setObjectName("auditActors")
        self.actors.setMinimumWidth(110)
        self.run_button = _button("audit", "Run audit", "auditRun", self)
        self.run_button.clicked.connect(self.run_asked)
        self.pause_button = _button("pause", "Pause", "auditPause", self)
        self.pause_button.clicked.connect(self.pause_asked)
        self.cancel_button = _button("stop", "Cancel", "auditCancel", self)
        self.cancel_button.clicked.connect(self.cancel_asked)
        self.settings_button = _button("settings", "Checks", "auditSettings", self)
        self.settings_button.clicked.connect(self.settings_asked)
        self.columns_button = _button("settings", "Columns…", "auditColumns", self)
        self.columns_button.setToolTip(plain_tooltip("Which columns of the CSV file hold what"))
        self.columns_button.clicked.connect(self.columns_asked)
        self.compare_button = _button("compare", "Compare…", "auditCompare", self)
        self.compare_button.setToolTip(plain_tooltip("Compare with an earlier report"))
        self.compare_button.clicked.connect(self.compare_asked)
        self.bundle_button = _button("box", "Bundle…", "auditBundle", self)
        self.bundle_button.setToolTip(plain_tooltip("Write a repro bundle of the chosen findings' events"))
        self.bundle_button.clicked.connect(self.bundle_asked)
        self.export_button = _button("export", "Export report…", "auditExport", self)
        self.export_button.clicked.connect(self.export_asked)
        fields = self._fields = QWidget(self)
        flow = FlowLayout(fields, spacing=8, row_spacing=6)
        for widget in (
            *(self.scope_combo, self.namespaces, self.actors, self.settings_button, self.columns_button),
            self.run_button,
            *(self.pause_button, self.cancel_button, self.compare_button, self.bundle_button, self.export_button),
        ):
            flow.addWidget(widget)
        return fields

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the icons of the lesser buttons out where they would not stand in one line with them."""
        super().resizeEvent(event)
        layout, buttons = self._fields.layout(), self._lesser_buttons()
        room = sum(button.iconSize().width() + 4 for button in buttons if not button.isHidden())
        needed = layout.sizeHint().width() if layout is not None else 0
        needed += room if not self._has_icons else 0
        if (needed <= self._fields.width()) is not self._has_icons:
            self._has_icons = not self._has_icons
            for button, name in buttons.items():
                button.setIcon(icon(name) if self._has_icons else QIcon())

    def _lesser_buttons(self) -> dict[QPushButton, str]:
        return {
            self.settings_button: "settings",
            self.columns_button: "settings",
            self.run_button: "audit",
            self.compare_button: "compare",
            self.bundle_button: "box",
        }

    def _build_progress(self) -> QWidget:
        self.progress = ToneLabel("", elide=Qt.TextElideMode.ElideRight, parent=self)
        self.progress.setObjectName("auditProgress")
        self._bar = ProgressLine(self)
        self._progress_row = QWidget(self)
        column = QVBoxLayout(self._progress_row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.progress)
        column.addWidget(self._bar)
        return self._progress_row

    # -- scope

    def _offer_namespaces(self) -> None:
        connection = self._run.subject.connection
        target = self._run.target
        names = [info.name for info in connection.namespaces] if connection is not None else []
        names = names or (list(target.names) if target is not None else [])
        if names == [self.namespaces.itemText(index) for index in range(self.namespaces.count())]:
            return
        typed = self.namespaces.currentText()
        self.namespaces.clear()
        self.namespaces.addItems(names)
        self.namespaces.setEditText(typed)

    def choose_scope(self, scope: AuditScope) -> None:
        """Show a scope in the fields."""
        if scope.is_whole:
            kind = _EVERYTHING
        elif scope.actors and not is_wildcard_pattern(scope.actors):
            kind = _ACTOR
        elif scope.actors or is_wildcard_pattern(scope.namespaces):
            kind = _PATTERN
        else:
            kind = _NAMESPACE
        self.namespaces.setEditText(scope.namespaces)
        self.actors.setText(scope.actors)
        self.scope_combo.setCurrentIndex(kind)
        self._scope_chosen()

    def scope(self) -> AuditScope:
        """What the fields say. Raises `AetherError` for what is no pattern."""
        kind = self.scope_combo.currentIndex()
        if kind == _EVERYTHING:
            return AuditScope()
        namespaces = self.namespaces.currentText().strip() or "*"
        return AuditScope(namespaces, "" if kind == _NAMESPACE else self.actors.text().strip())

    def _scope_chosen(self) -> None:
        kind = self.scope_combo.currentIndex()
        self.namespaces.setVisible(kind != _EVERYTHING)
        self.actors.setVisible(kind in (_ACTOR, _PATTERN))
        name = "Actor" if kind == _ACTOR else "Pattern of actors"
        self.actors.setAccessibleName(name)
        self.actors.setPlaceholderText("order-12" if kind == _ACTOR else "order-*")
        line = self.namespaces.lineEdit()
        if line is not None:
            line.setPlaceholderText("prod.*" if kind == _PATTERN else "namespace")

    # -- following

    def show_run(self) -> None:
        """Show how far the run is and what is known of what it reads."""
        run = self._run
        is_running, is_paused = run.is_running, run.state is AuditState.PAUSED
        self.facts.set_text(self._facts_text())
        self._show_hash()
        self._offer_namespaces()
        for widget in (self.scope_combo, self.namespaces, self.actors, self.settings_button):
            widget.setEnabled(not is_running and not is_paused)
        self.columns_button.setVisible(run.kind is not None and bool(run.kind.columns) and not is_running)
        made = len(run.settings.checks)
        every = made == len(CHECKS)
        self.settings_button.setText(f"Checks ({made})" if every else f"Checks ({made} of {len(CHECKS)})")
        self.run_button.setText("Run again" if run.has_run else "Run audit")
        self.run_button.setVisible(not is_running and not is_paused)
        self.pause_button.setVisible(is_running or is_paused)
        paused = "Go on" if is_paused else "Pause"
        if self.pause_button.text() != paused:
            self.pause_button.setText(paused)
            self.pause_button.setIcon(icon("play" if is_paused else "pause"))
        self.cancel_button.setVisible(is_running or is_paused)
        for button in (self.compare_button, self.bundle_button, self.export_button):
            button.setVisible(run.has_run)
            button.setEnabled(not is_running)
        self._make_primary(self.export_button if run.state is AuditState.DONE else self.run_button)
        self._progress_row.setVisible(is_running or is_paused)
        self.progress.set_text(progress_text(run))
        self._bar.setVisible(run.share is not None)
        self._bar.set_share(run.share)

    def _make_primary(self, chosen: QPushButton) -> None:
        for button, name in ((self.run_button, "audit"), (self.export_button, "export")):
            wanted = button is chosen
            if bool(button.property("primary")) is not wanted:
                button.setProperty("primary", wanted)
                button.setIcon(icon(name, "onAccent" if wanted else "text2"))
                restyle(button)

    def _facts_text(self) -> str:
        run, totals = self._run, self._run.totals
        parts: list[str] = []
        if run.kind is not None:
            parts.append(f"{run.kind.words}, {number_text(run.kind.size)} bytes, read-only")
        if run.has_run:
            parts.append(counted(len(totals.namespaces), "namespace"))
            parts.append(counted(totals.events, "event"))
            if run.state is AuditState.DONE:
                parts.append(counted(totals.actors, "actor"))
            if totals.snapshots:
                parts.append(counted(totals.snapshots, "snapshot"))
        if not parts and run.subject.connection is not None:
            events = sum(info.event_count for info in run.subject.connection.namespaces)
            parts.append(counted(len(run.subject.connection.namespaces), "namespace"))
            parts.append(counted(events, "event"))
        return ", ".join(parts)

    def _digest(self) -> str:
        target = self._run.target
        files = target.evidence.files if target is not None else []
        return files[0].before if files else ""

    def _show_hash(self) -> None:
        target = self._run.target
        files = target.evidence.files if target is not None else []
        self._hash_row.setVisible(bool(files))
        notes = " ".join(target.evidence.notes) if target is not None else ""
        self.notes.setText(visible(notes))
        self.notes.setVisible(bool(notes))
        if not files:
            return
        first = files[0]
        said = first.before or "being taken…"
        if first.is_unchanged is not None:
            said += "  unchanged after the audit" if first.is_unchanged else "  CHANGED while it was read"
        more = f"  and {counted(len(files) - 1, 'more file')}" if len(files) > 1 else ""
        self.hash.set_text(f"SHA-256 {said}{more}", "corrupted" if first.is_unchanged is False else "text2")
        self._copy.setEnabled(bool(first.before))

    def minimumSizeHint(self) -> QSize:
        """Be as narrow as the widest button."""
        return QSize(260, super().minimumSizeHint().height())


def progress_text(run: AuditRun) -> str:
    """How far a run is: counts, the share, the time left, and what was found."""
    progress = run.progress
    phase = progress.phase or "Beginning"
    words = f"{phase[:1].upper()}{phase[1:]}: {number_text(progress.checked)}"
    if progress.total:
        words += f" of {number_text(progress.total)} events ({progress.checked / progress.total:.0%})"
    else:
        words += " events" if run.share is None else f" events (about {run.share:.0%} of the text)"
    if run.seconds_left is not None and run.is_running:
        words += f", {time_left(run.seconds_left)}"
    found = run.totals.findings
    words += f", {counted(found, 'finding')} so far"
    return f"Paused. {words}" if run.state is AuditState.PAUSED else words


def _button(icon_name: str, text: str, name: str, parent: QWidget) -> QPushButton:
    button = QPushButton(icon(icon_name), text, parent)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
