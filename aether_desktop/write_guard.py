"""The one place that all writes to connections marked PRODUCTION go through: the namespace's name is typed first.

The guard stands in the engine, behind every method of every store that writes; a new way to write is asked about
without knowing of it. What writes many times for one purpose asks once, with `writing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from PySide6.QtCore import QMetaMethod, QObject, Signal

from aether_engine.errors import AetherError

if TYPE_CHECKING:
    from aether_desktop.connection import Connection

#: Connections and namespaces that the running task may write to, since their name was typed for what it does.
_confirmed: ContextVar[frozenset[tuple[int, str]]] = ContextVar("confirmed_writes", default=frozenset())


class WriteNotConfirmedError(AetherError):
    """A write to a PRODUCTION connection that nobody confirmed by typing the namespace's name."""

    def __init__(self, namespace: str, connection: str) -> None:
        self.namespace = namespace
        self.connection = connection
        super().__init__(
            f"Nothing was written to {namespace}: {connection} is marked PRODUCTION, and the namespace's name was "
            "not typed. Try again and type it, or take the mark off the connection's profile."
        )


class WriteQuestion(QObject):
    """May this be written? Whoever shows it calls `confirm` or `refuse`; `ended` is emitted once nobody waits."""

    ended = Signal()

    def __init__(self, namespace: str, connection: str, what: str) -> None:
        super().__init__()
        self.namespace = namespace
        self.connection = connection
        self.what = what
        self.waiting = 0
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def confirm(self, typed: str) -> bool:
        """Allow it if exactly the namespace's name was typed; returns whether it was."""
        if typed != self.namespace:
            return False
        self._end(True)
        return True

    def refuse(self) -> None:
        """Do not allow it."""
        self._end(False)

    def _end(self, allowed: bool) -> None:
        if not self.answer.done():
            self.answer.set_result(allowed)
            self.ended.emit()


class WriteGuard(QObject):
    """Asks before each write; writes of the same moment to one namespace are asked about once, together."""

    asked = Signal(object)
    """A `WriteQuestion`. With nobody connected, nothing is allowed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open: dict[tuple[int, str], WriteQuestion] = {}

    def watch(self, connection: Connection) -> None:
        """From now on be asked before anything is written to `connection`."""

        async def ask(namespace: str) -> None:
            if (id(connection), namespace) not in _confirmed.get():
                await self._ask(connection, namespace, "")

        connection.engine.ask_before_writing(ask)

    @asynccontextmanager
    async def writing(self, connection: Connection, namespace: str, what: str) -> AsyncIterator[None]:
        """Ask once for all that the block, and tasks that it starts, write to the namespace; `what` names it.

        Raises `WriteNotConfirmedError`. Asks nothing where the connection is not marked PRODUCTION.
        """
        key = (id(connection), namespace)
        if not connection.is_production or key in _confirmed.get():
            yield
            return
        await self._ask(connection, namespace, what)
        token = _confirmed.set(_confirmed.get() | {key})
        try:
            yield
        finally:
            _confirmed.reset(token)

    async def _ask(self, connection: Connection, namespace: str, what: str) -> None:
        key = (id(connection), namespace)
        question = self._open.get(key)
        if question is None or question.answer.done():
            question = self._open[key] = WriteQuestion(namespace, connection.title, what)
            if not self.isSignalConnected(QMetaMethod.fromSignal(self.asked)):
                question.refuse()
            else:
                self.asked.emit(question)
        question.waiting += 1
        try:
            allowed = await asyncio.shield(question.answer)
        finally:
            question.waiting -= 1
            if not question.waiting:
                # Nobody waits any more, perhaps because all were cancelled.
                question.refuse()
                if self._open.get(key) is question:
                    del self._open[key]
        if not allowed:
            raise WriteNotConfirmedError(namespace, connection.title)
