"""What a source of events offers that is no store: its events one after the other, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aether_engine.event import StoreWarning


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, or what should be one: its bytes, and where it stands in words (`events.ndjson, line 17`).

    `sequence` and `recorded` (microseconds since 1970) are None where the source knows none; `error` is what is
    wrong with its place.
    """

    raw: bytes
    where: str
    sequence: int | None = None
    recorded: int | None = None
    error: Exception | None = None


class EventSource(Protocol):
    """Events that lie in files of another form. Reading blocks, and belongs into a thread."""

    @property
    def namespace(self) -> str:
        """What its log is called."""
        ...

    @property
    def files(self) -> Sequence[str]:
        """The files it reads."""
        ...

    @property
    def keeps_times(self) -> bool:
        """Whether it knows when events were recorded."""
        ...

    def entries(self) -> Iterator[Entry]:
        """All events in their order. Raises `TransferError`."""
        ...

    def warnings(self) -> list[StoreWarning]:
        """Settings that endanger events; known after `entries`."""
        ...

    def missing(self) -> list[tuple[int, int]]:
        """Stretches of sequences that are not there; known after `entries`."""
        ...
