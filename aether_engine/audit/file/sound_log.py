"""The part of a file's log that is plainly in order, as the compiled library tells it."""

from __future__ import annotations

from collections.abc import Mapping

from aether_engine.audit.examining import Examined
from aether_engine.audit.file.pages import read_undisturbed, roots_of
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.native.rows import RowReader
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.schema import MAX_NAMESPACE


class SoundLog:
    """Examines what is in order of one namespace's log, and leaves the rest to `Examiner`."""

    def __init__(
        self, reader: Reader, number: int, root: int, settings: AuditSettings, types: Mapping[int, str], key: bytes
    ) -> None:
        self._reader = reader
        self._rows = RowReader(
            root,
            number,
            types,
            key,
            ahead=settings.ahead_seconds,
            behind=settings.behind_seconds,
        )

    @staticmethod
    def of(
        reader: Reader,
        number: int,
        scope: AuditScope,
        settings: AuditSettings,
        types: Mapping[int, str],
        key: bytes | None,
    ) -> SoundLog | None:
        """One for a namespace's number; None without a key of the library, or where not all events are wanted."""
        if key is None or scope.actors not in ("", "*", ">") or not 0 <= number <= MAX_NAMESPACE:
            return None
        root = roots_of(reader).get("events")
        return None if root is None else SoundLog(reader, number, root, settings, types, key)

    def examine(self, first: int, last: int) -> Examined | None:
        """What the events at sequences `first` to `last` say, as far as they are in order; None for none."""
        rows = read_undisturbed(self._reader, lambda file: self._rows.rows(file, first, last))
        if rows is None:
            return None
        end = rows.sequences[-1]
        return Examined(
            first,
            end,
            len(rows.sequences),
            sequences=rows.sequences,
            actors=rows.actors,
            names=rows.names,
            versions=rows.versions,
            moments=rows.moments,
            # The same: what is written once for the process that started this one.
            id_sequences=rows.sequences,
            ids=rows.ids,
            commands=rows.commands,
            causes=rows.causes,
            late=rows.late,
            size_bytes=rows.size_bytes,
            first_recorded=rows.first_recorded,
            last_recorded=rows.last_recorded,
            first_timed=(first, rows.first_recorded),
            last_timed=(end, rows.last_recorded),
            id_sum=rows.id_sum,
        )
