"""Following `aether://` links: to a connection that is open, else to one that is opened read-only for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from aether_desktop.connection import Connection
from aether_desktop.links import MAX_LENGTH, Link, LinkError, is_link, parse_link, portable_url
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.link_dialog import LinkDialog
from aether_desktop.workspace import Place, Workspace

if TYPE_CHECKING:
    from aether_desktop.ui.window.panels import Panels


class LinkOpening(QObject):
    """Asks for a link and goes where it leads; where it leads nowhere, that is told."""

    def __init__(self, window: QWidget, workspace: Workspace, panels: Panels) -> None:
        super().__init__(panels)
        self._window = window
        self._workspace = workspace
        self._panels = panels

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the action does, by name."""
        return {"open_link": self.ask}

    def ask(self) -> None:
        """Ask for a link; one that is on the clipboard is there already."""
        text = QGuiApplication.clipboard().text()[: MAX_LENGTH + 1]
        dialog = LinkDialog(text.strip() if is_link(text) else "", parent=self._window)
        dialog.chosen.connect(lambda link: self._workspace.start(self.follow(link), "open link"))
        dialog.open()

    async def follow_text(self, text: str, options: Mapping[str, str] | None = None) -> bool:
        """As `follow`, for a text from the command line."""
        try:
            link = parse_link(text)
        except LinkError as error:
            self._workspace.fail("The link was not opened", error)
            return False
        return await self.follow(link, options)

    async def follow(self, link: Link, options: Mapping[str, str] | None = None) -> bool:
        """Go where `link` leads; `options` log in to its server. Returns whether one is there."""
        connection = self._open_connection(link) or await self._connect(link, options or {})
        if connection is None:
            return False
        if not link.namespace:
            self._panels.show_connection(connection)
            return True
        place = Place(connection, link.namespace)
        if all(info.name != link.namespace for info in connection.namespaces):
            await connection.refresh()
        if all(info.name != link.namespace for info in connection.namespaces):
            return self._lost(f"There is no namespace {link.namespace} in {connection.title}.")
        self._workspace.use_place(place)
        if link.sequence is not None:
            return await self._select(place, link.sequence, link.event_id)
        if not link.actor_id:
            await self._panels.desk.open_log(place)
            return True
        return await self._open_stream(place, link.actor_id, link.version)

    def _open_connection(self, link: Link) -> Connection | None:
        found = [
            each for each in self._workspace.connections if portable_url(each.engine.url) == portable_url(link.url)
        ]
        # Stores in memory have one URL: the one that has what is meant.
        named = [each for each in found if any(info.name == link.namespace for info in each.namespaces)]
        return next(iter(named or found), None)

    async def _connect(self, link: Link, options: Mapping[str, str]) -> Connection | None:
        if link.url.startswith("memory:"):
            self._lost("The link leads to a store in memory, which is gone with the window it was in.")
            return None
        logins = options if link.is_server else {}
        profiles = self._panels.commands.connecting.profiles
        profile = profiles.for_server(link.url) if link.is_server and not logins else None
        if profile is not None:
            # As whoever kept it logs in, and with its marks.
            connection = await profiles.open(profile._replace(read_only=True), announce=False)
        else:
            connection = await self._workspace.open(link.url, read_only=True, announce=False, options=logins)
        if connection is not None:
            self._panels.adopt(connection)
        return connection

    async def _select(self, place: Place, sequence: int, event_id: str) -> bool:
        if not await self._workspace.select_at(place, sequence):
            return False
        selection = self._workspace.selection
        event = selection.event if selection is not None else None
        if event_id and event is not None and event.id != event_id:
            return self._lost(
                f"#{number_text(sequence)} of {place.namespace} is not the event the link was made for: "
                f"its id is {event.id}, and was {event_id}. It is another store, or was filled anew."
            )
        return True

    async def _open_stream(self, place: Place, actor_id: str, version: int | None) -> bool:
        if version is None:
            await self._panels.desk.open_stream(place, actor_id)
            return True
        store = await self._workspace.store(place)
        async for batch in store.read_actor(actor_id, from_version=version, batch_size=1):
            for stored in batch:
                if stored.event is not None and stored.event.version == version:
                    await self._panels.desk.open_stream(place, actor_id, version)
                    return True
            break
        return self._lost(f"{actor_id} has no version {number_text(version)} in {place.namespace}.")

    def _lost(self, why: str) -> bool:
        self._workspace.told.emit(why)
        return False
