"""The fields of a batch: where it goes, the events as JSON, and which version each will have."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QTableView, QWidget

from aether_desktop.models.append.batch_controller import BatchController
from aether_desktop.models.append.batch_preview import KINDS, BatchPreview
from aether_desktop.models.inspector.typed_json import CheckedJson
from aether_desktop.ui.append.append_place import AppendPlace, caption
from aether_desktop.ui.append.appending_dialog import AppendingForm
from aether_desktop.ui.append.json_editor import JsonEditor, JsonStatus
from aether_desktop.ui.widgets.table_setup import setup_table

#: Widths of the columns at first, in pixels; the last one takes the rest.
_WIDTHS: Final = (44, 60, 140)
#: Behind it somebody begins to type.
_FIRST_TYPE: Final = '"eventType": "'


class BatchForm(AppendingForm):
    """Shows a controller's batch and hands every change to it; knows nothing of saving."""

    def __init__(self, controller: BatchController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._insists = False
        draft = controller.draft
        self.place = AppendPlace(controller, draft.namespace, draft.version, self, version_name="First version")
        self.events = JsonEditor("appendBatch", "Events: a JSON array, or one object after the other", self._check)
        self.events.setPlaceholderText(
            'A JSON array, or one object after the other: {"eventType": "OrderPlaced", "data": {}}'
        )
        self.status = JsonStatus("appendBatchStatus", "")
        self.preview = BatchPreview(controller, self)
        self.table = QTableView()
        self.table.setObjectName("appendBatchTable")
        self.table.setAccessibleName("The events with their versions")
        setup_table(self.table, KINDS, "compact")
        self.table.setModel(self.preview)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)
        self._lay_out()
        QWidget.setTabOrder(self.place.version, self.events)
        self.events.set_text(draft.text)
        self.events.textEdited.connect(controller.set_text)
        # After the pause that long texts are given: reading them takes time.
        self.events.checked.connect(self._show_check)
        controller.draft_replaced.connect(self._show_draft)
        controller.version_prefilled.connect(lambda _version: self._again())
        self.place.version.valueChanged.connect(lambda _version: self._again())
        if controller.actor_is_new:
            self.place.actor.textChanged.connect(lambda _text: self._again())
        self._again()

    def set_locked(self, locked: bool) -> None:
        """Leave everything to be read and copied, and nothing to be changed."""
        self.place.set_locked(locked)
        self.events.setReadOnly(locked)
        self.show_hint()

    def focus_first(self) -> None:
        """Put the cursor where there is something to type."""
        if self._controller.actor_is_new and not self.place.actor.text():
            self.place.actor.setFocus()
        else:
            self.events.setFocus()
        at = self._controller.draft.text.find(_FIRST_TYPE)
        if at >= 0 and self._controller.untouched:
            self.events.place_cursor(at + len(_FIRST_TYPE))

    def insist(self) -> None:
        """Say what is wrong also of a text that nobody has touched."""
        self._insists = True
        self._again()

    def note(self) -> str:
        """What cannot be seen in the actor's id, or nothing."""
        return self.place.actor_note()

    def show_hint(self) -> None:
        """Say beside the version whether it is taken, or what else is to be known."""
        self.place.show_hint()

    def _check(self, _text: str) -> CheckedJson:
        # Nothing is red before somebody typed something.
        begins = self._controller.untouched and not self._insists
        return CheckedJson(None) if begins else self._controller.draft.read.checked

    def _show_check(self, result: CheckedJson) -> None:
        draft = self._controller.draft
        versions = draft.versions
        count = len(versions)
        words = f"{count:,} event{'' if count == 1 else 's'}"
        if count:
            words += f", version {versions[0]}" if count == 1 else f", versions {versions[0]} to {versions[-1]}"
        self.status.set_valid_words(words)
        if count or result.problem is not None:
            self.status.show_check(result)
        else:
            self.status.show_nothing("No event yet")
        self.preview.refresh()
        self.show_hint()
        self.changed.emit()

    def _again(self) -> None:
        """The same text is to be read in another way."""
        self.events.check_again()

    def _show_draft(self) -> None:
        draft = self._controller.draft
        self.place.show_actor()
        self.place.show_version(draft.version)
        self.events.replace_text(draft.text)
        self._again()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 12)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        place = self.place
        grid.addWidget(caption("Namespace", place.namespace), 0, 0)
        grid.addWidget(place.namespace, 0, 1)
        grid.addWidget(caption("Actor", place.actor), 0, 3)
        grid.addWidget(place.actor, 0, 4)
        head = QHBoxLayout()
        head.addWidget(caption("Events", self.events))
        head.addWidget(self.status, 1)
        grid.addLayout(head, 2, 0, 1, 2)
        grid.addWidget(self.events, 3, 0, 1, 2)
        grid.addWidget(caption("First version", place.version), 1, 0)
        grid.addLayout(place.version_row(), 1, 1)
        grid.addWidget(caption("All of them are stored, or none", self.table), 1, 3, 1, 2)
        grid.addWidget(self.table, 2, 3, 2, 2)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(4, 2)
        grid.setColumnMinimumWidth(2, 4)
        grid.setRowStretch(3, 1)
