"""Events in files of another form: lines of JSON, JSON arrays, CSV, folders of them, backups of streams."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aether_engine.sources.entries import Entry, EventSource
from aether_engine.sources.jetstream_backup import JetStreamBackup, is_backup
from aether_engine.sources.text_source import TextSource, form_of

__all__ = ["Entry", "EventSource", "JetStreamBackup", "TextSource", "is_source", "open_source"]


def is_source(path: Path) -> bool:
    """Whether a path is read as a source, and not as an event file."""
    return path.is_dir() or bool(form_of(path))


def open_source(path: Path, columns: Mapping[str, str] | None = None) -> EventSource:
    """The source at a path; `columns` maps fields of an event to columns of CSV. Raises `TransferError`."""
    if is_backup(path):
        return JetStreamBackup(path)
    return TextSource(path, columns)
