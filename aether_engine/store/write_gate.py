"""What every write passes before it is accepted: whoever opened the engine may want to be asked first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

#: Is awaited with the namespace before a write to it; what it raises refuses the write.
AskBeforeWriting = Callable[[str], Awaitable[None]]


class WriteGate:
    """One for all stores of an engine. Stands open until somebody wants to be asked."""

    __slots__ = ("ask",)

    def __init__(self) -> None:
        self.ask: AskBeforeWriting | None = None

    async def pass_through(self, namespace: str) -> None:
        """Return once a write to `namespace` may go on; raises what refuses it."""
        if self.ask is not None:
            await self.ask(namespace)
