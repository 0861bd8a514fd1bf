"""Decompressing S2, which NATS writes backups of streams with: the framing of Snappy, with copies that repeat.

https://github.com/google/snappy/blob/main/framing_format.txt and
https://pkg.go.dev/github.com/klauspost/compress/s2 ("S2 Format").
Everything read is hostile: no length is believed beyond what a chunk may hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

_MAGICS: Final = (b"S2sTwO", b"sNaPpY")
#: Bytes that one chunk may expand to.
_MOST: Final = 4 << 20
_COMPRESSED: Final = 0x00
_PLAIN: Final = 0x01
_IDENTIFIER: Final = 0xFF
_FIRST_SKIPPABLE: Final = 0x80


class S2Error(ValueError):
    """The bytes are no S2, or damaged."""


def decompress_stream(stream: IO[bytes]) -> Iterator[bytes]:
    """What a framed stream holds, chunk by chunk. Raises `S2Error`; what came before is sound."""
    has_begun = False
    while True:
        head = stream.read(4)
        if not head:
            if not has_begun:
                raise S2Error("there are no bytes at all")
            return
        if len(head) < 4:
            raise S2Error("it is cut off")
        kind, length = head[0], int.from_bytes(head[1:4], "little")
        body = stream.read(length)
        if len(body) < length:
            raise S2Error("it is cut off")
        if kind == _IDENTIFIER:
            if body not in _MAGICS:
                raise S2Error("it does not begin as S2")
            has_begun = True
        elif not has_begun:
            raise S2Error("it does not begin as S2")
        elif kind == _COMPRESSED:
            # Four bytes of a checksum stand in front.
            yield decompress_block(body[4:])
        elif kind == _PLAIN:
            yield body[4:]
        elif kind < _FIRST_SKIPPABLE:
            raise S2Error(f"it has a chunk of the unknown kind 0x{kind:02X}")


def decompress_block(block: bytes) -> bytes:
    """One block. Raises `S2Error`."""
    length, at = _length(block)
    if length > _MOST:
        raise S2Error(f"a block says it has {length:,} bytes")
    out = bytearray()
    offset = 0
    end = len(block)
    try:
        while at < end:
            tag = block[at]
            kind = tag & 3
            if kind == 0:
                size = tag >> 2
                at += 1
                if size >= 60:
                    width = size - 59
                    size = int.from_bytes(block[at : at + width], "little")
                    at += width
                size += 1
                if at + size > end:
                    raise S2Error("a literal goes beyond its block")
                out += block[at : at + size]
                at += size
                continue
            if kind == 1:
                size = tag >> 2 & 7
                distance = (tag & 0xE0) << 3 | block[at + 1]
                at += 2
                if distance == 0:
                    # The last distance once more; the length goes on behind it.
                    if size == 5:
                        size, at = block[at] + 4, at + 1
                    elif size == 6:
                        size, at = int.from_bytes(block[at : at + 2], "little") + (1 << 8), at + 2
                    elif size == 7:
                        size, at = int.from_bytes(block[at : at + 3], "little") + (1 << 16), at + 3
                else:
                    offset = distance
                size += 4
            elif kind == 2:
                offset = int.from_bytes(block[at + 1 : at + 3], "little")
                size = (tag >> 2) + 1
                at += 3
            else:
                offset = int.from_bytes(block[at + 1 : at + 5], "little")
                size = (tag >> 2) + 1
                at += 5
            start = len(out) - offset
            if offset <= 0 or start < 0 or len(out) + size > length:
                raise S2Error("a copy goes beyond its block")
            if offset >= size:
                out += out[start : start + size]
            else:
                pattern = bytes(out[start:])
                out += (pattern * (size // offset + 1))[:size]
    except IndexError:
        raise S2Error("a block is cut off") from None
    if len(out) != length:
        raise S2Error(f"a block has {len(out):,} bytes instead of {length:,}")
    return bytes(out)


class ChunkedStream:
    """Chunks as a stream that is read once; what was read too early can be put back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""
        self._at = 0

    def put_back(self, data: bytes) -> None:
        """Have `data` come next."""
        self._left = data + self._left[self._at :]
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end, all without a size."""
        if 0 <= size <= len(self._left) - self._at:
            self._at += size
            return self._left[self._at - size : self._at]
        parts = [self._left[self._at :]]
        have = len(parts[0])
        while size < 0 or have < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += len(chunk)
        self._left = b"".join(parts)
        self._at = len(self._left) if size < 0 else min(size, len(self._left))
        return self._left[: self._at]


def _length(block: bytes) -> tuple[int, int]:
    value = shift = 0
    for index, byte in enumerate(block[:5]):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise S2Error("a block does not say how long it is")
