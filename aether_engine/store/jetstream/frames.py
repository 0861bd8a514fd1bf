"""The NATS protocol as frames: how one is written, and how many are read at a time.

The driver makes an object, a queue entry and a task's turn of each message, which costs several times what
reading it does. Here the messages of a subscription come as plain tuples, all that one read brought at once.

https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

_log = logging.getLogger(__name__)

#: A message: its subject, its reply subject, its headers as they came (empty without any) and its data.
Frame = tuple[bytes, bytes, bytes, bytes]
#: Takes the messages of one subscription, in order.
Handle = Callable[[list[Frame]], None]

_LINE_END: Final = b"\r\n"
_VERSION: Final = b"NATS/1.0"


def frame(subject: str, payload: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> bytes:
    """A message as it goes over the wire. No line ends or spaces around in subjects and header values."""
    address = f"{subject} {reply}" if reply else subject
    if headers is None:
        return b"PUB %b %d\r\n%b\r\n" % (address.encode(), len(payload), payload)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return framed(address, f"NATS/1.0\r\n{lines}\r\n".encode(), payload)


def framed(address: str, head: bytes, payload: bytes) -> bytes:
    """As `frame`, of headers as they go over the wire."""
    size = len(head)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (address.encode(), size, size + len(payload), head, payload)


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, empty where there is none. What the server adds stands behind the sender's own."""
    start = head.rfind(b"\r\n%b:" % name)
    if start < 0:
        return b""
    start += len(name) + 3
    return head[start : head.find(_LINE_END, start)].strip()


def status(head: bytes) -> tuple[str, str]:
    """What an answer of the server itself says: (`404`, `No Messages`); two empty texts for a message."""
    code, _, words = head[len(_VERSION) : head.find(_LINE_END)].strip().partition(b" ")
    if not code.isdigit():
        return "", ""
    return code.decode(), words.strip().decode("utf-8", "replace")


class FrameParser(Parser):
    """The driver's parser, by-passed for the subscriptions in `handles`.

    Whatever else the server sends is cut into whole frames and left to the driver, in the order it came in.
    """

    def __init__(self, client: Any) -> None:
        #: By the number of a subscription, as the server spells it.
        self.handles: dict[bytes, Handle] = {}
        self._begun: list[bytes] = []
        # Bytes that the frame which has begun lacks at least.
        self._missing = 0
        self._resets = 0
        super().__init__(client)

    def reset(self) -> None:
        super().reset()
        self._begun = []
        self._missing = 0
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        if self._begun:
            self._begun.append(data)
            if len(data) < self._missing:
                self._missing -= len(data)
                return
            # Once for each frame, however many pieces it comes in.
            data = b"".join(self._begun)
            self._begun = []
        position = 0
        while True:
            position, end = self._take(data, position)
            if end <= position:
                break
            resets = self._resets
            await super().parse(data[position:end])
            if self._resets != resets:
                return  # the connection was given up, and with it the rest
            position = end
            # A line that the driver waits for more of, whole as it is, is none it knows.
            if self.state == AWAITING_CONTROL_LINE and self.buf:
                raise ProtocolError
        if position < len(data):
            self._begun = [data[position:]]

    def _take(self, data: bytes, position: int) -> tuple[int, int]:
        """Hand out what `handles` are for, until something else comes.

        Returns where that begins and ends; its end is its beginning where it is not whole yet.
        """
        size = len(data)
        find = data.find
        handles = self.handles
        number = b""
        handle: Handle | None = None
        frames: list[Frame] = []
        append = frames.append
        end = position
        while True:
            line_end = find(_LINE_END, position)
            if line_end < 0:
                self._missing = 1
                break
            start = line_end + 2
            parts = data[position:line_end].split(b" ")
            # `MSG <subject> <number> [reply] <size>`, `HMSG <subject> <number> [reply] <size of headers> <size>`
            if parts[0] != b"HMSG" and parts[0] != b"MSG":
                end = start
                break
            try:
                end = start + int(parts[-1]) + 2
                if parts[2] != number:
                    if frames:
                        self._hand_over(handle, frames)
                        frames = []
                        append = frames.append
                    number = parts[2]
                    handle = handles.get(number)
                if end > size:
                    self._missing = end - size
                    end = position
                    break
                if handle is None:
                    break
                if len(parts) == 6:
                    body = start + int(parts[4])
                    append((parts[1], parts[3], data[start:body], data[body : end - 2]))
                elif parts[0] == b"MSG":
                    append((parts[1], parts[3] if len(parts) == 5 else b"", b"", data[start : end - 2]))
                else:
                    body = start + int(parts[3])
                    append((parts[1], b"", data[start:body], data[body : end - 2]))
            except (ValueError, IndexError):
                raise ProtocolError from None
            position = end
        if frames:
            self._hand_over(handle, frames)
        return position, end

    def _hand_over(self, handle: Handle | None, frames: list[Frame]) -> None:
        assert handle is not None
        try:
            handle(frames)
        except Exception:  # noqa: BLE001 (whatever it is; the driver would read no further, and say nothing)
            _log.exception("Taking what came on %s failed", frames[0][0].decode("utf-8", "replace"))
