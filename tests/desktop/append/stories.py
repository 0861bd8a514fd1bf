"""What tests of appending share: a store that fails when it is told to, and what a controller has told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.append_outcome import Look
from aether_desktop.models.append.conflict_report import ConflictReport
from aether_engine.errors import OutcomeUnknownError, StoreUnavailableError
from aether_engine.event import Event, StoredEvent
from aether_engine.store.memory.store import InMemoryEventStore
from tests.waiting import until

ACTOR = "permit-891"


NAMESPACE = "city.permits"


Make = Callable[..., AppendController]


class FlakyStore(InMemoryEventStore):
    """A store whose next save raises what it is told, before or after it has stored the event."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.raises: Callable[[Event], Exception] | None = None
        self.stores_all_the_same = False
        self.unreadable = ""

    async def save_event(self, event: Event) -> int:
        raises, self.raises = self.raises, None
        if raises is None:
            return await super().save_event(event)
        if self.stores_all_the_same:
            await super().save_event(event)
        raise raises(event)

    async def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        if self.unreadable:
            raise StoreUnavailableError("memory://", self.unreadable)
        async for batch in super().read_actor(actor_id, from_version=from_version, batch_size=batch_size):
            yield batch


class Heard:
    """What a controller has told."""

    def __init__(self, controller: AppendController) -> None:
        self.appended: list[tuple[int, Event]] = []
        self.conflicts: list[ConflictReport] = []
        self.failures: list[Exception] = []
        self.drafts: list[AppendDraft | None] = []
        self.duplicates: list[Sequence[Event]] = []
        self.looks: list[Look] = []
        self.discarded = 0
        controller.appended.connect(lambda sequence, event: self.appended.append((sequence, event)))
        controller.conflicted.connect(self.conflicts.append)
        controller.failed.connect(self.failures.append)
        controller.draft_changed.connect(self.drafts.append)
        controller.duplicate_confirmed.connect(self.duplicates.append)
        controller.looked.connect(self.looks.append)
        controller.discarded.connect(self._discard)

    def _discard(self) -> None:
        self.discarded += 1


def event(version: int, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"stored-{version}",
        "event_type": "T02Check",
        "actor_id": ACTOR,
        "version": version,
        "data": {"resource": "Resource21", "task": "task-10"},
        "metadata": {"UserID": "Resource21"},
        "timestamp": datetime(2010, 11, 9, 13, 14, tzinfo=UTC),
    }
    return Event(**{**values, **fields})


async def ready(controller: AppendController) -> None:
    """Look up the version and type an event."""
    controller.start()
    await until(lambda: controller.current_version is not None)
    controller.set_event_type("T02Check")
    controller.set_data_text('{"resource": "Resource26", "task": "task-10"}')
    controller.set_metadata_text('{"UserID": "Resource26"}')


async def settled(controller: AppendController) -> None:
    await until(lambda: controller.state is not AppendState.SAVING)


async def unknown(controller: AppendController, store: FlakyStore, *, stored: bool) -> None:
    """Submit, and lose the answer: whether it was stored is for the controller to find out."""
    await ready(controller)
    store.raises = lambda event: OutcomeUnknownError(event, "no answer")
    store.stores_all_the_same = stored
    assert controller.submit()
    await settled(controller)
    assert controller.state is AppendState.UNKNOWN
