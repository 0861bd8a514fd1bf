"""What the tests of the file store share: opening, filling, and looking into a file from outside."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from aether_engine.event import Event, StoredEvent
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.store import SQLiteEventStore

NAMESPACE = "tenant-a"


@contextlib.asynccontextmanager
async def opened(
    path: Path,
    *,
    read_only: bool = False,
    published: list[tuple[str, int, Event]] | None = None,
    synchronous: str = "FULL",
    max_pages: int | None = None,
) -> AsyncIterator[SQLiteBackend]:
    """A backend that is closed in the end."""

    def publish(namespace: str, stored: Sequence[tuple[int, Event]]) -> None:
        if published is not None:
            published.extend((namespace, sequence, event) for sequence, event in stored)

    backend = await SQLiteBackend.open(
        path,
        url=f"sqlite:///{path.name}",
        read_only=read_only,
        publish=publish,
        synchronous=synchronous,
        max_pages=max_pages,
    )
    try:
        yield backend
    finally:
        await backend.close()


def make_event(number: int, actor_id: str = "order-1", *, version: int | None = None, text: str = "") -> Event:
    """An event whose id follows from its number."""
    return Event(f"event-{number}", "OrderPlaced", actor_id, version or number, {"number": number, "text": text})


async def fill(path: Path, count: int, *, actors: int = 7, text: str = "", namespace: str = NAMESPACE) -> None:
    """Make a file of `count` events; event n is of actor n modulo `actors` and has version n."""
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(namespace)
        events = [make_event(n, f"order-{n % actors}", text=text) for n in range(1, count + 1)]
        for start in range(0, count, 1000):
            await store.save_events(events[start : start + 1000])


async def read_all(store: SQLiteEventStore, batch_size: int = 1000) -> list[StoredEvent]:
    """The whole log."""
    found: list[StoredEvent] = []
    async for batch in store.read(batch_size=batch_size):
        found += batch
    return found


def folder_content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
