"""Several events that somebody is about to append together: the text as typed, and the events it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.batch_text import BatchText, read_batch, stamp_text
from aether_engine.errors import InvalidEventError
from aether_engine.event import MAX_VERSION, Event

# Window and controller ask for the same text at every keystroke.
_read = lru_cache(maxsize=4)(read_batch)


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """Events in the making. `ids` (one for each) and `timestamp` are fixed when they are first submitted and stay.

    So saving a draft again, after a lost connection or a restart, saves the same events and never a second time.
    `version` is that of the first event of `actor_id` that does not say its own.
    """

    namespace: str
    actor_id: str
    version: int = 1
    text: str = ""
    ids: tuple[str, ...] = ()
    timestamp: datetime | None = None
    version_typed: bool = False

    @property
    def submitted(self) -> bool:
        """Whether it was handed to a store at least once."""
        return bool(self.ids)

    @property
    def read(self) -> BatchText:
        """The check of the text."""
        return _read(self.text, self.actor_id, self.version)

    @property
    def versions(self) -> list[int]:
        """The version of each event."""
        return self.read.versions(self.actor_id, self.version)

    def stamped(self) -> BatchDraft:
        """This draft with an id for each event and a timestamp; those that are there stay."""
        count = len(self.read.entries)
        more = tuple(str(uuid4()) for _ in range(count - len(self.ids)))
        return replace(self, ids=(*self.ids, *more), timestamp=self.timestamp or datetime.now(UTC))

    def unstamped(self) -> BatchDraft:
        """This draft as new events that were never submitted."""
        return replace(self, ids=(), timestamp=None)

    def events(self) -> tuple[Event, ...]:
        """The events of a stamped draft. Raises `InvalidEventError` naming the event that cannot be stored."""
        assert self.timestamp is not None, "a draft is stamped before it becomes events"
        timestamp = stamp_text(self.timestamp)
        events: list[Event] = []
        for entry, event_id, version in zip(self.read.entries, self.ids, self.versions, strict=False):
            try:
                events.append(entry.event(event_id, self.actor_id, version, timestamp))
            except InvalidEventError as error:
                place = len(events) + 1
                raise InvalidEventError(error.field, f"{error.problem} (event {place})") from error
        return tuple(events)

    def to_json(self) -> dict[str, Any]:
        """What brings this draft back, with `batch_from_json`."""
        return {
            "actorId": self.actor_id,
            "version": self.version,
            "versionTyped": self.version_typed,
            "text": self.text,
            "ids": list(self.ids),
            "timestamp": self.timestamp.isoformat() if self.timestamp is not None else "",
        }


def batch_from_json(values: Mapping[str, Any], namespace: str) -> BatchDraft | None:
    """A draft that was kept; None for values that are none."""
    texts = [values.get(name) for name in ("actorId", "text", "timestamp")]
    version, ids = values.get("version"), values.get("ids")
    if not all(isinstance(text, str) for text in texts) or type(version) is not int or not isinstance(ids, list):
        return None
    if not 1 <= version <= MAX_VERSION or not all(isinstance(each, str) and each for each in ids):
        return None
    actor_id, text, timestamp = map(str, texts)
    try:
        moment = datetime.fromisoformat(timestamp) if timestamp else None
    except ValueError:
        return None
    if bool(ids) != (moment is not None and moment.tzinfo is not None):
        return None
    return BatchDraft(
        namespace, actor_id, version, text, tuple(map(str, ids)), moment, values.get("versionTyped") is True
    )


def batch_of(draft: AppendDraft) -> str:
    """The text of a batch that begins with what was typed for a single event, as far as it can be read."""
    data, metadata = draft.checked_data(), draft.checked_metadata()
    parts = [f'"eventType": {_quoted(draft.event_type)}']
    parts.append(f'"data": {draft.data_text.strip() or "{}" if data.problem is None else "{}"}')
    if metadata.problem is None and metadata.wire != b"{}":
        parts.append(f'"metadata": {metadata.wire.decode()}')
    return "[\n  {" + ", ".join(parts) + "}\n]"


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)
