"""After a save whose outcome is not known: is it stored after all?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aether_engine.event import Event, StoredEvent
from aether_engine.store.protocols import Store


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the store that did not find what was submitted. `problem`: the look itself came to nothing."""

    at: datetime
    actor_id: str
    current: int | None
    problem: str = ""

    @property
    def fact(self) -> str:
        """What the look has come to, in a line."""
        return "It could not be looked for." if self.problem else "It is not stored, as of now."

    @property
    def explanation(self) -> str:
        """What that means."""
        time = f"{self.at:%H:%M:%S}"
        if self.problem:
            return f"{time}: {self.problem} Whether it was stored is still not known."
        return (
            f"{time}: {self.actor_id} is at version {self.current}, and nothing with this id is stored. What was "
            "sent may still be on its way. Saving the same again is safe: it is stored at most once."
        )


async def find_stored(store: Store, events: Sequence[Event]) -> tuple[StoredEvent | None, ...]:
    """Where each of `events` is stored at its version or behind it, told by its id; None for one that is not.

    Raises what reading raises.
    """
    found: dict[str, StoredEvent] = {}
    actors: dict[str, list[Event]] = {}
    for event in events:
        actors.setdefault(event.actor_id, []).append(event)
    for actor_id, own in actors.items():
        missing = {event.id for event in own}
        async for batch in store.read_actor(actor_id, from_version=min(event.version for event in own)):
            for stored in batch:
                if stored.event is not None and stored.event.id in missing:
                    missing.discard(stored.event.id)
                    found[stored.event.id] = stored
            if not missing:
                break
    return tuple(found.get(event.id) for event in events)
