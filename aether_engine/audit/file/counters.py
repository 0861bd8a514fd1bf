"""Whether a file counts what it holds: of each namespace, and of each actor.

Somebody may write meanwhile. What was stored behind the end of a log, as it was looked at, is read in one
transaction with the counters and reckoned with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from aether_engine.audit.file.actors import HIGHEST, actor_counters
from aether_engine.audit.finding import Finding
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.target import AuditLog, LogFacts
from aether_engine.errors import excerpt
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.schema import first_position

_NAMESPACES: Final = (
    "SELECT name, last_sequence, size_bytes, first_recorded_at, last_recorded_at FROM namespaces NOT INDEXED"
)
_ACTOR: Final = "SELECT event_count, latest_version, last_sequence FROM actors NOT INDEXED WHERE id = ?"
_OF_ACTOR: Final = (
    "SELECT count(*), max(version), max(position) FROM events INDEXED BY events_by_actor WHERE actor = ?"
)
_BEHIND: Final = "position > ? AND position < ?"
_LATER: Final = f"SELECT count(*), sum(length(raw)), max(position) FROM events WHERE {_BEHIND}"  # noqa: S608 (constants)


@contextmanager
def one_state(connection: sqlite3.Connection) -> Iterator[None]:
    """Have all queries within see the same state of the file, whoever writes meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # SQLite may have given it up itself.
            connection.execute("ROLLBACK")


@dataclass(frozen=True, slots=True)
class _Growth:
    """What a log has been given since it was looked at."""

    events: int = 0
    size_bytes: int = 0
    first_recorded: int | None = None
    last_recorded: int | None = None


