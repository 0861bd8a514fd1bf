"""Appending one event by hand: the draft while it is typed. What a save comes to is in `append_flow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.append_draft import AppendDraft, draft_like
from aether_desktop.models.append_flow import EDITABLE, AppendFlow, AppendState
from aether_desktop.models.append_suggestions import AppendSuggestions
from aether_desktop.models.cause_links import linked_to, unlinked, with_links_of
from aether_engine.errors import AetherError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store


class AppendController(AppendFlow):
    """Holds the draft of one event for `actor_id` (None: the actor's id is typed too) and saves it to `store`.

    `event_types` are offered besides those that the store knows. `cause` is the event that the new one names as
    its cause and whose correlation it shares; `template` fills type, data and metadata from an existing event
    instead; `draft` brings back one that was not appended.
    """

    appended = Signal(object, object)
    """The event was stored: sequence, event."""

    def __init__(
        self,
        store: Store,
        actor_id: str | None = None,
        *,
        event_types: Sequence[str] = (),
        template: Event | None = None,
        cause: Event | None = None,
        draft: AppendDraft | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(store, actor_is_new=actor_id is None, restored=draft is not None, parent=parent)
        self.suggestions = AppendSuggestions(store, event_types, self)
        self._cause = cause
        self._last: Event | None = None
        self._afresh = AppendDraft(store.namespace, actor_id or "")
        if template is not None:
            self._afresh = draft_like(template, store.namespace, actor_id or "", 1)
        elif cause is not None:
            self._afresh = replace(self._afresh, metadata_text=linked_to(cause, self._afresh.metadata_text))
        self._draft = draft if draft is not None else self._afresh
        self._first = self._draft
        self.stored.connect(lambda sequences, events: self.appended.emit(sequences[0], events[0]))

    @property
    def draft(self) -> AppendDraft:
        """The event as typed so far."""
        return self._draft

    @property
    def actor_id(self) -> str:
        """The actor's id, as typed so far where it is typed."""
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
    def version_is_fixed(self) -> bool:
        """Whether the version was typed or submitted, and stays as it is."""
        return self._draft.version_typed or self._draft.submitted

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

    def start(self) -> None:
        """As before; and look for types and templates to offer."""
        if not self._started:
            self._tasks.start(self.suggestions.load(), "append: types and templates")
        super().start()

    # -- typing --------------------------------------------------------------------------------------------------

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
        if version != self._draft.version:
            self._change(version=version, version_typed=True)

    def set_data_text(self, text: str) -> None:
        """The data as typed, valid or not."""
        self._change(data_text=text)

    def set_metadata_text(self, text: str) -> None:
        """The metadata as typed, valid or not."""
        self._change(metadata_text=text)

    # -- filling in ----------------------------------------------------------------------------------------------

    def use_template(self, event: Event) -> None:
        """Append one like this: take over type, data and metadata of `event`, but not what caused it."""
        like = draft_like(event, self._draft.namespace, self._draft.actor_id, self._draft.version)
        metadata = with_links_of(like.metadata_text, self._draft.metadata_text)
        if self._change(event_type=like.event_type, data_text=like.data_text, metadata_text=metadata):
            self.draft_replaced.emit()

    def link_to(self, event: Event) -> None:
        """Name `event` as the cause, and share its correlation if it has one."""
        if self.can_link:
            self._replace_metadata(linked_to(event, self._draft.metadata_text))

    def unlink(self) -> None:
        """Name neither a cause nor a correlation."""
        if self.can_link:
            self._replace_metadata(unlinked(self._draft.metadata_text))

    @property
    def link_sources(self) -> list[tuple[str, Event]]:
        """Events that the new one can be linked to, with what they are called."""
        named = (("the selected event", self._cause), ("the one just appended", self._last))
        return [(name, event) for name, event in named if event is not None]

    @property
    def can_link(self) -> bool:
        """Whether the metadata can be read, so that something can be put into it."""
        return self._state in EDITABLE and self._draft.checked_metadata().problem is None

    # -- saving --------------------------------------------------------------------------------------------------

    def submit(self) -> bool:
        """Save the draft as an event; False when it cannot be submitted as it is (see `missing`).

        The first time, id and timestamp are fixed and the draft handed out to be kept before anything is saved.
        """
        if self._state not in EDITABLE or self.missing():
            return False
        stamped = self._draft.stamped()
        try:
            event = stamped.event()
        except AetherError as error:
            self._fail(AppendState.FAILED, error)
            return False
        self._keep(stamped)
        self._save([event])
        return True

    # -- inside --------------------------------------------------------------------------------------------------

    def _left_events(self) -> tuple[Event, ...]:
        return (self._draft.event(),)

    def _forget(self) -> None:
        self._draft = self._first = self._afresh

    def _take_version(self, version: int) -> None:
        self._draft = replace(self._draft, version=version)

    def _rebase_to(self, events: Sequence[Event]) -> None:
        self._keep(replace(self._draft, version=events[0].version, version_typed=True))

    def _begin_next(self, events: Sequence[Event]) -> None:
        (event,) = events
        if self._stay_once:
            # What was left from before is done; the next one begins as if there had been none.
            self._draft = self._afresh
        self._last = event
        self._draft = replace(
            self._draft.unstamped(), version=min(event.version + 1, MAX_VERSION), version_typed=False
        )
        self._first = self._draft

    def _renew(self) -> None:
        self._keep(self._draft.unstamped())

    def _replace_metadata(self, metadata: str) -> None:
        if self._change(metadata_text=metadata):
            self.draft_replaced.emit()

    def _change(self, **fields: Any) -> bool:
        if self._state not in EDITABLE:
            return False
        changed = replace(self._draft, **fields)
        if changed == self._draft:
            return False
        self._keep(changed)
        return True

    def _keep(self, draft: AppendDraft) -> None:
        self._draft = draft
        self.draft_changed.emit(draft)

    def _is_held(self) -> bool:
        """Whether an event is known to hold the draft's version; versions may leave gaps."""
        if self._draft.version == self.current_version:
            return True
        stored = self.report.stored if self.report is not None else None
        return stored is not None and stored.event is not None and stored.event.version == self._draft.version
