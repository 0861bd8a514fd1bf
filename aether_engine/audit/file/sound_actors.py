"""The list of actors of a file where it is plainly in order, as the compiled library tells it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from aether_engine.audit.file.actors import HIGHEST
from aether_engine.audit.file.pages import read_undisturbed, roots_of
from aether_engine.audit.streams import StreamStates
from aether_engine.audit.target import LogFacts
from aether_engine.native.actors import ActorRows, read_actors
from aether_engine.store.sqlite.reader import Reader


def sound_actors(reader: Reader, first: int, count: int, key: bytes) -> ActorRows | None:
    """Actors with numbers from `first` on, `count` of them at most; None where Python has to look.

    Nobody gives out numbers with holes in which a block of them would fit.
    """
    root = roots_of(reader).get("actors")
    if root is None or first + count > HIGHEST:
        return None
    rows = read_undisturbed(reader, lambda file: read_actors(file, root, key, first, count))
    return rows if rows is not None and rows.next_number in (None, first + count) else None


def are_counted(rows: ActorRows, facts: Mapping[int, LogFacts]) -> bool:
    """Whether the file counts for each actor what its stream comes to; False where that takes a closer look.

    `facts` are those of logs by the numbers of their namespaces.
    """
    numbers = set(rows.namespaces)
    # Where there is no row, there is no number either.
    numbers.discard(0)
    if 0 in facts or any(facts[number].streams.displaced for number in numbers if number in facts):
        return False
    last = rows.first + len(rows.hashes)
    if len(numbers) == 1:
        fact = facts.get(numbers.pop())
        return fact is None or _fit(rows, fact.streams, slice(rows.first, last))
    counted = zip(rows.events, rows.versions, rows.sequences, strict=True)
    for number, namespace, row in zip(range(rows.first, last), rows.namespaces, counted, strict=True):
        fact = facts.get(namespace)
        if fact is not None and (
            number >= len(fact.streams.versions)
            or row != (fact.streams.count(number), fact.streams.versions[number], fact.streams.sequences[number])
        ):
            return False
    return True


def _fit(rows: ActorRows, streams: StreamStates, part: slice) -> bool:
    versions, sequences = streams.versions[part], streams.sequences[part]
    counts = array("q", map(streams.count, range(part.start, part.stop))) if streams.has_gaps else versions
    return (rows.events, rows.versions, rows.sequences) == (counts, versions, sequences)
