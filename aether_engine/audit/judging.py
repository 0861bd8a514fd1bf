"""One stored event by itself: everything that is wrong with it, in words. The slow side of an audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final
from zlib import crc32

from aether_engine import codec, lossless
from aether_engine.audit.bit_repair import BitFlip, find_flip
from aether_engine.audit.finding import Finding
from aether_engine.batch_decoding import duplicate_key
from aether_engine.errors import EventLostError, InvalidEventError, MisplacedEventError, excerpt
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.sqlite.schema import ID_HASH_LENGTH

_MICROSECOND: Final = 1_000_000
#: From this size on, what damaged bytes still claim is not asked.
_CLAIMS: Final = 1 << 20
_LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True)
class Row:
    """What an event's row in a file says besides its bytes; None: not known. `type_name` "": no such type."""

    namespace: int
    actor: int
    version: int
    type_name: str | None
    id_hash: bytes | None
    checksum: int


@dataclass(frozen=True, slots=True)
class Place:
    """A stored event: where and when (microseconds since 1970) it was recorded, its bytes, its row in a file."""

    namespace: str
    sequence: int
    recorded: int
    raw: bytes
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who an event says it is; of a damaged one what can still be told, which is not to be trusted."""

    event_id: str
    actor_id: str
    version: int
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of looking at one event. `event` is None where it cannot be trusted.

    `version` is the one to reckon with: where row and event differ, that which the checksum vouches for.
    """

    findings: list[Finding]
    event: Event | None
    claim: Claim | None
    version: int = 0


def judge(place: Place, error: Exception | None = None) -> Verdict:
    """Look at one event; `error` is what its store found wrong with it already."""
    raw = place.raw
    if isinstance(error, EventLostError):
        return Verdict([], None, None)
    if type(raw) is not bytes:
        finding = _finding("undecodable", place, None, f"It is stored as {type(raw).__name__}, not as bytes.")
        return Verdict([finding], None, None)
    event, problem = _decode(raw)
    row = place.row
    if row is not None:
        damage = _check_sum(place, row, event, problem)
        if damage is not None:
            return Verdict([damage], None, claim_of(raw, event))
    if event is None:
        assert problem is not None
        return Verdict([_undecodable(place, problem)], None, claim_of(raw, None))
    findings: list[Finding] = []
    if row is not None:
        findings += _columns(place, row, event)
    if isinstance(error, MisplacedEventError) and error.field == "subject":
        findings.append(_subject(place, event, error))
    findings += _duplicate(place, event)
    version = event.version
    if row is not None and row.version != version and crc32(raw, _seed(place, row.version)) == row.checksum:
        version = row.version
    return Verdict(findings, event, claim_of(raw, event), version)


def is_intact(place: Place) -> bool:
    """Whether the row's checksum vouches for bytes, place and time, whatever the bytes are."""
    row = place.row
    return (
        row is not None
        and type(place.raw) is bytes
        and crc32(place.raw, _seed(place, row.version)) == row.checksum
    )


def claim_of(raw: bytes, event: Event | None) -> Claim | None:
    """Who an event says it is."""
    if event is not None:
        return Claim(event.id, event.actor_id, event.version, event.command_id)
    if len(raw) > _CLAIMS:
        return None
    try:
        document = codec.loads(raw)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    event_id, actor_id, version = document.get("id"), document.get("actorId"), document.get("version")
    command_id = document.get("commandId")
    if type(actor_id) is str and actor_id and type(version) is int and 0 < version <= MAX_VERSION:
        return Claim(
            event_id if type(event_id) is str else "",
            actor_id,
            version,
            command_id if type(command_id) is str else "",
        )
    return None


def moment_of(event: Event) -> float | None:
    """Seconds since 1970, None for a time that cannot be reckoned with."""
    try:
        return event.timestamp.timestamp()
    except (OverflowError, ValueError):
        return None


def _decode(raw: bytes) -> tuple[Event | None, InvalidEventError | None]:
    try:
        return codec.decode_event(raw), None
    except InvalidEventError as error:
        return None, error


# --- Findings ---------------------------------------------------------------------------------------------------


def timestamp_text(raw: bytes) -> str:
    """The event's time as written, empty where that cannot be told."""
    try:
        member = lossless.find_member(raw, "timestamp")
    except lossless.ScanError:
        return ""
    if member is None or member.value.kind is not lossless.Kind.STRING:
        return ""
    return lossless.string_value(raw[member.value.start : member.value.end])[:64]


