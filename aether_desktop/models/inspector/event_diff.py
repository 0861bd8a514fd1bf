"""The difference of two events' documents, found off the window's loop when they are large."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QObject, QThreadPool, Signal

from aether_desktop.models.inspector.large_diff import CancelledError, diff_large
from aether_desktop.models.state.state_diff import StateDiffModel, diff_documents
from aether_engine.replay import Change

#: Bytes of both documents up to which they are compared at once and as a whole.
_AT_ONCE: Final = 1 << 16


class EventDiff(QObject):
    """Compares two documents and puts the result into `model`; the last pair asked for wins."""

    changed = Signal()
    """`model` has another content, or `problem` another text."""
    _found = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.model = StateDiffModel(self)
        self.problem = ""
        self.is_comparing = False
        self.are_more = False
        self._asked = 0
        self._versions = (0, 0)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._found.connect(self._show)

    def compare(self, old: bytes, new: bytes, old_version: int, new_version: int) -> None:
        """Show what leads from `old` to `new`, with the versions to name beside the values."""
        self._asked += 1
        self._versions = (old_version, new_version)
        asked = self._asked
        size = len(old) + len(new)
        if size <= _AT_ONCE:
            self._show((asked, *_compare(old, new)))
            return
        self.model.clear()
        self.problem, self.are_more = "", False
        self.is_comparing = True
        self.changed.emit()
        self._pool.start(lambda: self._compare_large(asked, old, new))

    def clear(self) -> None:
        """Show nothing, and let go of a comparison that goes on."""
        self._asked += 1
        self.is_comparing = False
        self.problem, self.are_more = "", False
        self.model.clear()
        self.changed.emit()

    def _compare_large(self, asked: int, old: bytes, new: bytes) -> None:
        """Compare in a worker thread."""
        try:
            found = diff_large(old, new, lambda: self._asked != asked)
        except CancelledError:
            return
        except (ValueError, RecursionError) as error:
            self._found.emit((asked, [], None, f"The two cannot be compared: {error}.", False))
        else:
            self._found.emit((asked, found.changes, None, "", found.are_more))

    def _show(self, found: tuple[int, list[Change], Any, str, bool]) -> None:
        asked, changes, new, problem, are_more = found
        if asked != self._asked:
            return
        self.is_comparing = False
        self.problem, self.are_more = problem, are_more
        old_version, new_version = self._versions
        self.model.set_changes(
            changes, new, old_version=old_version, new_version=new_version, headers=("Path", "Value", "Version")
        )
        self.changed.emit()


def _compare(old: bytes, new: bytes) -> tuple[list[Change], Any, str, bool]:
    try:
        changes, after = diff_documents(old, new)
    except (ValueError, RecursionError) as error:
        return [], None, f"The two cannot be compared: {error}.", False
    return changes, after, "", False
