"""What is typed and about to be saved, as far as saving it needs to know: one event or a batch."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from aether_engine.event import Event


class AppendSubject(QObject):
    """What those say who hold what is typed: abstract, though a QObject cannot be an ABC."""

    draft_changed = Signal(object)
    """The draft to keep for the next start; None once there is nothing left to keep."""
    draft_replaced = Signal()
    """The draft is another one, not typed by the user: show it."""

    @property
    def actor_id(self) -> str:
        """The actor whose version is looked up, as typed so far."""
        raise NotImplementedError

    @property
    def submitted(self) -> bool:
        """Whether what is typed was handed to the store at least once, and so has ids."""
        raise NotImplementedError

    @property
    def dirty(self) -> bool:
        """Whether closing now would lose something that was typed or submitted."""
        raise NotImplementedError

    def missing(self) -> str:
        """Why it cannot be submitted yet, in a few words; nothing when it can."""
        raise NotImplementedError

    def submit(self) -> bool:
        """Save what is typed; False when it cannot be submitted as it is (see `missing`)."""
        raise NotImplementedError

    def culprit(self, error: Exception) -> str:
        """Which of several events an error is about, as the beginning of a sentence; nothing for one by itself."""
        return ""

    @property
    def hint(self) -> str:
        """What the actor's current version says about the one typed, or nothing when it is simply the next."""
        raise NotImplementedError

    @property
    def version_too_low(self) -> bool:
        """Whether the store is known to refuse the version."""
        raise NotImplementedError

    @property
    def version_is_fixed(self) -> bool:
        """Whether the version is not to be prefilled any more: it was typed, or submitted."""
        raise NotImplementedError

    def set_actor_id(self, actor_id: str) -> None:
        """Another actor, while its id may be typed."""
        raise NotImplementedError

    def set_version(self, version: int) -> None:
        """The version as typed; from then on it is not prefilled any more."""
        raise NotImplementedError

    def _left_events(self) -> tuple[Event, ...]:
        """The events of a draft that was submitted before. Raises `InvalidEventError`."""
        raise NotImplementedError

    def _forget(self) -> None:
        """What is typed is as if there had been no draft from before."""
        raise NotImplementedError

    def _take_version(self, version: int) -> None:
        """The next version; it is not told as a change of the draft, since nobody has typed it."""
        raise NotImplementedError

    def _rebase_to(self, events: Sequence[Event]) -> None:
        """What is typed takes over the versions of `events`, which are about to be saved."""
        raise NotImplementedError

    def _begin_next(self, events: Sequence[Event]) -> None:
        """Make what is typed the next event, behind those just stored."""
        raise NotImplementedError

    def _renew(self) -> None:
        """What is typed gets new ids and timestamps when it is submitted."""
        raise NotImplementedError