def recorded_moment(microseconds: int) -> datetime | None:
    """A `recorded_at` as a time, None for what is none."""
    try:
        return codec.utc_from_microseconds(microseconds)
    except (OverflowError, TypeError):
        return None


def _finding(check: str, place: Place, claim: Claim | None, explanation: str, **more: Any) -> Finding:
    row = place.row
    return Finding(
        check,
        explanation,
        namespace=place.namespace,
        sequence=place.sequence,
        actor_id=claim.actor_id if claim is not None else "",
        version=claim.version if claim is not None else row.version if row is not None else None,
        recorded_at=recorded_moment(place.recorded),
        timestamp=timestamp_text(place.raw) if type(place.raw) is bytes else "",
        **more,
    )


def event_finding(check: str, place: Place, explanation: str, **more: Any) -> Finding:
    """A finding about an event that can be decoded, or at least says who it is."""
    claim = claim_of(place.raw, _decode(place.raw)[0]) if type(place.raw) is bytes else None
    return _finding(check, place, claim, explanation, **more)


def _undecodable(place: Place, problem: InvalidEventError) -> Finding:
    claim = claim_of(place.raw, None)
    if problem.field:
        offset = _offset_of_field(place.raw, problem.field)
        return _finding(
            "invalid-field",
            place,
            claim,
            f"{problem.field} {problem.problem}.",
            path=f"/{problem.field}",
            offset=offset,
            evidence=(("Length", f"{len(place.raw):,} bytes"),),
        )
    sentence = f"{problem.problem[0].upper()}{problem.problem[1:]}."
    return _finding(
        "undecodable",
        place,
        claim,
        sentence.replace("Is not", "Not", 1),
        offset=_offset_of_error(place.raw),
        evidence=(("Length", f"{len(place.raw):,} bytes"),),
    )


def _offset_of_field(raw: bytes, name: str) -> int | None:
    try:
        member = lossless.find_member(raw, name)
    except lossless.ScanError:
        return None
    return None if member is None else member.value.start


def _offset_of_error(raw: bytes) -> int | None:
    """The first byte at which decoding fails."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    try:
        codec.loads(raw)
    except ValueError as error:
        position = getattr(error, "pos", None)
        return len(text[:position].encode()) if isinstance(position, int) else None
    return 0


def _check_sum(place: Place, row: Row, event: Event | None, problem: InvalidEventError | None) -> Finding | None:
    raw = place.raw
    try:
        computed = crc32(raw, _seed(place, row.version))
    except TypeError:
        return _finding("checksum", place, claim_of(raw, event), "The row has numbers that are no numbers.")
    if computed == row.checksum:
        return None
    if event is not None and crc32(raw, _seed(place, event.version)) == row.checksum:
        return None  # The bytes are what was written; the row's version is not.
    parse = "They still parse as JSON." if problem is None else f"As an event they are {_lower(problem)}."
    flip = find_flip(raw, row.checksum, computed) if type(row.checksum) is int else None
    return _finding(
        "checksum",
        place,
        claim_of(raw, event) if event is not None else None,
        f"The {len(raw):,} stored bytes are not the bytes that were written. {parse}",
        offset=flip.offset if flip is not None and not _is_place(flip, event) else None,
        evidence=(
            ("Length", f"{len(raw):,} bytes"),
            ("Checksum stored", _hex(row.checksum)),
            ("Checksum computed", _hex(computed)),
        ),
        hint="" if flip is None else _flip_hint(flip, event),
    )


def _seed(place: Place, version: int) -> int:
    assert place.row is not None
    recorded = place.recorded
    return (place.row.namespace ^ place.sequence ^ version ^ recorded ^ recorded >> 32) & 0xFFFFFFFF


def _hex(checksum: object) -> str:
    return f"{checksum:08X}" if type(checksum) is int and checksum >= 0 else excerpt(checksum)


def _is_place(flip: BitFlip, event: Event | None) -> bool:
    # The first bytes of what still decodes are as good as certain; then it was the row that changed.
    return flip.may_be_place and event is not None


def _flip_hint(flip: BitFlip, event: Event | None) -> str:
    cause = "A single flipped bit points to memory or disk, not to the program that wrote it."
    if flip.offset is None:
        return f"Flipping bit {flip.bit} of the stored checksum makes it fit: the event may be intact. {cause}"
    if _is_place(flip, event):
        return (
            "Flipping one bit of the row's place, version or recorded time makes the checksum fit: the event's "
            "bytes "
            f"may be intact. {cause}"
        )
    return (
        f"Flipping one bit, bit {flip.bit} at offset 0x{flip.offset:04X} (0x{flip.after:02X} to "
        f"0x{flip.before:02X}), "
        f"restores the stored checksum. {cause}"
    )


def _lower(problem: InvalidEventError) -> str:
    what = problem.problem.removeprefix("is ")
    return f"{problem.field} {what}" if problem.field else what


def _columns(place: Place, row: Row, event: Event) -> list[Finding]:
    found: list[Finding] = []
    claim = claim_of(place.raw, event)
    if row.version != event.version:
        found.append(
            _finding(
                "version-column",
                place,
                claim,
                f"The row says version {row.version:,}, the event says {event.version:,}.",
                path="/version",
                offset=_offset_of_field(place.raw, "version"),
                evidence=(("Row", f"{row.version:,}"), ("Event", f"{event.version:,}")),
            )
        )
    if row.type_name is not None and row.type_name != event.event_type:
        named = excerpt(row.type_name) if row.type_name else "no type that is listed"
        found.append(
            _finding(
                "type-column",
                place,
                claim,
                f"The row says {named}, the event says {excerpt(event.event_type)}.",
                path="/eventType",
                offset=_offset_of_field(place.raw, "eventType"),
                evidence=(("Row", named), ("Event", excerpt(event.event_type))),
            )
        )
    expected = id_digest(row.namespace, event.id)
    if row.id_hash is not None and row.id_hash != expected:
        stored = row.id_hash.hex() if type(row.id_hash) is bytes else excerpt(row.id_hash)
        found.append(
            _finding(
                "id-column",
                place,
                claim,
                f"The row's hash is not that of the event's id {excerpt(event.id)}.",
                path="/id",
                offset=_offset_of_field(place.raw, "id"),
                evidence=(("Hash stored", stored), ("Hash computed", expected.hex())),
            )
        )
    return found


def id_digest(namespace: int, event_id: str) -> bytes:
    """What stands for an event's id in a file."""
    return blake2b(b"%d:%b" % (namespace, event_id.encode()), digest_size=ID_HASH_LENGTH).digest()


