"""Owned tasks: whoever starts one keeps it, cancels it and hears its exception."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

# Loaded by the loop that runs the first task: the window's first paint does not wait for it.
if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)


class TaskOwner:
    """Starts tasks, holds on to them, reports their exceptions and can end them all.

    `on_error` hears every exception except a cancellation; without it the exception is logged. The event loop
    alone would keep only a weak reference and report an exception when the task happens to be collected.
    """

    def __init__(self, on_error: Callable[[Exception], None] | None = None) -> None:
        self._on_error = on_error
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def busy(self) -> bool:
        """Whether any task is still running."""
        return bool(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any] | None:
        """Run `coroutine` as a task of this owner; after `cancel_all` nothing is started any more."""
        if self._closed:
            coroutine.close()
            return None
        import asyncio

        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            # Qt lets timers fire also while the loop stands still: what they start begins when it goes on.
            if self._loop is None or self._loop.is_closed():
                coroutine.close()
                raise
        task = self._loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def idle(self) -> None:
        """Wait until none of the tasks runs any more; those of the caller's own chain must not be among them."""
        import asyncio

        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel_all(self) -> None:
        """Cancel every task, wait for their ends, and refuse new ones."""
        import asyncio

        self._closed = True
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        # A method of whoever owns this: a closed document would otherwise stay until garbage is looked for, and
        # with it all that it has shown.
        self._on_error = None

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if self._on_error is not None and isinstance(error, Exception):
            self._on_error(error)
        else:
            log.error("task %s failed", task.get_name(), exc_info=error)
