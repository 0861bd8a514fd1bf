"""Appending several events by hand, all or none: the draft while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject

from aether_desktop.models.append_flow import EDITABLE, AppendFlow, AppendState
from aether_desktop.models.batch_draft import BatchDraft
from aether_desktop.models.batch_text import with_versions
from aether_engine.errors import AetherError, DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store


class BatchController(AppendFlow):
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
        super().__init__(store, actor_is_new=actor_id is None, restored=draft is not None, parent=parent)
        self._afresh = BatchDraft(store.namespace, actor_id or "", 1, text)
        self._draft = draft if draft is not None else self._afresh
        self._first = self._draft

    @property
    def draft(self) -> BatchDraft:
        """The batch as typed so far."""
        return self._draft

    @property
    def actor_id(self) -> str:
        """The actor of the events that do not name theirs."""
        return self._draft.actor_id

    @property
    def submitted(self) -> bool:
        """Whether the draft was handed to the store at least once."""
        return self._draft.submitted

    @property
    def dirty(self) -> bool:
        """Whether closing now would lose something that was typed or submitted."""
        typed = replace(self._draft, version=self._first.version)
        return self._state is not AppendState.DONE and (typed != self._first or self._draft.submitted)

    @property
    def hint(self) -> str:
        """What the actor's current version says about that of its first event."""
        current, first = self.current_version, self.first_version
        if self.version_problem:
            return self.version_problem
        if current is None:
            return ""
        if first <= current:
            return f"Stream is at {current}"
        if first > current + 1:
            return f"Leaves a gap: {current + 1} is next"
        return "First event of this actor" if current == 0 else ""

    @property
    def first_version(self) -> int:
        """The version of the first event that is for the actor."""
        draft = self._draft
        versions = zip(draft.read.entries, draft.versions, strict=True)
        own = (version for entry, version in versions if (entry.actor_id or draft.actor_id) == draft.actor_id)
        return next(own, draft.version)

    @property
    def version_is_fixed(self) -> bool:
        """Whether the version was typed or submitted, and stays as it is."""
        return self._draft.version_typed or self._draft.submitted

    @property
    def version_too_low(self) -> bool:
        """Whether the store is known to refuse the first version."""
        return self.current_version is not None and self.first_version <= self.current_version

    def missing(self) -> str:
        """Why the batch cannot be submitted yet, in a few words; nothing when it can."""
        draft, read = self._draft, self._draft.read
        if read.problem is not None:
            return "The events cannot be read"
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

    def set_actor_id(self, actor_id: str) -> None:
        """Another actor, while its id may be typed."""
        if self._change(actor_id=actor_id):
            self._know(None)
            self._typing.start()

    def set_version(self, version: int) -> None:
        """The first version as typed; from then on it is not prefilled any more."""
        if version != self._draft.version:
            self._change(version=version, version_typed=True)

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

    def _forget(self) -> None:
        self._draft = self._first = self._afresh

    def _take_version(self, version: int) -> None:
        self._draft = replace(self._draft, version=version)

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

    def _renew(self) -> None:
        self._keep(self._draft.unstamped())

    def _change(self, **fields: Any) -> bool:
        if self._state not in EDITABLE:
            return False
        changed = replace(self._draft, **fields)
        if changed == self._draft:
            return False
        self._keep(changed)
        return True

    def _keep(self, draft: BatchDraft) -> None:
        self._draft = draft
        self.draft_changed.emit(draft)
