"""Opens the append dialogs, with what is selected and what was left unsent; and shows what was appended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QWidget

from aether_desktop.connection import Connection
from aether_desktop.numbers import number_text
from aether_desktop.ui.window.desk import Desk
from aether_desktop.workspace import Place, Workspace
from aether_engine.event import Event

# Dialogs are loaded where they are opened, or before by `preparation`: a first table does not wait for them.
if TYPE_CHECKING:
    from aether_desktop.draft_files import KeptDraft
    from aether_desktop.models.append.append_drafts import AppendDrafts, DraftSlot
    from aether_desktop.models.append.append_flow import AppendFlow
    from aether_desktop.ui.append.appending_dialog import AppendingDialog

#: What drafts of single events and of batches are called in their files, or how their names begin: one like
#: another event, and a batch that was begun as a single event, are kept beside those.
_EVENT, _LIKE, _BATCH = "event", "like ", "batch"
_STAY_OPEN = "append_stay_open"


class Appending(QObject):
    """Runs the commands about appending. `known_types` tells event types that the window has come across."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        desk: Desk,
        known_types: Callable[[], set[str]],
        is_quiet: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._workspace = workspace
        self._desk = desk
        self._known_types = known_types
        self._is_quiet = is_quiet
        self._drafts: AppendDrafts | None = None
        self._open: list[tuple[AppendFlow, DraftSlot]] = []
        workspace.connection_opened.connect(
            lambda connection: workspace.start(self._tell_drafts(connection), "unsent text")
        )

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do, by name."""
        return {
            "append": self.append_event,
            "append_like": lambda: self.append_event(like_selected=True),
            "append_batch": self.append_batch,
            "race": self.race,
        }

    async def close(self) -> None:
        """End what dialogs that are still open have started, and write their drafts."""
        for flow, slot in list(self._open):
            await flow.close()
            await slot.close()
        self._open.clear()

    def append_event(self, *, like_selected: bool = False) -> None:
        """Open the append dialog, for the actor of the selected event if there is one."""
        selection = self._workspace.selection
        place = selection.place if like_selected and selection is not None else self._workspace.place
        if place is not None and not place.connection.engine.read_only:
            self._workspace.start(self._append(place, like_selected=like_selected), "append")

    def append_batch(self) -> None:
        """Open the dialog for several events."""
        place = self._workspace.place
        if place is not None and not place.connection.engine.read_only:
            self._workspace.start(self._append_batch(place, self._selected_actor(place)), "append a batch")

    def race(self) -> None:
        """Open the dialog in which writers race for versions, for an actor that nobody uses."""
        from aether_desktop.models.append.race import Race, race_actor
        from aether_desktop.ui.append.race_dialog import RaceDialog

        place = self._workspace.place
        if place is None or place.connection.engine.read_only:
            return
        race = Race(self._workspace, self)
        dialog = RaceDialog(race, place.namespace, race_actor(), self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.started.connect(
            lambda actor, writers, versions: race.start(place, actor, writers=writers, versions=versions)
        )
        dialog.stream_asked.connect(
            lambda actor: self._workspace.start(self._desk.open_stream(place, actor), "stream of the race")
        )

        def done() -> None:
            # Its job tells it of the end, also when that comes after the dialog's.
            if race.running:
                race.ended.connect(race.deleteLater)
            else:
                race.deleteLater()

        dialog.finished.connect(done)
        dialog.open()

    # -- dialogs

    async def _append(self, place: Place, *, like_selected: bool) -> None:
        selection = self._workspace.selection
        event = selection.event if selection is not None and selection.place == place else None
        if like_selected and event is not None:
            # Its unsent text is kept apart: it is another event than the one that was left for this actor.
            await self._open_event(place, event.actor_id, template=event, kind=f"{_LIKE}{event.id}")
        else:
            await self._open_event(place, self._selected_actor(place))

    async def _open_event(
        self, place: Place, actor_id: str | None, *, template: Event | None = None, kind: str = _EVENT
    ) -> None:
        from aether_desktop.models.append.append_controller import AppendController
        from aether_desktop.models.append.append_draft import draft_from_json
        from aether_desktop.ui.append.append_dialog import AppendDialog

        slot = self._slots.slot(place, actor_id, kind)
        kept = await slot.read()
        draft = draft_from_json(kept.values, place.namespace) if kept is not None else None
        controller = AppendController(
            await self._workspace.store(place),
            actor_id,
            event_types=sorted(self._known_types()),
            template=template,
            cause=self._cause(place),
            draft=draft,
        )
        dialog = AppendDialog(controller, keeps_drafts=True, parent=self._window)
        dialog.switch_asked.connect(lambda: self._switch_to_batch(dialog, place, actor_id))
        self._show(dialog, controller, slot, place, kept if draft is not None else None)

    async def _append_batch(
        self, place: Place, actor_id: str | None, typed: str = "", *, kind: str = _BATCH
    ) -> None:
        """Open the dialog for a batch; `typed` is text that goes along from the other one."""
        from aether_desktop.models.append.append_draft import AppendDraft
        from aether_desktop.models.append.batch_controller import BatchController
        from aether_desktop.models.append.batch_draft import batch_from_json, batch_of
        from aether_desktop.models.inspector.cause_links import linked_to
        from aether_desktop.ui.append.batch_dialog import BatchDialog

        slot = self._slots.slot(place, actor_id, kind)
        kept = await slot.read()
        draft = batch_from_json(kept.values, place.namespace) if kept is not None else None
        cause = self._cause(place)
        links = linked_to(cause, "{}") if cause is not None else "{}"
        text = batch_of(AppendDraft(place.namespace, actor_id or "", metadata_text=links))
        controller = BatchController(await self._workspace.store(place), actor_id, text=text, draft=draft)
        dialog = BatchDialog(controller, keeps_drafts=True, parent=self._window)
        dialog.switch_asked.connect(lambda: self._switch_to_event(dialog, place, actor_id))
        self._show(dialog, controller, slot, place, kept if draft is not None else None)
        if typed:
            dialog.form.events.replace_text(typed)

    def _show(
        self, dialog: AppendingDialog, flow: AppendFlow, slot: DraftSlot, place: Place, kept: KeptDraft | None
    ) -> None:
        entry = (flow, slot)
        self._open.append(entry)
        flow.keep_safe = slot.flush
        flow.draft_changed.connect(slot.keep)
        flow.stored.connect(lambda sequences, events: self._stored(place, flow, sequences, events))
        slot.failed.connect(lambda reason: dialog.tell("What you type is not kept for the next start.", reason))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.stay_open.setChecked(self._workspace.settings.get(_STAY_OPEN) is True)
        dialog.stay_open_changed.connect(lambda stay: self._workspace.settings.set(_STAY_OPEN, stay))
        dialog.finished.connect(lambda _result: self._workspace.start(self._ended(entry), "close append"))
        if kept is not None:
            banner = dialog.tell(f"Your unsent text of {_local(kept.kept_at)} is back.")
            banner.add_action("Start afresh", lambda: self._start_afresh(dialog, flow))
        dialog.open()

    def _start_afresh(self, dialog: AppendingDialog, flow: AppendFlow) -> None:
        dialog.news.hide()
        flow.start_afresh()

    def _switch_to_batch(self, dialog: QWidget, place: Place, actor_id: str | None) -> None:
        from aether_desktop.models.append.batch_draft import batch_of
        from aether_desktop.ui.append.append_dialog import AppendDialog

        assert isinstance(dialog, AppendDialog)
        draft = dialog.controller.draft
        typed = batch_of(draft) if dialog.controller.dirty else ""
        # What was typed goes along, so that nothing stays behind, and not in place of a batch that was left.
        kind = f"{_BATCH} {uuid4().hex[:8]}" if typed else _BATCH
        dialog.controller.discard()
        opening = self._append_batch(place, actor_id or draft.actor_id or None, typed, kind=kind)
        self._workspace.start(opening, "append a batch")

    def _switch_to_event(self, dialog: AppendingDialog, place: Place, actor_id: str | None) -> None:
        # A batch does not fit into the other dialog: it is kept as it is.
        dialog.done(0)
        self._workspace.start(self._open_event(place, actor_id), "append")

    async def _ended(self, entry: tuple[AppendFlow, DraftSlot]) -> None:
        flow, slot = entry
        await flow.close()
        await slot.close()
        if entry in self._open:
            self._open.remove(entry)

    def _stored(self, place: Place, flow: AppendFlow, sequences: Sequence[int], events: Sequence[Event]) -> None:
        event = events[-1]
        verb = "Found as stored:" if flow.was_found else "Appended"
        what = f"version {number_text(event.version)} of {event.actor_id} at sequence {number_text(sequences[-1])}"
        if len(events) > 1:
            first, last = number_text(sequences[0]), number_text(sequences[-1])
            what = (
                f"{number_text(len(events))} events, the last for {event.actor_id}, at sequences {first} to {last}"
            )
        self._workspace.told.emit(f"{verb} {what}.")
        self._workspace.start(self._desk.open_stream(place, event.actor_id, event.version), "show appended")

    # -- what was left unsent

    async def _tell_drafts(self, connection: Connection) -> None:
        """Say once a store is open that unsent text for it was kept, and offer to go on."""
        if connection.engine.read_only:
            return
        kept = await self._slots.of_connection(connection)
        # One line is there for all news: what is said already matters more.
        if not kept or not self._is_quiet():
            return
        key = kept[0].key
        others = len(kept) - 1
        more = f" and {number_text(others)} other{'' if others == 1 else 's'}" if others else ""
        text = f"Unsent text was kept for {key.actor_id or 'a new actor'} in {key.namespace}{more}."
        self._workspace.offered.emit(text, "Go on with it", lambda: self._go_on(connection, kept[0]))

    def _go_on(self, connection: Connection, kept: KeptDraft) -> None:
        place, key = Place(connection, kept.key.namespace), kept.key
        opening = self._append_batch if key.kind.startswith(_BATCH) else self._open_event
        self._workspace.start(opening(place, key.actor_id, kind=key.kind), "append")

    @property
    def _slots(self) -> AppendDrafts:
        if self._drafts is None:
            from aether_desktop.models.append.append_drafts import AppendDrafts

            self._drafts = AppendDrafts(self._workspace.settings.path.parent / "drafts")
        return self._drafts

    # -- what is selected

    def _cause(self, place: Place) -> Event | None:
        """The selected event, which can be the cause of the next; of a damaged one the id is not to be trusted."""
        selection = self._workspace.selection
        if selection is None or selection.place.connection is not place.connection:
            return None
        return selection.stored.event

    def _selected_actor(self, place: Place) -> str | None:
        selection = self._workspace.selection
        event = selection.event if selection is not None and selection.place == place else None
        return event.actor_id if event is not None else None


def _local(moment: str) -> str:
    """A moment as people here write it."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return moment
