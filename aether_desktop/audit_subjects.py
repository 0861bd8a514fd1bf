"""What can be audited without being opened as a store: files and folders, what they are, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_engine.audit import FileTarget, SourceTarget, Target
from aether_engine.errors import TransferError
from aether_engine.sources import TextSource, is_source, open_source
from aether_engine.sources.jetstream_backup import is_backup
from aether_engine.sources.text_source import COMPRESSIONS, csv_columns, first_sign, form_of
from aether_engine.store.sqlite.file import beside
from aether_engine.urls import sqlite_url

_SQLITE: Final = b"SQLite format 3\x00"
_FORMS: Final = {".ndjson": "lines of JSON", ".jsonl": "lines of JSON", ".csv": "CSV"}


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """What lies at a path, in words, and what is to be known before it is read.

    `columns` are those of CSV files, whose fields have to be mapped; `can_recover` says that what is left of a
    damaged file may be written into a new one.
    """

    words: str
    size: int
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    can_recover: bool = False


def kind_of(path: Path) -> EvidenceKind:
    """What a path holds; blocks. Raises `TransferError` if it cannot even be looked at."""
    try:
        if path.is_dir():
            return _folder(path)
        size = path.stat().st_size
        form = form_of(path) or _sniffed(path)
        if form:
            return _text(path, form, size)
        with path.open("rb") as file:
            head = file.read(len(_SQLITE))
    except OSError as error:
        raise TransferError(str(path), f"it cannot be read ({error.strerror or error})") from error
    notes = []
    if beside(path, "-wal").exists():
        notes.append(
            "A write-ahead log lies beside it. If nobody uses it, SQLite would have to write: both are copied "
            "first, and the copy is read."
        )
    words = "Event file (SQLite)" if head == _SQLITE else "File without the head of an event file"
    return EvidenceKind(words, size, tuple(notes), can_recover=True)


def _folder(path: Path) -> EvidenceKind:
    if is_backup(path):
        files = [one for one in path.iterdir() if one.is_file()]
        return EvidenceKind("Backup of a JetStream stream", sum(one.stat().st_size for one in files))
    files = [Path(name) for name in TextSource(path).files]
    if not files:
        raise TransferError(str(path), "the folder holds neither files of events nor the backup of a stream")
    columns = next((_columns_of(one) for one in files if form_of(one) == ".csv"), ())
    count = f"{len(files):,} file" if len(files) == 1 else f"{len(files):,} files"
    words = f"Folder with {count} of events, read in the order of their names"
    return EvidenceKind(words, sum(one.stat().st_size for one in files), columns=columns)


def _text(path: Path, form: str, size: int) -> EvidenceKind:
    words = _FORMS.get(form) or ("JSON array" if first_sign(path) == b"[" else "lines of JSON")
    compression = path.suffix.lower()
    if compression in COMPRESSIONS:
        words = f"{words}, compressed ({'gzip' if compression == '.gz' else 'zstd'})"
    columns = _columns_of(path) if form == ".csv" else ()
    return EvidenceKind(words[:1].upper() + words[1:], size, columns=columns)


def _columns_of(path: Path) -> tuple[str, ...]:
    return tuple(csv_columns(path))


def _sniffed(path: Path) -> str:
    """The form of a file whose name does not tell it: JSON begins like nothing else."""
    return ".json" if first_sign(path) in (b"{", b"[") else ""


def target_of(path: Path, *, url: str = "", columns: Mapping[str, str] | None = None) -> Target:
    """What to audit at a path, as evidence; blocks. `url` is how the report calls it."""
    if is_source(path):
        return SourceTarget(open_source(path, columns), url or str(path))
    if path.is_file() and _sniffed(path):
        return SourceTarget(TextSource(path, columns), url or str(path))
    return FileTarget(path, url if "://" in url else sqlite_url(path))


def proposed_columns(columns: Sequence[str]) -> dict[str, str]:
    """Which column is likely which field of an event, by their names."""
    found: dict[str, str] = {}
    for field, words in _LIKELY.items():
        for column in columns:
            plain = "".join(one for one in column.lower() if one.isalnum())
            if plain in words and column not in found.values():
                found[field] = column
                break
    return found


_LIKELY: Final = {
    "id": ("id", "eventid", "uuid", "guid"),
    "eventType": ("eventtype", "type", "event", "kind", "activity"),
    "actorId": ("actorid", "actor", "aggregateid", "streamid", "stream", "case", "caseid", "entityid"),
    "version": ("version", "rev", "revision", "streamversion", "eventnumber"),
    "timestamp": ("timestamp", "time", "occurredat", "date", "createdat", "created"),
    "commandId": ("commandid", "command"),
    "data": ("data", "payload", "body"),
    "metadata": ("metadata", "meta", "headers"),
}
