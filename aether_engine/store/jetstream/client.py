"""The driver's client with subscriptions that take frames.

Should a later driver not call what is replaced here, messages arrive all the same, one by one: only time is lost.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from aether_engine.store.jetstream.frames import FrameParser, Handle

#: Seconds between two attempts to end what the driver goes on doing.
_NEXT_TRY_SECONDS: Final = 0.05


class QuickClient(Client):
    """A `Client` that hands out frames, and whose failed attempts leave no socket open."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = FrameParser(self)
        self._ps = self._frames
        self._listening: Handle | None = None

    async def listen(self, subject: str, handle: Handle) -> Subscription:
        """Have `handle` called, in the reading of the socket, with the messages on `subject`."""

        async def single(message: Msg) -> None:
            handle([(message.subject.encode(), message.reply.encode(), _head(message), message.data)])

        self._listening = handle
        try:
            return await self.subscribe(subject, cb=single, pending_msgs_limit=0, pending_bytes_limit=0)
        finally:
            self._listening = None

    async def _send_subscribe(self, sub: Any) -> None:
        # Here its number is known and nothing can have come yet.
        handle, self._listening = self._listening, None
        if handle is not None:
            self._frames.handles[b"%d" % sub._id] = handle
        await super()._send_subscribe(sub)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._frames.handles.pop(b"%d" % sid, None)
        super()._remove_sub(sid, max_msgs)

    async def stop_trying(self) -> None:
        """Have a closed client really stop connecting again: the driver can miss that it was cancelled.

        It does where a connection was made or refused in the same moment.
        """
        trying = self._reconnection_task
        while trying is not None and not trying.done():
            trying.cancel()
            await asyncio.wait([trying], timeout=_NEXT_TRY_SECONDS)

    async def _connect_to_server(self, s: Any) -> None:
        # After a refused login the driver opens the next connection over the last one.
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py
        await super()._connect_to_server(s)


def _head(message: Msg) -> bytes:
    """The headers of a message that the driver took apart, as they came."""
    headers = dict(message.headers or {})
    if not headers:
        return b""
    first = f"NATS/1.0 {headers.pop('Status', '')} {headers.pop('Description', '')}".strip()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{first}\r\n{lines}\r\n".encode()
