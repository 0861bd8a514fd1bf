"""What only a file can get wrong: its pages, its counters, its indexes. Made when all of its logs were read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from aether_engine.audit.file.counters import CounterChecks, one_state, shown
from aether_engine.audit.file.ids import id_sum_behind, ids_until
from aether_engine.audit.file.log import namespace_numbers
from aether_engine.audit.file.pages import trees_of
from aether_engine.audit.file.sound_trees import SoundTrees
from aether_engine.audit.finding import Finding
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.target import LogFacts
from aether_engine.errors import CorruptStoreError
from aether_engine.patterns import is_wildcard_pattern, match_namespace_pattern
from aether_engine.store.sqlite.pages import FilePages, bad_pages
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.schema import SEQUENCE_BITS, SEQUENCE_MASK, first_position

#: Entries of an index that are named; where more differ, the index as a whole is worthless.
_NAMED: Final = 1000
_MOST_PAGES: Final = 10_000
# A sum over rows that differs if one of them does, whichever bit of it. Remainders of primes, so that no bit of a
# number is without weight, and so small that the sum of any number of rows stays within 64 bits.
_SUMS: Final = (
    "SELECT count(*), sum(((actor * 7919 + version * 104729) % 1048573 + 1) * (position % 1048573 + 1) "
    "% 4294967291) FROM events "
)
_BY_INDEX: Final = "INDEXED BY events_by_actor"
_TRIPLES: Final = "SELECT actor, version, position FROM events "


class FileChecks:
    """All of them, for the calling thread. `stop` tells whether somebody wants it to end.

    What is known to be in order is not looked at again.
    """

    def __init__(
        self,
        reader: Reader,
        scope: AuditScope,
        settings: AuditSettings,
        truncated: tuple[int, int] | None,
        stop: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._scope = scope
        self._settings = settings
        self._truncated = truncated
        self._stop = stop

    def of_pages(self, sound: SoundTrees) -> list[Finding]:
        """What is wrong with pages."""
        return self._made(("page", lambda: self._pages(sound)))

    def of_counters(
        self, facts: Mapping[str, LogFacts], doubtful: Sequence[tuple[int, int]] | None
    ) -> list[Finding]:
        """What is wrong in scope with rows that belong to nobody, and counters.

        `doubtful` are the actors whose counters may be wrong, see `CounterChecks.of_actors`.
        """
        counters = CounterChecks(self._reader, self._scope, self._settings, self._stop)
        return self._made(
            ("orphan", self._orphans),
            ("namespace-counter", lambda: counters.of_namespaces(facts)),
            ("actor-counter", lambda: counters.of_actors(facts, doubtful)),
        )

    def of_indexes(self, facts: Mapping[str, LogFacts], sound: SoundTrees) -> list[Finding]:
        """What is wrong in scope with indexes: mostly SQLite's own work, beside which another thread gets on."""
        return self._made(
            ("index-versions", lambda: () if sound.versions else self._version_index()),
            (
                "index-ids",
                lambda: self._id_index([fact for name, fact in facts.items() if name not in sound.ids]),
            ),
        )

    def _made(self, *checks: tuple[str, Callable[[], Iterable[Finding]]]) -> list[Finding]:
        findings: list[Finding] = []
        actor = self._scope.actors
        if actor and not is_wildcard_pattern(actor):
            return findings  # What concerns the whole file is not asked of one actor.
        for check, work in checks:
            if check in self._settings.checks and not self._stop():
                findings += work()
        return findings

    # --- Pages --------------------------------------------------------------------------------------------------

    def _pages(self, sound: SoundTrees) -> Iterable[Finding]:
        if self._truncated is not None:
            size, expected = self._truncated
            yield Finding(
                "page",
                f"The file is cut off: {size:,} of {expected:,} bytes are left.",
                path="/size",
                evidence=(("Bytes left", f"{size:,}"), ("Bytes expected", f"{expected:,}")),
            )
        if sound.pages:
            return
        pages = FilePages(self._reader.raw)
        try:
            bad = bad_pages(pages.page, pages.page_count, self._reader.run(trees_of, {}), self._stop)
        finally:
            pages.release()
        beyond = [one for one in bad if self._truncated is not None and one.number > pages.page_count]
        for one in bad[:_MOST_PAGES]:
            if one not in beyond:
                yield Finding(
                    "page",
                    f"Page {one.number:,} of {one.tree} {one.problem}.",
                    path=f"/pages/{one.number}",
                    evidence=(
                        ("Page", f"{one.number:,}"),
                        ("Offset in the file", f"0x{(one.number - 1) * pages.page_size:X}"),
                        ("Belongs to", one.tree),
                    ),
                )

    # --- Rows that belong to nobody ----------------------------------------------------------------------------

    def _orphans(self) -> Iterable[Finding]:
        if not self._scope.is_whole:
            return

        def job(connection: sqlite3.Connection) -> list[tuple[int, int, int]]:
            with one_state(connection):
                return look(connection, set(self._reader.names(connection).values()))

        def look(connection: sqlite3.Connection, known: set[int]) -> list[tuple[int, int, int]]:
            found: list[tuple[int, int, int]] = []
            position = -(2**63)
            try:
                while True:
                    row = connection.execute(
                        "SELECT min(position) FROM events WHERE position >= ?", (position,)
                    ).fetchone()
                    if row[0] is None or len(found) > _NAMED:
                        return found
                    namespace = row[0] >> SEQUENCE_BITS
                    end = min(first_position(namespace + 1), 2**63 - 1)
                    if namespace not in known:
                        last = connection.execute(
                            "SELECT max(position) FROM events WHERE position < ?", (end,)
                        ).fetchone()[0]
                        found.append((namespace, row[0] & SEQUENCE_MASK, last & SEQUENCE_MASK))
                    position = end
                    if end == 2**63 - 1:
                        return found
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return found

        rows: list[tuple[int, int, int]] = self._reader.run(job, [])
        for namespace, first, last in rows:
            yield Finding(
                "orphan",
                f"Rows at {first:,} to {last:,} are of namespace number {namespace:,}, which the file does not "
                f"list.",
                sequence=first,
                last_sequence=last,
                path=f"/namespaces/{namespace}",
            )

    # --- Indexes ------------------------------------------------------------------------------------------------

    def _version_index(self) -> Iterable[Finding]:
        def job(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            with one_state(connection):
                return look(connection)

        def look(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            sums = [connection.execute(_SUMS + source).fetchone() for source in (_BY_INDEX, "NOT INDEXED")]
            if sums[0] == sums[1]:
                return []
            index, table = f"{_TRIPLES}{_BY_INDEX}", f"{_TRIPLES}NOT INDEXED"
            found: list[tuple[Any, ...]] = []
            # What the index holds of lost events is told with them.
            there = "position IN (SELECT position FROM events NOT INDEXED)"
            index = f"{index} WHERE {there}"
            for more, less, what in ((index, table, "index"), (table, index, "log")):
                rows = connection.execute(f"{more} EXCEPT {less} LIMIT {_NAMED}")
                found += [(what, *row) for row in rows]
            return found

        try:
            rows = self._reader.run(job, [])
        except CorruptStoreError:
            return  # The pages that cannot be read are told as such.
        for what, actor, version, position in rows:
            if type(position) is not int:
                continue  # No entry of an index: the page it stands on is told as damaged.
            namespace = self._name_of(position)
            if not match_namespace_pattern(self._scope.namespaces, namespace) and not self._scope.is_whole:
                continue
            where = "The index holds" if what == "index" else "The log holds"
            other = "the log does not" if what == "index" else "the index does not"
            yield Finding(
                "index-versions",
                f"{where} version {shown(version)} of actor number {shown(actor)} at this place, {other}.",
                namespace=namespace,
                sequence=position & SEQUENCE_MASK,
                version=version if type(version) is int else None,
                path=f"/{what}",
            )

    def _id_index(self, facts: Iterable[LogFacts]) -> Iterable[Finding]:
        for fact in facts:
            if self._stop():
                return
            if fact.lost:
                # The ids of lost events are in the index and nowhere else: sums would not tell.
                yield from self._differing_ids(fact, self._ids_until(fact))
                continue

            def job(connection: sqlite3.Connection, fact: LogFacts = fact) -> tuple[int, int, int, int] | None:
                with one_state(connection):
                    return look(connection, fact.log.number, fact.log.last)

            # What was stored behind the end of the log meanwhile is not among the facts.
            def look(connection: sqlite3.Connection, number: int, end: int) -> tuple[int, int, int, int]:
                first = first_position(number)
                until = min(ids_until(connection, number), end)
                count, high, low, places = connection.execute(
                    "SELECT count(*), coalesce(sum(id_prefix >> 32), 0), coalesce(sum(id_prefix & 4294967295), "
                    "0), "
                    "coalesce(sum(position & ?), 0) FROM event_ids WHERE position > ? AND position <= ?",
                    (SEQUENCE_MASK, first, first + until),
                ).fetchone()
                tail = id_sum_behind(connection, number, until, end)
                return until, count, (high << 32) + low + tail, places

            try:
                found = self._reader.run(job, None)
            except CorruptStoreError:
                return  # The pages that cannot be read are told as such.
            if found is None:
                continue
            until, count, total, places = found
            if (count, total, places) != (until, fact.id_sum, until * (until + 1) // 2):
                yield from self._differing_ids(fact, until)

    def _ids_until(self, fact: LogFacts) -> int:
        until = self._reader.run(lambda connection: ids_until(connection, fact.log.number), 0)
        return min(until, fact.log.last)

    def _differing_ids(self, fact: LogFacts, until: int) -> Iterable[Finding]:
        """Which entries are wrong, entry by entry; slow, and only where something is."""
        number = fact.log.number
        base = first_position(number)

        def job(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
            missing: list[int] = []
            wrong: list[int] = []
            for position, id_hash in connection.execute(
                "SELECT position, id_hash FROM events WHERE position > ? AND position <= ?", (base, base + until)
            ):
                prefix = int.from_bytes(id_hash[:8], "big", signed=True) if type(id_hash) is bytes else 0
                if (
                    connection.execute(
                        "SELECT 1 FROM event_ids WHERE id_prefix = ? AND position = ?", (prefix, position)
                    ).fetchone()
                    is None
                ):
                    missing.append(position & SEQUENCE_MASK)
                    if len(missing) >= _NAMED or self._stop():
                        break
            for prefix, position in connection.execute(
                "SELECT id_prefix, position FROM event_ids WHERE position > ? AND position <= ?",
                (base, base + until),
            ):
                row = connection.execute("SELECT id_hash FROM events WHERE position = ?", (position,)).fetchone()
                if row is None:
                    continue  # It is lost, and told as that.
                held = row[0] if type(row[0]) is bytes else b""
                if int.from_bytes(held[:8], "big", signed=True) != prefix:
                    wrong.append(position & SEQUENCE_MASK)
                    if len(wrong) >= _NAMED or self._stop():
                        break
            return missing, wrong

        try:
            missing, wrong = self._reader.run(job, ([], []))
        except CorruptStoreError:
            return  # The pages that cannot be read are told as such.
        for sequence in sorted(missing):
            yield Finding(
                "index-ids",
                "The index does not hold the id of this event: it can be stored a second time.",
                namespace=fact.log.namespace,
                sequence=sequence,
                path="/log",
            )
        for sequence in sorted(set(wrong).difference(missing)):
            yield Finding(
                "index-ids",
                "The index holds an id for this place that is not the event's.",
                namespace=fact.log.namespace,
                sequence=sequence,
                path="/index",
            )

    def _name_of(self, position: int) -> str:
        names = {number: name for name, number in namespace_numbers(self._reader).items()}
        return names.get(position >> SEQUENCE_BITS, "")
