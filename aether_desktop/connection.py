"""One opened engine as the application sees it: its name, its namespaces, and when something may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from aether_desktop.tasks import TaskOwner
from aether_desktop.urls import file_of, title_of
from aether_engine.engine import Engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import NamespaceInfo, StoreWarning

if TYPE_CHECKING:
    from aether_desktop.profiles import Profile

#: Shortest time between two looks at the namespaces while events pour in, in seconds.
REFRESH_INTERVAL = 0.1


class Connection(QObject):
    """Keeps the namespaces of an engine up to date and tells who shows its events that more may have come."""

    namespaces_changed = Signal()
    changed = Signal()
    failed = Signal(object)
    link_changed = Signal()

    def __init__(
        self, engine: Engine, title: str = "", parent: QObject | None = None, *, profile: Profile | None = None
    ) -> None:
        super().__init__(parent)
        self.engine = engine
        #: What it was opened with, less its secret; None for what was opened by a URL alone.
        self.profile = profile
        self.title = title or title_of(engine.url)
        #: The file of events that was read into it.
        self.events_file: Path | None = None
        #: Tells how it was opened, for whoever opens the same again.
        self.opening = b""
        self.namespaces: list[NamespaceInfo] = []
        #: Streams of a server that are other programs'.
        self.foreign_streams: list[str] = []
        self._tasks = TaskOwner(self.failed.emit)
        #: When the link was lost, as local time; None while it is up or where there is none.
        self.link_lost_at: datetime | None = None
        self._leave_link: Callable[[], None] | None = None
        self._warned: set[StoreWarning] = set()
        #: Whether what is known of it outlives it: not of a store in memory, nor of one made anew each time.
        self.is_remembered = not engine.url.startswith("memory:")

    @property
    def is_server(self) -> bool:
        return self.engine.link is not None

    @property
    def is_production(self) -> bool:
        """Whether people depend on what is stored there: each write is confirmed by the namespace's name."""
        return self.profile is not None and self.profile.production

    @property
    def can_reopen(self) -> bool:
        """Whether it can be opened once more in another way."""
        return (self.is_server or self.is_file) and self.is_remembered

    @property
    def color(self) -> str:
        """The name of its profile's colour, "" for none."""
        return self.profile.color if self.profile is not None else ""

    @property
    def icon_name(self) -> str:
        """The icon of this kind of connection."""
        return "server" if self.is_server else "file" if self.is_file else "memory"

    @property
    def link_up(self) -> bool:
        """Whether the server can be reached; what is embedded always can."""
        link = self.engine.link
        return link is None or link.state == "up"

    @property
    def is_file(self) -> bool:
        return self.engine.url.startswith("sqlite:")

    @property
    def file_path(self) -> Path | None:
        """The file of an embedded store."""
        return file_of(self.engine.url) if self.is_file else None

    @property
    def file_size(self) -> int | None:
        """Bytes of the file, None where there is no file (yet)."""
        path = self.file_path
        try:
            return path.stat().st_size if path is not None else None
        except OSError:
            return None

    def new_warnings(self, concerns: Callable[[str], bool] = lambda _namespace: True) -> list[StoreWarning]:
        """What the engine warns of and was not handed out before, of the namespaces that concern somebody."""
        new = [
            warning
            for warning in self.engine.warnings
            if warning not in self._warned and (not warning.namespace or concerns(warning.namespace))
        ]
        self._warned.update(new)
        return new

    async def start(self) -> None:
        """Read the namespaces, and go on doing so whenever something changes."""
        count = self.engine.change_count()
        if self.engine.link is not None:
            self._leave_link = self.engine.link.on_change(lambda _link: self._link_changed())
        await self.refresh()
        self._tasks.start(self._follow(count), f"changes of {self.title}")

    async def close(self) -> None:
        """Stop following and close the engine."""
        if self._leave_link is not None:
            self._leave_link()
        await self._tasks.cancel_all()
        await self.engine.close()

    async def _follow(self, count: int) -> None:
        while not self.engine.closed:
            await self.engine.wait_for_change(count)
            count = self.engine.change_count()
            # Without a link, also one that goes just now, the last answer stands; the next change comes with it.
            if self.link_up:
                with suppress(StoreUnavailableError) if self.is_server else nullcontext():
                    await self.refresh()
            self.changed.emit()
            await asyncio.sleep(REFRESH_INTERVAL)

    def _link_changed(self) -> None:
        if self.link_up:
            self.link_lost_at = None
        elif self.link_lost_at is None:
            self.link_lost_at = datetime.now().astimezone()
        self.link_changed.emit()

    async def refresh(self) -> None:
        """Look at the namespaces now."""
        namespaces = await self.engine.namespaces()
        foreign_streams = await self.engine.foreign_streams()
        if (namespaces, foreign_streams) != (self.namespaces, self.foreign_streams):
            self.namespaces, self.foreign_streams = namespaces, foreign_streams
            self.namespaces_changed.emit()
