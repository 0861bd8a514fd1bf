"""What is done with the files opened lately: opened, said to be gone, and taken from the list with a way back."""

from __future__ import annotations

from collections.abc import Callable

from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.urls import file_of, title_of
from aether_desktop.workspace import Workspace
from aether_engine.errors import StoreUnavailableError


class RecentFiles:
    """Those of a workspace's settings, as the welcome page of its window lists them."""

    def __init__(self, workspace: Workspace, show: Callable[[], object]) -> None:
        """`show` lists them anew."""
        self._workspace = workspace
        self._show = show

    def open(self, url: str) -> None:
        """Open one that is there; of one that is not it is said, and nothing is made in its place."""
        try:
            path = file_of(url)
        except StoreUnavailableError:
            path = None
        if path is not None and not path.exists():
            said = f"{visible(path.name)} is not there any more: {visible(str(path))}."
            self._workspace.offered.emit(said, "Remove from the list", lambda: self.remove(url))
            return
        self._workspace.start(self._workspace.open(url), "open")

    def remove(self, url: str) -> None:
        """Take one from the list; it can be had back."""
        before = self._workspace.settings.recent
        self._workspace.settings.remove_recent(url)
        self._show()
        said = f"{visible(title_of(url))} is not listed any more. The file is as it was."
        self._workspace.offered.emit(said, "Undo", lambda: self._put_back(before))

    def _put_back(self, recent: list[str]) -> None:
        self._workspace.settings.set("recent", recent)
        self._show()
