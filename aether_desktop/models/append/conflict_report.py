"""Why an event was refused, and what stands where it should have gone: all the conflict panel shows.

Texts in here hold names from a store as they are; whoever shows them makes them visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from aether_desktop.models.events.event_cells import short_reason
from aether_desktop.models.inspector.event_fields import Field, FieldKind, fields_of
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, MAX_VERSION, USER_ID, Event, StoredEvent

#: Most stored events that are laid beside the refused one.
SHOWN_LIMIT: Final = 50
#: Most fields that are compared.
ROW_LIMIT: Final = 200
#: Events behind the attempted version are counted up to this many.
COUNT_LIMIT: Final = 10_000

_NUMBER_WORDS: Final = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
_CALLED: Final = {
    "id": "id",
    "Event type": "event type",
    USER_ID: "user",
    CORRELATION_ID: "correlation",
    CAUSATION_ID: "cause",
}
_NAMED_DIFFERENCES: Final = 4


@dataclass(frozen=True, slots=True)
class Landed:
    """What was stored at or behind the attempted version, as far as it was looked at.

    `total` counts them all up to `COUNT_LIMIT`; `problem` says why they could not be read, if so.
    """

    shown: tuple[StoredEvent, ...] = ()
    total: int = 0
    problem: str = ""

    @property
    def counted_all(self) -> bool:
        """Whether `total` is the whole number."""
        return self.total <= COUNT_LIMIT

    @property
    def total_text(self) -> str:
        """The number with separators, or what is known of it."""
        return f"{self.total:,}" if self.counted_all else f"more than {COUNT_LIMIT:,}"


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One line of the comparison: your text and, per stored event, its text and whether it equals yours.

    None stands for a field an event does not have.
    """

    kind: FieldKind
    name: str
    yours: str | None
    stored: tuple[str | None, ...]
    equal: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Which event of a batch was refused, counted from 1, and how many of its events are stored already.

    `first` and `last` are the versions that the batch has for the refused event's actor.
    """

    position: int
    total: int
    stored: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """A refused event beside what is stored. `next_free` is None at the highest version there is.

    `stored_at` is the column of `landed.shown` whose event the verdict is about: the one with the same id, else
    the one that holds the attempted version; None when there is none. `batch` is None for an event by itself.
    """

    actor_id: str
    attempted: int
    current: int
    is_duplicate: bool
    yours: Event
    landed: Landed
    stored_at: int | None
    rows: tuple[ComparedField, ...]
    known_before: int | None
    batch: BatchPlace | None = None

    @property
    def next_free(self) -> int | None:
        """The version a rebase takes."""
        return self.current + 1 if self.current < MAX_VERSION else None

    @property
    def stored(self) -> StoredEvent | None:
        """The stored event that yours is compared with."""
        return None if self.stored_at is None else self.landed.shown[self.stored_at]

    @property
    def shown_rows(self) -> tuple[ComparedField, ...]:
        """At most `ROW_LIMIT` of the rows in their order; where that is too few, equal ones are left out first."""
        spare = ROW_LIMIT - sum(1 for row in self.rows if not all(row.equal))
        shown: list[ComparedField] = []
        for row in self.rows:
            if all(row.equal):
                spare -= 1
                if spare < 0:
                    continue
            shown.append(row)
        return tuple(shown[:ROW_LIMIT])

    @property
    def fact(self) -> str:
        """What happened, in a line."""
        batch = self.batch
        refused = "Not appended"
        if batch is not None:
            refused = f"None of {batch.total:,} appended, for event {batch.position:,}"
        if self.stored is not None and not self._stored_elsewhere:
            return f"{refused}: version {self.attempted} of {self.actor_id} is already taken"
        return f"{refused}: {self.actor_id} is already at version {self.current}"

    @property
    def explanation(self) -> str:
        """What landed meanwhile, and that nothing was lost or retried."""
        untouched = "Yours is unchanged above, and nothing was retried."
        if self.is_duplicate:
            return f"{self._what_was_saved} before. Nothing was stored a second time, and nothing was retried."
        if self.landed.problem:
            return f"What is stored there cannot be read now: {self.landed.problem} {untouched}"
        total = self.landed.total
        if not total:
            return untouched
        word = _NUMBER_WORDS[total] if total < len(_NUMBER_WORDS) else self.landed.total_text.capitalize()
        events = "event" if total == 1 else "events"
        if self.known_before is not None and self.attempted > self.known_before:
            return f"{word} {events} landed while you were editing. {untouched}"
        return (
            f"{word} {events} from version {self.attempted} on {'is' if total == 1 else 'are'} stored. {untouched}"
        )

    @property
    def verdict(self) -> str:
        """Whose event is stored there: the bold half of the verdict."""
        if self.is_duplicate:
            if self.batch is None:
                return "Yours is already stored, it is a duplicate:"
            return (
                "The whole batch is already stored:" if self._is_all_stored else "A part of it is already stored:"
            )
        if self.stored is None:
            return f"No event holds version {self.attempted}:"
        if self.stored.event is None:
            return "Not known whose event it is:"
        return "Somebody else’s event, not a duplicate:"

    @property
    def reason(self) -> str:
        """What the verdict rests on."""
        stored = self.stored
        if stored is None:
            if self.is_duplicate:
                return f"the store holds an event with the same id at version {self.attempted}."
            return f"the stream is at version {self.current}, and versions only rise."
        if stored.event is None:
            assert stored.error is not None
            return f"what is stored at #{stored.sequence:,} cannot be trusted: {short_reason(stored.error.error)}."
        version = stored.event.version
        different = self._differences()
        if self.is_duplicate:
            if not different:
                return f"v{version} is the same event, with the same id and content. Nothing is left to do."
            return f"v{version} has the same id, but {_joined(different)}. What is stored does not change."
        others = [name for name in different if name not in ("id", "timestamp")]
        if not others:
            return (
                f"v{version} has another id and timestamp, but the type, data and metadata of yours: "
                "perhaps the same command, sent twice."
            )
        return f"v{version} has {_joined([name for name in different if name != 'timestamp'])} than yours."

    @property
    def caution(self) -> str:
        """What to think of before rebasing."""
        return "" if self.is_duplicate else f"Check that yours still holds after v{self.current}."

    @property
    def rebase_words(self) -> str:
        """What a rebase is called."""
        if self.next_free is None:
            return "Rebase and append"
        if self.batch is None or self.rebased_last == self.next_free:
            return f"Rebase to version {self.next_free} and append"
        return f"Rebase to versions {self.next_free} to {self.rebased_last} and append"

    @property
    def rebase_explanation(self) -> tuple[str, str, str]:
        """What a rebase changes, in three parts of which the middle one matters most."""
        if self.batch is None:
            change = f"version {self.attempted} to {self.next_free}"
            return (
                "Rebasing changes only ",
                change,
                " in your event. Id, data, metadata and timestamp stay as written.",
            )
        change = f"versions {self.batch.first}–{self.batch.last} to {self.next_free}–{self.rebased_last}"
        rest = f" of {self.actor_id}. Ids, data, metadata and timestamps stay as written."
        return "Rebasing changes only ", change, rest

    @property
    def rebase_refusal(self) -> str:
        """Why a rebase is not offered, or nothing when it is."""
        if self.is_duplicate:
            if self.batch is not None and not self._is_all_stored:
                return f"Not offered: {self._stored_part}; take out what is stored"
            return "Not offered: yours is already stored"
        if self.next_free is None:
            return "Not offered: the stream is at the highest version there is"
        if self.rebased_last > MAX_VERSION:
            return "Not offered: there are not enough versions left"
        return ""

    @property
    def rebased_last(self) -> int:
        """The version that the last event of a rebased batch gets; of an event by itself, its own."""
        return self.current + 1 + (self.batch.last - self.batch.first if self.batch is not None else 0)

    @property
    def _is_all_stored(self) -> bool:
        return self.batch is None or self.batch.stored == self.batch.total

    @property
    def _stored_part(self) -> str:
        assert self.batch is not None
        return f"{self.batch.stored:,} of {self.batch.total:,} are stored"

    @property
    def _what_was_saved(self) -> str:
        if self.batch is None:
            return "The same event was saved"
        return "The same batch was saved" if self._is_all_stored else "A part of the batch was saved"

    @property
    def duplicate_refusal(self) -> str:
        """Why "It is a duplicate" is not offered, or nothing when it is."""
        if self.is_duplicate:
            return "" if self._is_all_stored else f"Not offered: only {self._stored_part}"
        if self.stored is None:
            return f"Not offered: no event holds v{self.attempted}"
        return "Not offered: the ids differ" if self.stored.event else "Not offered: the stored id cannot be read"

    def column_title(self, column: int) -> str:
        """The heading of a stored event: its version and its sequence in the log."""
        stored = self.landed.shown[column]
        place = f", #{stored.sequence:,}" if stored.sequence else ""
        return f"Stored v{stored.event.version}{place}" if stored.event else f"Damaged{place}"

    @property
    def _stored_elsewhere(self) -> bool:
        event = self.stored.event if self.stored else None
        return event is not None and event.version != self.attempted

    def _differences(self) -> list[str]:
        """What differs between yours and the stored event, in words of the trade."""
        assert self.stored_at is not None
        found: list[str] = []
        for row in self.rows:
            if not row.equal[self.stored_at]:
                name = _CALLED.get(row.name) or row.name.removeprefix("data").removeprefix("metadata").lstrip(".")
                found.append(name or row.name)
        return found


def report_on(
    yours: Event,
    attempted: int,
    current: int,
    landed: Landed,
    *,
    is_duplicate: bool,
    known_before: int | None,
    batch: BatchPlace | None = None,
) -> ConflictReport:
    """Compare a refused event with what landed. `known_before` is the version known when it was submitted."""
    columns = landed.shown
    same_id = _first(column for column, each in enumerate(columns) if each.event and each.event.id == yours.id)
    at_version = _first(
        column for column, each in enumerate(columns) if each.event and each.event.version == attempted
    )
    # Of a damaged event the version is not known; the one that stands first may be the one attempted.
    damaged = 0 if columns and columns[0].event is None else None
    stored_at = next((each for each in (same_id, at_version, damaged) if each is not None), None)
    return ConflictReport(
        yours.actor_id,
        attempted,
        current,
        is_duplicate or same_id is not None,
        yours,
        landed,
        stored_at,
        compare(yours, columns),
        known_before,
        batch,
    )


def compare(yours: Event, landed: Sequence[StoredEvent]) -> tuple[ComparedField, ...]:
    """The fields of `yours` and of stored events side by side, in the order of the first event that has them."""
    own = {(field.kind, field.name): field for field in fields_of(yours)}
    others = [
        {(field.kind, field.name): field for field in fields_of(stored.event)} if stored.event else {}
        for stored in landed
    ]
    keys = dict.fromkeys(key for fields in (own, *others) for key in fields)
    return tuple(
        ComparedField(
            kind,
            name,
            _text(own.get((kind, name))),
            tuple(_text(fields.get((kind, name))) for fields in others),
            tuple(_value(fields.get((kind, name))) == _value(own.get((kind, name))) for fields in others),
        )
        for kind, name in sorted(keys, key=lambda key: _ORDER[key[0]])
    )


_ORDER: Final = {kind: place for place, kind in enumerate(FieldKind)}


def _first(columns: Iterable[int]) -> int | None:
    return next(iter(columns), None)


def _text(field: Field | None) -> str | None:
    return None if field is None else field.text


def _value(field: Field | None) -> str | None:
    return None if field is None else field.value


def _joined(names: Sequence[str]) -> str:
    """`another id, another resource and another user`, with a count behind the first few."""
    parts = [f"another {name}" for name in names[:_NAMED_DIFFERENCES]]
    if len(names) > _NAMED_DIFFERENCES:
        rest = len(names) - _NAMED_DIFFERENCES
        parts.append(f"{rest:,} other difference{'' if rest == 1 else 's'}")
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
