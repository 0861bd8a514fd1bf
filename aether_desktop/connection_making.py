"""How a connection comes about: an engine opened as a job, a name beside the others, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import blake2b
from os import urandom
from pathlib import Path
from typing import TYPE_CHECKING

from aether_desktop.connection import Connection
from aether_desktop.jobs import Job
from aether_desktop.urls import file_of, title_of
from aether_engine.engine import open_engine
from aether_engine.errors import StoreUnavailableError

if TYPE_CHECKING:
    from aether_desktop.profiles import Profile
    from aether_desktop.workspace import Workspace


class ConnectionMaking:
    """Makes connections for a workspace, which then has them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._key = urandom(16)

    async def made_in_job(
        self, url: str, read_only: bool, title: str, options: Mapping[str, str], profile: Profile | None
    ) -> Connection | None:
        """A new connection, looked into; a server may take its time, and can be given up."""
        workspace = self._workspace
        made: list[Connection | None] = []

        async def work(_job: Job) -> None:
            made.append(await self._make(url, read_only, title, options, profile))

        shown = title or title_of(url)
        job = workspace.jobs.start(f"Open {shown}", work, unit="")
        job.tells_cancelling = False
        assert job.task is not None
        try:
            await asyncio.wait([job.task])
        except asyncio.CancelledError:
            job.cancel()
            await asyncio.wait([job.task])
            raise
        if job.task.cancelled() and not workspace.is_closing:
            workspace.told.emit(f"Opening {shown} was cancelled.")
        return made[0] if made else None

    async def _make(
        self, url: str, read_only: bool, title: str, options: Mapping[str, str], profile: Profile | None
    ) -> Connection | None:
        workspace = self._workspace
        engine = None
        try:
            engine = await open_engine(url, read_only=read_only, **options)
            connection = Connection(
                engine, title or self._distinct_title(engine.url, options), workspace, profile=profile
            )
            if connection.is_production:
                workspace.write_guard.watch(connection)
            await connection.start()
        except Exception as error:  # noqa: BLE001 (told to the user, whatever it is)
            if engine is not None:
                await engine.close()
            workspace.tell_failure(not_opened(url, title), error, profile, _file_of(url))
            return None
        except asyncio.CancelledError:
            if engine is not None:
                await engine.close()
            raise
        return connection

    def fingerprint(self, url: str, read_only: bool, options: Mapping[str, str], profile: Profile | None) -> bytes:
        """Tells one way to open a store from another; nobody can read a password from it."""
        marks = (profile.id, profile.production) if profile is not None else ("", False)
        text = repr((url, read_only, sorted(options.items()), marks))
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()

    def _distinct_title(self, url: str, options: Mapping[str, str]) -> str:
        """How a connection is called beside others to the same server: by its user, or by a number."""
        title = title_of(url)
        taken = {connection.title for connection in self._workspace.connections}
        if title not in taken or not url.startswith(("nats:", "tls:")):
            return title
        if options.get("user"):
            title = f"{title} as {options['user']}"
        number = 2
        distinct = title
        while distinct in taken:
            distinct, number = f"{title} ({number})", number + 1
        return distinct


def _file_of(url: str) -> Path | None:
    """The file of a URL, None if it names none that is there."""
    if not url.startswith("sqlite:"):
        return None
    try:
        path = file_of(url)
        return path if path.is_file() else None
    except (StoreUnavailableError, OSError):
        return None


def not_opened(url: str, title: str) -> str:
    """What is told of a connection that could not be opened, and taken back once it is."""
    return f"{title or title_of(url)} could not be opened"
