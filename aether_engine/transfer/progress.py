"""What every way of moving events shares: how far it is, and its work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far a transfer is. `fraction` lies between 0 and 1, None where the end is not known."""

    events: int
    bytes: int
    fraction: float | None


Progress = Callable[[TransferProgress], None]


async def in_thread(work: Callable[[], _T]) -> _T:
    """`work` in a worker thread; when cancelled, only after it is done, since it uses what is closed next."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # heard, though nobody is left to be told
        raise
