"""Documents that come back as they were: after a restart, and when a closed tab is wanted again.

A kind of document takes part with one line where it is made, `desk.reopening.add("trace", "trace", self._reopen)`,
and with `DocumentView.session_state`: what that says `_reopen(place, name, state)` gets to make it anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from PySide6.QtWidgets import QWidget

from aether_desktop.session import Address
from aether_desktop.workspace import Place


class Spot(NamedTuple):
    """A namespace of a connection that may not be open."""

    address: Address
    namespace: str


class TabState(NamedTuple):
    """A document as it was: what `session.SavedTab` says, with places instead of numbers."""

    kind: str
    place: Place | Spot | None
    name: str
    title: str
    filter: str
    state: Mapping[str, Any]


#: Of a document of a connection: makes it anew from its place, its name and its state.
Reopen = Callable[[Place, str, Mapping[str, Any]], Awaitable[QWidget | None]]
#: The same of a document that is of no connection.
ReopenElsewhere = Callable[[str, Mapping[str, Any]], Awaitable[QWidget | None]]


class Reopening:
    """Knows of each kind of document how it is opened again, and its icon."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[str, Reopen, ReopenElsewhere | None]] = {}

    def add(self, kind: str, icon_name: str, reopen: Reopen, *, elsewhere: ReopenElsewhere | None = None) -> None:
        """Have documents of `kind` come back; `reopen` returns None where there is nothing any more to show.

        `elsewhere` is for those of the kind that are of no connection.
        """
        self._kinds[kind] = (icon_name, reopen, elsewhere)

    def icon_of(self, kind: str) -> str:
        """The icon of a kind, "" of one that does not come back."""
        return self._kinds[kind][0] if kind in self._kinds else ""

    async def open(self, kind: str, place: Place | None, name: str, state: Mapping[str, Any]) -> QWidget | None:
        """Open a document of a known kind; the view is in a tab then, and in front."""
        _icon, reopen, elsewhere = self._kinds[kind]
        if place is not None:
            return await reopen(place, name, state)
        return await elsewhere(name, state) if elsewhere is not None else None
