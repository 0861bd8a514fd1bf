"""Keeps what is typed in append dialogs, so that neither a crash nor closing the window loses it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.connection import Connection
from aether_desktop.draft_files import DraftFiles, DraftKey, KeptDraft
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place

log = logging.getLogger(__name__)

#: Pause in typing after which the text is written, in milliseconds.
REST: Final = 250
#: Seconds after which it is written although the typing goes on.
AT_LEAST: Final = 2.0


class Draft(Protocol):
    """What can be kept."""

    @property
    def submitted(self) -> bool:
        """Whether it was handed to a store, and may be stored."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Its values, as JSON."""
        ...


class DraftSlot(QObject):
    """One dialog's draft. What was told last is written; `flush` waits until it is."""

    failed = Signal(str)
    """The text cannot be kept, for this reason; told once."""

    def __init__(self, key: DraftKey, files: DraftFiles | None, passing: dict[DraftKey, KeptDraft]) -> None:
        super().__init__()
        self._key = key
        self._files = files
        self._passing = passing
        self._lock = asyncio.Lock()
        self._tasks = TaskOwner()
        # What is to be written: the draft or None to remove it, in a tuple; None when there is nothing to do.
        self._waiting: tuple[KeptDraft | None] | None = None
        self._has_failed = False
        self._rest = QTimer(self, singleShot=True, interval=REST)
        self._rest.timeout.connect(self._write_soon)
        self._since = 0.0

    async def read(self) -> KeptDraft | None:
        """The draft that is kept, None without one."""
        if self._files is None:
            return self._passing.get(self._key)
        return await asyncio.to_thread(self._files.read, self._key)

    def keep(self, draft: Draft | None) -> None:
        """Keep `draft` from now on; None: nothing any more. What was submitted is written at once."""
        kept = None
        if draft is not None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            kept = KeptDraft(self._key, now, draft.to_json())
        if self._files is None:
            self._passing.pop(self._key, None)
            if kept is not None:
                self._passing[self._key] = kept
            return
        if self._waiting is None:
            self._since = monotonic()
        self._waiting = (kept,)
        if draft is None or draft.submitted or monotonic() - self._since > AT_LEAST:
            self._write_soon()
        else:
            self._rest.start()

    async def flush(self) -> None:
        """Return once what was told last is on disk, or cannot be written."""
        self._rest.stop()
        task = self._tasks.start(self._write(), "keep a draft")
        if task is not None:
            await asyncio.shield(task)

    async def close(self) -> None:
        """Write what is left."""
        await self.flush()
        await self._tasks.idle()
        self.deleteLater()

    def _write_soon(self) -> None:
        self._rest.stop()
        self._tasks.start(self._write(), "keep a draft")

    async def _write(self) -> None:
        async with self._lock:
            waiting, self._waiting = self._waiting, None
            if waiting is None or self._files is None:
                return
            (kept,) = waiting
            try:
                if kept is None:
                    await asyncio.to_thread(self._files.remove, self._key)
                else:
                    await asyncio.to_thread(self._files.write, kept)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                log.warning("a draft cannot be kept: %s", reason)
                if not self._has_failed:
                    self._has_failed = True
                    self.failed.emit(reason)


class AppendDrafts:
    """Hands out the slots. Drafts for stores that are not remembered last as long as their connection."""

    def __init__(self, folder: Path) -> None:
        self._files = DraftFiles(folder)
        self._passing: WeakKeyDictionary[Connection, dict[DraftKey, KeptDraft]] = WeakKeyDictionary()

    def slot(self, place: Place, actor_id: str | None, kind: str) -> DraftSlot:
        """Where a dialog keeps its draft; `kind` tells those of single events and of batches apart."""
        connection = place.connection
        key = DraftKey(connection.engine.url, place.namespace, actor_id, kind)
        files = self._files if connection.is_remembered else None
        return DraftSlot(key, files, self._passing.setdefault(connection, {}))

    async def of_connection(self, connection: Connection) -> list[KeptDraft]:
        """What was left unsent for a store, the latest first."""
        if not connection.is_remembered:
            return []
        return await asyncio.to_thread(self._files.of_store, connection.engine.url)
