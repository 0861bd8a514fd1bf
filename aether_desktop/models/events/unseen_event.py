"""An event that a table or tail holds before anybody has looked at it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from aether_engine.event import Event, StoredEvent

#: Bytes of events that are decoded in a moment. Larger ones stay as they were decoded, which was in a thread.
QUICK: Final = 64 << 10


# A struct, as events are: in a flood thousands are made a second, and making one costs less than keeping an event.
class UnseenEvent(Struct, frozen=True, gc=False):
    """A sound event of a log.

    It takes a third of what it takes decoded; of a flood, or of the pages of a long log, hardly any is looked at.
    """

    sequence: int
    recorded_at: datetime
    raw: bytes

    def as_stored(self) -> StoredEvent:
        """The event as the log delivered it."""
        return StoredEvent(self.sequence, self.recorded_at, self.raw, Event.from_json(self.raw), None)
