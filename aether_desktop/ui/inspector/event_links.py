"""The lines under an event that lead to its cause, its effects and the other events of its correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.flow_layout import FlowLayout, group
from aether_desktop.ui.widgets.links import IconLabel, LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import grown
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

#: Height of a line of links, in pixels.
_HEIGHT: Final = 22


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go to: what stands there, such as `#6,343`, and what is handed back when it is chosen.

    With `choices` it is a list to choose from; the one that is `current` is ticked.
    """

    text: str
    target: object
    tooltip: str = ""
    choices: tuple[Link, ...] = ()
    current: bool = False


@dataclass(frozen=True, slots=True)
class LinkGroup:
    """What relates the event to others: a name, the links, and words where there is none (yet)."""

    title: str
    links: Sequence[Link] = ()
    words: str = ""


class EventLinks(Surface):
    """The groups of `set_groups`, and below them what is to be said about the search for them."""

    link_activated = Signal(object)
    """The target of the link that was chosen."""
    search_requested = Signal()
    """Look through what was not looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("window", top="line", parent=parent)
        self.setAccessibleName("Links of the event")
        self._parts: list[QWidget] = []
        self._shown: tuple[object, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(6)
        sign = QVBoxLayout()
        sign.setContentsMargins(0, 3, 0, 0)
        sign.addWidget(IconLabel("link", parent=self), 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(sign)
        self._row = FlowLayout(spacing=8, row_spacing=4)
        line.addLayout(self._row, 1)
        column.addLayout(line)
        self._note = QWidget(self)
        self._note_text = ToneLabel(parent=self._note)
        self._note_text.setWordWrap(True)
        self._search = LinkButton("Search all", self._note)
        self._search.setToolTip(plain_tooltip("Look through every namespace of this connection"))
        self._search.clicked.connect(self.search_requested)
        row = QHBoxLayout(self._note)
        row.setContentsMargins(22, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._note_text, 1)
        row.addWidget(self._search, 0, Qt.AlignmentFlag.AlignBottom)
        column.addWidget(self._note)
        self.setMinimumHeight(grown(36))
        self.hide()

    @property
    def note(self) -> str:
        """What is said about the search; empty if nothing is."""
        return self._note_text.text()

    def set_groups(self, groups: Sequence[LinkGroup], *, note: str = "", can_search: bool = False) -> None:
        """Show other links; `note` says what was looked at or not found, `can_search` offers to go on."""
        shown = (tuple(groups), note, can_search)
        if shown == self._shown:
            return
        self._shown = shown
        self._note_text.set_text(note)
        self._search.setVisible(can_search)
        self._note.setVisible(bool(note) or can_search)
        focus = next((place for place, part in enumerate(self._buttons()) if part.hasFocus()), -1)
        for part in self._parts:
            self._row.removeWidget(part)
            part.hide()
            part.deleteLater()
        self._parts.clear()
        for number, each in enumerate(groups):
            self._add(self._group(each, is_last=number == len(groups) - 1))
        # The last item of a flow stands at the right; here that is nothing.
        self._add(QWidget(self))
        buttons = self._buttons()
        if 0 <= focus < len(buttons):
            buttons[focus].setFocus(Qt.FocusReason.OtherFocusReason)
        self.setVisible(bool(groups) or bool(note))

    def _buttons(self) -> list[QPushButton]:
        return [button for part in self._parts for button in part.findChildren(QPushButton)]

    def _group(self, shown: LinkGroup, *, is_last: bool) -> QWidget:
        parts: list[QWidget | int] = [ToneLabel(shown.title, parent=self)]
        for link in shown.links:
            button = LinkButton(link.text, self)
            button.setAccessibleName(f"{shown.title} {button.accessibleName()}")
            button.setToolTip(plain_tooltip(link.tooltip))
            button.clicked.connect(lambda _checked=False, link=link, button=button: self._activate(link, button))
            parts.append(button)
        if shown.words:
            parts += [2, ToneLabel(shown.words, parent=self)]
        if not is_last:
            parts.append(ToneLabel("|", "text3", parent=self))
        made = group(self, *parts, spacing=2)
        # Words alone stand as high as links.
        made.setMinimumHeight(grown(_HEIGHT))
        return made

    def _add(self, part: QWidget) -> None:
        self._row.addWidget(part)
        self._parts.append(part)
        part.show()

    def _activate(self, link: Link, button: QPushButton) -> None:
        if not link.choices:
            self.link_activated.emit(link.target)
            return
        menu = self.menu_of(link)
        menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    def menu_of(self, link: Link) -> QMenu:
        """Return the list of a link with choices."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        menu.addSection(visible(link.tooltip).replace("&", "&&"))
        for choice in link.choices:
            if isinstance(choice.target, str):
                menu.addSeparator()
            action = menu.addAction(visible(choice.text).replace("&", "&&"))
            action.setToolTip(plain_tooltip(choice.tooltip))
            action.setCheckable(choice.current)
            action.setChecked(choice.current)
            action.triggered.connect(lambda _checked=False, target=choice.target: self.link_activated.emit(target))
        return menu
