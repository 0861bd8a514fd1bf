"""Which checks an audit makes, and where it draws its lines."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit.finding_cells import LOOKS
from aether_desktop.models.state.reducer_chooser import NAMES
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import level_labels
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.tinted import ToneLabel
from aether_engine.audit import CHECKS, AuditSettings, Source

_CHECK: Final = Qt.ItemDataRole.UserRole
_WHERE: Final = {
    Source.FILE: "files",
    Source.STREAM: "JetStream",
    Source.LOG: "memory",
    Source.TEXT: "text",
    Source.BACKUP: "backups",
}
#: Findings of a check that can be listed; a report of more is no use to anybody.
_MOST_LISTED: Final = 50_000


class AuditSettingsDialog(QDialog):
    """`chosen` carries the `AuditSettings`."""

    chosen = Signal(object)

    def __init__(self, settings: AuditSettings, source: Source | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("auditSettingsDialog")
        self.setWindowTitle("Checks and limits")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.list = QListWidget(self)
        self.list.setObjectName("auditCheckList")
        self.list.setAccessibleName("Checks that are made")
        for check in CHECKS.values():
            where = "" if len(check.sources) == len(Source) else f"  (on {_sources(check.sources)})"
            item = QListWidgetItem(icon(*LOOKS[check.severity]), f"{check.title}{where}", self.list)
            item.setData(_CHECK, check.id)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setToolTip(plain_tooltip(f"{check.meaning}\n\n{check.remedy}"))
            item.setCheckState(_state(check.id in settings.checks))
            if source is not None and source not in check.sources:
                item.setToolTip(plain_tooltip(f"Not made here: it is a check of {_sources(check.sources)}."))
                item.setForeground(self.palette().placeholderText())
        self.about = plain_label(parent=self)
        self.about.setProperty("tone", "second")
        self.about.setMinimumHeight(56)
        self.list.currentItemChanged.connect(lambda item, _old: self._explain(item))
        self.list.itemChanged.connect(lambda _item: self._count())
        self.count = ToneLabel("", parent=self)
        every, none = LinkButton("All", self), LinkButton("None", self)
        every.clicked.connect(lambda: self._set_all(True))
        none.clicked.connect(lambda: self._set_all(False))
        self.snapshots = QCheckBox("Compare snapshots with the replay by", self)
        self.snapshots.setObjectName("auditSnapshots")
        self.snapshots.setChecked(settings.snapshots)
        self.reducer = QComboBox(self)
        self.reducer.setObjectName("auditReducer")
        self.reducer.setAccessibleName("Reducer")
        for key, name in NAMES.items():
            self.reducer.addItem(name, key)
        self.reducer.setCurrentIndex(self.reducer.findData(settings.reducer))
        self.ahead = _seconds(settings.ahead_seconds, "auditAhead", self)
        self.behind = _seconds(settings.behind_seconds, "auditBehind", self)
        self.limit = QSpinBox(self)
        self.limit.setObjectName("auditLimit")
        self.limit.setRange(1, _MOST_LISTED)
        self.limit.setGroupSeparatorShown(True)
        self.limit.setValue(min(settings.limit, _MOST_LISTED))
        self._buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self._buttons.accepted.connect(self._choose)
        self._buttons.rejected.connect(self.reject)
        # As wherever a style sheet takes the room at the left of the text.
        for spin in (self.ahead, self.behind, self.limit):
            spin.lineEdit().setTextMargins(4, 0, 0, 0)
        self._lay_out(every, none)
        QWidget.setTabOrder(every, none)
        QWidget.setTabOrder(none, self.list)
        self.setMinimumSize(560, 520)
        # No higher than the screen, with its frame.
        self.resize(580, min(700, self.screen().availableGeometry().height() - 60))
        self._count()
        self.list.setCurrentRow(0)
        self.list.setFocus()

    def _lay_out(self, every: QWidget, none: QWidget) -> None:
        head = QHBoxLayout()
        head.addWidget(self.count, 1)
        head.addWidget(every)
        head.addWidget(none)
        snapshots = QHBoxLayout()
        snapshots.addWidget(self.snapshots)
        snapshots.addWidget(self.reducer)
        snapshots.addStretch(1)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow("Clock ahead by more than", self.ahead)
        form.addRow("Clock behind by more than", self.behind)
        form.addRow("List of each check at most", self.limit)
        level_labels(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.about)
        layout.addLayout(snapshots)
        layout.addLayout(form)
        layout.addWidget(
            plain_label("Findings beyond these are counted and not listed. The report says what was set here.")
        )
        layout.addWidget(self._buttons)

    def _explain(self, item: QListWidgetItem | None) -> None:
        check = CHECKS[item.data(_CHECK)] if item is not None else None
        self.about.setText(f"{check.severity.value.capitalize()}. {check.meaning}" if check is not None else "")

    def _set_all(self, made: bool) -> None:
        for row in range(self.list.count()):
            self.list.item(row).setCheckState(_state(made))

    def _checks(self) -> frozenset[str]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return frozenset(item.data(_CHECK) for item in items if item.checkState() is Qt.CheckState.Checked)

    def _count(self) -> None:
        made = len(self._checks())
        self.count.set_text(f"{made} of {len(CHECKS)} checks are made")
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(made > 0)

    def _choose(self) -> None:
        settings = AuditSettings(
            self._checks(),
            ahead_seconds=self.ahead.value(),
            behind_seconds=self.behind.value(),
            limit=self.limit.value(),
            snapshots=self.snapshots.isChecked(),
            reducer=str(self.reducer.currentData()),
        )
        self.chosen.emit(settings)
        self.accept()


def _sources(sources: frozenset[Source]) -> str:
    return ", ".join(words for source, words in _WHERE.items() if source in sources)


def _state(made: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if made else Qt.CheckState.Unchecked


def _seconds(value: float, name: str, parent: QWidget) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setObjectName(name)
    box.setRange(0, 10 * 365 * 86_400)
    box.setDecimals(0)
    box.setGroupSeparatorShown(True)
    box.setSuffix(" s")
    box.setValue(value)
    return box
