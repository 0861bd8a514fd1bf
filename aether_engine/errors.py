"""Every error a store, a bus or a reader raises.

All derive from `AetherError`, carry their facts as fields, and say in one sentence what happened, to what,
and what can be done about it. The sentence is made here, so that one mistake reads the same on every store;
an exception of a driver (sqlite3, nats) never reaches a caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from aether_engine.event import Event

#: Longest excerpt of foreign text that an error sentence repeats, in characters.
EXCERPT_LENGTH = 80


def excerpt(value: object) -> str:
    """`value` as it can stand in a sentence: quoted if text, and never longer than `EXCERPT_LENGTH`."""
    text = ascii(value) if isinstance(value, bytes) else repr(value)
    if len(text) <= EXCERPT_LENGTH:
        return text
    return f"{text[:EXCERPT_LENGTH]}… ({len(text):,} characters)"


class AetherError(Exception):
    """Root of all errors of the engine; `str(error)` is a sentence for people.

    Copies and pickles, so that it reaches the parent of a worker process with its fields.
    """

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is rebuilt from its `args`, which hold the sentence; `__init__` wants the fields instead.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(kind: type[AetherError], args: tuple[object, ...]) -> AetherError:
    error = kind.__new__(kind)
    error.args = args
    return error


class InvalidEventError(AetherError):
    """An event or a snapshot that breaks the wire form or the rules of its fields.

    `field` is the wire name of the field at fault (`""` when it is the document as a whole), `problem` says
    what was found and what is expected there.
    """

    def __init__(self, field: str, problem: str, *, kind: str = "event") -> None:
        self.field = field
        self.problem = problem
        self.kind = kind
        where = f"{field} " if field else ""
        super().__init__(f"Not a valid {kind}: {where}{problem}.")


class VersionConflictError(AetherError):
    """The one invariant: an event's version must exceed its actor's current version.

    `stored` is the event that holds the attempted version, if there is one, and `is_duplicate` says whether
    it has the id of the refused one: then the same command was saved before. With `in_batch` nothing stored is
    in the way but an earlier event of the same batch, which was refused with it: it brings the actor to
    `current_version`.
    """

    def __init__(
        self,
        actor_id: str,
        attempted_version: int,
        current_version: int,
        *,
        stored: Event | None = None,
        is_duplicate: bool = False,
        in_batch: bool = False,
    ) -> None:
        self.actor_id = actor_id
        self.attempted_version = attempted_version
        self.current_version = current_version
        self.stored = stored
        self.is_duplicate = is_duplicate
        self.in_batch = in_batch
        following = (
            f"version {current_version + 1} or higher"
            if current_version < 2**63 - 1
            else "another actor, as there is no higher version"
        )
        place = "the actor is"
        if in_batch:
            place = "an earlier event of the same batch puts the actor"
            remedy = f"none of them was stored; what follows must be {following}"
        elif is_duplicate:
            remedy = "the event with this id is already stored there, so there is nothing left to do"
        elif stored is not None:
            remedy = (
                f"another event ({excerpt(stored.event_type)}, id {excerpt(stored.id)}) holds it; "
                f"look at what was stored meanwhile and decide on {following}"
            )
        else:
            remedy = f"what follows must be {following}"
        super().__init__(
            f"Version {attempted_version} of actor {excerpt(actor_id)} was not stored: "
            f"{place} at version {current_version}; {remedy}."
        )


class DuplicateEventError(AetherError):
    """The namespace already holds this event id, at `sequence`, at another version or of another actor.

    With `in_batch` it does not: two events of one batch have it, and `sequence` is what the first would have got.
    """

    def __init__(self, event_id: str, sequence: int, *, in_batch: bool = False) -> None:
        self.event_id = event_id
        self.sequence = sequence
        self.in_batch = in_batch
        found = (
            "stands twice in one batch"
            if in_batch
            else f"is already stored at sequence {sequence}, with another version or actor"
        )
        super().__init__(
            f"Event id {excerpt(event_id)} {found}; nothing was stored: give the new event an id of its own."
        )


class OutcomeUnknownError(AetherError):
    """Whether `event` was stored cannot be known; saving the same event again stores it at most once.

    Of a batch `event` is the first one. `reason` says what kept the store from finding out.
    """

    def __init__(self, event: Event, reason: str) -> None:
        self.event = event
        self.reason = reason
        super().__init__(
            f"Whether event {excerpt(event.id)} (version {event.version} of {excerpt(event.actor_id)}) was stored "
            f"is not known: {reason}; save the same event again, it is stored at most once."
        )


class StoreUnavailableError(AetherError):
    """The store cannot be reached or opened at present; nothing was changed. `reason` says why, `url` which."""

    #: Whether it is to be expected that trying again helps: a connection, a leader or an answer is missing.
    passing: bool = False

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url} is not available: {reason}.")


class NotPermittedError(StoreUnavailableError):
    """The store is there, and this user may not do this."""


class ReadOnlyError(AetherError):
    """A write was asked of a connection that was opened read-only."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"{url} was opened read-only, nothing was written; open it writable to append.")


