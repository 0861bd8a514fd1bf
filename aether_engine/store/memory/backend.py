"""All namespaces of an engine in memory."""

from __future__ import annotations

from aether_engine.event import NamespaceInfo, StoreWarning
from aether_engine.store.memory.store import MEMORY_URL, InMemoryEventStore
from aether_engine.store.protocols import LogEnd, Publish
from aether_engine.store.tailing import Changes
from aether_engine.store.write_gate import WriteGate


class MemoryBackend:
    """The namespaces of one `memory://` engine."""

    def __init__(self, *, url: str = MEMORY_URL, read_only: bool = False, publish: Publish | None = None) -> None:
        self._url = url
        self._read_only = read_only
        self._publish = publish
        self.gate = WriteGate()
        self._changes = Changes()
        self._stores: dict[str, InMemoryEventStore] = {}

    @property
    def warnings(self) -> list[StoreWarning]:
        return []

    async def namespaces(self) -> list[NamespaceInfo]:
        infos = (self._stores[name].info() for name in sorted(self._stores))
        return [info for info in infos if info is not None]

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        return {info.name: LogEnd(info.event_count, info.first_recorded_at) for info in await self.namespaces()}

    async def store(self, namespace: str) -> InMemoryEventStore:
        store = self._stores.get(namespace)
        if store is None:
            store = self._stores[namespace] = InMemoryEventStore(
                namespace,
                publish=self._publish,
                url=self._url,
                read_only=self._read_only,
                on_change=self._changes.notify,
                gate=self.gate,
            )
        return store

    def change_count(self) -> int:
        return self._changes.count

    async def wait_for_change(self, count: int) -> None:
        await self._changes.wait_beyond(count)

    async def close(self) -> None:
        for store in self._stores.values():
            store.close()
        self._changes.close()
