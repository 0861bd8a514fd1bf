"""The driver's client with cheaper headers.

Reading a message, nats-py 2.16 spends most of its time looking at each character of each header. Most headers
here are never asked for. Should a later driver not call what is replaced here, only the time is lost.
"""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client

_NAME = b"NATS/1.0"


class Headers(dict[str, str]):
    """The headers of a message, taken apart when first asked for."""

    __slots__ = ("_lines",)

    def __init__(self, lines: bytes) -> None:
        super().__init__()
        self._lines: bytes | None = lines

    def __bool__(self) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        if self._lines is not None:
            self._parse(self._lines)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        if self._lines is not None:
            self._parse(self._lines)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        if self._lines is not None:
            self._parse(self._lines)
        return super().__contains__(name)

    def _parse(self, lines: bytes) -> None:
        self._lines = None
        first, _, rest = lines.decode("utf-8", "replace").partition("\r\n")
        # An answer of the server itself: `NATS/1.0 404 No Messages`.
        status, _, description = first[len(_NAME) :].strip().partition(" ")
        if status.isdigit():
            self["Status"] = status
            self["Description"] = description
        for line in rest.split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                self[name.strip()] = value.strip()


class QuickClient(Client):
    """A `Client` whose messages have `Headers` and whose failed attempts leave no socket open."""

    async def _connect_to_server(self, s: Any) -> None:
        # After a refused login the driver opens the next connection over the last one.
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py
        await super()._connect_to_server(s)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        return Headers(bytes(headers)) if headers else None
