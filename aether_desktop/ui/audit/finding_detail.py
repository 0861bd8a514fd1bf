"""One finding: what is wrong and what that means, and beside it the bytes of the event with those at fault."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit.audit_run import FindingBytes
from aether_desktop.models.audit.finding_cells import LOOKS, place_text, time_text
from aether_desktop.models.events.claims import claimed_event
from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.bytes_menu import as_text, bytes_menu
from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.inspector.linked_selection import LinkedSelection
from aether_desktop.ui.inspector.raw_view import RawView
from aether_desktop.ui.widgets.cell_text import split_timestamp
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.flow_layout import FlowLayout
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.widgets.links import IconLabel, LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import fixed_font, grown
from aether_desktop.ui.widgets.theme_qss import set_tab_role
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_desktop.ui.widgets.view_footer import ViewFooter, with_footer
from aether_engine.audit import CHECKS, Finding
from aether_engine.audit.judging import Place as StoredPlace

#: Room for the words, in pixels: so much that a time stands in one line, and at least.
_TEXT_WIDTH, _LEAST_TEXT = 340, 200
_SIDES: Final = {"before": "Event before", "after": "Event after"}
_NO_EVENT: Final = "This finding is about no single event, so there are no bytes to show."


class FindingDetail(QWidget):
    """Shows the finding of `show_finding`; its bytes follow with `show_bytes`."""

    step_asked = Signal(int)
    """The next (1) or previous (-1) finding is wanted."""
    open_asked = Signal()
    """The event is wanted where it is stored."""
    leave_out_asked = Signal()
    """The actor's state without the event is wanted."""
    neighbour_asked = Signal(object)
    """An event beside this one is wanted, by its sequence."""
    copy_requested = Signal(object)
    """A text to copy (str, or bytes of UTF-8), whole."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findingDetail")
        self.setAccessibleName("Finding")
        self._finding: Finding | None = None
        self._bytes = FindingBytes()
        self._build_head()
        self._build_words()
        self._build_bytes()
        self.splitter = KeptSplitter("findingSplitter", Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self._words)
        self.splitter.addWidget(self._right)
        # What the window gains goes to the bytes.
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([grown(_TEXT_WIDTH), 2 * grown(_TEXT_WIDTH)])
        self.splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addWidget(self.splitter, 1)
        self.show_finding(None, 0, 0, can_open=False, can_leave_out=False)

    # -- building

    def _build_head(self) -> None:
        self._head = Surface("window", top="line", bottom="line", parent=self)
        self._head.setFixedHeight(grown(32))
        self._number = ToneLabel("", "text", semibold=True, parent=self._head)
        self._number.setObjectName("findingNumber")
        self._what = ToneLabel("", elide=Qt.TextElideMode.ElideRight, parent=self._head)
        up = icon_button("chevron-up", "Previous finding (F7)", self._head)
        down = icon_button("chevron-down", "Next finding (F8)", self._head)
        up.clicked.connect(lambda: self.step_asked.emit(-1))
        down.clicked.connect(lambda: self.step_asked.emit(1))
        row = QHBoxLayout(self._head)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self._number)
        row.addWidget(self._what, 1)
        row.addWidget(up)
        row.addWidget(down)

    def _build_words(self) -> None:
        page = Surface("base", parent=self)
        title = QHBoxLayout()
        self._icon = IconLabel("info", size=20, parent=page)
        self._title = ToneLabel("", "text", delta=1, semibold=True, parent=page)
        self._title.setObjectName("findingTitle")
        title.addWidget(self._icon)
        title.addWidget(self._title, 1)
        self.explanation = plain_label(parent=page)
        self.explanation.setObjectName("findingExplanation")
        self._facts = QFormLayout()
        self._facts.setHorizontalSpacing(16)
        self._facts.setVerticalSpacing(4)
        self._facts.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._hint = plain_label(parent=page)
        self._hint.setObjectName("findingHint")
        self.meaning = plain_label(parent=page)
        self.meaning.setObjectName("findingMeaning")
        self.meaning.setProperty("tone", "second")
        self.remedy = plain_label(parent=page)
        self.remedy.setObjectName("findingRemedy")
        self.open_button = _button("log", "Open in log", "findingOpen", page)
        self.open_button.clicked.connect(self.open_asked)
        self.leave_out_button = _button("fork", "State without it", "findingLeaveOut", page)
        self.leave_out_button.clicked.connect(self.leave_out_asked)
        self.copy_button = _button("copy", "Copy bytes", "findingCopy", page)
        self.copy_button.clicked.connect(self._copy_bytes)
        buttons = QWidget(page)
        flow = FlowLayout(buttons)
        for button in (self.open_button, self.leave_out_button, self.copy_button):
            flow.addWidget(button)
        flow.addWidget(QWidget(buttons))
        self.neighbours = {side: LinkButton("", page) for side in ("before", "after")}
        self._beside = {side: ToneLabel("", elide=Qt.TextElideMode.ElideMiddle, parent=page) for side in _SIDES}
        self._beside_part = QWidget(page)
        beside = QGridLayout(self._beside_part)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setColumnStretch(2, 1)
        for row, (side, link) in enumerate(self.neighbours.items()):
            link.setObjectName(f"finding{side.capitalize()}")
            link.clicked.connect(lambda _checked=False, side=side: self._go_beside(side))
            link.setToolTip(plain_tooltip("Show the bytes of this event"))
            beside.addWidget(ToneLabel(_SIDES[side], parent=page), row, 0)
            beside.addWidget(link, row, 1)
            beside.addWidget(self._beside[side], row, 2)
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(title)
        column.addWidget(self.explanation)
        column.addLayout(self._facts)
        for part in (self._hint, self.meaning, self.remedy, buttons):
            column.addWidget(part)
        column.addWidget(self._beside_part)
        column.addStretch(1)
        self._words = QScrollArea(self)
        self._words.setAccessibleName("What is wrong, and what can be done")
        self._words.setFrameShape(QScrollArea.Shape.NoFrame)
        self._words.setWidgetResizable(True)
        self._words.setWidget(page)
        self._words.setMinimumWidth(_LEAST_TEXT)

    def _build_bytes(self) -> None:
        self._model = JsonTreeModel(self)
        self.tabs = QTabWidget(self)
        set_tab_role(self.tabs.tabBar(), "panel")
        self.tabs.tabBar().setAccessibleName("Views of the event's bytes")
        self.hex = HexView("auditHex", self)
        self.raw = RawView("auditRaw", self)
        self.tree = JsonView("auditTree", "Fields of the event", self)
        self.tree.setModel(self._model)
        self._footer = ViewFooter(self)
        for view in (self.hex, self.raw):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.hex.customContextMenuRequested.connect(lambda point: self._open_menu(self.hex, point))
        self.raw.customContextMenuRequested.connect(lambda point: self._open_menu(self.raw, point))
        self.hex.copy_requested.connect(self.copy_requested)
        self.tree.copy_requested.connect(self.copy_requested)
        self.tabs.addTab(self.hex, "Hex")
        self.tabs.addTab(self.raw, "Raw")
        self.tabs.addTab(self.tree, "Event")
        self._selection = LinkedSelection(self._model, self.tree, self.raw, self.hex)
        self._selection.marked.connect(self._show_marked)
        self._right = with_footer(self.tabs, self._footer)

    # -- showing

    @property
    def finding(self) -> Finding | None:
        """The finding that is shown."""
        return self._finding

    def show_finding(
        self, finding: Finding | None, number: int, total: int, *, can_open: bool, can_leave_out: bool
    ) -> None:
        """Show a finding, the `number`th of `total`; its bytes are those of `show_bytes`, none until then."""
        self._finding = finding
        self._show_facts(finding)
        self.show_bytes(FindingBytes())
        self.open_button.setEnabled(finding is not None and can_open)
        self.leave_out_button.setVisible(can_leave_out)
        for widget in (self.open_button, self.copy_button, self._beside_part):
            widget.setVisible(finding is not None)
        if finding is None:
            self._number.set_text("No finding selected")
            for part in (self._what, self._title):
                part.set_text("")
            for text in (self.explanation, self._hint, self.meaning, self.remedy):
                _say(text, "")
            _say(self.explanation, "Select a finding to see what it means, and the bytes of its event (F8).")
            self._icon.hide()
            return
        check = CHECKS[finding.check]
        self._number.set_text(f"Finding {number_text(number)} of {number_text(total)}")
        place = "" if finding.sequence is None else f" at {number_text(finding.sequence)}"
        self._what.set_text(f"{check.title}{place}")
        self._icon.set_icon(*LOOKS[finding.severity])
        self._icon.show()
        self._title.set_text(check.title)
        _say(self.explanation, finding.explanation)
        _say(self._hint, finding.hint)
        _say(self.meaning, f"{check.severity.value.capitalize()}. {check.meaning}")
        _say(self.remedy, check.remedy)

    def _show_facts(self, finding: Finding | None) -> None:
        while self._facts.rowCount():
            self._facts.removeRow(0)
        if finding is None:
            return
        facts: list[tuple[str, str]] = []
        where = [] if finding.sequence is None else [f"#{number_text(finding.sequence)}"]
        where += [part for part in (place_text(finding),) if part]
        if where:
            facts.append(("Place", ", ".join(where)))
        if finding.namespace:
            facts.append(("Namespace", finding.namespace))
        if time := time_text(finding):
            facts.append(("Time", " ".join(part for part in split_timestamp(time) if part)))
        if finding.path:
            facts.append(("Path", finding.path))
        if finding.offset is not None:
            facts.append(("Offset", f"0x{finding.offset:04X} ({number_text(finding.offset)})"))
        facts += finding.evidence
        for name, value in facts:
            field = plain_label(value)
            field.setFont(fixed_font(-1) if name.startswith(("Checksum", "Path", "Offset")) else self.font())
            self._facts.addRow(ToneLabel(name), field)

    def show_bytes(self, found: FindingBytes) -> None:
        """Show the stored bytes of the event, and what stands beside it."""
        self._bytes = found
        stored, finding = found.stored, self._finding
        raw = stored.raw if stored is not None and isinstance(stored.raw, bytes) else b""
        offset = finding.offset if finding is not None else None
        fault = (offset, offset + 1) if offset is not None and offset < len(raw) else None
        self._model.set_document(raw, problem="" if raw else self._why_none())
        self._selection.filled.clear()
        self.hex.set_raw(raw)
        self.raw.set_raw(raw, fault=fault)
        self._selection.filled.update((self.hex, self.raw))
        if fault is not None:
            self.hex.set_suspects(frozenset({fault[0]}))
            self._selection.choose(fault, None)
            self.hex.scroll_to(fault[0])
        else:
            self._show_marked(None)
        self.copy_button.setEnabled(bool(raw))
        for side, link in self.neighbours.items():
            place = found.before if side == "before" else found.after
            link.set_text(f"#{number_text(place.sequence)}" if place is not None else "none")
            link.setEnabled(place is not None)
            self._beside[side].set_text(_event_text(place) if place is not None else "")

    def _why_none(self) -> str:
        finding = self._finding
        if finding is None:
            return "Select a finding."
        return _NO_EVENT if finding.sequence is None else "There are no bytes: they are lost, or not there."

    def show_neighbour(self, found: FindingBytes) -> None:
        """Show the bytes of an event beside that of the finding, none of which are at fault by it."""
        finding, self._finding = self._finding, None
        self.show_bytes(found)
        self._finding = finding

    def _show_marked(self, span: object) -> None:
        raw, finding = self.hex.raw, self._finding
        if not raw:
            self._footer.label.set_text(self._why_none())
            return
        suspect = ""
        if finding is not None and finding.offset is not None and finding.offset < len(raw):
            suspect = f"suspect byte 0x{finding.offset:04X}; "
        if isinstance(span, tuple) and span[1] > span[0]:
            path = f"{self._selection.path}, " if self._selection.path else ""
            place = f"{path}offset 0x{span[0]:04X} to 0x{span[1] - 1:04X} selected"
        else:
            place = f"{number_text(len(raw))} bytes, exactly as stored"
        sequence = self._bytes.stored.sequence if self._bytes.stored is not None else 0
        self._footer.label.set_text(f"#{number_text(sequence)}: {suspect}{place}")

    # -- doing

    def _go_beside(self, side: str) -> None:
        place = self._bytes.before if side == "before" else self._bytes.after
        if place is not None:
            self.neighbour_asked.emit(place.sequence)

    def _copy_bytes(self) -> None:
        self.copy_requested.emit(as_text(self.hex.raw))

    def _open_menu(self, view: RawView | HexView, point: QPoint) -> None:
        if self.hex.raw:
            span = view.selected_span() or view.highlighted()
            menu = bytes_menu(self.hex.raw, span, self.copy_requested.emit, self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(view.viewport().mapToGlobal(point))


def _button(icon_name: str, text: str, name: str, parent: QWidget) -> QPushButton:
    button = QPushButton(icon(icon_name), text, parent)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button


def _say(label: QLabel, text: str) -> None:
    label.setText(visible(text, keep_lines=True))
    label.setVisible(bool(text))


def _event_text(place: StoredPlace) -> str:
    event = claimed_event(place.raw) if isinstance(place.raw, bytes) else None
    return f"{event.actor_id} v{event.version}  {event.event_type}" if event is not None else "cannot be read"
