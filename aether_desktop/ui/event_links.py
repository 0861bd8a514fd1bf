"""The line under an event that leads to its cause, its effects and the other events of its correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from aether_desktop.ui.links import IconLabel, LinkButton
from aether_desktop.ui.safe_text import plain_tooltip
from aether_desktop.ui.theme import grown
from aether_desktop.ui.tinted import Surface, ToneLabel

_EFFECTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go to: what stands there, such as `#6,343`, and what is handed back when it is chosen."""

    text: str
    target: object
    tooltip: str = ""


class EventLinks(Surface):
    """Cause, effects and correlation of one event; hidden while there is none of them."""

    link_activated = Signal(object)
    """The target of the link that was chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("window", top="line", parent=parent)
        self.setAccessibleName("Links of the event")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 0, 8, 0)
        self._row.setSpacing(4)
        self._row.addWidget(IconLabel("link", parent=self))
        self._row.addSpacing(2)
        self._row.addStretch(1)
        self._parts: list[QWidget] = []
        self.setFixedHeight(grown(36))
        self.hide()

    def set_links(
        self, cause: Link | None = None, effects: Sequence[Link] = (), correlation: Link | None = None
    ) -> None:
        """Show other links; effects beyond three are counted and in the tooltip of the count."""
        for part in self._parts:
            self._row.removeWidget(part)
            part.deleteLater()
        self._parts.clear()
        groups: list[tuple[str, Sequence[Link]]] = []
        if cause is not None:
            groups.append(("Cause", (cause,)))
        if effects:
            groups.append(("Effects" if len(effects) > 1 else "Effect", effects[:_EFFECTS_SHOWN]))
        if correlation is not None:
            groups.append(("Correlation", (correlation,)))
        for number, (title, links) in enumerate(groups):
            if number:
                separator = ToneLabel("|", "text3", parent=self)
                separator.setContentsMargins(2, 0, 6, 0)
                self._add(separator)
            self._add(ToneLabel(title, parent=self))
            for link in links:
                button = LinkButton(link.text, self)
                button.setAccessibleName(f"{title} {button.accessibleName()}")
                button.setToolTip(plain_tooltip(link.tooltip))
                button.clicked.connect(lambda _checked=False, target=link.target: self.link_activated.emit(target))
                self._add(button)
            if title == "Effects" and len(effects) > _EFFECTS_SHOWN:
                rest = effects[_EFFECTS_SHOWN:]
                more = ToneLabel(f"and {len(rest):,} more", parent=self)
                more.setToolTip(plain_tooltip("\n".join(link.text for link in rest)))
                self._add(more)
        self.setVisible(bool(groups))

    def _add(self, part: QWidget) -> None:
        self._row.insertWidget(self._row.count() - 1, part)
        self._parts.append(part)
        part.show()