class CounterChecks:
    """Both of them, for the calling thread. `stop` tells whether somebody wants it to end."""

    def __init__(
        self, reader: Reader, scope: AuditScope, settings: AuditSettings, stop: Callable[[], bool]
    ) -> None:
        self._reader = reader
        self._scope = scope
        self._settings = settings
        self._stop = stop

    def of_namespaces(self, facts: Mapping[str, LogFacts]) -> Iterable[Finding]:
        """Namespaces whose counters are not what their logs come to."""

        def job(connection: sqlite3.Connection) -> list[tuple[tuple[Any, ...], _Growth]]:
            with one_state(connection):
                try:
                    rows = connection.execute(_NAMESPACES).fetchall()
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise
                    return []
                return [
                    (row, _growth(connection, facts[name].log)) for row in rows if (name := str(row[0])) in facts
                ]

        found: list[tuple[tuple[Any, ...], _Growth]] = self._reader.run(job, [])
        for (name, last, size, first_recorded, last_recorded), growth in found:
            fact = facts[str(name)]
            pairs: list[tuple[str, Any, Any]] = [("last sequence", last, fact.log.last + growth.events)]
            if not fact.lost:
                first = growth.first_recorded if fact.first_recorded is None else fact.first_recorded
                pairs += [
                    ("bytes", size, fact.size_bytes + growth.size_bytes),
                    ("first recorded", first_recorded, first),
                    (
                        "last recorded",
                        last_recorded,
                        growth.last_recorded if growth.events else fact.last_recorded,
                    ),
                ]
            for what, counted, held in pairs:
                if counted != held:
                    yield Finding(
                        "namespace-counter",
                        f"The file counts {shown(counted)} as {what}, the log holds {shown(held)}.",
                        namespace=str(name),
                        path=f"/{what.replace(' ', '-')}",
                        evidence=(("Counted", shown(counted)), ("Found", shown(held))),
                    )

    def of_actors(
        self, facts: Mapping[str, LogFacts], doubtful: Sequence[tuple[int, int]] | None = None
    ) -> Iterable[Finding]:
        """Actors whose counters are not what their streams come to.

        `doubtful` are the first and last numbers of those that are not known to be counted right, None for all.
        """
        by_number = {fact.log.number: fact for fact in facts.values()}
        pattern = self._scope.actors
        told = 0
        blocks = [()] if doubtful is None else doubtful
        for rows in chain.from_iterable(actor_counters(self._reader, *block) for block in blocks):
            for number, namespace, name, *counters in rows:
                fact = by_number.get(namespace)
                actor_id = str(name)
                if fact is None or (pattern and not match_actor_pattern(pattern, actor_id)):
                    continue
                counted = tuple(counters)
                held = _held(fact, number, counted)
                if counted == held:
                    continue
                if self._stop():
                    return
                counted, held = self._grown(fact, number, counted, held)
                if counted == held or self._explained_by_loss(fact, number, counted[:2]):
                    continue
                told += 1
                if told > self._settings.limit:
                    return
                for what, one, other in zip(
                    ("events", "latest version", "last sequence"), counted, held, strict=True
                ):
                    if one != other:
                        yield Finding(
                            "actor-counter",
                            f"The file counts {shown(one)} as {what} of {excerpt(actor_id)}, "
                            f"the log holds {shown(other)}.",
                            namespace=fact.log.namespace,
                            actor_id=actor_id,
                            path=f"/{what.replace(' ', '-')}",
                            evidence=(("Counted", shown(one)), ("Found", shown(other))),
                        )
            if self._stop():
                return

    def _grown(
        self, fact: LogFacts, number: int, counted: tuple[Any, ...], held: tuple[Any, ...]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The counters of an actor, and what its stream comes to, with what was stored meanwhile."""
        behind, end = _bounds(fact.log)

        def job(connection: sqlite3.Connection) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            try:
                with one_state(connection):
                    later = connection.execute(f"{_OF_ACTOR} AND {_BEHIND}", (number, behind, end)).fetchone()
                    row = connection.execute(_ACTOR, (number,)).fetchone()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return counted, held
            events, version, position = later
            if not events or row is None:
                return counted, held
            return tuple(row), (held[0] + events, max(held[1], version), fact.log.last + position - behind)

        return self._reader.run(job, (counted, held))

    def _explained_by_loss(self, fact: LogFacts, number: int, counters: tuple[Any, ...]) -> bool:
        """Whether the counters are right about events that cannot be read any more."""
        if not fact.lost:
            return False

        def job(connection: sqlite3.Connection) -> bool:
            try:
                found = connection.execute(_OF_ACTOR, (number,)).fetchone()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return True  # Then nobody can tell.
            return tuple(found[:2]) == counters

        return self._reader.run(job, True)


def shown(value: object) -> str:
    """A value of a row as it can stand in a sentence."""
    return f"{value:,}" if type(value) is int else excerpt(value)


def _held(fact: LogFacts, number: int, counted: tuple[Any, ...]) -> tuple[Any, ...]:
    """Event count, latest version and last sequence of an actor as its stream has them."""
    streams = fact.streams
    if not 0 <= number < min(HIGHEST, len(streams.versions)):
        held = (0, 0, 0)
    else:
        held = (streams.count(number), streams.versions[number], streams.sequences[number])
    displaced = streams.displaced_of(number) if streams.displaced else set()
    if displaced:
        held = (held[0] + len(displaced), max(held[1], *displaced), max(held[2], counted[2]))
    return held


def _bounds(log: AuditLog) -> tuple[int, int]:
    """The last position of a log as it was looked at, and the first one of the next log."""
    return first_position(log.number) + log.last, min(first_position(log.number + 1), 2**63 - 1)


def _growth(connection: sqlite3.Connection, log: AuditLog) -> _Growth:
    behind, end = _bounds(log)
    try:
        events, size, last = connection.execute(_LATER, (behind, end)).fetchone()
        # Rows that do not follow on the log were not put there by a save.
        if not events or last != behind + events:
            return _Growth()
        times = [
            connection.execute("SELECT recorded_at FROM events WHERE position = ?", (position,)).fetchone()[0]
            for position in (behind + 1, last)
        ]
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return _Growth()
    return _Growth(events, size, *times)
