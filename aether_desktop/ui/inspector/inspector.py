"""The inspector: one event as a tree, as text and in hexadecimal, what is known of it, and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from aether_desktop.models.inspector.damage import Damage, damage_of, not_utf8_at
from aether_desktop.models.inspector.event_facts import EventFacts
from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.models.trace.related_events import Relatives
from aether_desktop.ui.events.bytes_menu import bytes_menu
from aether_desktop.ui.inspector.diff_page import DiffPage
from aether_desktop.ui.inspector.event_links import EventLinks
from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.json_view import JsonView
from aether_desktop.ui.inspector.linked_selection import LinkedSelection
from aether_desktop.ui.inspector.raw_view import RawView
from aether_desktop.ui.inspector.relative_links import can_search, link_groups, search_note
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.theme_qss import set_tab_role
from aether_desktop.ui.widgets.view_footer import ViewFooter, with_footer
from aether_engine.event import StoredEvent

Span = tuple[int, int]

#: Bytes up to which text and hexadecimal are filled at once; longer ones wait until somebody looks.
_EAGER: Final = 1 << 16
#: Most bytes that are framed as being at fault.
_FRAMED: Final = 64


class Inspector(QWidget):
    """Shows the stored event of `show_event`. What is chosen in one view is marked in the others."""

    copy_requested = Signal(object)
    """A text to copy (str, or bytes of UTF-8), never a shortened one."""
    relative_chosen = Signal(object)
    """A relative of the event to go to (`RelatedEvent`)."""
    filter_requested = Signal(str)
    """Look for events that have a value in common with this one: a filter term."""
    search_requested = Signal()
    """Look for relatives where nobody looked yet."""
    title_changed = Signal(str)
    """Another event is shown; `detail_text` has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setAccessibleName("Inspector")
        self._stored: StoredEvent | None = None
        self._previous: StoredEvent | None = None
        self._namespace = ""
        self._detail = ""
        self._damage: Damage | None = None
        self._is_damaged = False
        self._model = JsonTreeModel(self)
        self._facts = EventFacts(self)
        self._build()
        self._connect()
        self.show_event(None, namespace="")

    # What is shown

    @property
    def stored(self) -> StoredEvent | None:
        """The event that is shown."""
        return self._stored

    @property
    def detail_text(self) -> str:
        """The event in a few words, for the dock's title: sequence, actor, version."""
        return self._detail

    def show_event(
        self, stored: StoredEvent | None, *, namespace: str, previous: StoredEvent | None = None
    ) -> None:
        """Show an event of `namespace`, None for none; `previous` is the actor's event before it."""
        same = stored is self._stored and namespace == self._namespace
        self._stored, self._previous, self._namespace = stored, previous, namespace
        if not same or stored is None:
            self.links.set_groups([])
            self._show_document()
        self._show_difference()
        self._pages.setCurrentWidget(self._content if stored is not None else self._empty)
        detail = self._make_detail()
        if detail != self._detail:
            self._detail = detail
            self.title_changed.emit(detail)

    def show_relatives(self, relatives: Relatives | None) -> None:
        """Say what caused the event, what it caused, and what belongs to it, as far as that is known."""
        if relatives is None or self._stored is None:
            self.links.set_groups([])
            return
        self.links.set_groups(
            link_groups(relatives), note=search_note(relatives), can_search=can_search(relatives)
        )

    def _follow_link(self, target: object) -> None:
        if isinstance(target, str):
            self.filter_requested.emit(target)
        else:
            self.relative_chosen.emit(target)

    def select_bytes(self, span: Span | None) -> None:
        """Mark bytes of the event in every view."""
        self._selection.choose(span, None)

    # Building

    def _build(self) -> None:
        self._empty = EmptyState("Select an event (F8 takes the next).", parent=self)
        self._content = QWidget(self)
        self.banner = Banner(BannerKind.CORRUPTED, parent=self._content, closable=False)
        self.banner.hide()
        self.tabs = QTabWidget(self._content)
        set_tab_role(self.tabs.tabBar(), "panel")
        self.tabs.tabBar().setAccessibleName("Views of the event")
        self.tree = JsonView("eventTree", "Fields of the event", self)
        self.tree.setModel(self._model)
        self.tree.header().resizeSection(0, 128)
        self.raw = RawView("eventRaw", self)
        self.raw.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.hex = HexView("eventHex", self)
        self.hex.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.facts = JsonView("eventMetadata", "Place and metadata of the event", self)
        self.facts.setModel(self._facts)
        self.facts.setRootIsDecorated(False)
        self.facts.header().resizeSection(0, 128)
        self.diff_page = DiffPage(self)
        self.diff = self.diff_page.view
        self._raw_footer = ViewFooter(self)
        self._raw_footer.action.show()
        self._hex_footer = ViewFooter(self)
        self.tabs.addTab(self.tree, "Event")
        self.tabs.addTab(with_footer(self.raw, self._raw_footer), "Raw")
        self._hex_page = with_footer(self.hex, self._hex_footer)
        self.tabs.addTab(self._hex_page, "Hex")
        # Where one was among sound and among damaged events.
        self._tabs_left: dict[bool, QWidget | None] = {False: None, True: self._hex_page}
        self.tabs.addTab(self.facts, "Metadata")
        self.tabs.addTab(self.diff_page, "Diff")
        self._selection = LinkedSelection(self._model, self.tree, self.raw, self.hex)
        self.links = EventLinks(self._content)
        layout = QVBoxLayout(self._content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.links)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._pages)

    def _connect(self) -> None:
        self._selection.marked.connect(self._show_hex_footer)
        for view in (self.tree, self.facts, self.diff_page, self.hex):
            view.copy_requested.connect(self.copy_requested)
        self.raw.customContextMenuRequested.connect(lambda point: self._open_bytes_menu(self.raw, point))
        self.hex.customContextMenuRequested.connect(lambda point: self._open_bytes_menu(self.hex, point))
        for tree in (self.tree, self.facts):
            tree.filter_requested.connect(self.filter_requested)
        self.links.link_activated.connect(self._follow_link)
        self.links.search_requested.connect(self.search_requested)
        self.tabs.currentChanged.connect(lambda _index: self._fill())
        self.raw.shown_changed.connect(self._show_raw_footer)
        self._raw_footer.more.clicked.connect(self.raw.load_all)
        self._raw_footer.action.clicked.connect(self._toggle_wrap)
        self._show_wrap()

    # Filling

    def _show_document(self) -> None:
        stored = self._stored
        raw = stored.raw if stored is not None else b""
        self._damage = damage_of(stored) if stored is not None else None
        self._show_damage()
        lost = "There are no bytes: they are lost." if self._damage is not None and not raw else ""
        self._model.set_document(raw, problem=lost)
        self._facts.show_event(stored, self._namespace)
        self._selection.filled.clear()
        if len(raw) <= _EAGER:
            self._fill_bytes(self.raw)
            self._fill_bytes(self.hex)
        if stored is not None:
            self._choose_tab()
        self._fill()
        # What was selected in the event before is selected in this one too.
        self._selection.mark_current()
        self._scroll_to_fault()

    def _scroll_to_fault(self) -> None:
        if self._damage is not None and self._damage.span is not None and self.hex in self._selection.filled:
            self.hex.scroll_to(self._damage.span[0])

    def _show_damage(self) -> None:
        damage = self._damage
        self.banner.setVisible(damage is not None)
        self.banner.clear_actions()
        if damage is None:
            return
        self.banner.set_message(
            BannerKind.CORRUPTED, damage.reason, f"{damage.explanation} {damage.place}".strip()
        )
        if damage.span is not None:
            self.banner.add_action(
                "Show the byte" if damage.span[1] - damage.span[0] == 1 else "Show the bytes", self._show_fault
            )

    def _show_fault(self) -> None:
        """Show the first bytes at fault in hexadecimal."""
        if self._damage is not None and self._damage.span is not None:
            self.tabs.setCurrentWidget(self._hex_page)
            self.select_bytes(self._damage.span)
            self._selection.mark(self._damage.span)
            self.hex.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose_tab(self) -> None:
        """Of damaged events the bytes come first, until another tab is chosen; sound ones keep theirs."""
        damaged = self._damage is not None
        if damaged is not self._is_damaged:
            self._tabs_left[self._is_damaged] = self.tabs.currentWidget()
            self._is_damaged = damaged
            wanted = self._tabs_left[damaged]
            if wanted is not None and self.tabs.isTabVisible(self.tabs.indexOf(wanted)):
                self.tabs.setCurrentWidget(wanted)

    def _fill(self) -> None:
        """Give what it shows to the view that is looked at, if it has not got it yet."""
        if self.tabs.currentWidget() is self.diff_page:
            self.diff_page.compare()
        for view in (self.raw, self.hex):
            if self.tabs.currentWidget() is view.parentWidget():
                self._fill_bytes(view)

    def _fill_bytes(self, view: QWidget) -> None:
        if view in self._selection.filled:
            return
        self._selection.filled.add(view)
        raw = self._stored.raw if self._stored is not None else b""
        fault = self._damage.span if self._damage is not None else None
        if view is self.raw:
            self.raw.set_raw(raw, fault=fault)
            self._show_raw_footer()
        else:
            self.hex.set_raw(raw)
            if fault is not None:
                # What is framed is looked for in every repaint: of a long value its beginning is enough.
                self.hex.set_suspects(frozenset(range(fault[0], min(fault[1], fault[0] + _FRAMED))))
        if self.tree.currentIndex().isValid():
            self._selection.mark_current()
        self._scroll_to_fault()

    def _show_difference(self) -> None:
        stored, previous = self._stored, self._previous
        self.diff_page.show_pair(previous, stored)
        place = self.tabs.indexOf(self.diff_page)
        # The event before may still be on its way: the tab stays, with nothing old in it.
        awaited = self.tabs.currentIndex() == place and stored is not None and previous is None
        self.tabs.setTabText(place, self.diff_page.title)
        self.tabs.setTabVisible(place, self.diff_page.has_pair or (awaited and self._damage is None))

    def _make_detail(self) -> str:
        if self._stored is None:
            return ""
        event = self._stored.event
        place = f"#{self._stored.sequence:,}"
        return f"{place}  damaged" if event is None else f"{place}  {event.actor_id}  v{event.version}"

    # Footers

    def _show_hex_footer(self, span: Span | None) -> None:
        if span is None or span[1] <= span[0]:
            size = len(self._stored.raw) if self._stored is not None else 0
            self._hex_footer.label.set_text(f"{size:,} bytes, exactly as stored")
            return
        path = self._selection.path
        place = f"offset 0x{span[0]:04X} to 0x{span[1] - 1:04X}, {span[1] - span[0]:,} bytes"
        self._hex_footer.label.set_text(f"{path}, {place}" if path else place)

    def _show_raw_footer(self) -> None:
        raw, stored = self.raw.raw, self._stored
        if self.raw.is_whole:
            # An event that was decoded is text; others are looked through.
            fault = None if stored is not None and stored.event is not None else not_utf8_at(raw)
            kind = "UTF-8" if fault is None else f"not UTF-8 at byte {fault:,}"
            text = f"{len(raw):,} bytes, {kind}, exactly as stored"
        else:
            text = f"{self.raw.shown_bytes:,} of {len(raw):,} bytes shown"
        self._raw_footer.label.set_text(text)
        self._raw_footer.more.set_text("Load all")
        self._raw_footer.more.setVisible(not self.raw.is_whole)

    def _toggle_wrap(self) -> None:
        self.raw.set_wrapped(not self.raw.is_wrapped())
        self._show_wrap()

    def _show_wrap(self) -> None:
        wrapped = self.raw.is_wrapped()
        self._raw_footer.action.set_text("Do not wrap" if wrapped else "Wrap")
        self._raw_footer.action.setAccessibleName("Do not wrap long lines" if wrapped else "Wrap long lines")

    # Copying

    def offer(self, actions: Sequence[QAction]) -> None:
        """Offer what can be done with the event shown, in the menus of the tree, the text and the bytes."""
        for view in (self.tree, self.raw, self.hex):
            view.addActions(actions)

    def _open_bytes_menu(self, view: RawView | HexView, point: QPoint) -> None:
        menu = self.bytes_menu(view)
        if menu is not None:
            menu.addSeparator()
            menu.addActions(view.actions())
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(view.viewport().mapToGlobal(point))

    def bytes_menu(self, view: RawView | HexView) -> QMenu | None:
        """Return the menu of the text or the bytes: what is selected or marked, or all of it."""
        if self._stored is None:
            return None
        span = view.selected_span() or view.highlighted()
        return bytes_menu(self._stored.raw, span, self.copy_requested.emit, self)
