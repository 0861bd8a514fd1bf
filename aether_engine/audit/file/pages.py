"""Whether a file's pages can be read past SQLite, by the compiled library, and where its trees begin."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from aether_engine.native.page_file import PageFile
from aether_engine.store.sqlite.file import beside
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.schema import INDEXES, TABLES, WITHOUT_ROWID

_HEADER_LENGTH: Final = 100
#: Where the header says how many bytes at the end of each page are not in use.
_RESERVED: Final = 20
_PAGES: Final = 28
_LARGEST_PAGE: Final = 65536

T = TypeVar("T")


def read_undisturbed(reader: Reader, read: Callable[[PageFile], T | None]) -> T | None:
    """What `read` makes of the file of `reader`; None where Python has to look.

    So it has if somebody wrote to the file meanwhile: no lock was there to keep pages from changing.
    """
    before = _stamp(reader)
    file = None if before is None else page_file(reader)
    found = None if file is None else read(file)
    return found if _stamp(reader) == before else None


def _stamp(reader: Reader) -> tuple[int, int, int] | None:
    """What tells this state of the file from the next; None where pages may be elsewhere."""
    path = reader.raw.path
    try:
        if not reader.raw.is_in_place():
            return None
        status = path.stat()
        with suppress(FileNotFoundError):
            if beside(path, "-wal").stat().st_size:
                return None
    except OSError:
        return None
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def page_file(reader: Reader) -> PageFile | None:
    """The file of `reader`, None where pages may be elsewhere, or are laid out as no file of ours."""
    raw = reader.raw
    header = raw.read_at(0, _HEADER_LENGTH)
    if len(header) < _HEADER_LENGTH or header[_RESERVED]:
        return None
    with suppress(FileNotFoundError):
        if beside(raw.path, "-wal").stat().st_size:
            return None
    size = int.from_bytes(header[16:18], "big")
    size = _LARGEST_PAGE if size == 1 else size
    descriptor = raw.open()
    if descriptor is None or size < 512 or size & (size - 1):
        return None
    count = raw.size() // size
    told = int.from_bytes(header[_PAGES : _PAGES + 4], "big")
    if told and header[24:28] == header[92:96]:
        # SQLite believes that, and refuses what lies behind.
        count = min(count, told)
    return PageFile(descriptor, size, count)


def roots_of(reader: Reader) -> dict[str, int]:
    """The first pages of the trees that are exactly those of this library, by name; raises `CorruptStoreError`."""
    sources = {**TABLES, **INDEXES}

    def job(connection: sqlite3.Connection) -> dict[str, int]:
        found: dict[str, int] = {}
        try:
            for name, page, sql in connection.execute("SELECT name, rootpage, sql FROM sqlite_master"):
                if type(page) is int and page > 1 and sources.get(name) == sql:
                    found[name] = page
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
        return found

    return reader.run(job, {})


def trees_of(connection: sqlite3.Connection) -> dict[str, tuple[int, bool]]:
    """Where the trees of the file begin, whosever they are, and whether each is a table with row ids."""
    found: dict[str, tuple[int, bool]] = {"the schema": (1, True)}
    for kind, name, page in connection.execute("SELECT type, name, rootpage FROM sqlite_master"):
        if type(page) is int and page > 0:
            found[f"{kind} {name}"] = (page, kind == "table" and name not in WITHOUT_ROWID)
    return found
