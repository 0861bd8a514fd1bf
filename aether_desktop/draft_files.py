"""Unsent text on disk: one private file for each actor that something was being appended to.

Files are written whole or not at all and are readable by their owner only: they hold what is perhaps about to be
stored. Everything here waits for the disk; call it in a thread.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

log = logging.getLogger(__name__)

#: Version of the layout; it is part of the names, so that another version never meets what it cannot read.
VERSION: Final = 1
#: Most files that are looked through for a store's drafts, the latest first.
LISTED: Final = 500
_SUFFIX: Final = f".v{VERSION}.json"


class DraftKey(NamedTuple):
    """What a draft is for: a store by its URL (without login), a namespace, an actor (None: one to be named)."""

    url: str
    namespace: str
    actor_id: str | None
    kind: str

    @property
    def file_name(self) -> str:
        """A name that says nothing of the key."""
        text = json.dumps(list(self)).encode()
        return hashlib.sha256(text).hexdigest()[:40] + _SUFFIX


class KeptDraft(NamedTuple):
    """A draft that was kept: what for, when (ISO 8601, UTC), and its values."""

    key: DraftKey
    kept_at: str
    values: dict[str, Any]


class DraftFiles:
    """The drafts in a folder, which is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: DraftKey) -> KeptDraft | None:
        """The draft that was kept for `key`; a damaged file is set aside and counts as none."""
        path = self.folder / key.file_name
        kept = self._load(path)
        return kept if kept is not None and kept.key == key else None

    def write(self, kept: KeptDraft) -> None:
        """Keep a draft in place of the one before. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # some file systems have no modes
            self.folder.chmod(0o700)
        path = self.folder / kept.key.file_name
        document = {
            "url": kept.key.url,
            "namespace": kept.key.namespace,
            "actor": kept.key.actor_id,
            "kind": kept.key.kind,
            "keptAt": kept.kept_at,
            "draft": kept.values,
        }
        # ASCII: what is typed may hold halves of surrogate pairs, which UTF-8 cannot.
        raw = json.dumps(document).encode("ascii")
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):  # what went wrong first is what counts
                temporary.unlink()
            raise
        self._sync_folder()

    def remove(self, key: DraftKey) -> None:
        """Keep nothing for `key` any more. Raises `OSError`."""
        with suppress(FileNotFoundError):  # then there is nothing to sync either
            (self.folder / key.file_name).unlink()
            self._sync_folder()

    def of_store(self, url: str) -> list[KeptDraft]:
        """The drafts for a store, the latest first."""
        try:
            paths = [(path.stat().st_mtime, path) for path in self.folder.glob(f"*{_SUFFIX}")]
        except OSError:
            return []
        loaded = (self._load(path) for _, path in sorted(paths, reverse=True)[:LISTED])
        return [kept for kept in loaded if kept is not None and kept.key.url == url]

    def _load(self, path: Path) -> KeptDraft | None:
        try:
            return _kept(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("a draft cannot be read: %s", type(error).__name__)
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            # Its words would be in the message; the name says enough.
            log.warning("the draft %s is damaged and was set aside", path.name)
            with suppress(OSError):  # it is passed over again next time
                path.replace(path.with_suffix(".damaged"))
            return None

    def _sync_folder(self) -> None:
        """Make a rename or removal last, where folders can be synced."""
        if os.name != "posix":
            return
        number = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _kept(document: Any) -> KeptDraft:
    """What a file holds. Raises `ValueError`, `KeyError` or `TypeError` for what is no draft."""
    url, namespace, kind, kept_at = (document[name] for name in ("url", "namespace", "kind", "keptAt"))
    actor_id, values = document["actor"], document["draft"]
    texts = (url, namespace, kind, kept_at, actor_id or "")
    if not all(isinstance(text, str) for text in texts) or not isinstance(values, dict):
        raise ValueError("not a draft")
    return KeptDraft(DraftKey(url, namespace, actor_id, kind), kept_at, values)
