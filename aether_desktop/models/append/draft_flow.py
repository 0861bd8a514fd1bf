"""A draft while it is typed, and how it follows the saves of it: the same for one event and for a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject

from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.append_flow import AppendFlow
from aether_desktop.models.append.append_state import EDITABLE, AppendState
from aether_desktop.models.append.batch_draft import BatchDraft
from aether_engine.store.protocols import Store

D = TypeVar("D", AppendDraft, BatchDraft)


class DraftFlow(AppendFlow, Generic[D]):
    """Holds a draft; it begins with `afresh`, unless `draft` is one that was not appended before."""

    def __init__(
        self, store: Store, afresh: D, *, actor_is_new: bool, draft: D | None, parent: QObject | None = None
    ) -> None:
        super().__init__(store, actor_is_new=actor_is_new, restored=draft is not None, parent=parent)
        self._afresh: D = afresh
        self._draft: D = draft if draft is not None else afresh
        self._first: D = self._draft

    @property
    def draft(self) -> D:
        """What is typed so far."""
        return self._draft

    @property
    def actor_id(self) -> str:
        """The actor's id, as typed so far where it is typed; of a batch that of events that do not name theirs."""
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
    def first_version(self) -> int:
        """The version of the first event that is for the actor."""
        return self._draft.version

    @property
    def hint(self) -> str:
        """What the actor's current version says about `first_version`, or nothing when it is simply the next."""
        current, first = self.current_version, self.first_version
        if self.version_problem:
            return self.version_problem
        if current is None:
            return ""
        if first <= current:
            return self._taken_words(current)
        if first > current + 1:
            return f"Leaves a gap: {current + 1} is next"
        return "First event of this actor" if current == 0 else ""

    @property
    def version_is_fixed(self) -> bool:
        """Whether the version was typed or submitted, and stays as it is."""
        return self._draft.version_typed or self._draft.submitted

    @property
    def version_too_low(self) -> bool:
        """Whether the store is known to refuse `first_version`."""
        return self.current_version is not None and self.first_version <= self.current_version

    def set_actor_id(self, actor_id: str) -> None:
        """Another actor, while its id may be typed."""
        if self._change(actor_id=actor_id):
            self._know(None)
            self._typing.start()

    def set_version(self, version: int) -> None:
        """The version as typed; from then on it is not prefilled any more."""
        if version != self._draft.version:
            self._change(version=version, version_typed=True)

    # -- for those who derive from it

    def _taken_words(self, current: int) -> str:
        return f"Stream is at {current}"

    def _forget(self) -> None:
        self._draft = self._first = self._afresh

    def _take_version(self, version: int) -> None:
        self._draft = replace(self._draft, version=version)

    def _renew(self) -> None:
        self._keep(self._draft.unstamped())

    def _change(self, **fields: Any) -> bool:
        if self._state not in EDITABLE:
            return False
        changed = replace(self._draft, **fields)
        if changed == self._draft:
            return False
        self._awaits_version = False
        self._keep(changed)
        return True

    def _keep(self, draft: D) -> None:
        self._draft = draft
        self.draft_changed.emit(draft)
