"""Work that takes time, in threads: one piece after the other, so that none waits for another's locks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aether_desktop.tasks import TaskOwner

T = TypeVar("T")


@dataclass(slots=True)
class _Piece:
    """One piece of work: whether anybody still waits for it, and what it came to."""

    work: Callable[[], Any]
    is_wanted: bool = True
    value: Any = None
    error: BaseException | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class ThreadWork:
    """Runs functions in threads. Who waits for one can be cancelled; a thread that has begun goes on to its end.

    What has not begun by then is not done any more.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._tasks = TaskOwner()

    @property
    def busy(self) -> bool:
        """Whether any thread is at work, or any work waits for its turn."""
        return self._tasks.busy

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work` when all before it is done; returns or raises what it does."""
        value: T = await self._wait(_Piece(work), in_turn=True)
        return value

    async def beside(self, work: Callable[[], T]) -> T:
        """Do `work` at once, beside whatever else is being done."""
        value: T = await self._wait(_Piece(work), in_turn=False)
        return value

    async def idle(self) -> None:
        """Wait until no thread is at work."""
        await self._tasks.idle()

    async def _wait(self, piece: _Piece, *, in_turn: bool) -> Any:
        self._tasks.start(self._in_turn(piece) if in_turn else self._do(piece), "work in a thread")
        try:
            await piece.done.wait()
        finally:
            piece.is_wanted = False
        if piece.error is not None:
            raise piece.error
        return piece.value

    async def _in_turn(self, piece: _Piece) -> None:
        async with self._lock:
            if piece.is_wanted:
                await self._do(piece)

    async def _do(self, piece: _Piece) -> None:
        try:
            piece.value = await asyncio.to_thread(piece.work)
        except Exception as error:  # noqa: BLE001 (raised where it is waited for)
            piece.error = error
        finally:
            piece.done.set()