class NamespaceNameError(AetherError):
    """A namespace name, or a pattern of names, that breaks the naming rules."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(
            f"{excerpt(name)} cannot be a namespace: {problem}; use one or more tokens of letters, digits, "
            "'_' and '-', joined by single dots."
        )


class NamespaceCollisionError(AetherError):
    """Two namespace names share one stream; the second is refused so that data is never mixed.

    `name` is the one that was asked for, `existing` the one that has `stream`.
    """

    def __init__(self, name: str, existing: str, stream: str) -> None:
        self.name = name
        self.existing = existing
        self.stream = stream
        super().__init__(
            f"Namespace {excerpt(name)} would share stream {excerpt(stream)} with namespace {excerpt(existing)}; "
            "choose another name."
        )


class CorruptStoreError(AetherError):
    """The store itself (not one event in it) is damaged beyond what the request needs."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url} is damaged: {reason}.")


class UnsupportedFormatError(AetherError):
    """The file is not ours, or its format is newer than this program knows; it is left as it is.

    `found` and `supported` name the formats, as parts of a sentence.
    """

    def __init__(self, url: str, found: str, supported: str) -> None:
        self.url = url
        self.found = found
        self.supported = supported
        super().__init__(f"{url} is {found}, and this program reads {supported}; the file was left as it is.")


class ChecksumMismatchError(AetherError):
    """The stored bytes of an event are not the bytes that were written, even if they still parse.

    `stored` and `computed` are CRC-32 checksums.
    """

    def __init__(self, stored: int, computed: int) -> None:
        self.stored = stored
        self.computed = computed
        super().__init__(
            f"Checksum mismatch: stored {stored:08X}, computed {computed:08X}; the bytes changed after writing."
        )


class MisplacedEventError(AetherError):
    """The place an event is stored under disagrees with what its payload says.

    `field` is what they disagree in, `place` and `payload` are what either says.
    """

    def __init__(self, field: str, place: object, payload: object) -> None:
        self.field = field
        self.place = place
        self.payload = payload
        super().__init__(
            f"Payload and place disagree: stored as {field} {excerpt(place)}, "
            f"but the payload says {excerpt(payload)}."
        )


class EventLostError(AetherError):
    """An event that must be there (sequences of a file have no holes) cannot be read."""

    def __init__(self, sequence: int, reason: str) -> None:
        self.sequence = sequence
        self.reason = reason
        super().__init__(f"The event at sequence {sequence} is lost: {reason}.")


class LogGapError(AetherError):
    """Events behind `after_sequence` are missing from the log itself; `missed` says how many, None = not known."""

    def __init__(self, after_sequence: int, missed: int | None, reason: str) -> None:
        self.after_sequence = after_sequence
        self.missed = missed
        self.reason = reason
        super().__init__(f"Events behind sequence {after_sequence} are missing: {reason}.")


class IncompleteLoadError(AetherError):
    """Of a load that a store can only take in parts, the first `stored` of `total` events are stored."""

    def __init__(self, stored: int, total: int, cause: AetherError) -> None:
        self.stored = stored
        self.total = total
        self.cause = cause
        super().__init__(
            f"The first {stored:,} of {total:,} events were stored, the rest was not ({cause}); "
            f"go on behind event {stored:,}."
        )


class ReducerError(AetherError):
    """A reducer failed at one event: at `version`, and at `sequence` of its namespace's log (None = not known).

    `trace` shows where in the reducer, a frame after the other as Python writes them, "" where that is not known.
    The states before that version are what they were. If the reducer raised, its exception is the `__cause__`,
    unless it ran in another process.
    """

    def __init__(self, version: int, reason: str, *, sequence: int | None = None, trace: str = "") -> None:
        self.version = version
        self.reason = reason.rstrip(".")
        self.sequence = sequence
        self.trace = trace
        super().__init__(self._sentence())

    def located(self, sequence: int) -> Self:
        """This error, which knows its place in the log from here on."""
        self.sequence = sequence
        self.args = (self._sentence(),)
        return self

    def _sentence(self) -> str:
        place = "" if self.sequence is None else f" (sequence {self.sequence})"
        return f"The reducer failed at version {self.version}{place}: {self.reason}."


