"""Appending one event by hand: the draft while it is typed. What a save comes to is in `append_flow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.append.append_draft import AppendDraft, draft_like
from aether_desktop.models.append.append_state import EDITABLE, AppendState
from aether_desktop.models.append.append_suggestions import AppendSuggestions
from aether_desktop.models.append.draft_flow import DraftFlow
from aether_desktop.models.inspector.cause_links import linked_to, unlinked, with_links_of
from aether_engine.errors import AetherError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store


class AppendController(DraftFlow[AppendDraft]):
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
        afresh = AppendDraft(store.namespace, actor_id or "")
        if template is not None:
            afresh = draft_like(template, store.namespace, actor_id or "", 1)
        elif cause is not None:
            afresh = replace(afresh, metadata_text=linked_to(cause, afresh.metadata_text))
        super().__init__(store, afresh, actor_is_new=actor_id is None, draft=draft, parent=parent)
        self.suggestions = AppendSuggestions(store, event_types, self, tasks=self._tasks)
        self._cause = cause
        self._last: Event | None = None
        self.stored.connect(lambda sequences, events: self.appended.emit(sequences[0], events[0]))

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

    async def close(self) -> None:
        """As before; and let go of what was offered."""
        await super().close()
        self.suggestions.forget()

    # -- typing --------------------------------------------------------------------------------------------------

    def set_event_type(self, event_type: str) -> None:
        """The type as typed."""
        self._change(event_type=event_type)

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

    def _replace_metadata(self, metadata: str) -> None:
        if self._change(metadata_text=metadata):
            self.draft_replaced.emit()

    def _taken_words(self, current: int) -> str:
        held = self._is_held()
        return f"{self._draft.version} is taken, the stream is at {current}" if held else f"Stream is at {current}"

    def _is_held(self) -> bool:
        """Whether an event is known to hold the draft's version; versions may leave gaps."""
        if self._draft.version == self.current_version:
            return True
        stored = self.report.stored if self.report is not None else None
        return stored is not None and stored.event is not None and stored.event.version == self._draft.version
