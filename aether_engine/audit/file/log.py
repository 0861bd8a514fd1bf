"""A namespace's log in a file, as an audit reads it: every column, and what is left of damaged rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from operator import itemgetter
from time import perf_counter
from typing import Any, Final

from aether_engine.audit.examining import Examined, Examiner, LogPart, RowColumns
from aether_engine.audit.file.sound_log import SoundLog
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.rows import is_intact
from aether_engine.store.sqlite.schema import first_position

#: Rows that are fetched and examined in one go.
ROWS: Final = 1024
#: So many rows are fetched where one was not plainly in order, and twice as many each time there is one again.
_DOUBTFUL: Final = 16
#: Larger events are fetched one by one: a thousand of them would not fit into memory.
_LARGE: Final = 16 << 10
_COLUMNS: Final = "actor, version, event_type, id_hash, recorded_at, checksum"
_WITHIN: Final = "FROM events WHERE position BETWEEN ? AND ? ORDER BY position"
_BATCH: Final = f"SELECT position, {_COLUMNS}, CASE WHEN length(raw) <= {_LARGE} THEN raw END {_WITHIN}"
_EACH: Final = f"SELECT position, {_COLUMNS}, raw {_WITHIN}"
_INTEGERS: Final = (0, 1, 4, 5)

#: Position, and the columns from actor to raw.
FileRow = tuple[Any, ...]


class FileLog:
    """Examines ranges of one namespace's log, for the calling thread."""

    def __init__(self, reader: Reader, number: int, examiner: Examiner, sound: SoundLog | None = None) -> None:
        """`sound` looks at what is in order first."""
        self._reader = reader
        self._sound = sound
        self._doubtful = _DOUBTFUL
        self._number = number
        self._base = first_position(number)
        self._examiner = examiner
        if not examiner.type_names:
            examiner.type_names = type_names(reader)

    def examine(self, first: int, last: int, seconds: float) -> list[Examined]:
        """What came of looking at sequences `first` to `last`, or as far as one gets in `seconds`."""
        end = perf_counter() + seconds
        found: list[Examined] = []
        while first <= last:
            rows = ROWS
            if self._sound is not None:
                part = self._sound.examine(first, last)
                if part is not None:
                    found.append(part)
                    first = part.last + 1
                rows = self._doubtful
                # Where hardly any is in order, looking for them takes longer than it gains.
                is_rare = part is not None and part.events > rows
                self._doubtful = _DOUBTFUL if is_rare else min(2 * rows, ROWS)
            if first <= last:
                stop = min(first + rows - 1, last)
                found += self._examine(first, stop)
                first = stop + 1
            if perf_counter() >= end:
                break
        return found

    def examine_places(self, sequences: list[int]) -> list[Examined]:
        """The same for single places."""
        found: list[Examined] = []
        for sequence in sequences:
            found += self._examine(sequence, sequence)
        return found

    @property
    def type_names(self) -> Mapping[int, str]:
        """The names of the file's event types by their numbers."""
        return self._examiner.type_names

    def row_at(self, sequence: int) -> FileRow | None:
        """The columns of one row from `actor` to `raw`, None if it is lost. What is no number counts as 0."""
        row = self._rescue(sequence, sequence).get(sequence)
        if row is None:
            return None
        return tuple(
            value if index not in _INTEGERS or type(value) is int else 0 for index, value in enumerate(row[1:])
        )

    def _examine(self, first: int, last: int) -> list[Examined]:
        rows = self._batch(first, last)
        if rows is None:
            return self._examine_damaged(first, last)
        large = [index for index, row in enumerate(rows) if row[-1] is None]
        found: list[Examined] = []
        begin = 0
        for place in [*large, len(rows)]:
            if begin < place:
                found.append(self._look(range(first + begin, first + place), rows[begin:place]))
            if place < len(rows):
                found += self._examine_damaged(first + place, first + place)
            begin = place + 1
        return found

    def _batch(self, first: int, last: int) -> list[FileRow] | None:
        """The rows of a range; None if they are not all there."""

        def job(connection: sqlite3.Connection) -> list[FileRow] | None:
            try:
                return connection.execute(_BATCH, (self._base + first, self._base + last)).fetchall()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None

        rows: list[FileRow] | None = self._reader.run(job, None)
        if rows is None or len(rows) != last - first + 1:
            return None
        # In a damaged tree they may be others, or stand in another order.
        begin = self._base + first
        return rows if list(map(_position_of, rows)) == list(range(begin, begin + len(rows))) else None

    def _examine_damaged(self, first: int, last: int) -> list[Examined]:
        """The same row by row: where some are missing, and for a row that is too large to be one of many."""
        rows = self._rescue(first, last)
        found: list[Examined] = []
        run: list[int] = []
        for sequence in range(first, last + 2):
            if sequence in rows:
                raw = rows[sequence][-1]
                if type(raw) is bytes and len(raw) > _LARGE:
                    found += self._flush(run, rows)
                    found.append(self._look([sequence], [rows[sequence]]))
                    run = []
                else:
                    run.append(sequence)
                continue
            found += self._flush(run, rows)
            run = []
            if sequence <= last:
                if found and found[-1].lost and found[-1].last == sequence - 1:
                    found[-1].lost[-1] = (found[-1].lost[-1][0], sequence)
                    found[-1].last = sequence
                    found[-1].events += 1
                else:
                    found.append(Examined(sequence, sequence, 1, lost=[(sequence, sequence)]))
        return found

    def _flush(self, run: list[int], rows: dict[int, FileRow]) -> list[Examined]:
        return [self._look(run, [rows[sequence] for sequence in run])] if run else []

    def _rescue(self, first: int, last: int) -> dict[int, FileRow]:
        base = self._base
        rows: dict[int, FileRow] = {}

        def read(begin: int, end: int) -> None:
            def job(connection: sqlite3.Connection) -> None:
                try:
                    for row in connection.execute(_EACH, (begin, end)):
                        # A damaged tree may have a place twice, and rows where they do not belong.
                        if begin <= row[0] <= end and (row[0] - base not in rows or _is_intact(row)):
                            rows[row[0] - base] = row
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise

            self._reader.run(job, None)

        read(base + first, base + last)
        if last > first:
            for sequence in range(first, last + 1):
                if sequence not in rows:
                    read(base + sequence, base + sequence)
        doubtful = {sequence for sequence, row in rows.items() if last > first and not _is_intact(row)}
        if len(rows) < last - first + 1 or doubtful:
            for position, row in self._reader.rescued_columns(base + first, base + last).items():
                sequence = position - base
                # One that passes for another in a damaged tree hides that one.
                if sequence not in rows or (sequence in doubtful and _is_intact(row)):
                    rows[sequence] = row
        return rows

    def _look(self, sequences: range | list[int], rows: list[FileRow]) -> Examined:
        _, actors, versions, types, id_hashes, recorded, checksums, raws = zip(*rows, strict=True)
        try:
            # A sum tells at once whether all are numbers.
            is_sound = type(sum(actors) + sum(versions) + sum(recorded) + sum(checksums)) is int
        except TypeError:
            is_sound = False
        if not is_sound:
            # Hostile or damaged: what is no number cannot fit its checksum either.
            actors, versions, recorded, checksums = [
                tuple([value if type(value) is int else 0 for value in column])
                for column in (actors, versions, recorded, checksums)
            ]
        row_columns = RowColumns(self._number, actors, versions, types, id_hashes, checksums)
        return self._examiner.examine(LogPart(sequences, recorded, raws, row_columns))


_position_of: Final = itemgetter(0)


def _is_intact(row: FileRow) -> bool:
    """Whether a row's checksum vouches for its bytes, place and time."""
    position, actor, version, _, _, recorded_at, checksum, raw = row
    return is_intact((position, actor, version, recorded_at, checksum, raw))


def type_names(reader: Reader) -> dict[int, str]:
    """The names of a file's event types by their numbers."""
    names: dict[int, str] = {}

    def job(connection: sqlite3.Connection) -> None:
        # The index holds both columns, so it stands in for a damaged table, and the other way round.
        for source in ("INDEXED BY event_types_by_name", "NOT INDEXED"):
            try:
                for number, name in connection.execute(f"SELECT id, name FROM event_types {source}"):  # noqa: S608 (constants)
                    if type(number) is int:
                        names[number] = str(name)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise

    reader.run(job, None)
    return names


def namespace_numbers(reader: Reader) -> dict[str, int]:
    """The numbers of a file's namespaces by name. Raises `CorruptStoreError`."""
    return reader.run(reader.names, {})
