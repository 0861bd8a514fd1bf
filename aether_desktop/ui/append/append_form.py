"""The fields of the append dialog: namespace, actor, event type, version, data and metadata."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QComboBox, QCompleter, QGridLayout, QHBoxLayout, QWidget

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.models.inspector.typed_json import check_data, check_metadata
from aether_desktop.ui.append.append_place import AppendPlace, caption, unseen
from aether_desktop.ui.append.appending_dialog import AppendingForm
from aether_desktop.ui.append.json_editor import JsonEditor, JsonStatus
from aether_desktop.ui.widgets.link_menu import LinkMenu

#: Most event types in the list, and most that are offered for what is typed.
COMPLETIONS: Final = 1000
OFFERED: Final = 50
#: Most templates in the menu.
LISTED: Final = 30


class AppendForm(AppendingForm):
    """Shows a controller's draft and hands every change to it; knows nothing of saving."""

    def __init__(self, controller: AppendController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        draft = controller.draft
        self.place = AppendPlace(controller, draft.namespace, draft.version, self)
        self.namespace, self.actor, self.version = self.place.namespace, self.place.actor, self.place.version
        self.use_next = self.place.use_next
        self.event_type = QComboBox()
        self._offered = QStringListModel(self)
        self._fill_types(draft.event_type)
        self.templates = LinkMenu("Template", "appendTemplates", "Fill in an event like one that is stored")
        self.links = LinkMenu("Cause", "appendLinks", "What the event is caused by")
        self.data = JsonEditor("appendData", "Data, a JSON object", check_data)
        self.data_status = JsonStatus("appendDataStatus", "Valid JSON")
        self.metadata = JsonEditor("appendMetadata", "Metadata, a JSON object of texts", check_metadata)
        self.metadata_status = JsonStatus("appendMetadataStatus", "Valid, text values only")
        self._lay_out()

        for editor, status in ((self.data, self.data_status), (self.metadata, self.metadata_status)):
            editor.checked.connect(status.show_check)
        self.data.set_text(draft.data_text)
        self.metadata.set_text(draft.metadata_text)
        self.event_type.editTextChanged.connect(controller.set_event_type)
        self.data.textEdited.connect(controller.set_data_text)
        self.metadata.textEdited.connect(controller.set_metadata_text)
        controller.draft_changed.connect(self._draft_changed)
        controller.draft_replaced.connect(self._show_draft)
        controller.suggestions.changed.connect(self._list_types)
        controller.suggestions.found.connect(self._offer_found)
        self.templates.about_to_show.connect(self._fill_templates)
        self.links.about_to_show.connect(self._fill_links)
        self.show_hint()

    def set_locked(self, locked: bool) -> None:
        """Leave everything to be read and copied, and nothing to be changed."""
        for editor in (self.data, self.metadata):
            editor.setReadOnly(locked)
        self.place.set_locked(locked)
        line = self.event_type.lineEdit()
        assert line is not None
        line.setReadOnly(locked)
        # The list would still change a combo box whose line is read-only.
        self.event_type.setFocusPolicy(Qt.FocusPolicy.NoFocus if locked else Qt.FocusPolicy.StrongFocus)
        self.event_type.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, locked)
        for menu in (self.templates, self.links):
            menu.setEnabled(not locked)
        self.show_hint()

    def focus_first(self) -> None:
        """Put the cursor where there is something to type."""
        if self._controller.actor_is_new and not self.actor.text():
            self.actor.setFocus()
        elif not self.event_type.currentText():
            self.event_type.setFocus()
        else:
            self.data.setFocus()

    def note(self) -> str:
        """What cannot be seen in the event type or the actor's id, or nothing."""
        return unseen("event type", self.event_type.currentText()) or self.place.actor_note()

    def hint(self) -> str:
        """Return what is said beside the version."""
        return self.place.hint()

    def show_hint(self) -> None:
        """Say beside the version whether it is taken, or what else is to be known."""
        self.place.show_hint()

    def _fill_types(self, event_type: str) -> None:
        box = self.event_type
        box.setObjectName("appendEventType")
        box.setAccessibleName("Event type")
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(16)
        # Not sorted or filtered by Qt: of a million types it is only given those that match.
        completer = QCompleter(self._offered, box)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(12)
        box.setCompleter(completer)
        line = box.lineEdit()
        assert line is not None
        # Before the completer hears of the same text.
        line.textEdited.connect(self._offer_types)
        self._list_types()
        box.setEditText(event_type)
        line.setPlaceholderText("OrderPlaced")
        line.setAccessibleName("Event type")

    def _list_types(self) -> None:
        """Fill the list; what is typed stays."""
        box = self.event_type
        names = self._controller.suggestions.types.first(COMPLETIONS)
        if names == [box.itemText(row) for row in range(box.count())]:
            return
        line = box.lineEdit()
        assert line is not None
        text, cursor = box.currentText(), line.cursorPosition()
        box.blockSignals(True)
        box.clear()
        box.addItems(names)
        box.setCurrentIndex(-1)
        box.setEditText(text)
        line.setCursorPosition(cursor)
        box.blockSignals(False)
        self._offer_types(text)

    def _offer_types(self, text: str) -> None:
        names = self._controller.suggestions.matching(text, OFFERED)
        shown = [] if names == [text] else names
        if shown != self._offered.stringList():
            self._offered.setStringList(shown)

    def _offer_found(self) -> None:
        """Offer what was found for what is typed, where the list is or would be open."""
        self._offer_types(self.event_type.currentText())
        line, completer = self.event_type.lineEdit(), self.event_type.completer()
        assert line is not None
        assert completer is not None
        popup = completer.popup()
        is_open = popup is not None and popup.isVisible()
        if self._offered.rowCount() and (line.hasFocus() or is_open):
            completer.complete()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 12)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.addWidget(caption("Namespace", self.namespace), 0, 0)
        grid.addWidget(self.namespace, 0, 1)
        grid.addWidget(caption("Actor", self.actor), 0, 3)
        grid.addWidget(self.actor, 0, 4)
        grid.addWidget(caption("Event type", self.event_type), 1, 0)
        grid.addWidget(self.event_type, 1, 1)
        grid.addWidget(caption("Version", self.version), 1, 3)
        grid.addLayout(self.place.version_row(), 1, 4)
        for column, (words, editor, menu, status) in {
            0: ("Data", self.data, self.templates, self.data_status),
            3: ("Metadata", self.metadata, self.links, self.metadata_status),
        }.items():
            head = QHBoxLayout()
            head.addWidget(caption(words, editor))
            head.addWidget(menu)
            head.addWidget(status, 1)
            grid.addLayout(head, 2, column, 1, 2)
            grid.addWidget(editor, 3, column, 1, 2)
            grid.setColumnStretch(column + 1, 1)
        grid.setColumnMinimumWidth(2, 4)
        grid.setRowStretch(3, 1)

    def _draft_changed(self) -> None:
        self.show_hint()
        self.changed.emit()
        version = self._controller.draft.version
        if version != self.version.value():
            # A rebase has moved it.
            self.place.show_version(version)

    def _show_draft(self) -> None:
        """The draft is another one: show all of it. What the editors tell of it is what the controller knows."""
        draft = self._controller.draft
        self.place.show_actor()
        self.event_type.setEditText(draft.event_type)
        self.place.show_version(draft.version)
        for editor, text in ((self.data, draft.data_text), (self.metadata, draft.metadata_text)):
            if editor.text() != text:
                editor.replace_text(text)
        self.show_hint()
        self.changed.emit()

    def _fill_templates(self) -> None:
        suggestions = self._controller.suggestions
        typed = self._controller.draft.event_type
        found = suggestions.templates
        # That of the type that is typed first.
        for event in sorted(found, key=lambda event: event.event_type != typed)[:LISTED]:
            words = f"{event.event_type}, as {event.actor_id} v{event.version}"
            self.templates.add(words, partial(self._controller.use_template, event))
        count, looked = len(found), suggestions.looked_through
        shown = min(count, LISTED)
        of = f"{shown:,} of {count:,} types" if shown < count else f"{count:,} type{'' if count == 1 else 's'}"
        self.templates.add_note(
            f"The latest of {of} in the last {looked:,} events" if found else "No event to take as a template"
        )

    def _fill_links(self) -> None:
        controller = self._controller
        if not controller.can_link:
            self.links.add_note("The metadata cannot be read")
            return
        for name, event in controller.link_sources:
            words = f"Caused by {name}, {event.actor_id} v{event.version}"
            self.links.add(words, partial(controller.link_to, event))
        if not controller.link_sources:
            self.links.add_note("No event was selected")
        self.links.add("Without cause and correlation", controller.unlink)
