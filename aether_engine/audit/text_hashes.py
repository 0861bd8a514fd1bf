"""Hashes of 64 bits that stand for ids while a log is gone through, alike in all processes of one audit.

They are keyed anew for each audit, so that nobody can write ids whose hashes are equal. Where the compiled library
is there, all use its own. Else Python's are the quickest, and are keyed by the seed a process starts with; a
packaged program does not hear of seeds, so that its processes use keyed BLAKE2.
"""

from __future__ import annotations

import secrets
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final

from aether_engine.native.hashes import KEY_LENGTH, hash_texts
from aether_engine.native.library import library

TextHashes = Callable[[Iterable[str]], list[int]]

_BYTES: Final = 8
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class HashKey:
    """What all processes of an audit must have in common: a seed to start with, or a key to hash with.

    `native` is a key for the compiled library.
    """

    seed: int | None = None
    key: bytes | None = None
    native: bytes | None = None

    @staticmethod
    def new() -> HashKey:
        """One that nobody can foretell."""
        if library() is not None:
            return HashKey(native=secrets.token_bytes(KEY_LENGTH))
        if getattr(sys, "frozen", False):
            return HashKey(key=secrets.token_bytes(_KEY_BYTES))
        # Seed 0 would turn the hashing with a key off.
        return HashKey(seed=secrets.randbelow(2**32 - 1) + 1)

    def hashes(self) -> TextHashes:
        """How texts are hashed in a process that was started with the seed."""
        if self.native is not None:
            return partial(hash_texts, self.native)
        return own_hashes if self.key is None else keyed_hashes(self.key)


def own_hashes(texts: Iterable[str]) -> list[int]:
    """Those of this process, and of every other one that was started with the same seed."""
    return list(map(hash, texts))


def keyed_hashes(key: bytes) -> TextHashes:
    """Those of every process that has the key."""
    copy = blake2b(digest_size=_BYTES, key=key).copy

    def hashes(texts: Iterable[str]) -> list[int]:
        digests: list[bytes] = []
        append = digests.append
        for text in texts:
            state = copy()
            # What JSON holds may have lone surrogates.
            state.update(text.encode("utf-8", "surrogatepass"))
            append(state.digest())
        return list(struct.unpack(f"{len(digests)}q", b"".join(digests)))

    return hashes
