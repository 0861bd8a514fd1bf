"""Which columns of a CSV file hold which fields of an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog, level_labels
from aether_desktop.ui.widgets.safe_text import visible

_FIELDS: Final = (
    ("id", "Id"),
    ("eventType", "Event type"),
    ("actorId", "Actor"),
    ("version", "Version"),
    ("timestamp", "Timestamp"),
    ("data", "Data, as JSON"),
    ("metadata", "Metadata, as JSON"),
    ("commandId", "Command id"),
)
_NONE: Final = "(no column)"


class CsvColumnsDialog(FittedDialog):
    """`chosen` carries fields and their columns, by name; `data.x` for a column that is a value within."""

    chosen = Signal(object)

    def __init__(self, title: str, columns: Sequence[str], known: Mapping[str, str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("csvColumnsDialog")
        self.setWindowTitle("Columns of the CSV file")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._columns = list(columns)
        self.fields: dict[str, QComboBox] = {}
        form = QFormLayout()
        for field, name in _FIELDS:
            combo = QComboBox(self)
            combo.setObjectName(f"csvColumn-{field}")
            combo.setAccessibleName(f"Column of: {name}")
            combo.addItem(_NONE, "")
            for column in columns:
                combo.addItem(visible(column), column)
            combo.setCurrentIndex(max(combo.findData(known.get(field, "")), 0))
            form.addRow(name, combo)
            self.fields[field] = combo
        level_labels(form)
        self.others = QCheckBox("Take every other column as a text within the data", self)
        self.others.setObjectName("csvOthers")
        self.others.setChecked(any(field.startswith("data.") for field in known) or "data" not in known)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        buttons.accepted.connect(self._choose)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        about = f"{title} has {len(columns):,} columns. What an event must have and no column holds is a finding."
        layout.addWidget(plain_label(about, self))
        layout.addLayout(form)
        layout.addWidget(self.others)
        layout.addWidget(buttons)
        self.setMinimumWidth(440)

    def _choose(self) -> None:
        mapping = {field: column for field, combo in self.fields.items() if (column := combo.currentData())}
        if self.others.isChecked() and "data" not in mapping:
            used = set(mapping.values())
            mapping |= {f"data.{column}": column for column in self._columns if column not in used}
        self.chosen.emit(mapping)
        self.accept()
