"""Going somewhere: to a version, sequence or time, and to the next event of the same type or actor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from aether_desktop.models.events.go_to import (
    Target,
    ToEnd,
    ToRecorded,
    ToRelative,
    ToSequence,
    ToShare,
    ToTime,
    ToVersion,
    Where,
    position_of,
)
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.widgets.safe_text import visible

if TYPE_CHECKING:
    from aether_desktop.ui.window.desk import Desk
    from aether_desktop.ui.window.documents import Documents
    from aether_desktop.workspace import Place, Workspace
    from aether_engine.timeline import Zone


class Navigation(QObject):
    """Turns what was asked for into a row that is selected, or into a sentence why there is none."""

    def __init__(
        self, window: QWidget, workspace: Workspace, documents: Documents, desk: Desk, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._workspace = workspace
        self._documents = documents
        self._desk = desk
        #: What is known of where times are in the log of a tab.
        self.zones_of: Callable[[EventView], Sequence[Zone]] = lambda _view: ()
        # One look for a neighbour at a time: the key may be held down.
        self._is_looking = False

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions that go somewhere do, by name."""
        return {
            "go_to": self.ask,
            "next_of_type": lambda: self._start_step(forward=True, same_type=True),
            "previous_of_type": lambda: self._start_step(forward=False, same_type=True),
            "next_of_actor": lambda: self._start_step(forward=True, same_type=False),
            "previous_of_actor": lambda: self._start_step(forward=False, same_type=False),
        }

    # -- going to a place

    def ask(self) -> None:
        """Ask where to, and go there."""
        from aether_desktop.ui.events.go_to_dialog import GoToDialog

        view = self._documents.currentWidget()
        if not isinstance(view, EventView):
            self._workspace.told.emit("Open a log or a stream first: a tail has no place to go to.")
            return
        dialog = GoToDialog(lambda: where(view), parent=self._window)
        dialog.chosen.connect(lambda target: self.go(target, view))
        dialog.open()

    def go(self, target: Target, view: EventView) -> None:
        """Go to a place of a document."""
        self._workspace.start(self._go_and_tell(target, view), "go to")

    async def _go_and_tell(self, target: Target, view: EventView) -> None:
        said = await self.go_to(target, view)
        if said:
            self._workspace.told.emit(said)

    async def go_to(self, target: Target, view: EventView) -> str:
        """Go to a place of a document; returns a sentence if there is none, or if another one is nearest."""
        document = self._documents.document_of(view)
        if document is None:
            return ""  # Closed meanwhile.
        match target:
            case ToSequence(sequence):
                return await self._go_to_sequence(view, document.place, sequence)
            case ToVersion(version):
                return self._go_to_version(view, version)
            case ToTime() | ToRecorded():
                return await self._go_to_moment(view, document.place, target)
            case ToRelative() | ToEnd() | ToShare():
                try:
                    position = position_of(target, where(view))
                except ValueError as error:
                    return str(error)
                view.select_row(view.model.bring(position))
                return ""

    async def _go_to_sequence(self, view: EventView, place: Place, sequence: int) -> str:
        model = view.model
        assert isinstance(model, (LogTable, StreamTable))
        if isinstance(model, StreamTable) and model.all_rows.row_of_sequence(sequence) < 0:
            view = await self._desk.open_log(place)
            model = view.model
            assert isinstance(model, LogTable)
        if isinstance(model, LogTable) and not 1 <= sequence <= model.last_number:
            await model.refresh()
        position = model.nearest_position(sequence)
        if position < 0:
            if model.is_filtered and model.last_number >= sequence:
                return "No event matches the filter."
            return f"There is no sequence {number_text(sequence)} in {place.namespace}."
        view.select_row(model.bring(position))
        if model.position_of_sequence(sequence) == position:
            return ""
        nearest = model.sequence_at(model.row_at(position))
        near = f"; the nearest match is {number_text(nearest)}." if nearest is not None else "."
        return f"Sequence {number_text(sequence)} is left out by the filter{near}"

    def _go_to_version(self, view: EventView, version: int) -> str:
        model = view.model
        if not isinstance(model, StreamTable):
            return "A version belongs to an actor: open the actor's stream first."
        rows = model.all_rows
        row = rows.row_of_version(version)
        if row < 0:
            return f"{visible(model.actor_id)} has no version {number_text(version)}."
        position = model.nearest_position(rows.sequence(row))
        if position < 0:
            return "No event matches the filter."
        view.select_row(model.bring(position))
        nearest = rows.versions[model.numbers(position, position + 1)[0] - 1]
        if nearest == version:
            return ""
        left_out = f"Version {number_text(version)} is left out by the filter"
        return f"{left_out}; the nearest match is {number_text(nearest)}."

    async def _go_to_moment(self, view: EventView, place: Place, target: ToTime | ToRecorded) -> str:
        from aether_desktop.models.events.finding import find_recorded, find_time

        actor_id = view.model.actor_id if isinstance(view.model, StreamTable) else None
        if isinstance(target, ToRecorded):
            found = await find_recorded(self._workspace, place, target.moment, actor_id=actor_id)
        else:
            zones = self.zones_of(view)
            found = await find_time(self._workspace, place, target.moment, actor_id=actor_id, zones=zones)
        if not found.is_over:
            return ""
        if found.sequence is None:
            what = "was stored" if isinstance(target, ToRecorded) else "has a timestamp"
            return f"No event {what} as late as that."
        return await self._go_to_sequence(view, place, found.sequence)

    # -- neighbours

    def _start_step(self, *, forward: bool, same_type: bool) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._workspace.start(self._step(forward=forward, same_type=same_type), "neighbour")

    async def _step(self, *, forward: bool, same_type: bool) -> None:
        try:
            said = await self._step_to_neighbour(forward=forward, same_type=same_type)
        finally:
            self._is_looking = False
        if said:
            self._workspace.told.emit(said)

    async def _step_to_neighbour(self, *, forward: bool, same_type: bool) -> str:
        from aether_desktop.models.events.finding import find_next
        from aether_engine.query import parse_filter

        selection = self._workspace.selection
        if selection is None:
            return "Select an event first."
        event, place = selection.event, selection.place
        if event is None:
            return "The selected event cannot be read: it names neither a type nor an actor."
        kind = visible(event.event_type) if same_type else f"event of {visible(event.actor_id)}"
        term = f"type:{_quoted(event.event_type)}" if same_type else f"actor:{_quoted(event.actor_id)}"
        shown, is_filtered = self._terms_in_front(place)
        side = "Next" if forward else "Previous"
        found = await find_next(
            self._workspace,
            place,
            parse_filter(f"corrupted:no {term} {shown}"),
            selection.stored.sequence,
            forward=forward,
            name=f"{side} {kind}",
        )
        if not found.is_over:
            return ""
        if found.sequence is None:
            direction = "later" if forward else "earlier"
            matching = " matches the filter" if is_filtered else ""
            searched = f"{number_text(found.searched)} {'event' if found.searched == 1 else 'events'} searched"
            return f"No {direction} {kind} in {place.namespace}{matching}: {searched}."
        await self._workspace.select_at(place, found.sequence)
        return ""

    def _terms_in_front(self, place: Place) -> tuple[str, bool]:
        """What the table in front leaves of the log, as terms of a filter, and whether it is filtered."""
        view = self._documents.currentWidget()
        document = self._documents.document_of(view)
        if not isinstance(view, EventView) or document is None or document.place != place:
            return "", False
        terms = [f"actor:{_quoted(view.model.actor_id)}"] if isinstance(view.model, StreamTable) else []
        in_force = view.filter.in_force if view.filter is not None else None
        if in_force is not None:
            terms.append(in_force.text)
        return " ".join(terms), in_force is not None


def where(view: EventView) -> Where:
    """Where one is in a table."""
    model = view.model
    assert isinstance(model, (LogTable, StreamTable))
    if isinstance(model, StreamTable):
        rows = model.all_rows
        return Where(
            in_stream=True,
            rows=model.total,
            position=view.position,
            last_sequence=None,
            first_version=rows.versions[0] if len(rows) else 0,
            last_version=rows.latest,
            is_filtered=model.is_filtered,
        )
    return Where(
        in_stream=False,
        rows=model.total,
        position=view.position,
        last_sequence=model.last_number,
        is_filtered=model.is_filtered,
    )


def _quoted(text: str) -> str:
    """`text` as a filter takes it literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
