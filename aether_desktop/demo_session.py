"""The demo as the window runs it: a file of its own that lives as long as the program, and a simulator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aether_desktop.owned_folder import OwnedFolder, remove_orphans
from aether_desktop.workspace import Workspace

# The shop is loaded when it is opened.
if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.demo import DemoSimulator
    from aether_desktop.jobs import Job

TITLE = "Demo shop"
_PREFIX: Final = "aether-demo-"
_FILE: Final = "demo-shop.aether"


class DemoSession:
    """Builds the demo once; opening it again shows what is there."""

    def __init__(self) -> None:
        self._folder: OwnedFolder | None = None
        self._simulator: DemoSimulator | None = None

    async def open(self, workspace: Workspace, *, simulate: bool) -> Connection | None:
        """Build the shop if need be, open it, and let its customers go on."""
        from aether_desktop.demo import DemoSimulator, build_demo

        if self._folder is None:
            folder = self._folder = OwnedFolder(_PREFIX)

            async def work(job: Job) -> None:
                await asyncio.to_thread(remove_orphans, _PREFIX)
                await build_demo(folder.path / _FILE)

            if not await workspace.jobs.run("Build the demo", work):
                self.remove_files()
                return None
        connection = await workspace.open_path(self._folder.path / _FILE, title=TITLE, remember=False)
        if connection is not None and simulate and self._simulator is None:
            self._simulator = DemoSimulator(connection.engine)
            self._simulator.start()
        return connection

    async def close(self) -> None:
        """End the simulator."""
        if self._simulator is not None:
            await self._simulator.stop()
            self._simulator = None

    def remove_files(self) -> None:
        """Remove the demo's file, once its connection is closed."""
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
