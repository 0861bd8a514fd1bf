"""What a test may leave behind: nothing. Takes a census before it and names what is new after it."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_GRACE = 2.0  # seconds that something which is already ending may take

# Started once by the interpreter for all that follow, and ended by it.
_INTERPRETERS_OWN = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
# Windows that Qt keeps for itself and uses again.
_QTS_OWN = frozenset({"QTipLabel", "QWhatsThat", "QShapedPixmapWidget", "QRollEffect", "QAlphaWidget"})


def _threads() -> dict[int, threading.Thread]:
    return {id(each): each for each in threading.enumerate() if not each.daemon}


def _children() -> dict[int, str]:
    """Return the running child processes: process id to command line. Empty where there is no /proc."""
    found: dict[int, str] = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            pids = listing.read_text().split()
        except OSError:
            continue  # the thread has ended
        for pid in pids:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if state not in "ZX" and not any(own in command for own in _INTERPRETERS_OWN):
                found[int(pid)] = command.strip()
    return found


def _windows() -> dict[int, str]:
    """Return the top-level widgets of the application, if there is one: address to description."""
    if "PySide6.QtWidgets" not in sys.modules:
        return {}
    import shiboken6
    from PySide6.QtWidgets import QApplication

    if QApplication.instance() is None:
        return {}
    found: dict[int, str] = {}
    for widget in QApplication.topLevelWidgets():
        # A combo box's list and a menu in a menu bar are windows too, and go with what they belong to.
        if not shiboken6.isValid(widget) or widget.parent() is not None:
            continue
        kind = widget.metaObject().className()
        if kind in _QTS_OWN:
            continue
        parts = [kind, "visible" if widget.isVisible() else "hidden, not deleted"]
        if widget.objectName():
            parts.append(f"objectName {widget.objectName()!r}")
        if widget.windowTitle():
            parts.append(f"title {widget.windowTitle()!r}")
        found[shiboken6.getCppPointer(widget)[0]] = ", ".join(parts)
    return found


def _let_qt_delete() -> None:
    if "PySide6.QtCore" not in sys.modules:
        return
    from PySide6.QtCore import QCoreApplication, QEvent

    if QCoreApplication.instance() is not None:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QCoreApplication.processEvents()


def _remove_windows(addresses: Iterable[int]) -> None:
    """Delete leaked windows, so that the tests after the guilty one do not fail for it."""
    import shiboken6
    from PySide6.QtWidgets import QApplication

    guilty = set(addresses)
    for widget in QApplication.topLevelWidgets():
        if shiboken6.isValid(widget) and shiboken6.getCppPointer(widget)[0] in guilty:
            widget.hide()
            widget.deleteLater()
    _let_qt_delete()


@dataclass
class Census:
    """The threads, child processes and windows that are there when it is taken."""

    threads: set[int] = field(default_factory=lambda: set(_threads()))
    children: set[int] = field(default_factory=lambda: set(_children()))
    windows: set[int] = field(default_factory=lambda: set(_windows()))

    def adopt(self, since: Census) -> None:
        """Count as known what has come since `since`: a fixture that outlives the test has started it."""
        now = Census()
        self.threads |= now.threads - since.threads
        self.children |= now.children - since.children
        self.windows |= now.windows - since.windows

    def new_threads(self) -> list[str]:
        return [each.name for key, each in _threads().items() if key not in self.threads]

    def new_children(self) -> list[str]:
        return [f"{pid} ({command})" for pid, command in _children().items() if pid not in self.children]

    def new_windows(self) -> list[str]:
        return [what for key, what in _windows().items() if key not in self.windows]

    def leaks(self, *, windows: bool) -> list[str]:
        """Return a sentence for each kind of thing left behind, after giving what is ending time to end."""
        sentences = [
            _left("threads still running", self.new_threads, _GRACE),
            _left("child processes still running", self.new_children, _GRACE),
        ]
        if windows:
            _let_qt_delete()
            if self.new_windows():
                gc.collect()  # a widget in a reference cycle is Python's to delete
            sentences.append(_left("windows", self.new_windows, 0.2, _let_qt_delete))
            if guilty := set(_windows()) - self.windows:
                _remove_windows(guilty)
        return [each for each in sentences if each]


def _left(
    kind: str, look: Callable[[], list[str]], grace: float, meanwhile: Callable[[], None] = lambda: None
) -> str:
    end = time.monotonic() + grace
    while (left := look()) and time.monotonic() < end:
        time.sleep(0.005)
        meanwhile()
    return f"{kind}: {'; '.join(left)}" if left else ""
