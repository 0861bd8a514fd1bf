"""What a save by hand can come to, and what the user does about it: the same for one event and for a batch.

Nothing here is ever tried again by itself. Whatever goes wrong, what was typed stays until the user decides.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.append.append_conflict import look_into, rebased
from aether_desktop.models.append.append_outcome import Look, find_stored
from aether_desktop.models.append.append_state import EDITABLE, RUNNING, AppendState
from aether_desktop.models.append.append_subject import AppendSubject
from aether_desktop.models.append.conflict_report import ConflictReport
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError, OutcomeUnknownError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store

__all__ = ["EDITABLE", "LOOK_UP_AFTER", "AppendFlow", "AppendState"]

log = logging.getLogger(__name__)

#: Pause in typing an actor's id after which its version is looked up, in milliseconds.
LOOK_UP_AFTER: Final = 150


class AppendFlow(AppendSubject):
    """Saves events to `store`, all or none, and leads through conflicts and unknown outcomes.

    Whoever derives from it holds what is typed. The dialog calls `start` when it is shown; its opener calls
    `close`. `keep_safe` is awaited before each save: what is saved is then kept for the next start.
    """

    stored = Signal(object, object)
    """Everything was stored: sequences, events."""
    conflicted = Signal(object)
    """A version is taken: a `ConflictReport`."""
    failed = Signal(object)
    """Saving raised this exception: an `AetherError`, or anything else if there is a bug."""
    looked = Signal(object)
    """After an unknown outcome nothing was found: a `Look`."""
    duplicate_confirmed = Signal(object)
    """The user has accepted that the events (given) are already stored."""
    discarded = Signal()
    """The user has thrown away what was typed."""
    version_known = Signal(object)
    """The actor's current version (int) or, while it is not known, None."""
    version_prefilled = Signal(object)
    """The draft's version was set to the one behind the current, since nobody has typed one yet."""
    state_changed = Signal(object)
    """The `AppendState`."""

    def __init__(self, store: Store, *, actor_is_new: bool, restored: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        #: Whether the actor's id is typed too.
        self.actor_is_new = actor_is_new
        #: Whether what is typed was left from before.
        self.restored = restored
        self._tasks = TaskOwner(self._unexpected)
        self._look_up: asyncio.Task[Any] | None = None
        self._saving: asyncio.Task[Any] | None = None
        self._started = False
        self._state = AppendState.EDITING
        self._submitted: tuple[Event, ...] = ()
        self.keep_safe: Callable[[], Awaitable[None]] | None = None
        #: Whether what follows is another event for the same dialog, and how many events were stored so far.
        self.stay_open = False
        self.stored_count = 0
        #: Whether what was stored last was found to be there after an unknown outcome.
        self.was_found = False
        # The next end is not the dialog's: what is being looked for is from before the start.
        self._stay_once = False
        self.current_version: int | None = None
        self.version_problem = ""
        self._awaits_version = False
        self.report: ConflictReport | None = None
        self.error: Exception | None = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(LOOK_UP_AFTER)
        self._typing.timeout.connect(self.refresh_version)

    # -- what is going on

    @property
    def state(self) -> AppendState:
        """What is going on."""
        return self._state

    @property
    def submitted_events(self) -> tuple[Event, ...]:
        """What was handed to the store last."""
        return self._submitted

    @property
    def awaits_version(self) -> bool:
        """Whether what is typed is submitted as soon as the actor's version is known."""
        return self._awaits_version

    def start(self) -> None:
        """Look up the actor's version, the first time this is called; needs a running event loop.

        What was submitted before a restart may be stored: that is looked for.
        """
        if self._started:
            return
        self._started = True
        self.refresh_version()
        if self.restored and self.submitted and not self.missing():
            try:
                self._submitted = self._left_events()
            except AetherError:
                # They cannot be stored as they are; saving them will say why.
                return
            self._enter(AppendState.UNKNOWN)
            self._stay_once = True
            self.look_again()

    def start_afresh(self) -> None:
        """Forget the draft that was brought back, and begin as if there had been none."""
        if self._state in EDITABLE:
            self.restored = False
            self._forget()
            self.error = None
            self._enter(AppendState.EDITING)
            self.draft_changed.emit(None)
            self.draft_replaced.emit()
            self.refresh_version()

    def refresh_version(self) -> None:
        """Ask the store for the actor's current version; prefills the next one unless a version was typed."""
        self._typing.stop()
        if self._look_up is not None:
            self._look_up.cancel()
            self._look_up = None
        if self.actor_id:
            self._look_up = self._tasks.start(self._find_version(self.actor_id), "append: current version")

    # -- what the user decides

    def submit_when_known(self) -> None:
        """Submit with a version that is known to be free: wait for it, if it is still being looked up.

        A version that was typed needs no waiting for. What is changed meanwhile takes the wish back.
        """
        is_looked_up = self._typing.isActive() or (self._look_up is not None and not self._look_up.done())
        self._awaits_version = is_looked_up and not self.version_is_fixed
        if not self._awaits_version:
            self.submit()

    def save_again(self) -> bool:
        """After an unknown outcome: save the very events that were submitted. They are stored at most once."""
        if self._state is not AppendState.UNKNOWN or not self._submitted:
            return False
        self._save(self._submitted)
        return True

    def look_again(self) -> bool:
        """After an unknown outcome: look for what was submitted. Found is stored; else `looked` says what is."""
        if self._state is not AppendState.UNKNOWN or not self._submitted:
            return False
        self._enter(AppendState.LOOKING)
        self._saving = self._tasks.start(self._looked(self._submitted), "append: look again")
        return True

    def rebase(self) -> bool:
        """After a conflict: save the same events with the next free versions and nothing else changed."""
        report = self.report
        if self._state is not AppendState.CONFLICT or report is None or report.rebase_refusal:
            return False
        events = rebased(self._submitted, report)
        self._rebase_to(events)
        self._save(events)
        return True

    def mark_duplicate_done(self) -> bool:
        """After a conflict with the same events: they are stored, so there is nothing left to do."""
        if self._state is not AppendState.CONFLICT or self.report is None or self.report.duplicate_refusal:
            return False
        self._finish()
        self.duplicate_confirmed.emit(self._submitted)
        return True

    def edit(self) -> None:
        """Back to typing, with everything as it was. What is already stored becomes new when edited."""
        if self._state in RUNNING or self._state is AppendState.DONE:
            return
        if self._state is AppendState.CONFLICT and self.report is not None and self.report.is_duplicate:
            self._renew()
        self.error = None
        self._enter(AppendState.EDITING)

    def renew(self) -> None:
        """Make what is typed new: it gets other ids and timestamps when it is submitted."""
        if self._state not in RUNNING and self._state is not AppendState.DONE:
            self._renew()
            self.edit()

    def discard(self) -> None:
        """Throw away what is typed."""
        if self._state in RUNNING or self._state is AppendState.DONE:
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

    # -- for those who derive from it

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
        self._awaits_version = False
        self.current_version = version
        self.version_problem = problem
        self.version_known.emit(version)

    def _save(self, events: Sequence[Event]) -> None:
        self._submitted = tuple(events)
        self._stay_once = False
        self.error = None
        known = self.current_version
        self._enter(AppendState.SAVING)
        self._saving = self._tasks.start(self._saved(self._submitted, known), "append: save")

    # -- inside

    async def _find_version(self, actor_id: str) -> None:
        try:
            current = await self._store.get_latest_version(actor_id)
        except AetherError as error:
            self._know(None, f"Current version not known: {error}")
            return
        if actor_id != self.actor_id:
            return
        if self._state is AppendState.EDITING and not self.version_is_fixed and current < MAX_VERSION:
            self._take_version(current + 1)
            self.version_prefilled.emit(current + 1)
        is_wanted = self._awaits_version
        self._know(current)
        if is_wanted:
            self.submit()

    async def _saved(self, events: tuple[Event, ...], known: int | None) -> None:
        if self.keep_safe is not None:
            await self.keep_safe()
        try:
            if len(events) == 1:
                sequences = [await self._store.save_event(events[0])]
            else:
                sequences = await self._store.save_events(events)
        except VersionConflictError as conflict:
            await self._conflict(events, conflict, known)
        except OutcomeUnknownError as error:
            self._fail(AppendState.UNKNOWN, error)
        except AetherError as error:
            self._fail(AppendState.FAILED, error)
        else:
            self._are_stored(sequences, events)

    def _are_stored(self, sequences: Sequence[int], events: tuple[Event, ...], *, was_found: bool = False) -> None:
        self.stored_count += len(events)
        self.was_found = was_found
        if self.stay_open or self._stay_once:
            # The next one is prepared and shown before anybody hears of this one, which may open its stream.
            self.draft_changed.emit(None)
            self.restored = False
            self._begin_next(events)
            self._enter(AppendState.EDITING)
            self._stay_once = False
            self.draft_replaced.emit()
            self.refresh_version()
        else:
            self._finish()
        self.stored.emit(list(sequences), events)

    async def _looked(self, events: tuple[Event, ...]) -> None:
        """Find out what has become of events whose outcome was not known."""
        try:
            found = await find_stored(self._store, events)
            stored = [each for each in found if each is not None]
            if len(stored) == len(events) and all(
                each.raw == event.to_json() for each, event in zip(stored, events, strict=True)
            ):
                self._are_stored([each.sequence for each in stored], events, was_found=True)
                return
            for event, place in zip(events, found, strict=True):
                current = await self._store.get_latest_version(event.actor_id)
                if event.version <= current:
                    # Its version is taken: by itself with other content, or by somebody who was there before.
                    held = place.event if place is not None else None
                    conflict = VersionConflictError(
                        event.actor_id, event.version, current, stored=held, is_duplicate=held is not None
                    )
                    await self._conflict(events, conflict, None)
                    return
            look = Look(datetime.now().astimezone(), events[0].actor_id, current)
        except AetherError as error:
            look = Look(datetime.now().astimezone(), events[0].actor_id, None, str(error))
        self._enter(AppendState.UNKNOWN)
        self.looked.emit(look)

    async def _conflict(
        self, events: tuple[Event, ...], conflict: VersionConflictError, known: int | None
    ) -> None:
        if conflict.in_batch:
            # What was typed contradicts itself; nothing stored is in the way.
            self._fail(AppendState.FAILED, conflict)
            return
        is_own_actor = conflict.actor_id == self.actor_id
        self.report = await look_into(self._store, events, conflict, known if is_own_actor else None)
        if is_own_actor:
            self._know(conflict.current_version)
        self._enter(AppendState.CONFLICT)
        self.conflicted.emit(self.report)

    def _unexpected(self, error: Exception) -> None:
        """A bug, in a store or here: said where it happened, and a save may or may not have been done."""
        # Where, and not what: the words of an exception may hold what was typed, which no log is to hold.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("appending failed unexpectedly with %s\n%s", type(error).__name__, where)
        if self._state in RUNNING:
            self._fail(AppendState.UNKNOWN, error)
        else:
            self._know(None, f"Current version not known: {error}")
