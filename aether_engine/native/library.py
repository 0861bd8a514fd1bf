"""Finding the compiled library, and trusting it only if it was made from the sources beside it."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

#: In the environment: leave the library alone, to see whether it is at fault, or what it gains.
SWITCH: Final = "AETHER_NATIVE"
OFF: Final = "off"
FOLDER: Final = Path(__file__).parent
NAME: Final = "_library.dll" if sys.platform == "win32" else "_library.so"


@cache
def library() -> ctypes.CDLL | None:
    """The library, None where there is none that fits."""
    found = _look()
    return None if isinstance(found, str) else found


def why_none() -> str:
    """Why `library` is None, as a part of a sentence; empty where it is not."""
    if library() is not None:
        return ""
    found = _look()
    return found if isinstance(found, str) else ""


def _look() -> ctypes.CDLL | str:
    """The library, or why there is none."""
    if os.environ.get(SWITCH) == OFF:
        return f"{SWITCH} is {OFF}"
    if not (FOLDER / NAME).exists():
        return "none was compiled"
    try:
        found = ctypes.CDLL(str(FOLDER / NAME))
        found.sources_digest.restype = ctypes.c_char_p
        made_from = found.sources_digest()
    except (OSError, AttributeError):
        return "it cannot be loaded"
    # A packaged program has no sources beside it, and nobody changes them there.
    present = digest_of_sources(FOLDER)
    if present and made_from != present.encode():
        return "it was compiled from other sources"
    return found


def digest_of_sources(folder: Path) -> str:
    """What stands for the sources in C of a folder, empty where there are none."""
    sources = sorted(path for path in folder.iterdir() if path.suffix in (".c", ".h"))
    digest = blake2b(digest_size=8)
    for path in sources:
        content = path.read_bytes()
        digest.update(b"%b %d " % (path.name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest() if sources else ""
