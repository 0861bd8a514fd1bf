"""What a tail is doing, where every event went, and which events are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from aether_desktop.models.tail.tail_rows import TailEvent
from aether_engine.bus import passes
from aether_engine.event import SubscriptionFilter

#: Whether an event (namespace, event) is shown. Damaged events are asked for too.
TailFilter = Callable[[str, TailEvent], bool]


class TailState(StrEnum):
    """What a tail is doing."""

    STOPPED = "stopped"
    LIVE = "live"
    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TailCounters:
    """Where every event went: `received = shown + waiting + filtered + dropped + left`.

    `shown` are in the table, `waiting` come with the next frame or, while paused, when they are asked for.
    `dropped` are those a gap tells of; `unknown_gaps` gaps do not say how many. `left` were pushed out of the
    buffer.
    """

    received: int = 0
    shown: int = 0
    waiting: int = 0
    filtered: int = 0
    dropped: int = 0
    left: int = 0
    unknown_gaps: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether no event is unaccounted for."""
        return self.received == self.shown + self.waiting + self.filtered + self.dropped + self.left


def by_subscription(wanted: SubscriptionFilter) -> TailFilter:
    """A filter for the tail that asks the engine's; damaged events, of which it knows nothing, pass."""

    def shown(_namespace: str, item: TailEvent) -> bool:
        return item.event is None or passes(wanted, item.event)

    return shown
