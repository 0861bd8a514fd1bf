"""The commands of live tails: they act on the tail in front."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow, QWidget

from aether_desktop.jobs import Job
from aether_desktop.models.tail.tail_rows import TailEntry, events_text, stored_of
from aether_desktop.numbers import number_text
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Document
from aether_desktop.ui.window.notifications import Notifications
from aether_desktop.workspace import Workspace
from aether_engine.event import StoredEvent

_AT_ONCE = 5_000
_SAVED = "Events as lines of JSON (*.ndjson *.jsonl *.json *.gz)"


class Tailing(QObject):
    """Pauses, follows, saves and calls for attention, as the actions of a window ask for."""

    def __init__(self, window: QMainWindow, workspace: Workspace, desk: Desk) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._desk = desk
        self.notifications = Notifications(window)
        desk.view_added.connect(self._watch)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do, by name."""
        return {
            "pause_tail": lambda: self._with_tail(TailView.toggle_pause),
            "follow_tail": lambda: self._with_tail(TailView.follow),
            "stop_tail": lambda: self._with_tail(TailView.start_or_stop),
            "save_tail": lambda: self._with_tail(self.save),
            "notify_tail": lambda: self._with_tail(self._toggle_alerts),
        }

    def _with_tail(self, work: Callable[[TailView], object]) -> None:
        view = self._desk.tail_in_front
        if view is not None:
            work(view)
        else:
            self._workspace.told.emit("There is no tail in front: Ctrl+T opens one.")

    def _toggle_alerts(self, view: TailView) -> None:
        if view.controller.is_filtered:
            view.toggle_alerts()
        else:
            self._workspace.told.emit("What to call for is said by a filter of the tail: Ctrl+F.")

    # -- saving

    def save(self, view: TailView) -> None:
        """Ask for a file and write the events of the table into it, byte for byte."""
        table = view.controller.table
        entries, count = table.entries(), table.event_count
        if not count:
            self._workspace.told.emit("Nothing to save: the tail shows no events.")
            return
        dialog = QFileDialog(self._window, f"Save the {events_text(count)} that the tail shows")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilters([_SAVED])
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("ndjson")
        dialog.fileSelected.connect(lambda name: self._write(entries, Path(name)))
        dialog.open()

    def _write(self, entries: list[TailEntry], path: Path) -> None:
        from aether_engine.transfer import export_events

        async def work(job: Job) -> None:
            events: list[StoredEvent] = []
            for start in range(0, len(entries), _AT_ONCE):
                events += stored_of(entries[start : start + _AT_ONCE])
                await asyncio.sleep(0)
            result = await export_events(events, path, overwrite=True, progress=job.report_transfer)
            left_out = (
                f"; {number_text(len(result.skipped))} damaged events were left out" if result.skipped else ""
            )
            self._workspace.told.emit(f"Saved {events_text(result.events)} of the tail to {path.name}{left_out}.")

        self._workspace.jobs.start(f"Save {path.name}", work)

    # -- calling

    def _watch(self, _document: Document, view: QWidget) -> None:
        if isinstance(view, TailView):
            view.controller.alerts.due.connect(self._call)

    def _call(self, title: str, text: str) -> None:
        if not self.notifications.notify(title, text):
            # The line in the window is all there is.
            self._workspace.told.emit(f"{visible(title)}: {visible(text)}")

    def close(self) -> None:
        """Take away what notifications come from."""
        self.notifications.close()
