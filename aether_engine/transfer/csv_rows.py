"""Stored events as rows of a spreadsheet: CSV of RFC 4180, in UTF-8 with the mark that spreadsheets look for.

Whoever wrote an event may have hoped that somebody opens it in a spreadsheet: a text that would be taken for a
formula there gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from aether_engine import lossless
from aether_engine.event import Event, StoredEvent
from aether_engine.transfer.form import Form

COLUMNS: Final = (
    "sequence",
    "recordedAt",
    "actorId",
    "version",
    "eventType",
    "id",
    "commandId",
    "timestamp",
    "data",
    "metadata",
    "problem",
)
#: What makes a spreadsheet take a text for a formula, in the usual and in the wide spelling.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK: Final = b"\xef\xbb\xbf"


class CsvRows(Form):
    """A row for each event, corrupted ones included: those have their place and what is wrong with them.

    Timestamp, data and metadata are as they were written; the rest of the bytes is not in a spreadsheet.
    """

    def head(self) -> bytes:
        return _MARK + _lines([COLUMNS])

    def rows(self, batch: Sequence[StoredEvent]) -> bytes:
        rows: list[Sequence[object]] = []
        for stored in batch:
            if stored.event is None:
                reason = ""
                if stored.error is not None:
                    self.damaged.append(stored.error)
                    reason = str(stored.error.error)
                nothing = [""] * (len(COLUMNS) - 3)
                rows.append((stored.sequence, stored.recorded_at.isoformat(), *nothing, _defused(reason)))
            else:
                rows.append(
                    (stored.sequence, stored.recorded_at.isoformat(), *_cells(stored.raw, stored.event), "")
                )
            self.events += 1
        return _lines(rows)


def _cells(raw: bytes, event: Event) -> tuple[object, ...]:
    return (
        _defused(event.actor_id),
        event.version,
        _defused(event.event_type),
        _defused(event.id),
        _defused(event.command_id),
        _defused(_written(raw, "timestamp")),
        _defused(_written(raw, "data")),
        _defused(_written(raw, "metadata")),
    )


def _written(raw: bytes, key: str) -> str:
    """The member as it stands in the bytes; of a text what it says."""
    member = lossless.find_member(raw, key)
    if member is None:
        return ""
    written = raw[member.value.start : member.value.end]
    return lossless.string_value(written) if member.value.kind is lossless.Kind.STRING else written.decode()


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    # A NUL, or half of a surrogate pair, is no text to a spreadsheet.
    return text.getvalue().replace("\0", "\ufffd").encode("utf-8", "replace")
