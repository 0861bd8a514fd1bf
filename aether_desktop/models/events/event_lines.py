"""Chosen events as lines of JSON, byte for byte as stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from aether_desktop.models.events.rows_by_sequence import read_rows
from aether_desktop.workspace import Place, Workspace
from aether_engine.event import StoredEvent

_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class ChosenEvent:
    """An event by its place; `stored` is None while it is not loaded."""

    place: Place
    sequence: int
    stored: StoredEvent | None


class TooMuchError(Exception):
    """The chosen events have more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the selected events have more than {limit:,} bytes")


@dataclass(slots=True)
class EventLines:
    """The lines, and the events that cannot be one: their sequence and why."""

    lines: list[bytes] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)

    def __bytes__(self) -> bytes:
        """Return the lines, each with its line end."""
        return b"".join(line + b"\n" for line in self.lines)


async def gather_lines(
    workspace: Workspace, chosen: Sequence[ChosenEvent], limit: int, progress: Callable[[int, int], None]
) -> EventLines:
    """Read what is not loaded and make a line of each event, in the order given.

    `progress` hears how many of how many are done. Raises `TooMuchError` beyond `limit` bytes.
    """
    result = EventLines()
    size = 0
    for start in range(0, len(chosen), _AT_ONCE):
        for place, events in groupby(chosen[start : start + _AT_ONCE], key=lambda each: each.place):
            for stored in await _loaded(workspace, place, list(events)):
                reason = _why_no_line(stored)
                if reason:
                    result.left_out.append((stored.sequence, reason))
                    continue
                result.lines.append(stored.raw)
                size += len(stored.raw) + 1
            if size > limit:
                raise TooMuchError(limit)
        progress(min(start + _AT_ONCE, len(chosen)), len(chosen))
    return result


async def _loaded(workspace: Workspace, place: Place, chosen: Sequence[ChosenEvent]) -> list[StoredEvent]:
    events = {each.sequence: each.stored for each in chosen if each.stored is not None}
    missing = sorted({each.sequence for each in chosen} - events.keys())
    if missing:
        async for rows in read_rows(await workspace.store(place), missing):
            # A place of a server's stream need not be an event's.
            events.update((row.sequence, row) for row in rows if isinstance(row, StoredEvent))
    found = (events.get(each.sequence) for each in chosen)
    return [stored for stored in found if stored is not None]


def _why_no_line(stored: StoredEvent) -> str:
    if stored.error is not None:
        return "is damaged"
    return "has line breaks in its bytes" if b"\n" in stored.raw or b"\r" in stored.raw else ""
