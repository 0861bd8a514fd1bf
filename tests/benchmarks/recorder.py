"""The SQLite application recorder of `eventsourcing`, as durable as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from aether_engine.event import Event


def open_recorder(path: Path) -> Any:
    """A recorder with a table, write-ahead logging (its default) and `synchronous = FULL`, set explicitly."""
    datastore: Any = cast(Any, SQLiteDatastore)(str(path), originator_id_type="text")
    recorder: Any = cast(Any, SQLiteApplicationRecorder)(datastore)
    recorder.create_table()
    with datastore.get_connection(commit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
    return recorder


def recorded(event: Event) -> Any:
    """`event` as the recorder takes it; what was encoded before costs nothing here."""
    return cast(Any, StoredEvent)(
        originator_id=event.actor_id,
        originator_version=event.version,
        topic=event.event_type,
        state=event.to_json(),
    )
