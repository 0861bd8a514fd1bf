"""What an audit remembers of each actor while it goes through a log: a few numbers, whatever the log's length.

An actor is a number: of a file that of its row, elsewhere the next one when its id's hash is first seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from math import inf
from operator import eq
from typing import Final

from aether_engine.audit.examining import Examined
from aether_engine.native.columns import take_events
from aether_engine.native.library import library

#: Hashes in a dictionary before they are moved into sorted arrays, which take an eighth of the memory.
_LATEST: Final = 200_000
#: File numbers of actors beyond this many times the events there are were not given out by this library.
_SPARE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Suspect:
    """An event that does not go with what came before it; `before` is the version or time in front of it."""

    check: str
    sequence: int
    before: float
    previous_sequence: int


class HashNumbers:
    """Numbers from 0 for 64-bit hashes, in the order they are first seen; 16 bytes for each of very many."""

    def __init__(self) -> None:
        self._latest: dict[int, int] = {}
        self._runs: list[tuple[array[int], array[int]]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, hashes: Iterable[int]) -> list[int]:
        """The number of each; new ones get theirs."""
        latest = self._latest
        found: list[int] = []
        for each in hashes:
            number = latest.get(each)
            if number is None:
                number = self._stored(each) if self._runs else None
                if number is None:
                    number = latest[each] = self._count
                    self._count += 1
            found.append(number)
        if len(latest) > _LATEST:
            ordered = sorted(latest.items())
            self._runs.append(
                (array("q", [key for key, _ in ordered]), array("q", [value for _, value in ordered]))
            )
            latest.clear()
        return found

    def _stored(self, key: int) -> int | None:
        for keys, numbers in self._runs:
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                return numbers[place]
        return None


class StreamStates:
    """The last version, time and place of each actor of one log, and how many events it has."""

    def __init__(self, expected_events: int, names: array[int] | None = None) -> None:
        #: Hashes of the actors' ids by number, where a file lists them; 0 for a number that is none.
        self.names = names
        self._numbers = HashNumbers() if names is None else None
        self._limit = max(expected_events + _SPARE, 0 if names is None else len(names))
        self.versions: array[int] = array("q")
        self.moments = array("d")
        self.sequences = array("q")
        # How far the last version is ahead of the number of events: made when it is somewhere, which is rare.
        self._ahead: array[int] = array("q")
        #: Versions of events that are filed under another actor, by the hash of their own actor's id.
        self.displaced: dict[int, set[int]] = {}
        # Numbers that no honest file has are not worth an array of their size.
        self._strays: dict[int, int] = {}
        self._orphans: set[int] = set()

    def take(self, examined: Examined) -> list[Suspect]:
        """Take in the events of the part that follows; returns those that do not fit."""
        taken = self._take_sound(examined)
        if taken == len(examined.actors):
            return []
        return self._take_rest(examined, taken)

    def _take_sound(self, examined: Examined) -> int:
        """How many events, from the first one on, were just the next ones of their actors and are taken in."""
        if self.names is None or library() is None:
            return 0
        self._grow(min(len(self.names), self._limit))
        return take_events(
            (self.versions, self.sequences, self.moments, self.names),
            (examined.sequences, examined.actors, examined.names, examined.versions, examined.moments),
        )

    def _take_rest(self, examined: Examined, start: int) -> list[Suspect]:
        # Lists are read faster than arrays.
        actors = examined.actors[start:].tolist()
        if self._numbers is not None:
            actors = self._numbers.of(actors)
        if not actors:
            return []
        highest = max(actors)
        if self._numbers is None and (highest >= self._limit or min(actors) < 0):
            actors = [self._stray(actor) for actor in actors]
            highest = max(actors)
        self._grow(highest + 1)
        names = examined.names[start:].tolist()
        rows = zip(
            examined.sequences[start:].tolist(),
            actors,
            names,
            examined.versions[start:].tolist(),
            examined.moments[start:].tolist(),
            strict=True,
        )
        if not self._are_listed(actors, names):
            return self._take_each(rows)
        versions, moments, sequences = self.versions, self.moments, self.sequences
        for sequence, actor, name, version, moment in rows:
            # A moment that is none is not in order with any.
            if version != versions[actor] + 1 or not moment >= moments[actor]:
                return self._take_each(chain(((sequence, actor, name, version, moment),), rows))
            versions[actor] = version
            moments[actor] = moment
            sequences[actor] = sequence
        return []

    def count(self, actor: int) -> int:
        """How many events an actor has."""
        return self.versions[actor] - (self._ahead[actor] if actor < len(self._ahead) else 0)

    @property
    def has_gaps(self) -> bool:
        """Whether some actor may have another number of events than its last version."""
        return bool(self._ahead)

    @property
    def actors(self) -> int:
        """How many actors have events."""
        if not self.has_gaps:
            return len(self.versions) - self.versions.count(0)
        without: int = sum(map(eq, self.versions, chain(self._ahead, repeat(0))))
        return len(self.versions) - without

    def _are_listed(self, actors: list[int], names: list[int]) -> bool:
        """Whether each event is filed under its own actor, as far as a file tells."""
        if self.names is None:
            return True
        try:
            return list(map(self.names.__getitem__, actors)) == names
        except IndexError:
            return False

    def _take_each(self, rows: Iterable[tuple[int, int, int, int, float]]) -> list[Suspect]:
        """Take in events of which one at least is not just the next one of its actor."""
        suspects: list[Suspect] = []
        versions, moments, sequences, ahead = self.versions, self.moments, self.sequences, self._ahead
        _lengthen(ahead, len(versions))
        known = self.names
        for sequence, actor, name, version, moment in rows:
            if known is not None and name and (actor >= len(known) or known[actor] != name):
                if actor < len(known) and known[actor]:
                    suspects.append(Suspect("actor-column", sequence, actor, 0))
                    self.displaced.setdefault(name, set()).add(version)
                    continue
                if actor not in self._orphans:
                    self._orphans.add(actor)
                    suspects.append(Suspect("orphan", sequence, actor, 0))
            last = versions[actor]
            if version <= last:
                suspects.append(Suspect("version-order", sequence, last, sequences[actor]))
                ahead[actor] -= 1
                continue
            if version != last + 1:
                suspects.append(Suspect("version-gap", sequence, last, sequences[actor]))
                ahead[actor] += version - last - 1
            if moment == moment:
                if moment < moments[actor]:
                    suspects.append(Suspect("time-backwards", sequence, moments[actor], sequences[actor]))
                moments[actor] = moment
            versions[actor] = version
            sequences[actor] = sequence
        return suspects

    def displaced_of(self, actor: int) -> set[int]:
        """Versions of the actor's events that are filed under another one."""
        if not self.displaced or self.names is None or not 0 <= actor < len(self.names):
            return set()
        return self.displaced.get(self.names[actor], set())

    def _stray(self, actor: int) -> int:
        if 0 <= actor < self._limit:
            return actor
        return self._limit + self._strays.setdefault(actor, len(self._strays))

    def _grow(self, length: int) -> None:
        missing = length - len(self.versions)
        if missing > 0:
            # By a quarter at least: growing by a few each time would copy all of it each time.
            spare = len(self.versions) // 4
            if self.names is not None:
                spare = min(spare, len(self.names) - len(self.versions))
            missing = max(missing, spare)
            for column in (self.versions, self.sequences):
                _lengthen(column, len(column) + missing)
            self.moments.extend([-inf] * missing)


