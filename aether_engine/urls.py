"""URLs of embedded stores, and the files they name."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from aether_engine.errors import StoreUnavailableError


def sqlite_url(path: Path) -> str:
    """The URL of a file: relative or absolute as `path` is."""
    return f"sqlite:///{quote(os.fsencode(path.as_posix()), safe='/:')}"


def sqlite_path(url: str) -> Path:
    """The inverse of `sqlite_url`; raises `StoreUnavailableError` for a URL that names no file."""
    address = url.partition("://")[2]
    if not address.startswith("/"):
        raise StoreUnavailableError(
            url, "a file is named with three slashes before a relative and four before an absolute path"
        )
    if "?" in address:
        raise StoreUnavailableError(url, "options behind '?' are not used; a '?' in a name is written %3F")
    name = os.fsdecode(unquote_to_bytes(address[1:]))
    if not Path(name).name or "\0" in name:
        raise StoreUnavailableError(url, "it names no file")
    return Path(name)
