"""What a URL says to people: the file it names, and how its connection is called. Opens nothing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from aether_engine.urls import sqlite_path


def file_of(url: str) -> Path:
    """The file of an embedded store's URL; raises `StoreUnavailableError` for a URL that names no file."""
    return sqlite_path(url)


def title_of(url: str) -> str:
    """How a connection is called: a file's name, a server's host. Never a user name, password or token."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return sqlite_path(url).name
    if parts.scheme == "memory":
        return "In memory"
    return ", ".join(host.rpartition("@")[2] for host in parts.netloc.split(","))
