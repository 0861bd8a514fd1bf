"""What an audit remembers of each actor while it goes through a log: a few numbers, whatever the log's length.

An actor is a number: of a file that of its row, elsewhere the next one when its id's hash is first seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from aether_engine.audit.examining import Examined

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
        self.versions = array("q")
        self.moments = array("d")
        self.sequences = array("q")
        self.counts = array("q")
        #: Versions of events that are filed under another actor, by the hash of their own actor's id.
        self.displaced: dict[int, set[int]] = {}
        # Numbers that no honest file has are not worth an array of their size.
        self._strays: dict[int, int] = {}
        self._orphans: set[int] = set()

    def take(self, examined: Examined) -> list[Suspect]:
        """Take in the events of the part that follows; returns those that do not fit."""
        actors: Sequence[int] = examined.actors
        if self._numbers is not None:
            actors = self._numbers.of(actors)
        elif actors and (max(actors) >= self._limit or min(actors) < 0):
            actors = [self._stray(actor) for actor in actors]
        if not actors:
            return []
        self._grow(max(actors) + 1)
        suspects: list[Suspect] = []
        versions, moments, sequences, counts = self.versions, self.moments, self.sequences, self.counts
        names, known = examined.names, self.names
        rows = zip(examined.sequences, actors, names, examined.versions, examined.moments, strict=True)
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
                counts[actor] += 1
                continue
            if version != last + 1:
                suspects.append(Suspect("version-gap", sequence, last, sequences[actor]))
            if moment == moment:
                if moment < moments[actor]:
                    suspects.append(Suspect("time-backwards", sequence, moments[actor], sequences[actor]))
                moments[actor] = moment
            versions[actor] = version
            sequences[actor] = sequence
            counts[actor] += 1
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
            missing = max(missing, len(self.versions) // 4)
            zeros = bytes(8 * missing)
            for column in (self.versions, self.sequences, self.counts):
                column.frombytes(zeros)
            self.moments.extend([-inf] * missing)


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
