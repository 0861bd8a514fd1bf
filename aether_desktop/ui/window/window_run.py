"""One run of the window: alone for its user, with a log, with what was open before, and with an orderly end."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from aether_desktop.folders import socket_address, state_folder
from aether_desktop.log_file import CRASH_NAME, keep_log
from aether_desktop.single_instance import Doorkeeper, hand_over
from aether_desktop.start_marker import LastRun, StartMarker
from aether_desktop.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aether_desktop.ui.window.main_window import MainWindow

log = logging.getLogger(__name__)

#: Size from which on what was written by processes that died is begun anew, in bytes.
_MOST_CRASHES = 64 << 10


class Run:
    """Belongs to a usual start; one that only takes pictures has none."""

    def __init__(
        self,
        window: MainWindow,
        arguments: argparse.Namespace,
        marker: StartMarker,
        open_asked: Callable[[MainWindow, argparse.Namespace], Awaitable[None]],
        nothing_asked: Mapping[str, object],
    ) -> None:
        self._window = window
        self._arguments = arguments
        self._marker = marker
        self._open_asked = open_asked
        self._nothing_asked = nothing_asked
        self._handler = keep_log(state_folder())
        self._crashes: IO[str] | None = None
        self._keep_crashes()
        self._doorkeeper: Doorkeeper | None = None
        #: Whether this is the one window that keeps its session.
        self._is_first = not arguments.new_window
        # What is handed over waits until this start has what it was asked for.
        self._is_open = asyncio.Event()
        # Not the workspace's: opening waits until those are done.
        self._tasks = TaskOwner(lambda error: window.workspace.fail("What another start asked for failed", error))

    def begin(self) -> bool:
        """Become the window of this user; False if there is another one, which has got what was asked for."""
        log.info("started")
        if not self._is_first:
            return True
        address = socket_address()
        self._doorkeeper = Doorkeeper(address, self._asked, log.warning)
        self._is_first = self._doorkeeper.listen()
        if not self._is_first:
            # The other one runs, whatever this start has noted.
            self._marker.started()
            return not hand_over(address, vars(self._arguments))
        return True

    async def open(self) -> None:
        """Bring back what was open, and open what the command line asks for in front of it."""
        window, arguments = self._window, self._arguments
        keeps = self._is_first and not arguments.demo
        window.keeps_session = keeps and not self.is_safe
        has_session = window.workspace.settings.path.with_name("session.json").exists()
        if window.keeps_session and has_session:
            keeping = window.panels.session
            session = keeping.file.read()
            keeping.restore(session)
            window.show_start()
            await self._open_asked(window, arguments)
            keeping.open_front(session)
        else:
            window.show_start()
            await self._open_asked(window, arguments)
        self._is_open.set()
        await window.settle()
        if self._is_first:
            self._marker.started()
        self._tell()

    @property
    def is_safe(self) -> bool:
        """Whether nothing of earlier runs is looked at but connections and recent files."""
        return bool(self._arguments.safe) or self._marker.last_run is LastRun.DIED_STARTING

    async def stop(self) -> None:
        """Take nothing any more, before everything closes."""
        if self._doorkeeper is not None:
            self._doorkeeper.close()
        await self._tasks.cancel_all()

    def end(self) -> None:
        """Leave nothing behind."""
        log.info("ended")
        if self._is_first:
            self._marker.ended()
        if self._crashes is not None:
            faulthandler.disable()
            self._crashes.close()
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()

    def _keep_crashes(self) -> None:
        path = state_folder() / CRASH_NAME
        if faulthandler.is_enabled():
            # Whoever started the program wants to see it somewhere else.
            return
        with suppress(OSError):  # without a place for it a crash goes unwritten, and the window runs
            is_long = path.exists() and path.stat().st_size > _MOST_CRASHES
            self._crashes = path.open("w" if is_long else "a", encoding="utf-8")
            faulthandler.enable(self._crashes, all_threads=False)

    # -- telling

    def _tell(self) -> None:
        """Say what was not as it should be when the program started."""
        window = self._window
        problems = [window.workspace.settings.problem]
        if window.keeps_session and window.has_panels:
            problems.append(window.panels.session.file.problem)
        if any(problems):
            window.tell("gap", "Not everything could be taken up.", " ".join(filter(None, problems)))
        elif self._marker.last_run is LastRun.DIED_STARTING and not self._arguments.safe:
            window.tell(
                "gap", "The last start did not come to its end.", "So nothing of before was opened this time."
            )
            window.banner.add_action("Open it again", self._restore_after_all)
        elif self._marker.last_run is LastRun.DIED:
            window.tell(
                "gap", "The program did not end properly the last time.", "No stored event is lost by that."
            )
            window.banner.add_action("Start afresh", self._start_afresh)
        else:
            return
        window.banner.add_action("Copy diagnostics", lambda: window.panels.commands.run("copy_diagnostics"))

    def _restore_after_all(self) -> None:
        keeping = self._window.panels.session
        self._window.banner.hide()
        session = keeping.file.read()
        keeping.restore(session)
        keeping.open_front(session)
        keeping.keep()

    def _start_afresh(self) -> None:
        """Close every tab and put the layout back, as a safe start would have it."""
        self._window.banner.hide()
        panels = self._window.panels
        for view in [*panels.desk.documents.views(), *panels.desk.documents.waiting()]:
            panels.desk.close_asked(view)
        panels.reset_layout()

    # -- other starts

    def _asked(self, values: dict[str, Any]) -> None:
        """Another start of this user asks for something: show the window, and it."""
        window = self._window
        token = values.pop("activation", "")
        if token:
            # Without it a window manager may not let the window come to the front.
            os.environ["XDG_ACTIVATION_TOKEN"] = token
        if window.isMinimized():
            window.showNormal()
        window.raise_()
        window.activateWindow()
        if values:
            asked = argparse.Namespace(**{**self._nothing_asked, **values})
            self._tasks.start(self._open_handed_over(asked), "open what another start asks for")

    async def _open_handed_over(self, asked: argparse.Namespace) -> None:
        await self._is_open.wait()
        await self._open_asked(self._window, asked)
