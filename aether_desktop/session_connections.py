"""Connections of an earlier session: how each is named in it, and opening it again on the first need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal

from aether_desktop.links import portable_url
from aether_desktop.session import Address
from aether_desktop.urls import file_of

if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.models.connection.connection_profiles import ConnectionProfiles
    from aether_desktop.workspace import Workspace


def address_of(connection: Connection) -> Address | None:
    """How a connection can be opened again; None for what lives no longer than the program."""
    read_only = connection.engine.read_only
    if connection.events_file is not None:
        return Address(events_file=str(connection.events_file.absolute()), read_only=read_only)
    if not connection.is_remembered:
        return None
    profile = connection.profile
    if profile is not None and profile.is_kept:
        return Address(profile=profile.id, read_only=read_only)
    return Address(url=portable_url(connection.engine.url), read_only=read_only)


class SessionConnections(QObject):
    """Opens what addresses name, each once, also where several tabs ask for it at the same time."""

    opened = Signal(object)

    def __init__(self, workspace: Workspace, profiles: ConnectionProfiles, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._profiles = profiles
        self._turn = asyncio.Lock()
        # The session's addresses in their order; and of connections that are from it, their places in that.
        self._order: list[Address] = []
        self._ranks: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        self._stood: set[int] = set()

    def expect(self, addresses: Iterable[Address]) -> None:
        """Connections of a session are about to come, in any order, and stand in this one before all others."""
        self._order = list(addresses)

    def addresses(self, waited_for: Iterable[Address]) -> list[Address]:
        """What is open and what tabs wait for, in the order in which somebody opened them."""
        found: list[tuple[Address, int | None]] = []
        for connection in self._workspace.connections:
            address = address_of(connection)
            if address is not None and all(address != each for each, _ in found):
                found.append((address, self._ranks.get(connection)))
        for address in waited_for:
            if all(address != each for each, _ in found):
                rank = self._order.index(address) if address in self._order else None
                found.insert(_place_of(rank, [rank for _, rank in found]), (address, rank))
        return [address for address, _ in found]

    def _put_in_order(self, connection: Connection, address: Address) -> None:
        """Have a connection of the session stand where it stood; once: what is opened again is the newest."""
        rank = self._order.index(address) if address in self._order else None
        if rank is None or rank in self._stood:
            return
        self._stood.add(rank)
        self._ranks[connection] = rank
        others = [each for each in self._workspace.connections if each is not connection]
        self._workspace.move_connection(connection, _place_of(rank, [self._ranks.get(each) for each in others]))

    def find(self, address: Address) -> Connection | None:
        """The open connection that an address names."""
        return next((each for each in self._workspace.connections if address_of(each) == address), None)

    def missing(self, address: Address) -> str:
        """Why it is no use to try: a file that is not there, a profile that is not kept; "" if there is none."""
        path = _file(address)
        if path is not None and not path.exists():
            return f"{path} is not there. Put it back, or close the tab."
        if address.profile and self._profiles.profiles.by_id(address.profile) is None:
            return "The connection is not among those that are kept any more."
        return ""

    def is_file(self, address: Address) -> bool:
        return _file(address) is not None and not address.events_file

    async def open(self, address: Address) -> Connection | None:
        """The connection, opened if need be; that it failed is told by the workspace."""
        async with self._turn:
            found = self.find(address)
            if found is not None:
                self._put_in_order(found, address)
            if found is not None or self.missing(address):
                return found
            connection = await self._opening(address)()
            if connection is not None:
                self._put_in_order(connection, address)
                self.opened.emit(connection)
            return connection

    def _opening(self, address: Address) -> Callable[[], Awaitable[Connection | None]]:
        workspace, profile = self._workspace, self._profiles.profiles.by_id(address.profile)
        if profile is not None:
            return lambda: self._profiles.open(profile._replace(read_only=address.read_only), announce=False)
        if address.events_file:
            return lambda: workspace.open_path(Path(address.events_file), announce=False)
        return lambda: workspace.open(address.url, read_only=address.read_only, announce=False)


def _place_of(rank: int | None, ranks: Sequence[int | None]) -> int:
    """Where in a list something of the session belongs: before what came later, and all that is not of it."""
    later = (place for place, other in enumerate(ranks) if other is None or (rank is not None and other > rank))
    return len(ranks) if rank is None else next(later, len(ranks))


def _file(address: Address) -> Path | None:
    if address.events_file:
        return Path(address.events_file)
    return file_of(address.url) if address.url.startswith("sqlite:") else None
