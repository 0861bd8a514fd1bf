"""A filter as a value: what was typed, what it asks, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from aether_engine.errors import InvalidFilterError
from aether_engine.event import StoredEvent
from aether_engine.query.conditions import Condition, CorruptedIs, Facts, Stored


@dataclass(frozen=True, slots=True)
class FilterProblem:
    """What is wrong with a part of a filter's text: characters `start` up to `end` (exclusive), and why.

    Places count characters (code points) of the text.
    """

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class FilterTerm:
    """One term: its place in the text (as in `FilterProblem`), its key (`""` for free text), and what it asks."""

    start: int
    end: int
    key: str
    is_negated: bool
    condition: Condition

    def accepts(self, stored: Stored, event: Facts) -> bool:
        """Whether the term holds of a readable event."""
        return self.condition.accepts(stored, event) is not self.is_negated

    def accepts_corrupted(self, sequence: int) -> bool:
        """Whether the term lets a corrupted event at this place pass: any that speaks of content does."""
        verdict = self.condition.accepts_corrupted(sequence)
        return verdict is None or verdict is not self.is_negated


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What `parse_filter` understood of `text`. Every one of the `terms` must hold; `problems` were no terms.

    Frozen and picklable. A filter with problems can be shown, marked and matched (by the terms that are sound),
    but `search`, tails and exports refuse it.
    """

    text: str
    terms: tuple[FilterTerm, ...] = ()
    problems: tuple[FilterProblem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked, so that every event matches."""
        return not self.terms and not self.problems

    @property
    def is_valid(self) -> bool:
        """Whether all of the text was understood."""
        return not self.problems

    def check(self) -> None:
        """Raise `InvalidFilterError` if something of the text was not understood."""
        if self.problems:
            raise InvalidFilterError(self.text, self.problems[0].reason)

    @property
    def takes_corrupted(self) -> bool:
        """Whether corrupted events can pass: they do unless a term says `corrupted:no`."""
        return all(term.accepts_corrupted(0) for term in self.terms if isinstance(term.condition, CorruptedIs))

    @property
    def takes_readable(self) -> bool:
        """Whether other events than corrupted ones can pass."""
        return all(
            (False in term.condition.answers) is not term.is_negated
            for term in self.terms
            if isinstance(term.condition, CorruptedIs)
        )

    def matches(self, stored: StoredEvent) -> bool:
        """Whether an event passes. Of a corrupted one only its sequence and that it is corrupted are judged."""
        event = stored.event
        if event is None:
            return self.accepts_corrupted(stored.sequence)
        return all(term.accepts(stored, event) for term in self.terms)

    def accepts_corrupted(self, sequence: int) -> bool:
        """Whether a corrupted event at this place passes: any but where a term speaks of that very thing."""
        return all(term.accepts_corrupted(sequence) for term in self.terms)