def _lengthen(column: array[int], length: int) -> None:
    """Fill up with zeros."""
    if length > len(column):
        column.frombytes(bytes(8 * (length - len(column))))


class Clock:
    """Finds events that were recorded long after they say they happened, among others that were recorded at once.

    In a log that was imported as a whole, every event is late, and none of them is strange.
    """

    #: So near to each other must be the events around it that were recorded at once.
    NEAR: Final = 100

    def __init__(self) -> None:
        self._last_prompt = -self.NEAR
        self._pending: list[int] = []

    def take(self, examined: Examined) -> list[int]:
        """Take in the next part; returns the sequences of late events that are known to be strange now."""
        late = examined.late
        if not late:
            if examined.sequences:
                found = self._prompt(examined.sequences[0])
                self._last_prompt = examined.sequences[-1]
                return found
            return []
        lates = set(late)
        found = []
        for sequence in examined.sequences:
            if sequence in lates:
                if sequence - self._last_prompt <= self.NEAR:
                    self._pending.append(sequence)
            else:
                found += self._prompt(sequence)
                self._last_prompt = sequence
        return found

    def _prompt(self, sequence: int) -> list[int]:
        if not self._pending:
            return []
        found, self._pending = self._pending, []
        return found if sequence - self._last_prompt <= self.NEAR else []
