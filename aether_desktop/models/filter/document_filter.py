"""The filter of one document: what is typed, what is in force, and how far looking for it is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.filter.known_place import KnownPlace
from aether_desktop.models.filter.type_search import TypeSearch
from aether_desktop.tasks import TaskOwner

# Loaded with the first filter that is typed.
if TYPE_CHECKING:
    from aether_engine.query import Completion, EventFilter, FilterProblem, KnownValues

#: Rest in typing after which a valid filter comes into force, in milliseconds.
TYPING_REST = 250


class FilterState(StrEnum):
    """What a filter is doing."""

    NONE = "none"
    """Nothing is left out."""
    SEARCHING = "searching"
    DONE = "done"
    """Everything there is was looked at; what is stored later is looked at as it comes."""
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FilterStatus:
    """How far a filter is: `hits` pass so far, `searched` of `total` were looked at.

    A file is searched at its word first; of `checked` of them it is known as well whether they are corrupted, for
    corrupted events pass. `seconds_left` is a guess from what was done so far, None while there is none. `reason`
    says why it failed.
    """

    state: FilterState = FilterState.NONE
    hits: int = 0
    searched: int = 0
    total: int = 0
    seconds_left: float | None = None
    reason: str = ""
    checked: int = 0

    @property
    def is_checking(self) -> bool:
        """Whether all was searched, and only corrupted events may still come."""
        return self.state is FilterState.SEARCHING and self.checked < self.searched >= self.total


class DocumentFilter(QObject):
    """What is typed is parsed at once and comes into force when it is valid; until then the last one stays."""

    changed = Signal()
    """Text, validity, what is in force, or how far it is."""
    #: What is filtered.
    unit = "events"
    applied = Signal(object)
    """This `EventFilter` came into force; None: nothing is left out any more."""

    more_known = Signal()
    """More is known of what was asked to be completed last."""

    def __init__(self, place: KnownPlace | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self._known: KnownValues | None = None
        self._types: TypeSearch | None = None
        self._is_known = False
        self._tasks = TaskOwner(lambda _error: None)
        self.text = ""
        #: What the text means, also while it is not in force. None: nothing was typed yet.
        self.typed: EventFilter | None = None
        #: What is in force; None: nothing is left out.
        self.in_force: EventFilter | None = None
        self._rest = QTimer(self, singleShot=True, interval=TYPING_REST)
        self._rest.timeout.connect(self.apply)

    @property
    @abstractmethod
    def status(self) -> FilterStatus:
        """How far it is."""

    @abstractmethod
    def _put_in_force(self) -> None:
        """Show what passes `in_force`; if that is None, everything."""

    @property
    def problems(self) -> tuple[FilterProblem, ...]:
        """What is wrong with the text."""
        return self.typed.problems if self.typed is not None else ()

    @property
    def is_valid(self) -> bool:
        """Whether the text is a filter."""
        return not self.problems

    @property
    def is_outdated(self) -> bool:
        """Whether what is shown is of a previous filter, because the text is none."""
        return not self.is_valid and self.in_force is not None

    @property
    def known(self) -> KnownValues | None:
        """What the document's events are known to have, for completion; None until it was looked up."""
        return self._known

    def prepare(self) -> None:
        """Somebody is about to type: get ready what that needs."""
        self.look_up_known()

    def look_up_known(self) -> None:
        """Find out, once, what could be completed."""
        if self._place is not None and not self._is_known:
            self._is_known = True
            self._tasks.start(self._look_up(self._place), "known values")

    async def _look_up(self, place: KnownPlace) -> None:
        from aether_engine.query.completion import MOST_FOUND

        self._known = await place.values()
        if self._known.more_types:
            self._types = TypeSearch(place.types_beginning, place.types_holding, MOST_FOUND, self._tasks, self)
            self._types.found.connect(self.more_known)
        self.changed.emit()

    def set_text(self, text: str, *, at_once: bool = False) -> None:
        """The user typed `text`; it comes into force after a rest, or at once."""
        is_new = text != self.text
        if is_new or at_once:
            # Asked for again, "since:2d" counts back from now.
            self.text, self.typed = text, self._parse(text)
        if is_new:
            self._rest.start()
            self.changed.emit()
        if at_once or self.typed is None or self.typed.is_empty:
            self.apply()

    def _parse(self, text: str) -> EventFilter:
        """What the text means; of events, unless the document holds something else."""
        from aether_engine.query import parse_filter

        return parse_filter(text)

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """How the text could go on at a place."""
        from aether_engine.query import complete, typed_type

        known = self._known
        if known is not None and self._types is not None:
            known = known.with_types(self._types.names(typed_type(text, cursor)))
        return complete(text, cursor, known)

    def apply(self) -> None:
        """Put what is typed in force, if it is valid and not in force already."""
        self._rest.stop()
        typed = self.typed
        if typed is None or typed.problems:
            return
        wanted = None if typed.is_empty else typed
        if wanted == self.in_force:
            return
        self.in_force = wanted
        self._put_in_force()
        self.applied.emit(wanted)
        self.changed.emit()

    def clear(self) -> None:
        """Leave nothing out."""
        self.set_text("", at_once=True)

    def cancel(self) -> None:
        """Stop looking; what was found stays."""

    def go_on(self) -> None:
        """Look at what was not looked at because it was cancelled or failed."""

    async def close(self) -> None:
        """Stop whatever is going on."""
        self._rest.stop()
        await self._tasks.cancel_all()
