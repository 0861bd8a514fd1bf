"""The line above an audit's findings: how many there are of which severity, and which of them are shown how."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.audit.audit_run import AuditRun
from aether_desktop.models.audit.finding_cells import LOOKS
from aether_desktop.models.audit.finding_filter import FindingFilter
from aether_desktop.models.audit.finding_groups import GroupBy
from aether_desktop.numbers import counted, number_text
from aether_desktop.ui.widgets.flow_layout import FlowLayout, group
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_engine.audit import CHECKS, Severity

_GROUPS: Final = (
    (GroupBy.CHECK, "By check"),
    (GroupBy.ACTOR, "By actor"),
    (GroupBy.NAMESPACE, "By namespace"),
    (GroupBy.CHANGE, "By change"),
    (GroupBy.NONE, "In one list"),
)


class AuditTotals(Surface):
    """Follows a run. What is chosen here is said in the filter, so that both always mean the same."""

    group_asked = Signal(object)
    """Other groups are wanted (`GroupBy`)."""

    def __init__(self, run: AuditRun, finding_filter: FindingFilter, parent: QWidget | None = None) -> None:
        super().__init__("window", bottom="line", parent=parent)
        self._run = run
        self._filter = finding_filter
        self.words = ToneLabel("", "text", semibold=True, parent=self)
        self.words.setObjectName("auditTotals")
        self.severities = {severity: self._severity_button(severity) for severity in Severity}
        self.checked = ToneLabel("", delta=-1, elide=Qt.TextElideMode.ElideRight, parent=self)
        self.checked.setObjectName("auditChecked")
        self.groups = QComboBox(self)
        self.groups.setObjectName("auditGroups")
        self.groups.setAccessibleName("How findings are grouped")
        self.checks = QComboBox(self)
        self.checks.setObjectName("auditChecks")
        self.checks.setAccessibleName("Only findings of one check")
        self.checks.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.checks.setMinimumContentsLength(12)
        self.checks.addItem("All checks", "")
        self._found = group(self, self.words, *self.severities.values())
        self._chosen = group(self, self.checks, self.groups)
        self._row = FlowLayout(spacing=16)
        self._row.addWidget(self._found)
        self._row.addWidget(self._chosen)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 4, 8, 4)
        self._column.setSpacing(0)
        self._column.addLayout(self._row)
        self._column.addWidget(self.checked)
        self.groups.activated.connect(lambda _index: self.group_asked.emit(GroupBy(self.groups.currentData())))
        self.checks.activated.connect(lambda _index: self._say("check", str(self.checks.currentData())))
        finding_filter.applied.connect(lambda _filter: self._show_choices())
        self.show_groups()

    def _severity_button(self, severity: Severity) -> QPushButton:
        button = QPushButton(self)
        button.setObjectName(f"auditOnly{severity.value.capitalize()}s")
        button.setCheckable(True)
        button.setProperty("link", True)
        button.setProperty("choice", True)
        button.setFlat(True)
        button.setAutoDefault(False)
        button.setIcon(icon(*LOOKS[severity]))
        button.clicked.connect(lambda checked: self._only(severity, wanted=checked))
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say what was checked in a line of its own where it has no room beside the findings."""
        super().resizeEvent(event)
        self._place_checked()

    def _place_checked(self) -> None:
        parts = [self.words, *(button for button in self.severities.values() if not button.isHidden())]
        needed = sum(part.sizeHint().width() + 8 for part in (*parts, self._chosen))
        needed += self.checked.fontMetrics().horizontalAdvance(self.checked.text())
        row = self._found.layout()
        assert isinstance(row, QHBoxLayout)
        has_room, is_beside = needed <= self.width() - 40, row.indexOf(self.checked) >= 0
        if has_room and not is_beside:
            self._column.removeWidget(self.checked)
            row.addWidget(self.checked)
        elif is_beside and not has_room:
            row.removeWidget(self.checked)
            self._column.addWidget(self.checked)

    # -- what is chosen

    def show_groups(self) -> None:
        """Offer the groups there can be, with those that are shown as the chosen ones."""
        chosen = self._run.table.group_by
        self.groups.clear()
        for group_by, text in _GROUPS:
            if self._run.comparison is not None or group_by is not GroupBy.CHANGE:
                self.groups.addItem(text, group_by)
                if group_by is chosen:
                    self.groups.setCurrentIndex(self.groups.count() - 1)

    def _terms(self) -> dict[str, str]:
        """The terms in force that stand for what is chosen here."""
        in_force = self._filter.in_force
        found: dict[str, str] = {}
        for term in in_force.terms if in_force is not None else ():
            if term.key in ("severity", "check") and not term.is_negated and in_force is not None:
                found[term.key] = in_force.text[term.start : term.end].partition(":")[2]
        return found

    def _say(self, key: str, value: str) -> None:
        """Say `key:value` in the filter, instead of what it says of that; an empty value says nothing."""
        self._filter.replace_term(key, value)

    def _only(self, severity: Severity, *, wanted: bool) -> None:
        chosen = set(self._terms().get("severity", "").split(","))
        (chosen.add if wanted else chosen.discard)(severity.value)
        self._say("severity", ",".join(one.value for one in Severity if one.value in chosen))

    def _show_choices(self) -> None:
        terms = self._terms()
        severities = terms.get("severity", "").split(",")
        for severity, button in self.severities.items():
            button.setChecked(severity.value in severities)
        self.checks.setCurrentIndex(max(self.checks.findData(terms.get("check", "")), 0))

    # -- following

    def show_run(self) -> None:
        """Show how many findings there are now, and what was looked at."""
        run = self._run
        self.setVisible(run.has_run)
        self.words.set_text(counted(run.totals.findings, "finding"))
        for severity, count in run.totals.by_severity().items():
            button = self.severities[severity]
            button.setText(counted(count, severity.value))
            button.setAccessibleName(f"Only {severity.value}s: {number_text(count)}")
            button.setVisible(bool(count))
        found = [check for check in CHECKS if check in run.totals.tallies]
        if found != [self.checks.itemData(index) for index in range(1, self.checks.count())]:
            self.checks.clear()
            self.checks.addItem("All checks", "")
            for check in found:
                self.checks.addItem(CHECKS[check].title, check)
            self._show_choices()
        self.checked.set_text(self._checked_text())
        self.checked.setVisible(bool(self.checked.text()))
        self._place_checked()

    def _checked_text(self) -> str:
        run, totals, comparison = self._run, self._run.totals, self._run.comparison
        if comparison is not None:
            parts = (("new", comparison.new), ("gone", comparison.gone), ("the same", comparison.same))
            counts = ", ".join(f"{number_text(len(findings))} {what}" for what, findings in parts)
            written = comparison.before.written_at.astimezone().strftime("%d %b %Y, %H:%M:%S")
            return f"Since the report of {written}: {counts}"
        if run.is_running or totals.started_at is None:
            return ""
        started = totals.started_at.astimezone().strftime("%d %b %Y, %H:%M:%S")
        progress = run.progress
        of = number_text(max(progress.total, progress.checked))
        return f"Checked {number_text(progress.checked)} of {of} places in {totals.seconds:,.3f} s on {started}"
