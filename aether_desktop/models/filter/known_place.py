"""What a namespace is known to have, asked of its store when somebody types a filter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from aether_engine.store.protocols import EventLog

if TYPE_CHECKING:
    from aether_engine.query import KnownValues


class KnownPlace:
    """Asks the store that `store` returns; raises what it raises."""

    def __init__(self, store: Callable[[], Awaitable[EventLog]]) -> None:
        self._store = store

    async def values(self) -> KnownValues:
        """A quick look, whatever the size of the log."""
        from aether_engine.query import known_values

        return await known_values(await self._store())

    async def types_beginning(self, typed: str) -> Sequence[str]:
        """Event types that begin with what is typed, at once."""
        from aether_engine.query import types_beginning

        return await types_beginning(await self._store(), typed)

    async def types_holding(self, typed: str) -> Sequence[str]:
        """Event types that hold what is typed, after a look through all of them."""
        from aether_engine.query import types_holding

        return await types_holding(await self._store(), typed)
