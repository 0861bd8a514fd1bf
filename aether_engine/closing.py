"""Ending an iterator where one stops to look, and not when the garbage collector comes by."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

T = TypeVar("T")


@contextlib.asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close `iterator` when we stop before its end, if it is one that can be closed."""
    try:
        yield iterator
    finally:
        await close(iterator)


async def close(iterator: AsyncIterator[T]) -> None:
    """Close `iterator` if it is one that can be closed."""
    aclose: Any = getattr(iterator, "aclose", None)
    if aclose is not None:
        await aclose()
