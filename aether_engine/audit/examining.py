"""Looking at a part of a log: what is wrong with each event by itself, and the facts to compare events by.

A thousand events a turn, in a process of its own where there are many. A part is decoded in one call and its
columns are compared as wholes; only events at which something differs are looked at one by one (`judging`).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import compress
from math import isfinite, nan
from operator import gt, ne
from typing import Final

from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import Place, Row, clock_ahead, is_intact, judge, moment_of, recorded_backwards
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.text_hashes import TextHashes, own_hashes
from aether_engine.batch_decoding import (
    UNSET,
    KeyCount,
    PlainColumns,
    PlainEvent,
    columns_of,
    decode_one_plain,
    decode_plain,
    duplicate_key,
    plain_moments,
)
from aether_engine.event import CAUSATION_ID
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.sqlite.schema import ID_HASH_LENGTH, EventIdHash, checksums_of

_MICROSECOND: Final = 1e6


@dataclass(slots=True)
class RowColumns:
    """What the rows of a file say besides the events' bytes; None where that could not be read."""

    namespace: int
    actors: tuple[int, ...]
    versions: tuple[int, ...]
    types: tuple[int | None, ...]
    id_hashes: tuple[bytes | None, ...]
    checksums: tuple[int, ...]

    def pick(self, indexes: Sequence[int]) -> RowColumns:
        """Some of the rows."""
        columns = (self.actors, self.versions, self.types, self.id_hashes, self.checksums)
        return RowColumns(self.namespace, *(tuple([column[index] for index in indexes]) for column in columns))  # type: ignore[arg-type]  # each keeps its kind


@dataclass(slots=True)
class LogPart:
    """Events at `sequences` (rising), recorded at microseconds since 1970, and what their store found wrong."""

    sequences: Sequence[int]
    recorded: Sequence[int]
    raws: Sequence[bytes]
    columns: RowColumns | None = None
    errors: Mapping[int, Exception] = field(default_factory=dict)

    def pick(self, indexes: Sequence[int]) -> LogPart:
        """Some of the events."""
        return LogPart(
            [self.sequences[index] for index in indexes],
            [self.recorded[index] for index in indexes],
            [self.raws[index] for index in indexes],
            None if self.columns is None else self.columns.pick(indexes),
        )


@dataclass(slots=True)
class Examined:
    """What an examination of the places `first` to `last` of a log came to.

    The arrays from `sequences` to `moments` have an entry for each event of the scope that is there: `actors` are
    the file's numbers or, in a log without rows, the same as `names`, which are hashes of the ids (0: not to be
    relied on); `moments` are seconds since 1970 (nan: not to be relied on). `ids` and `id_sequences` are of all
    events. `causes` alternate sequences and hashes. `late` are sequences of events recorded long after they say
    they happened. `counts` counts the findings of each check that are not among `findings`, `kept` those that are.
    """

    first: int
    last: int
    events: int = 0
    sequences: array[int] = field(default_factory=lambda: array("q"))
    actors: array[int] = field(default_factory=lambda: array("q"))
    names: array[int] = field(default_factory=lambda: array("q"))
    versions: array[int] = field(default_factory=lambda: array("q"))
    moments: array[float] = field(default_factory=lambda: array("d"))
    id_sequences: array[int] = field(default_factory=lambda: array("q"))
    ids: array[int] = field(default_factory=lambda: array("q"))
    commands: array[int] = field(default_factory=lambda: array("q"))
    causes: array[int] = field(default_factory=lambda: array("q"))
    late: array[int] = field(default_factory=lambda: array("q"))
    lost: list[tuple[int, int]] = field(default_factory=list)
    size_bytes: int = 0
    first_recorded: int | None = None
    last_recorded: int | None = None
    #: Sequence and recorded time of the first and the last event whose time can be relied on.
    first_timed: tuple[int, int] | None = None
    last_timed: tuple[int, int] | None = None
    #: Of a file's rows: the sum of the first eight bytes of all id hashes, each as a number.
    id_sum: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Finding, limit: int) -> None:
        """Keep a finding, or count it if there are enough of its kind."""
        kept = self.kept.get(finding.check, 0)
        if kept < limit:
            self.kept[finding.check] = kept + 1
            self.findings.append(finding)
        else:
            self.counts[finding.check] = self.counts.get(finding.check, 0) + finding.count


