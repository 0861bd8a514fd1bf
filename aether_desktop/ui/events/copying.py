"""Copying events: exactly as stored, one as JSON, several as lines of JSON; and links to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from aether_desktop.jobs import Job
from aether_desktop.links import Link, portable_url
from aether_desktop.models.events.event_lines import ChosenEvent, EventLines, gather_lines
from aether_desktop.models.inspector.damage import not_utf8_at
from aether_desktop.models.inspector.tree_roles import written
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.chosen_rows import ChosenRows
from aether_desktop.ui.widgets.clipboard import put_text
from aether_desktop.ui.widgets.mime import mime_data
from aether_desktop.ui.window.documents import Documents
from aether_desktop.workspace import Workspace
from aether_engine.event import StoredEvent

#: Under this type the clipboard has an event's bytes, which need not be text.
JSON_TYPE: Final = "application/json"
LINES_TYPE: Final = "application/x-ndjson"
#: Most rows and most bytes that are copied; more is a matter for an export.
ROWS_LIMIT: Final = 100_000
BYTES_LIMIT: Final = 128 << 20
#: Events that are named when they are left out.
_NAMED: Final = 3


class Copying(QObject):
    """Puts what is chosen on the clipboard. What cannot be copied whole is not copied, and that is said."""

    def __init__(self, workspace: Workspace, documents: Documents, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._documents = documents

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions that copy do, by name."""
        return {"copy_event": self.copy_events, "copy_link": self.copy_link}

    def copy_events(self) -> None:
        """Copy the chosen events: the bytes of one, or of several a line each."""
        rows = ChosenRows(self._workspace, self._documents)
        if rows.count > ROWS_LIMIT:
            self._refuse(
                f"{number_text(rows.count)} rows are selected, and {number_text(ROWS_LIMIT)} are the most"
            )
            return
        chosen = list(rows)
        if not chosen:
            self._workspace.told.emit("Nothing was copied: no event is selected.")
        elif len(chosen) == 1 and chosen[0].stored is not None:
            self._copy_one(chosen[0].stored)
        else:
            self._workspace.start(self._copy_many(chosen), "copy events")

    def copy_link(self) -> None:
        """Copy links to the chosen events, a line each."""
        rows = ChosenRows(self._workspace, self._documents)
        if rows.count > ROWS_LIMIT:
            self._refuse(
                f"{number_text(rows.count)} rows are selected, and {number_text(ROWS_LIMIT)} are the most"
            )
            return
        links: list[str] = []
        in_memory = False
        for chosen in rows:
            if chosen.sequence:
                engine = chosen.place.connection.engine
                in_memory |= engine.url.startswith("memory:")
                event = chosen.stored.event if chosen.stored is not None else None
                event_id = event.id if event is not None else ""
                url = portable_url(engine.url)
                links.append(str(Link(url, chosen.place.namespace, sequence=chosen.sequence, event_id=event_id)))
        if not links:
            self._workspace.told.emit("No link was copied: the selected row is no event in a log.")
            return
        put_text("\n".join(links))
        if in_memory:
            self._workspace.told.emit(
                "The link was copied. It leads to a store in memory, so only this window can follow it."
            )

    def _copy_one(self, stored: StoredEvent) -> None:
        if not stored.raw:
            self._workspace.told.emit("Nothing was copied: the selected row has no event's bytes.")
            return
        # An event that was decoded is text; of megabytes it is not looked through again.
        fault = None if stored.event is not None else not_utf8_at(stored.raw)
        if fault is not None:
            data = mime_data()
            data.setData(JSON_TYPE, stored.raw)
            data.setText(written(stored.raw))
            QGuiApplication.clipboard().setMimeData(data)
            self._workspace.told.emit(
                f"#{number_text(stored.sequence)} is not UTF-8 at byte {number_text(fault)}: the copied "
                f"text shows such bytes as ⟨0x…⟩; exactly as stored they are on the clipboard as {JSON_TYPE}."
            )
            return
        put_text(stored.raw, kind=JSON_TYPE)

    async def _copy_many(self, chosen: list[ChosenEvent]) -> None:
        gathered: list[EventLines] = []

        async def work(job: Job) -> None:
            gathered.append(await gather_lines(self._workspace, chosen, BYTES_LIMIT, job.report))

        job = self._workspace.jobs.start(f"Copy {number_text(len(chosen))} events", work, total=len(chosen))
        if not await self._workspace.jobs.wait(job):
            return
        lines = gathered[0]
        if lines.lines:
            put_text(bytes(lines), kind=LINES_TYPE)
        if lines.left_out:
            self._workspace.told.emit(_left_out(lines))

    def _refuse(self, why: str) -> None:
        self._workspace.told.emit(f"Nothing was copied: {why}. Export them to a file instead (menu File).")


def _left_out(lines: EventLines) -> str:
    copied = number_text(len(lines.lines)) if lines.lines else "None"
    total = number_text(len(lines.lines) + len(lines.left_out))
    named = ", ".join(f"#{number_text(sequence)} {reason}" for sequence, reason in lines.left_out[:_NAMED])
    more = len(lines.left_out) - _NAMED
    rest = f" and {number_text(more)} more" if more > 0 else ""
    why = f"What cannot be a line is left out: {named}{rest}. Copy such an event alone."
    return f"{copied} of {total} events copied. {why}"
