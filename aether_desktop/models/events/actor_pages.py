"""The pages of a list of actors that were looked at lately, and those that somebody waits for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from aether_engine.event import ActorInfo

PAGE_ACTORS = 1000
#: Pages kept of a list that can be entered anywhere.
KEPT_PAGES = 24
#: Pages waited for: what is in sight lies on two at most.
_WAITED_FOR = 2


class ActorPages:
    """A window over very many rows: the page of a row that is not there is wanted from then on."""

    def __init__(self) -> None:
        self._pages: OrderedDict[int, Sequence[ActorInfo]] = OrderedDict()
        self._wanted: OrderedDict[int, None] = OrderedDict()

    def actor_at(self, row: int) -> ActorInfo | None:
        """The actor in `row`; None while it has to be read."""
        number, offset = divmod(row, PAGE_ACTORS)
        page = self._pages.get(number)
        if page is not None and offset < len(page):
            self._pages.move_to_end(number)
            return page[offset]
        self._wanted[number] = None
        self._wanted.move_to_end(number)
        while len(self._wanted) > _WAITED_FOR:
            self._wanted.popitem(last=False)
        return None

    def row_of(self, actor_id: str) -> int:
        """The row of an actor, -1 while it is not loaded."""
        for number, page in self._pages.items():
            for offset, actor in enumerate(page):
                if actor.actor_id == actor_id:
                    return number * PAGE_ACTORS + offset
        return -1

    def loaded(self) -> list[ActorInfo]:
        """The actors that are there, in their order."""
        return [actor for _, page in sorted(self._pages.items()) for actor in page]

    def page(self, number: int) -> Sequence[ActorInfo] | None:
        """A page, None where it is not there."""
        return self._pages.get(number)

    @property
    def latest(self) -> list[int]:
        """The numbers of the pages looked at last, of which one or two are in sight."""
        return list(self._pages)[-2:]

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for a page."""
        return bool(self._wanted)

    def next_wanted(self) -> int:
        """The page that was asked for last; nobody waits for it any more."""
        return self._wanted.popitem(last=True)[0]

    def keep(self, number: int, page: Sequence[ActorInfo], *, all_of_them: bool = False) -> None:
        """Have a page too; the one looked at longest ago is let go of, except if all are kept."""
        self._pages[number] = page
        while len(self._pages) > KEPT_PAGES and not all_of_them:
            self._pages.popitem(last=False)

    def replace(self, pages: Mapping[int, Sequence[ActorInfo]]) -> None:
        """Have these and no others; who waits still does."""
        self._pages.clear()
        self._pages.update(pages)

    def start_over(self, first: Sequence[ActorInfo]) -> None:
        """Another list, of which only the first page is known; nobody waits for one of the old."""
        self._pages.clear()
        self._wanted.clear()
        if first:
            self._pages[0] = first
