"""A repro bundle: which events, what is taken away from them, and where to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit.bundle_run import PREVIEWED, BundleRun, Preview
from aether_desktop.numbers import counted, number_text
from aether_desktop.ui.inspector.raw_view import RawView
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.links import LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import fixed_font
from aether_desktop.ui.widgets.tinted import ToneLabel
from aether_engine.redaction import Method, RedactionRule, RedactionRuleError

_METHODS: Final = ((Method.HASH, "Hash"), (Method.MASK, "Mask"), (Method.DROP, "Drop"))
_HELP: Final = "A path such as /data/customer/mail; * stands for any key or index."
_REST: Final = 200


class RuleRow(QWidget):
    """One rule: what becomes of the values at a path."""

    changed = Signal()
    removed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method = QComboBox(self)
        self.method.setObjectName("bundleMethod")
        self.method.setAccessibleName("What becomes of the value")
        for method, name in _METHODS:
            self.method.addItem(name, method)
        self.path = QLineEdit(self)
        self.path.setObjectName("bundlePath")
        self.path.setAccessibleName("Path of the values")
        self.path.setPlaceholderText("/data/customer")
        self.path.setFont(fixed_font())
        self.said = ToneLabel("", parent=self)
        remove = icon_button("close", "Remove this rule", self)
        remove.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.method)
        row.addWidget(self.path, 1)
        row.addWidget(self.said)
        row.addWidget(remove)
        self.method.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.path.textChanged.connect(lambda _text: self.changed.emit())

    def rule(self) -> RedactionRule | None:
        """The rule, None while no path is typed. Raises `RedactionRuleError`."""
        path = self.path.text().strip()
        return RedactionRule.parse(f"{self.method.currentData()}:{path}") if path else None


class BundleDialog(QDialog):
    """Follows a `BundleRun`."""

    open_asked = Signal(object)
    """The bundle is to be opened (`Path`)."""

    def __init__(self, run: BundleRun, folder: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("bundleDialog")
        self.setWindowTitle("Repro bundle")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._run = run
        self._index = 0
        self.rows: list[RuleRow] = []
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self._look)
        count, namespaces = len(run.places), len({name for name, _ in run.places})
        what = counted(count, "chosen event")
        more = f" of {number_text(namespaces)} namespaces" if namespaces > 1 else ""
        about = f"{what}{more} of {run.origin.title}, as a small event file that opens anywhere."
        self.causes = QCheckBox("With the events that caused them, and their causes", self)
        self.causes.setObjectName("bundleCauses")
        self.causes.setChecked(True)
        self._rules = QVBoxLayout()
        self._rules.setSpacing(4)
        add = LinkButton("Add a rule", self)
        add.setObjectName("bundleAddRule")
        add.clicked.connect(lambda: self.add_rule())
        self.before, self.after = RawView("bundleBefore", self), RawView("bundleAfter", self)
        self.before.setAccessibleName("The event as it is stored")
        self.after.setAccessibleName("The event as it will be in the bundle")
        self.target = QLineEdit(str(_free(folder)), self)
        self.target.setObjectName("bundleTarget")
        self.target.setAccessibleName("The new file")
        self.ndjson = QCheckBox("And beside it as lines of JSON (.ndjson)", self)
        self.ndjson.setObjectName("bundleNdjson")
        self.words = plain_label(parent=self)
        self.words.setObjectName("bundleWords")
        self._buttons = QDialogButtonBox(self)
        self.submit = self._buttons.addButton("Write bundle", QDialogButtonBox.ButtonRole.ActionRole)
        self.submit.setObjectName("bundleSubmit")
        self.submit.setDefault(True)
        self.open_button = self._buttons.addButton("Open the bundle", QDialogButtonBox.ButtonRole.ActionRole)
        self.open_button.setAutoDefault(False)
        self.open_button.hide()
        close = self._buttons.addButton(QDialogButtonBox.StandardButton.Close)
        close.setAutoDefault(False)
        self.submit.clicked.connect(self._write)
        self.open_button.clicked.connect(self._open)
        close.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(plain_label(about, self))
        layout.addWidget(self.causes)
        layout.addWidget(ToneLabel("Take away, before anything is written", "text", semibold=True, parent=self))
        layout.addLayout(self._rules)
        rules = QHBoxLayout()
        # The text of a link stands a little within it.
        rules.setContentsMargins(-6, 0, 0, 0)
        rules.addWidget(add)
        rules.addWidget(ToneLabel(_HELP, parent=self), 1)
        layout.addLayout(rules)
        layout.addWidget(self._preview_part(), 1)
        layout.addLayout(self._target_part())
        layout.addWidget(self.ndjson)
        layout.addWidget(self.words)
        layout.addWidget(self._buttons)
        self.resize(820, 620)
        run.previewed.connect(self._show_preview)
        run.done.connect(self._written)
        self.target.textChanged.connect(lambda _text: self._check())
        self._check()
        self._look()

    def _preview_part(self) -> QWidget:
        part = QWidget(self)
        self.place = ToneLabel("", "text", semibold=True, parent=part)
        self.place.setObjectName("bundlePlace")
        up = icon_button("chevron-up", "Previous event", part)
        down = icon_button("chevron-down", "Next event", part)
        up.clicked.connect(lambda: self._step(-1))
        down.clicked.connect(lambda: self._step(1))
        head = QHBoxLayout()
        head.addWidget(self.place, 1)
        head.addWidget(up)
        head.addWidget(down)
        sides = QSplitter(Qt.Orientation.Horizontal, part)
        for view in (self.before, self.after):
            view.set_wrapped(True)
            sides.addWidget(view)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(sides, 1)
        return part

    def _target_part(self) -> QHBoxLayout:
        browse = QPushButton("Choose…", self)
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(ToneLabel("Into", parent=self))
        row.addWidget(self.target, 1)
        row.addWidget(browse)
        return row

    # -- rules

    def add_rule(self) -> RuleRow:
        """One more rule, to be typed."""
        row = RuleRow(self)
        row.changed.connect(self._rules_changed)
        row.removed.connect(lambda: self._remove(row))
        self.rows.append(row)
        self._rules.addWidget(row)
        row.path.setFocus()
        return row

    def _remove(self, row: RuleRow) -> None:
        self.rows.remove(row)
        self._rules.removeWidget(row)
        row.deleteLater()
        self._rules_changed()

    def _rules_changed(self) -> None:
        self._check()
        self._rest.start()

    def _sound_rules(self) -> list[RedactionRule] | None:
        """The rules as typed, None if one is not understood."""
        rules: list[RedactionRule] = []
        are_sound = True
        for row in self.rows:
            try:
                rule = row.rule()
            except RedactionRuleError as error:
                row.said.set_text(error.reason, "corrupted")
                are_sound = False
                continue
            if rule is None:
                row.said.set_text("")
            elif rule not in rules:
                rules.append(rule)
        return rules if are_sound else None

    # -- preview

    def _step(self, by: int) -> None:
        self._index = min(max(self._index + by, 0), min(len(self._run.places), PREVIEWED) - 1)
        self._look()

    def _look(self) -> None:
        rules = self._sound_rules()
        if rules is not None:
            self._run.preview(rules, self._index)

    def _show_preview(self, preview: Preview) -> None:
        namespace, sequence = preview.place
        listed = number_text(len(self._run.places))
        place = f"{namespace} #{number_text(sequence)}"
        self.place.set_text(f"Event {number_text(self._index + 1)} of {listed}: {place}, before and after")
        self.before.set_raw(preview.before)
        self.after.set_raw(preview.problem.encode() if preview.problem else preview.after)
        looked_at = min(len(self._run.places), PREVIEWED)
        for row in self.rows:
            try:
                rule = row.rule()
            except RedactionRuleError:
                continue
            if rule is not None and str(rule) in preview.counts:
                count = preview.counts[str(rule)]
                said = f"{counted(count, 'value')} in {counted(looked_at, 'event')}"
                row.said.set_text(said, "text2" if count else "gap")

    # -- writing

    def _browse(self) -> None:
        dialog = QFileDialog(self, "Repro bundle")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.setDefaultSuffix("aether")
        dialog.fileSelected.connect(self.target.setText)
        dialog.open()

    def _check(self) -> None:
        target = Path(self.target.text().strip() or ".")
        problem = ""
        if target.is_dir():
            problem = "Name the new file."
        elif target.exists():
            problem = f"{target} exists and is left as it is; choose another name."
        elif self._sound_rules() is None:
            problem = "A rule is not understood."
        self.submit.setEnabled(not problem and not self._run.is_running)
        self.words.setText(visible(problem))

    def _write(self) -> None:
        rules = self._sound_rules()
        if rules is None:
            return
        self.submit.setEnabled(False)
        self.words.setText("Writing…")
        self._run.write(
            Path(self.target.text().strip()),
            rules,
            ndjson=self.ndjson.isChecked(),
            with_causes=self.causes.isChecked(),
        )

    def _written(self) -> None:
        self.words.setText(visible(self._run.words))
        self.open_button.setVisible(self._run.written is not None)
        self.submit.setVisible(self._run.written is None)
        self.submit.setEnabled(self._run.written is None)

    def _open(self) -> None:
        if self._run.written is not None:
            self.open_asked.emit(self._run.written)
            self.accept()


def _free(folder: Path) -> Path:
    number = 1
    target = folder / "bundle.aether"
    while target.exists():
        number += 1
        target = folder / f"bundle-{number}.aether"
    return target