def _subject(place: Place, event: Event, error: MisplacedEventError) -> Finding:
    return _finding(
        "subject",
        place,
        claim_of(place.raw, event),
        f"It stands on subject {excerpt(error.place)}, where events of {excerpt(event.actor_id)} do not belong.",
        path="/actorId",
        offset=_offset_of_field(place.raw, "actorId"),
        evidence=(("Subject", str(error.place)[:_LONGEST_NAME]), ("Actor", event.actor_id[:_LONGEST_NAME])),
    )


def _duplicate(place: Place, event: Event) -> list[Finding]:
    found = duplicate_key(place.raw)
    if found is None:
        return []
    path, offset, values = found
    shown = " and then ".join(excerpt_json(value) for value in values)
    return [
        _finding(
            "duplicate-key",
            place,
            claim_of(place.raw, event),
            f"{_dotted(path)} occurs {_times(len(values))}: {shown}. All are kept.",
            path=path,
            offset=offset,
        )
    ]


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count:,} times"


def _dotted(path: str) -> str:
    return ".".join(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]) or '""'


def excerpt_json(text: bytes) -> str:
    """JSON text as it can stand in a sentence."""
    shown = text.decode("utf-8", "replace")
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


def clock_ahead(place: Place, moment: float) -> Finding:
    """The event happened after it was recorded."""
    seconds = moment - place.recorded / _MICROSECOND
    return event_finding(
        "clock-ahead",
        place,
        f"It says it happened {duration(seconds)} after it was recorded.",
        path="/timestamp",
        offset=_offset_of_field(place.raw, "timestamp"),
    )


def clock_behind(place: Place, seconds: float) -> Finding:
    """The event was recorded long after it happened, among others that were not."""
    return event_finding(
        "clock-behind",
        place,
        f"It says it happened {duration(seconds)} before it was recorded; its neighbours were recorded at once.",
        path="/timestamp",
        offset=_offset_of_field(place.raw, "timestamp"),
    )


def recorded_backwards(place: Place, before: int) -> Finding:
    """The event was recorded before its predecessor."""
    seconds = (before - place.recorded) / _MICROSECOND
    return event_finding(
        "recorded-backwards", place, f"It was recorded {duration(seconds)} earlier than the event in front of it."
    )


def duration(seconds: float) -> str:
    """A length of time in words, rounded down to what matters."""
    seconds = abs(seconds)
    if seconds < 60:
        return f"{seconds:,.3f} s"
    for size, name in ((31_557_600, "years"), (86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or size == 60:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} s"