class ReducerTimeoutError(ReducerError):
    """A reducer did not come back: from one event within `seconds`, or, with `in_all`, from all it was given."""

    def __init__(self, version: int, seconds: float, *, in_all: bool = False, trace: str = "") -> None:
        self.seconds = seconds
        self.in_all = in_all
        what = "all events together" if in_all else "this event"
        super().__init__(
            version, f"it took longer than {seconds:g} seconds for {what} and was stopped", trace=trace
        )


class ReducerMemoryError(ReducerError):
    """A reducer wanted more memory than the `limit` of its process, in bytes."""

    def __init__(self, version: int, limit: int, *, trace: str = "") -> None:
        self.limit = limit
        super().__init__(version, f"it needed more memory than its {limit / 2**20:,.0f} MiB", trace=trace)


class ReducerExitError(ReducerError):
    """A reducer ended the process it ran in; `exit_code` is negative for a signal, as `subprocess` has it."""

    def __init__(self, version: int, exit_code: int, *, trace: str = "") -> None:
        self.exit_code = exit_code
        how = f"exit code {exit_code}" if exit_code >= 0 else f"signal {-exit_code}"
        super().__init__(version, f"it ended its own process ({how})", trace=trace)


class ReducerStateError(ReducerError):
    """A reducer returned what cannot be a state; `problem` says what it is."""

    def __init__(self, version: int, problem: str) -> None:
        self.problem = problem
        super().__init__(version, f"what it returned cannot be a state: {problem}")


class ReducerFileError(AetherError):
    """A file that should hold a reducer cannot be used: not readable, not Python, or without `apply`.

    `trace` shows where in the file, "" where that is not known.
    """

    def __init__(self, path: str, reason: str, *, trace: str = "") -> None:
        self.path = path
        self.reason = reason.rstrip(".")
        self.trace = trace
        super().__init__(f"{path} is no reducer: {self.reason}.")


class ReducerTrustError(AetherError):
    """A reducer's file is a program, and nobody has said that this content of it may run.

    `sha256` names the content as it is now; with `expected` another one was trusted.
    """

    def __init__(self, path: str, sha256: str, *, expected: str | None = None) -> None:
        self.path = path
        self.sha256 = sha256
        self.expected = expected
        changed = "" if expected is None else "is not the file that was trusted; it "
        super().__init__(
            f"{path} was not run: it {changed}is a program that can do whatever you can; "
            f"look at it, and trust it (SHA-256 {sha256}) if it is good."
        )


class ReducerStoppedError(AetherError):
    """A reducer's process was ended on request, in the middle of its work."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"The reducer {path} was stopped; start it again to go on.")


class BeforeSnapshotError(AetherError):
    """A state was asked for that lies before the snapshot replay began with."""

    def __init__(self, version: int, snapshot_version: int) -> None:
        self.version = version
        self.snapshot_version = snapshot_version
        super().__init__(
            f"The state at version {version} is not known: replay began with the snapshot at version "
            f"{snapshot_version}; begin with the first event to see it."
        )


class InvalidFilterError(AetherError):
    """A filter that is not understood was to be applied; `reason` is its first problem."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(f"The filter {excerpt(text)} is not understood: {reason}")


class ExpressionError(AetherError):
    """An expression over a state that is not understood; `position` counts its characters from 0."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        self.text = text
        self.position = position
        self.problem = problem
        where = f"at character {position + 1}" if position < len(text) else "at its end"
        super().__init__(f"The expression {excerpt(text)} is not understood {where}: {problem}.")


class PatchError(AetherError):
    """An operation of a JSON Patch that cannot be done on the document at hand; `operation` counts from 0."""

    def __init__(self, operation: int, reason: str) -> None:
        self.operation = operation
        self.reason = reason
        super().__init__(f"Operation {operation} of the JSON Patch cannot be done: {reason}.")


class ImportLineError(AetherError):
    """A line of an import that is refused; nothing of the import was stored. `line` counts from 1."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        self.source = source
        self.line = line
        self.reason = reason
        super().__init__(f"{source}, line {line}: {reason} Nothing was imported.")


class TransferError(AetherError):
    """A file of an import or export cannot be read or written, or cannot hold what it should."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}.")
