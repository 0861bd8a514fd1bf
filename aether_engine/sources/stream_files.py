"""Messages of a stream from the server's own files, which backups were before server 2.15: a tar of blocks.

A message of a block (`msgs/N.blk`) is a head of 22 bytes (length, with a bit for headers; sequence, with bits for
erased ones; nanoseconds since 1970; length of the subject), subject, headers, data and a checksum of 8 bytes; see
nats-server, server/filestore.go.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aether_engine.errors import TransferError
from aether_engine.sources.s2 import ChunkedStream, S2Error, decompress_block, decompress_stream

_HEAD: Final = struct.Struct("<IQQH")
_CHECKSUM: Final = 8
_HAS_HEADERS: Final = 1 << 31
_ERASED: Final = 1 << 63
_TOMBSTONE: Final = 1 << 62
#: A block that the server compressed by itself begins so; behind it, one byte tells how.
_BLOCK_MAGIC: Final = b"cmp"
_LARGEST_BLOCK: Final = 1 << 30


def messages_of_files(archive: ChunkedStream, name: str) -> Iterator[tuple[str, int, int, str, bytes]]:
    """Where it stands, sequence, microseconds, subject and data of every message. `name` is the archive's."""
    found: dict[int, tuple[str, bytes]] = {}
    expected = 0
    with tarfile.open(fileobj=archive, mode="r|") as files:  # type: ignore[call-overload]  # it reads bytes
        for member in files:
            path = Path(member.name)
            if path.suffix != ".blk" or not path.stem.isdigit() or not member.isfile():
                continue
            if member.size > _LARGEST_BLOCK:
                raise TransferError(name, f"{member.name} has {member.size:,} bytes")
            content = files.extractfile(member)
            assert content is not None
            number = int(path.stem)
            found[number] = (member.name, _plain(content.read()))
            # Servers archive them in order; what came early waits.
            expected = expected or number
            while expected in found:
                yield from _messages(*found.pop(expected))
                expected += 1
    for number in sorted(found):
        yield from _messages(*found[number])


def _messages(block: str, content: bytes) -> Iterator[tuple[str, int, int, str, bytes]]:
    """The messages of a block, as far as it can be followed."""
    at = 0
    while at + _HEAD.size <= len(content):
        length, sequence, nanoseconds, subject_length = _HEAD.unpack_from(content, at)
        has_headers = bool(length & _HAS_HEADERS)
        length &= ~_HAS_HEADERS
        end = at + length
        body = at + _HEAD.size
        if length < _HEAD.size + _CHECKSUM or end > len(content) or body + subject_length > end - _CHECKSUM:
            return
        if not sequence & (_ERASED | _TOMBSTONE):
            subject = content[body : body + subject_length].decode("utf-8", "replace")
            body += subject_length
            if has_headers:
                body += 4 + int.from_bytes(content[body : body + 4], "little")
            if body <= end - _CHECKSUM:
                where = f"{block}, sequence {sequence:,}"
                yield where, sequence, nanoseconds // 1000, subject, content[body : end - _CHECKSUM]
        at = end


def _plain(block: bytes) -> bytes:
    if not block.startswith(_BLOCK_MAGIC):
        return block
    # The last bytes are a checksum of the whole, and stay as they are.
    body = block[len(_BLOCK_MAGIC) + 1 : -_CHECKSUM]
    try:
        return b"".join(decompress_stream(io.BytesIO(body)))
    except S2Error:
        return decompress_block(body)
