"""Where events are to be copied to."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.connection import Connection
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog, level_labels
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.tinted import ToneLabel
from aether_desktop.workspace import Place
from aether_engine.errors import NamespaceNameError
from aether_engine.patterns import check_namespace


class CopyDialog(FittedDialog):
    """`chosen` carries the connection to copy into (None = a file that is asked for then), the namespace there,
    and whether snapshots come along."""

    chosen = Signal(object, str, bool)

    def __init__(
        self, source: Place, connections: Sequence[Connection], actor_id: str | None, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("copyDialog")
        self.setWindowTitle("Copy events")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._source = source
        # In front the ones that things are tried in, behind them the file that is not there yet.
        self._connections: list[Connection | None] = [each for each in connections if not each.engine.read_only]
        self._connections.append(None)
        self.target = QComboBox(self)
        self.target.setObjectName("copyTarget")
        self.target.setAccessibleName("Store to copy into")
        for each in self._connections:
            self.target.addItem("A file…" if each is None else visible(each.title))
        # Where they are under this name already, nobody wants to copy them to.
        elsewhere = (row for row, each in enumerate(self._connections) if each is not source.connection)
        self.target.setCurrentIndex(next(elsewhere))
        self.namespace = QLineEdit(source.namespace, self)
        self.namespace.setObjectName("copyNamespace")
        self.namespace.setAccessibleName("Namespace to copy into")
        self.problem = ToneLabel(parent=self)
        self.problem.setObjectName("copyProblem")
        self.snapshots = QCheckBox("Snapshots too", self)
        self.snapshots.setObjectName("copySnapshots")
        self.snapshots.setChecked(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.submit = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.AcceptRole)
        self.submit.setObjectName("copySubmit")
        self.submit.setDefault(True)
        buttons.accepted.connect(self._copy)
        buttons.rejected.connect(self.reject)
        what = f"the events of {visible(actor_id)}" if actor_id is not None else "every event"
        about = plain_label(
            f"Copies {what} of {source.namespace}, byte for byte. All or none are stored; an actor that is "
            "already as far there is a conflict."
        )
        about.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Into", self.target)
        form.addRow("Namespace", self.namespace)
        form.addRow("", self.problem)
        form.addRow("", self.snapshots)
        level_labels(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(440)
        self.target.currentIndexChanged.connect(lambda _index: self._check())
        self.namespace.textChanged.connect(lambda _text: self._check())
        self._check()

    def _check(self) -> None:
        connection, namespace = self._connections[self.target.currentIndex()], self.namespace.text()
        problem = ""
        try:
            check_namespace(namespace)
        except NamespaceNameError as error:
            problem = str(error)
        if connection is self._source.connection and namespace == self._source.namespace:
            problem = "That is where they are."
        self.problem.set_text(problem, "corrupted")
        self.problem.setVisible(bool(problem))
        self.submit.setEnabled(not problem)

    def _copy(self) -> None:
        connection = self._connections[self.target.currentIndex()]
        self.chosen.emit(connection, self.namespace.text(), self.snapshots.isChecked())
        self.accept()
