"""Between a client and a nats-server: what the one says to the other can get lost, and connections can be cut."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """Stands between client and server; can swallow what the server says, and cut every connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.mute = False
        #: Words of the client from which on the server is not heard any more.
        self.mute_at = b""
        #: Words of the client that never reach the server, nor does anything behind them until the next `cut`.
        self.lose_at = b""
        self._is_losing = False
        self.swallowed = bytearray()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self) -> None:
        self.mute = self._is_losing = False
        for writer in list(self._writers):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, to_server}
        await asyncio.gather(
            self._copy(reader, to_server, from_server=False), self._copy(from_server, writer, from_server=True)
        )

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if from_server and self.mute:
                    self.swallowed += data
                    continue
                if not from_server and self.lose_at and self.lose_at in data:
                    self._is_losing, self.lose_at = True, b""
                if self._is_losing and not from_server:
                    continue
                if not from_server and self.mute_at and self.mute_at in data:
                    # Before the server has these words: its answer to them cannot slip through.
                    self.mute, self.mute_at = True, b""
                writer.write(data)
                await writer.drain()
        writer.close()
