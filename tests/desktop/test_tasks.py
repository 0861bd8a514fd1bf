"""Owned tasks: also those that a timer starts while the loop stands still."""

from __future__ import annotations

import asyncio

import pytest

from aether_desktop.tasks import TaskOwner


def test_what_is_started_while_the_loop_stands_still_runs_when_it_goes_on() -> None:
    owner, done = TaskOwner(), []

    async def work(name: str) -> None:
        done.append(name)

    async def begin() -> None:
        owner.start(work("first"), "first")
        await owner.idle()

    unused = work("never")
    with pytest.raises(RuntimeError, match="no running event loop"):
        TaskOwner().start(unused, "nobody knows a loop")
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(begin())
        assert owner.start(work("second"), "second") is not None
        assert done == ["first"]
        loop.run_until_complete(owner.idle())
        assert done == ["first", "second"]
    finally:
        loop.close()
    with pytest.raises(RuntimeError, match="no running event loop"):
        owner.start(work("never"), "the loop is closed")
