"""Appending one event by hand: the draft while it is typed, the save, and what to do when it is refused.

Nothing here is ever tried again by itself. Whatever goes wrong, the draft stays as typed until the user decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.append_draft import AppendDraft, draft_like
from aether_desktop.models.conflict_report import COUNT_LIMIT, SHOWN_LIMIT, ConflictReport, Landed, report_on
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError, OutcomeUnknownError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event, StoredEvent
from aether_engine.store.protocols import Store

log = logging.getLogger(__name__)

#: Pause in typing an actor's id after which its version is looked up, in milliseconds.
LOOK_UP_AFTER: Final = 150


class AppendState(StrEnum):
    """What the user can do now."""

    EDITING = "editing"
    SAVING = "saving"
    CONFLICT = "conflict"
    FAILED = "failed"
    """Refused or not reachable: nothing was stored."""
    UNKNOWN = "unknown"
    """Perhaps stored: saving the same event again is safe."""
    DONE = "done"


class AppendController(QObject):
    """Holds the draft of one event for `actor_id` (None: the actor's id is typed too) and saves it to `store`.

    `event_types` complete the type; `template` fills type, data and metadata from an existing event; `draft`
    brings back one that was not appended. The dialog calls `start` when it is shown; its opener calls `close`.
    """

    appended = Signal(object, object)
    """The event was stored: sequence, event."""
    conflicted = Signal(object)
    """The version is taken: a `ConflictReport`."""
    failed = Signal(object)
    """Saving raised this exception: an `AetherError`, or anything else if there is a bug."""
    duplicate_confirmed = Signal(object)
    """The user has accepted that the event (given) is already stored."""
    discarded = Signal()
    """The user has thrown the draft away."""
    draft_changed = Signal(object)
    """The `AppendDraft` to keep for the next start; None once there is nothing left to keep."""
    version_known = Signal(object)
    """The actor's current version (int) or, while it is not known, None."""
    version_prefilled = Signal(object)
    """The draft's version was set to the one behind the current, since nobody has typed one yet."""
    state_changed = Signal(object)
    """The `AppendState`."""

    def __init__(
        self,
        store: Store,
        actor_id: str | None = None,
        *,
        event_types: Sequence[str] = (),
        template: Event | None = None,
        draft: AppendDraft | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._tasks = TaskOwner(self._unexpected)
        self._look_up: asyncio.Task[Any] | None = None
        self._saving: asyncio.Task[Any] | None = None
        self.actor_is_new = actor_id is None
        self.event_types = tuple(event_types)
        if draft is not None:
            self._draft = draft
        elif template is not None:
            self._draft = draft_like(template, store.namespace, actor_id or "", 1)
        else:
            self._draft = AppendDraft(store.namespace, actor_id or "")
        self._version_typed = draft is not None
        self._started = False
        self._first = self._draft
        self._state = AppendState.EDITING
        self.current_version: int | None = None
        self.version_problem = ""
        self.report: ConflictReport | None = None
        self.error: Exception | None = None
        self._submitted: Event | None = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(LOOK_UP_AFTER)
        self._typing.timeout.connect(self.refresh_version)

    @property
    def draft(self) -> AppendDraft:
        """The event as typed so far."""
        return self._draft

    @property
    def state(self) -> AppendState:
        """What is going on."""
        return self._state

    @property
    def dirty(self) -> bool:
        """Whether closing now would lose something that was typed or submitted."""
        typed = replace(self._draft, version=self._first.version)
        return self._state is not AppendState.DONE and (typed != self._first or self._draft.submitted)

    @property
    def hint(self) -> str:
        """What the actor's current version says about the draft's, or nothing when it is simply the next."""
        current, version = self.current_version, self._draft.version
        if self.version_problem:
            return self.version_problem
        if current is None:
            return ""
        if version <= current:
            return (
                f"{version} is taken, the stream is at {current}" if self._is_held() else f"Stream is at {current}"
            )
        if version > current + 1:
            return f"Leaves a gap: {current + 1} is next"
        return "First event of this actor" if current == 0 else ""

    @property
    def version_too_low(self) -> bool:
        """Whether the store is known to refuse the draft's version."""
        return self.current_version is not None and self._draft.version <= self.current_version

    def missing(self) -> str:
        """Why the draft cannot be submitted yet, in a few words; nothing when it can."""
        draft = self._draft
        if not draft.actor_id:
            return "The actor’s id is missing"
        if not draft.event_type:
            return "The event type is missing"
        if draft.checked_data().problem is not None:
            return "The data cannot be read as JSON"
        if draft.checked_metadata().problem is not None:
            return "The metadata cannot be read"
        return ""

    # -- typing --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look up the actor's version, the first time this is called; needs a running event loop."""
        if not self._started:
            self._started = True
            self.refresh_version()

    def set_actor_id(self, actor_id: str) -> None:
        """Another actor, while its id may be typed."""
        if self._change(actor_id=actor_id):
            self._know(None)
            self._typing.start()

    def set_event_type(self, event_type: str) -> None:
        """The type as typed."""
        self._change(event_type=event_type)

    def set_version(self, version: int) -> None:
        """The version as typed; from then on it is not prefilled any more."""
        if self._change(version=version):
            self._version_typed = True

    def set_data_text(self, text: str) -> None:
        """The data as typed, valid or not."""
        self._change(data_text=text)

    def set_metadata_text(self, text: str) -> None:
        """The metadata as typed, valid or not."""
        self._change(metadata_text=text)

    def use_template(self, event: Event) -> None:
        """Append one like this: take over type, data and metadata of `event`."""
        like = draft_like(event, self._draft.namespace, self._draft.actor_id, self._draft.version)
        self._change(event_type=like.event_type, data_text=like.data_text, metadata_text=like.metadata_text)

    def refresh_version(self) -> None:
        """Ask the store for the actor's current version; prefills the next one unless a version was typed."""
        self._typing.stop()
        if self._look_up is not None:
            self._look_up.cancel()
            self._look_up = None
        if self._draft.actor_id:
            self._look_up = self._tasks.start(self._find_version(self._draft.actor_id), "append: current version")

    # -- saving --------------------------------------------------------------------------------------------------

    def submit(self) -> bool:
        """Save the draft as an event; False when it cannot be submitted as it is (see `missing`).

        The first time, id and timestamp are fixed and the draft handed out to be kept before anything is saved.
        """
        if self._state not in (AppendState.EDITING, AppendState.FAILED, AppendState.UNKNOWN) or self.missing():
            return False
        stamped = self._draft.stamped()
        try:
            event = stamped.event()
        except AetherError as error:
            self._fail(AppendState.FAILED, error)
            return False
        self._keep(stamped)
        self._save(event)
        return True

    def save_again(self) -> bool:
        """After an unknown outcome: save the very event that was submitted. It is stored at most once."""
        if self._state is not AppendState.UNKNOWN or self._submitted is None:
            return False
        self._save(self._submitted)
        return True

    def rebase(self) -> bool:
        """After a conflict: save the same event with the next free version and nothing else changed."""
        report = self.report
        if self._state is not AppendState.CONFLICT or report is None or report.rebase_refusal:
            return False
        assert report.next_free is not None
        event = report.yours.with_version(report.next_free)
        self._version_typed = True
        self._keep(replace(self._draft, version=event.version))
        self._save(event)
        return True

    def mark_duplicate_done(self) -> bool:
        """After a conflict with the same event: it is stored, so there is nothing left to do."""
        if self._state is not AppendState.CONFLICT or self.report is None or not self.report.is_duplicate:
            return False
        event = self.report.yours
        self._finish()
        self.duplicate_confirmed.emit(event)
        return True

    def edit(self) -> None:
        """Back to typing, with everything as it was. What is already stored becomes a new event when edited."""
        if self._state is AppendState.SAVING or self._state is AppendState.DONE:
            return
        if self._state is AppendState.CONFLICT and self.report is not None and self.report.is_duplicate:
            self._keep(self._draft.unstamped())
        self.error = None
        self._enter(AppendState.EDITING)

    def renew(self) -> None:
        """Make the draft a new event: it gets another id and timestamp when it is submitted."""
        if self._state not in (AppendState.SAVING, AppendState.DONE):
            self._keep(self._draft.unstamped())
            self.edit()

    def discard(self) -> None:
        """Throw the draft away."""
        if self._state in (AppendState.SAVING, AppendState.DONE):
            return
        self._finish()
        self.discarded.emit()

    def abandon(self) -> None:
        """Cancel what is running, without waiting for its end: the dialog was closed."""
        self._typing.stop()
        for task in (self._look_up, self._saving):
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        """End every task and wait for it. What a save in flight has come to is then not known; the draft stays."""
        self._typing.stop()
        await self._tasks.cancel_all()

    # -- inside --------------------------------------------------------------------------------------------------

    def _change(self, **fields: Any) -> bool:
        if self._state not in (AppendState.EDITING, AppendState.FAILED, AppendState.UNKNOWN):
            return False
        changed = replace(self._draft, **fields)
        if changed == self._draft:
            return False
        self._keep(changed)
        return True

    def _keep(self, draft: AppendDraft) -> None:
        self._draft = draft
        self.draft_changed.emit(draft)

    def _enter(self, state: AppendState) -> None:
        self._state = state
        self.state_changed.emit(state)

    def _finish(self) -> None:
        self._enter(AppendState.DONE)
        self.draft_changed.emit(None)

    def _fail(self, state: AppendState, error: Exception) -> None:
        self.error = error
        self._enter(state)
        self.failed.emit(error)

    def _know(self, version: int | None, problem: str = "") -> None:
        self.current_version = version
        self.version_problem = problem
        self.version_known.emit(version)

    def _is_held(self) -> bool:
        """Whether an event is known to hold the draft's version; versions may leave gaps."""
        if self._draft.version == self.current_version:
            return True
        stored = self.report.stored if self.report is not None else None
        return stored is not None and stored.event is not None and stored.event.version == self._draft.version

    async def _find_version(self, actor_id: str) -> None:
        try:
            current = await self._store.get_latest_version(actor_id)
        except AetherError as error:
            self._know(None, f"Current version not known: {error}")
            return
        if actor_id != self._draft.actor_id:
            return
        if not self._version_typed and current < MAX_VERSION and self._state is AppendState.EDITING:
            # Not told as a change of the draft: nobody has typed anything that would be worth keeping.
            self._draft = replace(self._draft, version=current + 1)
            self.version_prefilled.emit(current + 1)
        self._know(current)

    def _save(self, event: Event) -> None:
        self._submitted = event
        self.error = None
        known = self.current_version
        self._enter(AppendState.SAVING)
        self._saving = self._tasks.start(self._saved(event, known), "append: save")

    async def _saved(self, event: Event, known: int | None) -> None:
        try:
            sequence = await self._store.save_event(event)
        except VersionConflictError as conflict:
            landed = await self._landed(event, conflict)
            self.report = report_on(
                event,
                conflict.attempted_version,
                conflict.current_version,
                landed,
                is_duplicate=conflict.is_duplicate,
                known_before=known,
            )
            self._know(conflict.current_version)
            self._enter(AppendState.CONFLICT)
            self.conflicted.emit(self.report)
        except OutcomeUnknownError as error:
            self._fail(AppendState.UNKNOWN, error)
        except AetherError as error:
            self._fail(AppendState.FAILED, error)
        else:
            self._finish()
            self.appended.emit(sequence, event)

    async def _landed(self, event: Event, conflict: VersionConflictError) -> Landed:
        """What stands at and behind the attempted version; the conflict's own event if nothing can be read."""
        shown: list[StoredEvent] = []
        total = 0
        try:
            async for batch in self._store.read_actor(event.actor_id, from_version=event.version):
                shown.extend(batch[: SHOWN_LIMIT - len(shown)])
                total += len(batch)
                if total > COUNT_LIMIT:
                    break
        except AetherError as error:
            if conflict.stored is None:
                return Landed(problem=str(error))
            held = conflict.stored
            return Landed((StoredEvent(0, held.timestamp, held.to_json(), held, None),), 1, str(error))
        return Landed(tuple(shown), total)

    def _unexpected(self, error: Exception) -> None:
        """A bug, in a store or here: said where it happened, and a save may or may not have been done."""
        log.error("appending failed unexpectedly", exc_info=error)
        if self._state is AppendState.SAVING:
            self._fail(AppendState.UNKNOWN, error)
        else:
            self._know(None, f"Current version not known: {error}")
