"""Keyed hashes of texts, by the library (SipHash-1-3)."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterable
from itertools import accumulate

from aether_engine.native.library import library

#: Bytes of a key.
KEY_LENGTH = 16

Key = ctypes.c_uint64 * 2


def key_of(key: bytes) -> ctypes.Array[ctypes.c_uint64]:
    """A key of `KEY_LENGTH` bytes as the library takes it."""
    return Key.from_buffer_copy(key)


def hash_texts(key: bytes, texts: Iterable[str]) -> list[int]:
    """A hash of 64 bits for each text. Needs the library."""
    native = library()
    assert native is not None
    # What JSON holds may have lone surrogates.
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    ends = array("q", accumulate(map(len, parts)))
    found = array("q", bytes(8 * len(parts)))
    native.hash_texts(
        key_of(key),
        b"".join(parts),
        ctypes.c_void_p(ends.buffer_info()[0]),
        ctypes.c_int64(len(parts)),
        ctypes.c_void_p(found.buffer_info()[0]),
    )
    return found.tolist()