class Examiner:
    """Examines parts of one namespace's log."""

    def __init__(
        self,
        namespace: str,
        settings: AuditSettings,
        scope: AuditScope | None = None,
        *,
        type_names: Mapping[int, str] | None = None,
        limit: int | None = None,
        hashes: TextHashes = own_hashes,
    ) -> None:
        self._namespace = namespace
        self._hashes_of = hashes
        self._settings = settings
        pattern = "" if scope is None else scope.actors
        self._pattern = "" if pattern in ("*", ">") else pattern
        self._limit = settings.limit if limit is None else min(limit, settings.limit)
        #: Names of a file's event types by their numbers.
        self.type_names: Mapping[int, str] = type_names or {}
        self._id_hashes: dict[int, EventIdHash] = {}
        self._keys = KeyCount()

    def examine(self, part: LogPart) -> Examined:
        """Look at all events of `part`, of which there is at least one."""
        found = Examined(part.sequences[0], part.sequences[-1], len(part.sequences))
        self._note_rows(part, found)
        joined = None
        if not part.errors and all(part.raws):
            with suppress(TypeError):  # of what is not bytes
                joined = b"\n".join(part.raws)
        events = None if joined is None else decode_plain(part.raws, joined)
        if joined is not None and events is not None:
            columns = columns_of(events)
            moments = plain_moments(columns.timestamps)
            if moments is not None:
                damaged = self._look_at_plain(part, columns, moments, joined, found)
                self._look_at_recorded(part, damaged, found)
                return found
        self._look_at_recorded(part, self._look_at_mixed(part, found), found)
        return found

    # --- Nearly always ------------------------------------------------------------------------------------------

    def _look_at_plain(
        self, part: LogPart, events: PlainColumns, moments: list[float], joined: bytes, found: Examined
    ) -> set[int]:
        """Events that decode as they should: what they say is compared with what is known of them.

        Returns the sequences of those that are damaged after all.
        """
        damaged: set[int] = set()
        wanted = self._wanted(events)
        versions = list(events.versions)
        suspects: set[int] = set()
        if part.columns is not None:
            suspects |= self._differing(part, part.columns, events)
        if self._keys.may_have_twice(events, joined):
            suspects.update(index for index, raw in enumerate(part.raws) if duplicate_key(raw) is not None)
        names = self._hashes_of(events.actor_ids)
        for index in sorted(suspects):
            verdict = judge(self._place(part, index))
            self._add_all(verdict.findings, wanted, index, found)
            if verdict.event is None:
                # Its time is as little to be relied on as the rest.
                damaged.add(part.sequences[index])
                names[index], moments[index] = 0, nan
                if part.columns is not None:
                    versions[index] = part.columns.versions[index]
            else:
                versions[index] = verdict.version
        self._look_for_clocks(part, moments, wanted, found)
        found.id_sequences += array("q", part.sequences)
        found.ids += array("q", self._hashes_of(events.ids))
        actors = names if part.columns is None else part.columns.actors
        if wanted is None:
            # An array made at once costs a third of one that is extended.
            found.sequences += found.id_sequences
            found.actors += array("q", actors)
            found.names += array("q", names)
            found.versions += array("q", versions)
            found.moments += array("d", moments)
        else:
            found.sequences += array("q", compress(part.sequences, wanted))
            found.actors += array("q", compress(actors, wanted))
            found.names += array("q", compress(names, wanted))
            found.versions += array("q", compress(versions, wanted))
            found.moments += array("d", compress(moments, wanted))
        self._note_relatives(part.sequences, events, wanted, damaged, found)
        return damaged

    def _wanted(self, events: PlainColumns) -> list[bool] | None:
        """Which events are in scope, None for all."""
        if not self._pattern:
            return None
        return [match_actor_pattern(self._pattern, actor_id) for actor_id in events.actor_ids]

    def _differing(self, part: LogPart, columns: RowColumns, events: PlainColumns) -> set[int]:
        """The indexes of events whose rows say something else."""
        place, versions = columns.namespace, events.versions
        names = self.type_names
        comparisons: tuple[tuple[tuple[object, ...], tuple[object, ...]], ...] = (
            (checksums_of(part.raws, place, part.sequences, versions, part.recorded), columns.checksums),
            (versions, columns.versions),
            (tuple(self._digests(place, events.ids)), columns.id_hashes),
            (events.event_types, tuple(map(names.get, columns.types))),  # type: ignore[arg-type]  # None has no name
        )
        suspects: set[int] = set()
        for mine, stored in comparisons:
            if mine != stored:
                suspects.update(compress(range(len(mine)), map(ne, mine, stored)))
        return suspects

    def _digests(self, namespace: int, ids: tuple[str, ...]) -> list[bytes]:
        hashes = self._id_hashes.get(namespace)
        if hashes is None:
            hashes = self._id_hashes[namespace] = EventIdHash(namespace)
        return hashes.digests_of(ids)

    def _look_for_clocks(
        self, part: LogPart, moments: Sequence[float], wanted: list[bool] | None, found: Examined
    ) -> None:
        ahead, behind = self._settings.ahead_seconds, self._settings.behind_seconds
        recorded = part.recorded
        # Reckoned as for each of them below, so that it makes no difference what stands beside an event.
        if (
            isfinite(sum(moments))
            and min(recorded) / _MICROSECOND - max(moments) >= -ahead
            and max(recorded) / _MICROSECOND - min(moments) <= behind
        ):
            return
        for index, (moment, microseconds) in enumerate(zip(moments, recorded, strict=True)):
            delay = microseconds / _MICROSECOND - moment
            if delay < -ahead:
                self._add_all([clock_ahead(self._place(part, index), moment)], wanted, index, found)
            elif delay > behind and (wanted is None or wanted[index]):
                found.late.append(part.sequences[index])

    def _note_relatives(
        self,
        sequences: Sequence[int],
        events: PlainColumns,
        wanted: list[bool] | None,
        damaged: set[int],
        found: Examined,
    ) -> None:
        named = [metadata.get(CAUSATION_ID) if metadata else None for metadata in events.metadata]
        if named.count(None) != len(named):
            for index, cause in enumerate(named):
                if cause and (wanted is None or wanted[index]) and sequences[index] not in damaged:
                    found.causes.append(sequences[index])
                    found.causes.append(self._hash_of(cause))
        commands = events.command_ids
        if commands.count(UNSET) != len(commands):
            found.commands.extend(self._hashes_of([command for command in commands if command]))

    # --- Where something is no plain event ---------------------------------------------------------------------

    def _look_at_mixed(self, part: LogPart, found: Examined) -> set[int]:
        """Events of which at least one is unusual, damaged or no event at all.

        Returns the sequences of those whose place and time nothing vouches for.
        """
        damaged: set[int] = set()
        plain: list[int] = []
        events: list[PlainEvent] = []
        moments: list[float] = []
        odd: list[int] = []
        for index, raw in enumerate(part.raws):
            event = decode_one_plain(raw) if index not in part.errors and type(raw) is bytes else None
            moment = None if event is None else plain_moments([event.timestamp])
            if event is None or moment is None:
                odd.append(index)
            else:
                plain.append(index)
                events.append(event)
                moments += moment
        if plain:
            rest = part.pick(plain)
            damaged = self._look_at_plain(rest, columns_of(events), moments, b"\n".join(rest.raws), found)
        for index in odd:
            if not self._look_at_odd(part, index, found):
                damaged.add(part.sequences[index])
        if plain and odd:
            _sort_by_sequence(found)
        return damaged

    def _look_at_odd(self, part: LogPart, index: int, found: Examined) -> bool:
        """Look at one by itself; whether its place and time are what was written, even if the event is none."""
        place = self._place(part, index)
        verdict = judge(place, part.errors.get(index))
        is_timed = verdict.event is not None or part.columns is None or is_intact(place)
        event, claim, columns = verdict.event, verdict.claim, part.columns
        sequence = part.sequences[index]
        wanted = claim is None or not self._pattern or match_actor_pattern(self._pattern, claim.actor_id)
        self._add_all(verdict.findings, [wanted], 0, found)
        if claim is not None and claim.event_id:
            found.id_sequences.append(sequence)
            found.ids.append(self._hash_of(claim.event_id))
        if claim is not None and claim.command_id:
            # Of all events, in scope or not: it may be the cause of one that is.
            found.commands.append(self._hash_of(claim.command_id))
        if not wanted or (claim is None and columns is None):
            return is_timed
        name = 0 if claim is None else self._hash_of(claim.actor_id)
        is_sound = event is not None
        moment = None if event is None else moment_of(event)
        found.sequences.append(sequence)
        found.actors.append(columns.actors[index] if columns is not None else name)
        found.names.append(name if is_sound or columns is None else 0)
        if columns is not None and not is_sound:
            found.versions.append(columns.versions[index])
        else:
            assert claim is not None
            found.versions.append(verdict.version or claim.version)
        found.moments.append(nan if moment is None else moment)
        if event is not None:
            if event.causation_id:
                found.causes.extend((sequence, self._hash_of(event.causation_id)))
            if moment is not None:
                self._look_for_clocks(part.pick([index]), [moment], None, found)
        return is_timed

    def _hash_of(self, text: str) -> int:
        return self._hashes_of((text,))[0]

    # --- Parts --------------------------------------------------------------------------------------------------

    def _note_rows(self, part: LogPart, found: Examined) -> None:
        recorded = part.recorded
        found.size_bytes = sum([len(raw) for raw in part.raws if type(raw) is bytes])
        found.first_recorded, found.last_recorded = recorded[0], recorded[-1]
        if part.columns is not None:
            found.id_sum = _sum_of_prefixes(part.columns.id_hashes)

    def _look_at_recorded(self, part: LogPart, damaged: set[int], found: Examined) -> None:
        """Compare recorded times with those in front of them; those of `damaged` are not to be relied on.

        The first one is compared by whoever knows the part before this one.
        """
        timed: Sequence[int] = range(len(part.recorded))
        if damaged:
            timed = [index for index in timed if part.sequences[index] not in damaged]
            if not timed:
                return
        recorded = part.recorded
        first, last = timed[0], timed[-1]
        found.first_timed = part.sequences[first], recorded[first]
        found.last_timed = part.sequences[last], recorded[last]
        if recorded.count(recorded[0]) < len(recorded) and any(map(gt, recorded, recorded[1:])):
            before = recorded[first]
            for index in timed:
                latest, before = before, recorded[index]
                if before < latest:
                    finding = recorded_backwards(self._place(part, index), latest)
                    wanted = not self._pattern or match_actor_pattern(self._pattern, finding.actor_id)
                    self._add_all([finding], [wanted], 0, found)

    def _add_all(
        self, findings: Sequence[Finding], wanted: Sequence[bool] | None, index: int, found: Examined
    ) -> None:
        if wanted is None or wanted[index]:
            for finding in findings:
                if finding.check in self._settings.checks:
                    found.add(finding, self._limit)

    def _place(self, part: LogPart, index: int) -> Place:
        columns = part.columns
        row = None
        if columns is not None:
            kind = columns.types[index]
            row = Row(
                columns.namespace,
                columns.actors[index],
                columns.versions[index],
                None if kind is None else self.type_names.get(kind, ""),
                columns.id_hashes[index],
                columns.checksums[index],
            )
        return Place(self._namespace, part.sequences[index], part.recorded[index], part.raws[index], row)


def _sum_of_prefixes(id_hashes: Sequence[bytes | None]) -> int:
    """The sum of the first eight bytes of each, as signed numbers; what is no hash does not count."""
    count = len(id_hashes)
    try:
        joined = b"".join(id_hashes)  # type: ignore[arg-type]  # tried
    except TypeError:
        joined = b""
    if len(joined) == ID_HASH_LENGTH * count:
        return sum(struct.unpack(f">{'q8x' * count}", joined))
    return sum([int.from_bytes(one[:8], "big", signed=True) for one in id_hashes if type(one) is bytes])


def _sort_by_sequence(found: Examined) -> None:
    order = sorted(range(len(found.sequences)), key=found.sequences.__getitem__)
    for column in (found.sequences, found.actors, found.names, found.versions):
        column[:] = array("q", [column[index] for index in order])
    found.moments[:] = array("d", [found.moments[index] for index in order])
    order = sorted(range(len(found.ids)), key=found.id_sequences.__getitem__)
    for column in (found.id_sequences, found.ids):
        column[:] = array("q", [column[index] for index in order])
