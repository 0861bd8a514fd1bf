"""Repro bundles: chosen events with their causes, redacted if need be, as a small file that opens anywhere.

Damaged events stay damaged: their bytes are taken as they are, and a checksum that did not fit does not fit there
either. With redaction rules, what cannot be read cannot be redacted, and is left out and said.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from zlib import crc32

from aether_engine import codec
from aether_engine.errors import ChecksumMismatchError, EventLostError, InvalidEventError, TransferError
from aether_engine.event import StoredEvent
from aether_engine.lossless import ScanError
from aether_engine.redaction import RedactionRule, Redactor
from aether_engine.store.protocols import FindsIds, SequenceReader
from aether_engine.store.sqlite.file import translate
from aether_engine.store.sqlite.rebuild import RowWriter, new_file, publish
from aether_engine.store.sqlite.schema import EventIdHash, checksum_seed, first_position
from aether_engine.transfer import FileOutput

#: Causes of causes are followed so far.
_MOST_STEPS: Final = 1000
_UNKNOWN: Final = "unknown"

Place = tuple[str, int]


class BundleSource(Protocol):
    """A log that events are taken from: any store, or something that reads like one.

    One that is a `SequenceReader` or `FindsIds` too is not read as a whole.
    """

    def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """The log in sequence order up to `to_sequence` (inclusive; None = its end)."""
        ...


@dataclass(slots=True)
class BundleReport:
    """What a bundle holds: where each event was, what was redacted, and what had to be left out."""

    events: int = 0
    causes: int = 0
    places: list[dict[str, Any]] = field(default_factory=list)
    redacted: dict[str, int] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    missing_causes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "events": self.events,
            "causes": self.causes,
            "places": self.places,
            "redacted": self.redacted,
            "leftOut": self.left_out,
            "missingCauses": self.missing_causes,
        }


async def write_bundle(
    stores: Mapping[str, BundleSource],
    chosen: Iterable[Place],
    target: Path,
    *,
    ndjson: Path | None = None,
    rules: Sequence[RedactionRule] = (),
    with_causes: bool = True,
) -> BundleReport:
    """Write the events at `chosen` (namespace and sequence) of `stores` into a new event file, and as lines.

    With causes, the events that `CausationID` names are taken as well, and theirs. Sequences count from 1 in the
    bundle; the report says where each event was. Raises `TransferError`; nothing is overwritten.
    """
    report = BundleReport()
    events = await _gather(stores, sorted(set(chosen)), report, with_causes)
    redactor = Redactor(rules)
    return await _in_thread(target, ndjson, events, redactor, report)


async def _in_thread(
    target: Path,
    ndjson: Path | None,
    events: dict[Place, StoredEvent],
    redactor: Redactor,
    report: BundleReport,
) -> BundleReport:
    work = asyncio.ensure_future(asyncio.to_thread(_write, target, ndjson, events, redactor, report))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


# --- Choosing ---------------------------------------------------------------------------------------------------


async def _gather(
    stores: Mapping[str, BundleSource], chosen: Sequence[Place], report: BundleReport, with_causes: bool
) -> dict[Place, StoredEvent]:
    found: dict[Place, StoredEvent] = {}
    await _read(stores, chosen, found)
    report.events = len(found)
    known = {stored.event.id for stored in found.values() if stored.event is not None}
    wanted = _causes(found.values()) - known
    asked: set[str] = set()
    for _ in range(_MOST_STEPS):
        wanted -= asked
        if not with_causes or not wanted:
            break
        asked |= wanted
        places = await _places_of(stores, wanted)
        before = len(found)
        new: dict[Place, StoredEvent] = {}
        await _read(stores, [place for place in places.values() if place not in found], new)
        found |= new
        report.causes += len(found) - before
        report.missing_causes += sorted(wanted - places.keys())
        wanted = _causes(new.values())
    return found


def _causes(events: Iterable[StoredEvent]) -> set[str]:
    return {stored.event.causation_id for stored in events if stored.event is not None} - {""}


async def _read(
    stores: Mapping[str, BundleSource], places: Sequence[Place], into: dict[Place, StoredEvent]
) -> None:
    for namespace in sorted({name for name, _ in places}):
        store = stores.get(namespace)
        if store is None:
            raise TransferError(namespace, "there is no such namespace")
        sequences = sorted(sequence for name, sequence in places if name == namespace)
        if isinstance(store, SequenceReader):
            async for batch in store.read_sequences(sequences):
                into |= {(namespace, stored.sequence): stored for stored in batch}
            continue
        for sequence in sequences:
            async for batch in store.read(from_sequence=sequence, to_sequence=sequence):
                into |= {(namespace, stored.sequence): stored for stored in batch}


async def _places_of(stores: Mapping[str, BundleSource], ids: set[str]) -> dict[str, Place]:
    """Where events with these ids are; logs without an index over ids are read."""
    found: dict[str, Place] = {}
    for namespace, store in stores.items():
        left = ids - found.keys()
        if not left:
            break
        if isinstance(store, FindsIds):
            for event_id in sorted(left):
                sequence = await store.sequence_of(event_id)
                if sequence is not None:
                    found[event_id] = namespace, sequence
            continue
        async for batch in store.read():
            for stored in batch:
                if stored.event is not None and stored.event.id in left:
                    found.setdefault(stored.event.id, (namespace, stored.sequence))
    return found


# --- Writing ----------------------------------------------------------------------------------------------------


def _write(
    target: Path,
    ndjson: Path | None,
    events: dict[Place, StoredEvent],
    redactor: Redactor,
    report: BundleReport,
) -> BundleReport:
    for path in (target, ndjson):
        if path is not None and path.exists():
            raise TransferError(str(path), "the file exists and was left as it is; choose another name")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    lines = None if ndjson is None else FileOutput(ndjson, overwrite=False)
    try:
        if lines is not None:
            lines.open()
        with closing(new_file(temporary)) as connection:
            connection.execute("BEGIN")
            _write_rows(connection, lines, events, redactor, report)
            connection.execute("COMMIT")
        if lines is not None:
            lines.complete()
        publish(temporary, target)
        if lines is not None:
            lines.appear()
    except (sqlite3.Error, OSError) as error:
        raise TransferError(str(target), str(translate(error, str(target)))) from error
    finally:
        if lines is not None:
            lines.discard()
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):  # most are not there
                temporary.with_name(temporary.name + suffix).unlink()
    report.redacted = {str(rule): redactor.counts[rule] for rule in redactor.rules}
    return report


def _write_rows(
    connection: sqlite3.Connection,
    lines: FileOutput | None,
    events: dict[Place, StoredEvent],
    redactor: Redactor,
    report: BundleReport,
) -> None:
    rows = RowWriter(connection)
    numbers: dict[str, int] = {}
    sequences: dict[int, int] = {}
    versions: set[tuple[int, str, int]] = set()
    for (namespace, original), stored in sorted(events.items()):
        number = numbers.setdefault(namespace, len(numbers) + 1)
        place = {"namespace": namespace, "sequence": original}
        raw = _redacted(stored, redactor)
        if raw is None:
            lost = stored.error is not None and isinstance(stored.error.error, EventLostError)
            reason = "it is lost" if lost else "it cannot be read, and so it cannot be redacted"
            report.left_out.append(place | {"reason": reason})
            continue
        actor_id, version, event_type, event_id = _identity(raw, original)
        if (number, actor_id, version) in versions:
            report.left_out.append(place | {"reason": f"version {version} of its actor is in the bundle already"})
            continue
        versions.add((number, actor_id, version))
        sequence = sequences[number] = sequences.get(number, 0) + 1
        recorded = codec.microseconds_from_utc(stored.recorded_at)
        position = first_position(number) + sequence
        checksum = crc32(raw, checksum_seed(position, version, recorded)) ^ _mismatch(stored)
        hashed = EventIdHash(number).digest(event_id)
        rows.add(position, number, actor_id, version, event_type, hashed, recorded, checksum, raw)
        report.places.append(place | {"inBundle": sequence})
        if lines is not None and b"\n" not in raw:
            lines.write(raw + b"\n")
    rows.fill_in()
    for namespace, number in numbers.items():
        rows.add_namespace(number, namespace, sequences.get(number, 0))


def _redacted(stored: StoredEvent, redactor: Redactor) -> bytes | None:
    """The bytes to be written, None for what cannot be."""
    if not stored.raw:
        return None
    if not redactor.rules:
        return stored.raw
    if stored.event is None:
        return None
    try:
        return redactor.redact(stored.raw)
    except ScanError:
        return None


def _identity(raw: bytes, sequence: int) -> tuple[str, int, str, str]:
    """Actor, version, type and id; what a damaged event does not say is made up from its place."""
    try:
        event = codec.decode_event(raw)
    except InvalidEventError:
        return f"{_UNKNOWN}-{sequence}", sequence, _UNKNOWN, f"{_UNKNOWN}-{sequence}"
    return event.actor_id, event.version, event.event_type, event.id


def _mismatch(stored: StoredEvent) -> int:
    """By what the checksum did not fit, which it shall not in the bundle either."""
    error = None if stored.error is None else stored.error.error
    if isinstance(error, ChecksumMismatchError) and type(error.stored) is int:
        return (error.stored ^ error.computed) & 0xFFFFFFFF
    return 0
