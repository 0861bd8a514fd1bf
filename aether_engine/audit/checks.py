"""The table of checks: what an audit looks for, how bad it is, what it means and what to do about it.

Everything that names a check takes it from here: the run, the reports, the window, `docs/audit.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is."""

    #: Something was lost or is not what was written.
    ERROR = "error"
    #: Everything can be read, and something does not fit together.
    WARNING = "warning"
    #: Legal, and worth knowing.
    NOTE = "note"


class Source(StrEnum):
    """What a check can be made on."""

    FILE = "file"
    STREAM = "stream"
    LOG = "log"
    #: Files of events that do not tell when those were recorded.
    TEXT = "text"
    #: Backups of streams.
    BACKUP = "backup"


_EVERYWHERE: Final = frozenset(Source)
_FILES: Final = frozenset({Source.FILE})
_STREAMS: Final = frozenset({Source.STREAM, Source.BACKUP})
_STORES: Final = frozenset({Source.FILE, Source.STREAM, Source.LOG})
_TIMED: Final = _STORES | {Source.BACKUP}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing an audit looks for. `meaning` and `remedy` are sentences for people."""

    id: str
    title: str
    severity: Severity
    meaning: str
    remedy: str
    sources: frozenset[Source] = _EVERYWHERE


_CHECKS: Final = (
    Check(
        "undecodable",
        "Undecodable bytes",
        Severity.ERROR,
        "The bytes of an event are not UTF-8, not JSON, or not a JSON object, so nothing in them can be relied "
        "on.",
        "Look at the bytes at the offset named. If the checksum fits, the program that wrote the event wrote it "
        "so: "
        "repair that program. If it does not, the medium is to blame: restore the event from a copy.",
    ),
    Check(
        "invalid-field",
        "Invalid field",
        Severity.ERROR,
        "The bytes are JSON, and a field that every event must have is missing or holds something it cannot hold.",
        "Find the writer by the fields that are right, and repair it; readers skip the event until then.",
    ),
    Check(
        "checksum",
        "Checksum mismatch",
        Severity.ERROR,
        "The stored bytes, or the row's place, version or time, are not what was written, even if they still "
        "parse.",
        "Trust no value of this event. Restore it from a copy of the file; test memory and disk of the machine. "
        "Where flipping one bit restores the checksum, that bit was very likely the only damage.",
        _FILES,
    ),
    Check(
        "version-column",
        "Version column disagrees",
        Severity.ERROR,
        "The row says another version than the event in it, so reading by actor and reading the log differ.",
        "The event's own bytes count. Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "actor-column",
        "Actor column disagrees",
        Severity.ERROR,
        "The row is filed under another actor than the event in it names: that actor's stream has a foreign "
        "event, "
        "and the right one lacks it.",
        "The event's own bytes count. Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "type-column",
        "Type column disagrees",
        Severity.WARNING,
        "The row is filed under another event type than the event in it names: lists and counts by type are "
        "wrong.",
        "The event's own bytes count. Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "id-column",
        "Id column disagrees",
        Severity.WARNING,
        "The row's hash is not that of the event's id, so the same id can be stored a second time.",
        "Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "lost",
        "Lost events",
        Severity.ERROR,
        "Sequences of a file have no holes; the events at these places cannot be read any more, neither through "
        "the "
        "table nor from the pages.",
        "Restore them from a copy. 'aether recover' writes what can be read into a new file and lists the rest.",
        _FILES,
    ),
    Check(
        "missing-sequence",
        "Missing sequences",
        Severity.ERROR,
        "The stream holds nothing at these sequences: messages were deleted, purged or have expired.",
        "Look at the stream's settings and at who may delete; restore the messages from a backup of the stream.",
        frozenset({Source.STREAM, Source.LOG, Source.BACKUP}),
    ),
    Check(
        "version-order",
        "Version not increasing",
        Severity.ERROR,
        "An event was stored behind one of the same actor with the same or a higher version, which breaks the one "
        "rule of every stream.",
        "Find the second writer: it does not check versions, or checks them against something else.",
    ),
    Check(
        "version-gap",
        "Version gap",
        Severity.NOTE,
        "Versions of an actor were left out. Gaps are legal.",
        "Check that the writer skips on purpose; behind a loss of data, look for the missing events elsewhere.",
    ),
    Check(
        "duplicate-id",
        "Duplicate id",
        Severity.ERROR,
        "Two events of one namespace have the same id, so that a consumer which remembers ids drops one of them.",
        "Find out whether one command was carried out twice, or whether the writer's ids are not unique.",
    ),
    Check(
        "subject",
        "Subject disagrees",
        Severity.ERROR,
        "The event stands on a subject where its actor's events do not belong, so its actor's stream lacks it.",
        "Find the program that publishes to this subject; publish the event again where it belongs.",
        _STREAMS,
    ),
    Check(
        "duplicate-key",
        "Duplicate JSON key",
        Severity.WARNING,
        "An object in the event has the same key more than once. Programs differ in which value they take.",
        "Repair the writer. Both values are kept and shown; here the last one counts.",
    ),
    Check(
        "cause-missing",
        "Cause not found",
        Severity.WARNING,
        "The event says that another one caused it, and no event or command of this store has that id.",
        "Look for the cause in other stores; if there is none, the writer makes up ids or the cause was lost.",
    ),
    Check(
        "time-backwards",
        "Timestamp backwards",
        Severity.WARNING,
        "The event says it happened before the event of the same actor that was stored in front of it.",
        "Compare the clocks of the writers; order events by version, never by time.",
    ),
    Check(
        "clock-ahead",
        "Clock ahead",
        Severity.WARNING,
        "The event was recorded before the time it says it happened at.",
        "Set the clock of the writer, or of the machine that recorded the event.",
        _TIMED,
    ),
    Check(
        "clock-behind",
        "Clock behind",
        Severity.WARNING,
        "The event says it happened long before it was recorded, between events that were recorded at once.",
        "Set the clock of the writer; a zero time means that the writer left the field unset.",
        _TIMED,
    ),
    Check(
        "recorded-backwards",
        "Recorded time backwards",
        Severity.WARNING,
        "The event was recorded earlier than the one stored in front of it.",
        "The clock of the machine that stores the events was set back; order events by sequence.",
        _TIMED,
    ),
    Check(
        "snapshot-damaged",
        "Snapshot unreadable",
        Severity.ERROR,
        "A stored snapshot cannot be decoded, does not fit its checksum, or names another actor or version.",
        "Snapshots are no evidence: have it taken again from the events.",
        _STORES,
    ),
    Check(
        "snapshot-ahead",
        "Snapshot ahead",
        Severity.WARNING,
        "A snapshot has a version that the actor's stream does not reach.",
        "Events of this actor were lost, or the snapshot belongs to another store: replay without it.",
        _STORES,
    ),
    Check(
        "snapshot-differs",
        "Snapshot differs",
        Severity.WARNING,
        "Replaying the events does not lead to the state that the snapshot holds.",
        "Take the snapshot again, and find out which version of the program wrote it.",
        _STORES,
    ),
    Check(
        "stream-setting",
        "Dangerous stream setting",
        Severity.WARNING,
        "A setting of the stream lets events be deleted, lost or changed.",
        "Change the setting named; what was deleted because of it is gone.",
        _STREAMS,
    ),
    Check(
        "page",
        "Damaged page",
        Severity.ERROR,
        "A part of the file cannot be read as what it should be.",
        "Restore the file from a copy, or write what is left into a new one with 'aether recover'.",
        _FILES,
    ),
    Check(
        "namespace-counter",
        "Namespace counters disagree",
        Severity.WARNING,
        "What the file counts for a namespace is not what its log holds.",
        "Lists show wrong numbers. Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "actor-counter",
        "Actor counters disagree",
        Severity.WARNING,
        "What the file counts for an actor is not what its log holds; a wrong version makes every save "
        "conflict, or "
        "lets one through that should.",
        "Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "index-versions",
        "Version index disagrees",
        Severity.ERROR,
        "The index over actors and versions does not hold exactly the rows of the log, so streams are read wrong.",
        "Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "index-ids",
        "Id index disagrees",
        Severity.WARNING,
        "The index over ids does not hold exactly the ids of the log: a stored id can be stored again, or a new "
        "one "
        "be refused.",
        "Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "index-links",
        "Index of causes disagrees",
        Severity.WARNING,
        "The index over causes and correlations does not hold exactly what the events say: related events are not "
        "found, or counted that are none.",
        "Write the log anew with 'aether recover'.",
        _FILES,
    ),
    Check(
        "orphan",
        "Rows without a namespace",
        Severity.ERROR,
        "The log holds rows of a namespace, or of an actor, that the file does not list.",
        "Nobody sees these events. 'aether recover' brings them back under a name of its own.",
        _FILES,
    ),
)

#: All checks by id, in the order in which they are listed.
CHECKS: Final[dict[str, Check]] = {check.id: check for check in _CHECKS}
