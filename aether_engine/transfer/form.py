"""What an export writes of events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from aether_engine.event import ReplayError, StoredEvent


class Form(ABC):
    """Turns stored events into bytes of a file; belongs to one export, and is used by one thread at a time."""

    def __init__(self) -> None:
        #: Events that were written.
        self.events = 0
        #: Events that could not be, and why.
        self.skipped: list[ReplayError] = []
        #: Corrupted events that were written as such.
        self.damaged: list[ReplayError] = []

    def head(self) -> bytes:
        """What stands in front of the first event."""
        return b""

    @abstractmethod
    def rows(self, batch: Sequence[StoredEvent]) -> bytes:
        """The bytes for a batch."""
