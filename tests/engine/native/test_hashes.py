"""The compiled hashes beside those that Python has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aether_engine.native.hashes import hash_texts
from aether_engine.native.library import library

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_SEED = 42


def _key_of_seed(seed: int) -> bytes:
    """The key that CPython makes of PYTHONHASHSEED (bootstrap_hash.c)."""
    key = bytearray()
    for _ in range(16):
        seed = (seed * 214013 + 2531011) & 0xFFFFFFFF
        key.append(seed >> 16 & 0xFF)
    return bytes(key)


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason="this Python hashes otherwise")
def test_texts_are_hashed_as_python_hashes_their_bytes() -> None:
    texts = ["a", "äöü", "12345678", "\ud800", *("x" * length for length in range(1, 70))]
    asked = f"print([hash(text.encode('utf-8', 'surrogatepass')) for text in {texts!r}])"
    environment = {"PYTHONHASHSEED": str(_SEED), "PYTHONUTF8": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, check=True, text=True
    )
    assert str(hash_texts(_key_of_seed(_SEED), texts)) == answer.stdout.strip()
