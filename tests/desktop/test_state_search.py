"""When did it become so: understood while typed, bisected, searched for, and told in words that are true."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.jobs import Jobs
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_search import SearchResult, StateSearch
from aether_engine.event import Event
from tests.desktop.test_state_controller import loader, stored
from tests.waiting import until


class Searched:
    """A search over the states of some events, and what it found."""

    def __init__(self) -> None:
        self.controller = StateController()
        self.jobs = Jobs()
        self.search = StateSearch(self.controller, self.jobs)
        self.found: list[SearchResult] = []
        self.search.found.connect(self.found.append)

    async def over(self, states: list[Any]) -> None:
        events = [stored(version, {"n": state}) for version, state in enumerate(states, 1)]
        self.controller.show("k", "a", loader(events))
        await until(lambda: self.controller.view is not None and not self.controller.busy)

    async def result(self) -> SearchResult:
        await until(lambda: not self.search.is_searching)
        assert self.search.result is not None
        return self.search.result

    async def close(self) -> None:
        self.search.cancel()
        await self.jobs.cancel_all()
        await self.controller.close()
        for one in (self.search, self.jobs, self.controller):
            one.deleteLater()


@pytest.fixture
async def searched(qtbot: QtBot) -> AsyncIterator[Searched]:
    one = Searched()
    yield one
    await one.close()


async def test_an_expression_is_understood_while_it_is_typed(searched: Searched) -> None:
    search = searched.search
    await searched.over([1, 2, 3])
    assert not search.is_ready
    search.set_text("n >")
    assert search.problem is not None
    assert (search.problem.position, search.is_ready) == (3, False)
    search.set_text("n > 2")
    assert said(search) == ("", True, True)
    searched.controller.show_version(1)
    assert search.holds() is False
    search.set_text("  ")
    assert said(search) == ("", False, None)


def said(search: StateSearch) -> tuple[str, bool, bool | None]:
    return str(search.problem or ""), search.is_ready, search.holds()


async def test_bisecting_finds_the_version_with_few_looks(searched: Searched) -> None:
    await searched.over(list(range(1, 1001)))
    searched.search.set_text("n >= 714")
    searched.search.bisect()
    result = await searched.result()
    assert result.version == 714
    assert result.evaluations <= 25
    assert "That is the first time" in result.words
    assert searched.found == [result]


async def test_what_comes_and_goes_is_said(searched: Searched) -> None:
    await searched.over([1, 9, 1, 1, 1, 1, 1, 9, 9, 9])
    search = searched.search
    search.set_text("n == 9")
    search.bisect()
    result = await searched.result()
    assert result.version == 8
    assert "it held at version 2 before" in result.words
    search.search_all()
    result = await searched.result()
    assert (result.version, result.turns) == (2, ((2, True), (3, False), (8, True)))
    assert "comes and goes" in result.words
    assert result.is_whole


async def test_what_never_holds_leads_nowhere(searched: Searched) -> None:
    await searched.over([1, 2, 1])
    search = searched.search
    search.set_text("n == 2")
    search.bisect()
    result = await searched.result()
    assert result.version is None
    assert "does not hold at version 3, the last one" in result.words
    search.search_all()
    assert (await searched.result()).version == 2
    search.set_text("n == 5")
    search.search_all()
    result = await searched.result()
    assert (result.version, result.words) == (None, "It holds at no version.")


async def test_behind_a_failing_reducer_nothing_is_claimed(searched: Searched) -> None:
    def fails_at_4(state: Any, event: Event) -> Any:
        if event.version == 4:
            raise KeyError("price")
        return {**state, **event.data}

    await searched.over([1, 2, 3, 4, 5])
    searched.controller.use_reducer(fails_at_4)
    await until(lambda: searched.controller.broken_state is not None and not searched.controller.busy)
    search = searched.search
    search.set_text("n >= 2")
    search.bisect()
    result = await searched.result()
    assert result.version == 2
    assert "the reducer fails, at version 4" in result.words
    search.search_all()
    assert "nothing behind it was looked at" in (await searched.result()).words


async def test_another_actor_ends_the_search(searched: Searched) -> None:
    await searched.over(list(range(2000)))
    search = searched.search
    search.set_text("n > 1e9")
    search.search_all()
    assert search.is_searching
    searched.controller.show("other", "b", loader([stored(1, {"n": 1})]))
    await until(lambda: not search.is_searching)
    assert search.result is None
    assert search.text == "n > 1e9"
