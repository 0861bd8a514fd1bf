"""The events that were selected one after the other, and where one stands among them in going back and forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.workspace import Selection

#: Positions of the selection that Alt+Left goes back through.
HISTORY_LENGTH = 200


class SelectionHistory:
    """`add` forgets what was gone back from. `is_gone`: what one stands at is not selected any more."""

    def __init__(self) -> None:
        self._entries: list[Selection] = []
        self._position = -1

    def add(self, selection: Selection) -> None:
        """Another event was selected."""
        del self._entries[self._position + 1 :]
        self._entries.append(selection)
        del self._entries[:-HISTORY_LENGTH]
        self._position = len(self._entries) - 1

    def can_step(self, by: int, *, is_gone: bool) -> bool:
        """Whether there is anything one step back (-1) or forward (1)."""
        return 0 <= self._target(by, is_gone) < len(self._entries)

    def step(self, by: int, *, is_gone: bool) -> Selection | None:
        """Go a step, and return what stands there; None, and no step, where nothing does."""
        if not self.can_step(by, is_gone=is_gone):
            return None
        self._position = self._target(by, is_gone)
        return self._entries[self._position]

    def forget(self, connection: Connection) -> None:
        """Take out what is of a connection; where one stands stays as near as can be."""
        before = self._entries[: self._position + 1]
        self._position = sum(entry.place.connection is not connection for entry in before) - 1
        self._entries = [entry for entry in self._entries if entry.place.connection is not connection]

    def _target(self, by: int, is_gone: bool) -> int:
        # Where the selection itself is gone, one stands behind the place in the history.
        return self._position + (0 if by < 0 and is_gone else by)
