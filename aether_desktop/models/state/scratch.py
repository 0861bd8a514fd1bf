"""The scratch store: streams copied into memory, to try things on where nothing of it can do harm."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.connection import Connection
from aether_desktop.workspace import Place, Workspace
from aether_engine.replay import Fork, fork_actor

TITLE: Final = "Scratch (in memory)"
_FORK: Final = re.compile(r"\.fork-[0-9]+$")


class Scratch(QObject):
    """One connection for all forks of the window, made with the first; each fork has a namespace in it."""

    opened = Signal(object)
    """The connection was made, to be followed as every other one."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._connection: Connection | None = None
        self._taken: set[str] = set()

    def holds(self, place: Place) -> bool:
        """Whether a namespace is one of the forks."""
        return place.connection is self._connection

    async def fork(self, place: Place, actor_id: str, to_version: int | None) -> tuple[Place, Fork] | None:
        """Copy an actor's stream up to a version (None = all of it), as a job; None if it came to nothing."""
        connection = await self._opened()
        if connection is None:
            return None
        name = self._free_name(place.namespace)
        self._taken.add(name)
        made: list[Fork] = []

        async def work(_job: object) -> None:
            source = await self._workspace.store(place)
            target = await connection.engine.store(name)
            made.append(await fork_actor(source, actor_id, to_version=to_version, target=target))

        if not await self._workspace.jobs.run(f"Fork {actor_id}", work):
            return None
        await connection.refresh()
        return Place(connection, name), made[0]

    async def _opened(self) -> Connection | None:
        if self._connection is None or self._connection not in self._workspace.connections:
            self._taken.clear()
            # Not announced: what is shown first in it is the fork.
            self._connection = await self._workspace.open("memory://", title=TITLE, remember=False, announce=False)
            if self._connection is not None:
                self.opened.emit(self._connection)
        return self._connection

    def _free_name(self, namespace: str) -> str:
        # A fork of a fork is one more of the same stream.
        base = _FORK.sub("", namespace)
        number = 1
        while f"{base}.fork-{number}" in self._taken:
            number += 1
        return f"{base}.fork-{number}"
