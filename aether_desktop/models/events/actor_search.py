"""What is asked of a list of actors: a search as typed, and an order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aether_engine.errors import StoreUnavailableError
from aether_engine.event import ActorInfo, ActorOrder
from aether_engine.patterns import is_wildcard_pattern
from aether_engine.store.protocols import ActorDirectory, PromptDirectory

if TYPE_CHECKING:
    from asyncio import Future


@dataclass(frozen=True, slots=True)
class ActorSearch:
    """A prefix, a pattern with `*`, or `=exact name`; an order, ascending or descending."""

    text: str = ""
    order: ActorOrder = ActorOrder.NAME
    descending: bool = False

    @property
    def exact(self) -> str | None:
        """The one id that is looked for."""
        return self.text[1:] if self.text.startswith("=") else None

    @property
    def pattern(self) -> str:
        return self.text if self.exact is None and is_wildcard_pattern(self.text) else ""

    @property
    def prefix(self) -> str:
        return self.text if self.exact is None and not self.pattern else ""

    @property
    def is_jumpable(self) -> bool:
        """Whether any page can be had at once: an index holds the names in their order."""
        return self.exact is None and not self.pattern and self.order is ActorOrder.NAME

    def within(self, wider: ActorSearch, first: Sequence[ActorInfo], limit: int) -> Sequence[ActorInfo] | None:
        """The first page of this search, as far as that of a `wider` one tells; None where it does not.

        `first` are the first `limit` actors of the wider search, or all of them.
        """
        prefix = self.prefix
        if not (self.is_jumpable and wider.is_jumpable and prefix.startswith(wider.prefix)):
            return None
        if self.descending or wider.descending:
            return None
        start = bisect_left(first, prefix, key=_actor_id)
        end = bisect_left(first, True, start, key=lambda info: not info.actor_id.startswith(prefix))
        if end == len(first) == limit:
            # More may follow behind the page: what it holds is a first page only if it is that as a whole.
            return None if start else first
        return first[start:end]

    async def page(
        self, actors: ActorDirectory, limit: int, *, offset: int = 0, after: str | None = None
    ) -> list[ActorInfo]:
        """Up to `limit` actors behind the first `offset`, or behind the one with the id `after`."""
        if self.exact is not None:
            # A name comes first of all that begin with it.
            found = [] if offset else await actors.actors(prefix=self.exact, limit=1)
            return [actor for actor in found if actor.actor_id == self.exact]
        return await actors.actors(
            prefix=self.prefix,
            pattern=self.pattern,
            order=self.order,
            descending=self.descending,
            limit=limit,
            offset=offset,
            after=after,
        )

    def begin(self, actors: PromptDirectory, limit: int) -> Future[Sequence[ActorInfo]] | None:
        """The first `limit` actors, looked for from now on; None where `page` has to be asked."""
        if self.exact is not None:
            return None
        # A store that was closed is heard of by asking for the page.
        with suppress(StoreUnavailableError):
            return actors.begin_actors(
                prefix=self.prefix,
                pattern=self.pattern,
                order=self.order,
                descending=self.descending,
                limit=limit,
            )
        return None

    async def count(self, actors: ActorDirectory) -> int:
        """How many actors there are."""
        return await actors.actor_count(prefix=self.prefix, pattern=self.pattern)


def _actor_id(info: ActorInfo) -> str:
    return info.actor_id
