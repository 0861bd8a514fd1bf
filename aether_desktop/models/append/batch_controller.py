"""Appending several events by hand, all or none: the draft while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from aether_desktop.models.append.append_state import EDITABLE, AppendState
from aether_desktop.models.append.batch_draft import BatchDraft
from aether_desktop.models.append.batch_text import with_versions
from aether_desktop.models.append.draft_flow import DraftFlow
from aether_engine.errors import AetherError, DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store


class BatchController(DraftFlow[BatchDraft]):
    """Holds the text of a batch for `actor_id` (None: typed too) and saves its events to `store`.

    `text` is what it begins with; `draft` brings back one that was not appended.
    """

    def __init__(
        self,
        store: Store,
        actor_id: str | None = None,
        *,
        text: str = "",
        draft: BatchDraft | None = None,
        parent: QObject | None = None,
    ) -> None:
        afresh = BatchDraft(store.namespace, actor_id or "", 1, text)
        super().__init__(store, afresh, actor_is_new=actor_id is None, draft=draft, parent=parent)

    @property
    def first_version(self) -> int:
        """The version of the first event that is for the actor."""
        draft = self._draft
        versions = zip(draft.read.entries, draft.versions, strict=True)
        own = (version for entry, version in versions if (entry.actor_id or draft.actor_id) == draft.actor_id)
        return next(own, draft.version)

    @property
    def untouched(self) -> bool:
        """Whether the text still is the one it began with: what it lacks is nobody's mistake yet."""
        return self._draft.text == self._afresh.text and not self._draft.submitted

    def missing(self) -> str:
        """Why the batch cannot be submitted yet, in a few words; nothing when it can."""
        draft, read = self._draft, self._draft.read
        if read.problem is not None:
            return "No event is typed yet" if self.untouched else "The events cannot be read"
        if not read.entries:
            return "No event is typed yet"
        if not draft.actor_id and not all(entry.actor_id for entry in read.entries):
            return "The actor’s id is missing"
        return ""

    def culprit(self, error: Exception) -> str:
        """Which event of the batch an error is about."""
        events = self._submitted
        place: int | None = None
        match error:
            case VersionConflictError():
                wanted = (error.actor_id, error.attempted_version)
                places = [at for at, event in enumerate(events) if (event.actor_id, event.version) == wanted]
                # Of two in one batch the later one is refused.
                place = places[-1] if places else None
            case DuplicateEventError():
                places = [at for at, event in enumerate(events) if event.id == error.event_id]
                place = places[-1] if places else None
        if place is None:
            # A store says what is not valid, and not of which of several.
            return "One of the events: " if len(events) > 1 and isinstance(error, InvalidEventError) else ""
        event = events[place]
        return f"Event {place + 1:,} of {len(events):,} ({event.event_type}, v{event.version}): "

    # -- typing --------------------------------------------------------------------------------------------------

    def set_text(self, text: str) -> None:
        """The events as typed, valid or not."""
        self._change(text=text)

    def submit(self) -> bool:
        """Save the batch; False when it cannot be submitted as it is (see `missing`)."""
        if self._state not in EDITABLE or self.missing():
            return False
        stamped = self._draft.stamped()
        try:
            events = stamped.events()
        except AetherError as error:
            self._submitted = ()
            self._fail(AppendState.FAILED, error)
            return False
        self._keep(stamped)
        self._save(events)
        return True

    # -- inside --------------------------------------------------------------------------------------------------

    def _left_events(self) -> tuple[Event, ...]:
        return self._draft.stamped().events()

    def _rebase_to(self, events: Sequence[Event]) -> None:
        draft, before = self._draft, self._draft.versions
        after = [event.version for event in events]
        moved = [new if new != old else None for new, old in zip(after, before, strict=True)]
        text = with_versions(draft.text, draft.read.entries, moved)
        # Those that do not say their version follow on; the first of them says from where.
        own = (
            version
            for entry, version in zip(draft.read.entries, after, strict=True)
            if entry.version is None and (entry.actor_id or draft.actor_id) == draft.actor_id
        )
        self._keep(replace(draft, text=text, version=next(own, after[0]), version_typed=True))
        self.draft_replaced.emit()

    def _begin_next(self, events: Sequence[Event]) -> None:
        own = [event.version for event in events if event.actor_id == self.actor_id]
        draft = self._afresh if self._stay_once else self._draft.unstamped()
        next_version = min((own[-1] if own else draft.version - 1) + 1, MAX_VERSION)
        self._draft = self._first = replace(draft, version=next_version, version_typed=False)
