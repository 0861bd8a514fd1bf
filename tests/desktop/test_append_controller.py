"""Appending by hand, without a window: drafts, exact numbers, conflicts and everything else a save can come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.append_outcome import Look
from aether_desktop.models.append.conflict_report import SHOWN_LIMIT, ConflictReport
from aether_desktop.models.filter.type_names import SEARCHED_WITHIN, TypeNames
from aether_desktop.models.inspector.event_fields import FieldKind
from aether_desktop.models.inspector.typed_json import one_line
from aether_engine.errors import (
    DuplicateEventError,
    OutcomeUnknownError,
    ReadOnlyError,
    StoreUnavailableError,
)
from aether_engine.event import MAX_VERSION, Event, StoredEvent
from aether_engine.store.memory.store import InMemoryEventStore
from tests.waiting import until

ACTOR = "permit-891"
NAMESPACE = "city.permits"


class FlakyStore(InMemoryEventStore):
    """A store whose next save raises what it is told, before or after it has stored the event."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.raises: Callable[[Event], Exception] | None = None
        self.stores_all_the_same = False
        self.unreadable = ""

    async def save_event(self, event: Event) -> int:
        raises, self.raises = self.raises, None
        if raises is None:
            return await super().save_event(event)
        if self.stores_all_the_same:
            await super().save_event(event)
        raise raises(event)

    async def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        if self.unreadable:
            raise StoreUnavailableError("memory://", self.unreadable)
        async for batch in super().read_actor(actor_id, from_version=from_version, batch_size=batch_size):
            yield batch


class Heard:
    """What a controller has told."""

    def __init__(self, controller: AppendController) -> None:
        self.appended: list[tuple[int, Event]] = []
        self.conflicts: list[ConflictReport] = []
        self.failures: list[Exception] = []
        self.drafts: list[AppendDraft | None] = []
        self.duplicates: list[Sequence[Event]] = []
        self.looks: list[Look] = []
        self.discarded = 0
        controller.appended.connect(lambda sequence, event: self.appended.append((sequence, event)))
        controller.conflicted.connect(self.conflicts.append)
        controller.failed.connect(self.failures.append)
        controller.draft_changed.connect(self.drafts.append)
        controller.duplicate_confirmed.connect(self.duplicates.append)
        controller.looked.connect(self.looks.append)
        controller.discarded.connect(self._discard)

    def _discard(self) -> None:
        self.discarded += 1


def event(version: int, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"stored-{version}",
        "event_type": "T02Check",
        "actor_id": ACTOR,
        "version": version,
        "data": {"resource": "Resource21", "task": "task-10"},
        "metadata": {"UserID": "Resource21"},
        "timestamp": datetime(2010, 11, 9, 13, 14, tzinfo=UTC),
    }
    return Event(**{**values, **fields})


@pytest.fixture
async def store() -> AsyncIterator[FlakyStore]:
    store = FlakyStore(NAMESPACE)
    for version in range(1, 6):
        await store.save_event(event(version))
    yield store
    store.close()


Make = Callable[..., AppendController]


@pytest.fixture
async def make(store: FlakyStore) -> AsyncIterator[Make]:
    made: list[AppendController] = []

    def make(actor_id: str | None = ACTOR, **options: Any) -> AppendController:
        controller = AppendController(store, actor_id, **options)
        made.append(controller)
        return controller

    yield make
    for controller in made:
        await controller.close()


async def ready(controller: AppendController) -> None:
    """Look up the version and type an event."""
    controller.start()
    await until(lambda: controller.current_version is not None)
    controller.set_event_type("T02Check")
    controller.set_data_text('{"resource": "Resource26", "task": "task-10"}')
    controller.set_metadata_text('{"UserID": "Resource26"}')


async def settled(controller: AppendController) -> None:
    await until(lambda: controller.state is not AppendState.SAVING)


async def test_the_next_version_is_prefilled_and_the_event_stored_as_typed(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    assert controller.draft.version == 6
    assert controller.submit()
    await settled(controller)
    assert controller.state is AppendState.DONE
    ((sequence, stored),) = heard.appended
    assert sequence == 6
    assert await store.get_events(ACTOR, 6) == [stored]
    assert stored.data == {"resource": "Resource26", "task": "task-10"}
    assert heard.drafts[-1] is None, "nothing is left to keep"


async def test_numbers_and_texts_reach_the_store_character_for_character(make: Make, store: FlakyStore) -> None:
    controller = make()
    await ready(controller)
    typed = (
        f'{{\n  "price": 1.10,\n  "big": {2**70},\n  "e": 1E+2, "same": "\\u00e9 \\n",\r\n'
        '\t"twice": 1, "twice": 2\n}'
    )
    controller.set_data_text(typed)
    controller.submit()
    await settled(controller)
    (stored,) = await store.get_events(ACTOR, 6)
    raw = stored.to_json()
    assert b"\n" not in raw
    assert f'"price":1.10,"big":{2**70},"e":1E+2,"same":"\\u00e9 \\n","twice":1,"twice":2'.encode() in raw


async def test_the_highest_version_can_be_appended_and_then_no_rebase_is_offered(
    make: Make, store: FlakyStore
) -> None:
    controller = make()
    await ready(controller)
    controller.set_version(MAX_VERSION)
    controller.submit()
    await settled(controller)
    assert await store.get_latest_version(ACTOR) == 2**63 - 1

    late = make()
    heard = Heard(late)
    await ready(late)
    late.set_version(MAX_VERSION)
    late.submit()
    await until(lambda: heard.conflicts)
    assert heard.conflicts[0].next_free is None
    assert "highest version" in heard.conflicts[0].rebase_refusal
    assert not late.rebase()


async def test_a_conflict_with_somebody_elses_events(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    await store.save_event(event(6))
    await store.save_event(event(7, event_type="T04Determine", data={"other": 1}))
    controller.submit()
    await until(lambda: heard.conflicts)
    (report,) = heard.conflicts
    assert (report.attempted, report.current, report.next_free) == (6, 7, 8)
    assert not report.is_duplicate
    assert report.fact == "Not appended: version 6 of permit-891 is already taken"
    assert report.explanation.startswith("Two events landed while you were editing.")
    assert report.verdict == "Somebody else’s event, not a duplicate:"
    assert report.reason == "v6 has another id, another resource and another user than yours."
    assert report.duplicate_refusal == "Not offered: the ids differ"
    assert [report.column_title(column) for column in (0, 1)] == ["Stored v6, #6", "Stored v7, #7"]
    rows = {row.name: row for row in report.rows}
    assert list(rows) == [
        *("id", "Event type", "data.resource", "data.task", "data.other", "UserID", "timestamp"),
    ]
    assert rows["data.task"].equal == (True, False)
    assert rows["data.resource"].equal == (False, False)
    assert rows["data.other"].yours is None
    assert rows["data.other"].stored == (None, "1")
    assert rows["Event type"].kind is FieldKind.TYPE
    assert await store.last_sequence() == 7, "nothing was retried"
    assert controller.draft.data_text == '{"resource": "Resource26", "task": "task-10"}'


async def test_rebasing_changes_the_version_and_nothing_else(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    controller.set_data_text('{"price": 1.10}')
    await store.save_event(event(6))
    controller.submit()
    await until(lambda: heard.conflicts)
    before = heard.conflicts[0].yours
    # Somebody is faster once more.
    await store.save_event(event(7))
    assert controller.rebase()
    await until(lambda: len(heard.conflicts) == 2)
    assert (heard.conflicts[1].attempted, heard.conflicts[1].next_free) == (7, 8)
    assert controller.rebase()
    await settled(controller)
    ((_, stored),) = heard.appended
    assert stored.version == 8
    assert stored.to_json() == before.to_json().replace(b'"version":6', b'"version":8')


async def test_a_lost_acknowledgement_ends_as_a_duplicate(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    store.raises = lambda event: OutcomeUnknownError(event, "no answer")
    store.stores_all_the_same = True
    controller.submit()
    await settled(controller)
    assert controller.state is AppendState.UNKNOWN
    assert isinstance(heard.failures[0], OutcomeUnknownError)
    kept = controller.draft
    assert kept.id
    assert heard.drafts[-1] == kept
    assert controller.save_again()
    await until(lambda: heard.conflicts)
    (report,) = heard.conflicts
    assert report.is_duplicate
    assert report.reason.endswith("with the same id and content. Nothing is left to do.")
    assert report.rebase_refusal
    assert not controller.rebase()
    assert controller.mark_duplicate_done()
    assert [each.id for each in heard.duplicates[0]] == [kept.id]
    assert await store.last_sequence() == 6


async def test_a_draft_that_comes_back_is_the_same_event(make: Make, store: FlakyStore) -> None:
    first = make()
    await ready(first)
    store.raises = lambda event: OutcomeUnknownError(event, "no answer")
    first.submit()
    await settled(first)
    second = make(draft=first.draft)
    heard = Heard(second)
    second.start()
    # It may have been stored before the restart: it is looked for by itself, and saved only when asked.
    assert second.state is AppendState.LOOKING
    await until(lambda: bool(heard.looks))
    assert heard.looks[0].fact == "It is not stored, as of now."
    assert (second.state, await store.last_sequence()) == (AppendState.UNKNOWN, 5)
    assert second.submit()
    await settled(second)
    assert heard.appended[0][1].id == first.draft.id
    assert heard.appended[0][1].timestamp == first.draft.timestamp


async def unknown(controller: AppendController, store: FlakyStore, *, stored: bool) -> None:
    """Submit, and lose the answer: whether it was stored is for the controller to find out."""
    await ready(controller)
    store.raises = lambda event: OutcomeUnknownError(event, "no answer")
    store.stores_all_the_same = stored
    assert controller.submit()
    await settled(controller)
    assert controller.state is AppendState.UNKNOWN


async def test_an_unknown_outcome_is_found_to_be_stored(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await unknown(controller, store, stored=True)
    assert controller.look_again()
    await until(lambda: controller.state is AppendState.DONE)
    ((sequence, event),) = heard.appended
    assert (sequence, event.id, controller.was_found) == (6, controller.draft.id, True)
    assert heard.drafts[-1] is None
    assert await store.last_sequence() == 6, "looking stores nothing"


async def test_an_unknown_outcome_that_is_not_stored_stays_open(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await unknown(controller, store, stored=False)
    controller.look_again()
    await until(lambda: len(heard.looks) == 1)
    assert controller.state is AppendState.UNKNOWN
    assert "permit-891 is at version 5, and nothing with this id is stored" in heard.looks[0].explanation
    store.unreadable = "no link"
    controller.look_again()
    await until(lambda: len(heard.looks) == 2)
    assert heard.looks[1].fact == "It could not be looked for."
    assert "no link" in heard.looks[1].explanation
    store.unreadable = ""
    assert controller.save_again()
    await settled(controller)
    assert heard.appended[0][1].id == controller.draft.id
    assert await store.last_sequence() == 6


async def test_an_unknown_outcome_whose_version_somebody_else_has_is_a_conflict(
    make: Make, store: FlakyStore
) -> None:
    controller = make()
    heard = Heard(controller)
    await unknown(controller, store, stored=False)
    await store.save_event(event(6))
    controller.look_again()
    await until(lambda: controller.state is AppendState.CONFLICT)
    (report,) = heard.conflicts
    assert (report.attempted, report.current, report.is_duplicate) == (6, 6, False)
    assert controller.rebase()
    await settled(controller)
    assert heard.appended[0][1].version == 7


async def test_what_was_submitted_before_a_restart_is_found_and_the_next_begins(
    make: Make, store: FlakyStore
) -> None:
    first = make()
    await unknown(first, store, stored=True)
    cause = event(5)
    second = make(draft=first.draft, cause=cause)
    heard = Heard(second)
    second.start()
    await until(lambda: bool(heard.appended))
    assert second.was_found
    assert second.state is AppendState.EDITING, "the dialog was opened for something new"
    assert (second.draft.version, second.draft.event_type, second.draft.id) == (7, "", "")
    assert '"CausationID": "stored-5"' in second.draft.metadata_text
    assert heard.drafts == [None]


async def test_several_in_a_row(make: Make, store: FlakyStore) -> None:
    controller = make()
    controller.stay_open = True
    heard = Heard(controller)
    await ready(controller)
    ids = []
    for version in (6, 7, 8):
        assert controller.draft.version == version
        assert controller.submit()
        await settled(controller)
        ids.append(heard.appended[-1][1].id)
        assert controller.state is AppendState.EDITING
        assert not controller.dirty, "what is left in the dialog is stored"
        assert heard.drafts[-1] is None
    assert len(set(ids)) == 3
    assert controller.stored_count == 3
    assert [name for name, _ in controller.link_sources] == ["the one just appended"]
    # Somebody else is faster, and the row goes on behind the conflict.
    await store.save_event(event(9))
    controller.submit()
    await settled(controller)
    assert controller.rebase()
    await settled(controller)
    assert controller.draft.version == 11
    assert [each.version for each in await store.get_events(ACTOR, 6)] == [6, 7, 8, 9, 10]


async def test_the_same_id_with_other_content_is_told(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    store.raises = lambda event: OutcomeUnknownError(event, "no answer")
    store.stores_all_the_same = True
    controller.submit()
    await settled(controller)
    controller.set_data_text('{"resource": "changed", "task": "task-10"}')
    controller.submit()
    await until(lambda: heard.conflicts)
    assert heard.conflicts[0].is_duplicate
    assert heard.conflicts[0].reason == "v6 has the same id, but another resource. What is stored does not change."
    # What is edited now is another event than the stored one.
    controller.edit()
    assert controller.draft.id == ""


async def test_yours_stored_at_another_version_is_a_duplicate_too(make: Make, store: FlakyStore) -> None:
    controller = make(draft=AppendDraft(NAMESPACE, ACTOR, "T02Check", 6, id="mine", timestamp=datetime.now(UTC)))
    heard = Heard(controller)
    await store.save_event(event(6))
    await store.save_event(event(7, id="mine"))
    controller.submit()
    await until(lambda: heard.conflicts)
    assert heard.conflicts[0].is_duplicate
    assert heard.conflicts[0].stored_at == 1
    assert heard.conflicts[0].fact == "Not appended: permit-891 is already at version 7"


async def test_a_version_in_a_gap_is_held_by_nobody(make: Make, store: FlakyStore) -> None:
    await store.save_event(event(9))
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    assert controller.draft.version == 10
    controller.set_version(7)
    assert controller.version_too_low
    assert controller.hint == "Stream is at 9"
    controller.submit()
    await until(lambda: heard.conflicts)
    report = heard.conflicts[0]
    assert report.verdict == "No event holds version 7:"
    assert report.duplicate_refusal == "Not offered: no event holds v7"
    assert report.explanation.startswith("One event from version 7 on is stored.")


async def test_many_events_are_counted_and_some_are_shown(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    await store.save_events([event(version) for version in range(6, 106)])
    controller.submit()
    await until(lambda: heard.conflicts)
    landed = heard.conflicts[0].landed
    assert (len(landed.shown), landed.total) == (SHOWN_LIMIT, 100)
    assert heard.conflicts[0].explanation.startswith("100 events landed")


async def test_a_conflict_is_shown_even_if_the_stored_events_cannot_be_read(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    await store.save_event(event(6))
    store.unreadable = "no link"
    controller.submit()
    await until(lambda: heard.conflicts)
    report = heard.conflicts[0]
    assert "no link" in report.explanation
    assert report.stored is not None, "the conflict itself carries the event"
    assert report.column_title(0) == "Stored v6"


async def test_other_errors_leave_the_draft_and_are_told_in_place(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    errors: list[Exception] = [StoreUnavailableError("memory://", "no link"), ReadOnlyError("memory://")]
    for error in errors:
        store.raises = lambda _, error=error: error
        assert controller.submit()
        await settled(controller)
        assert controller.state is AppendState.FAILED
        assert heard.failures[-1] is error
        assert controller.draft.data_text.startswith('{"resource"')
    assert await store.last_sequence() == 5, "nothing was retried"


async def test_an_id_that_is_taken_can_be_renewed(make: Make, store: FlakyStore) -> None:
    draft = AppendDraft(NAMESPACE, ACTOR, "T02Check", 6, id="stored-1", timestamp=datetime.now(UTC))
    controller = make(draft=draft)
    heard = Heard(controller)
    controller.submit()
    await settled(controller)
    assert isinstance(heard.failures[0], DuplicateEventError)
    controller.renew()
    assert controller.state is AppendState.EDITING
    assert controller.submit()
    await settled(controller)
    assert heard.appended[0][1].id != "stored-1"


async def test_an_unexpected_error_is_heard(
    make: Make, store: FlakyStore, caplog: pytest.LogCaptureFixture
) -> None:
    controller = make()
    heard = Heard(controller)
    await ready(controller)
    store.raises = lambda _: ZeroDivisionError("a bug")
    controller.submit()
    await settled(controller)
    assert controller.state is AppendState.UNKNOWN
    assert isinstance(heard.failures[0], ZeroDivisionError)
    assert "unexpectedly" in caplog.text


async def test_closing_ends_a_save_in_flight(
    make: Make, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = make()
    await ready(controller)
    begun = asyncio.Event()

    async def never(_: Event) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(store, "save_event", never)
    controller.submit()
    await begun.wait()
    await controller.close()
    assert controller.draft.id, "the draft can be saved again as the same event"


async def test_a_new_actor_is_looked_up_while_its_id_is_typed(make: Make) -> None:
    controller = make(None)
    controller.start()
    assert controller.missing() == "The actor’s id is missing"
    controller.set_actor_id("order-1")
    await until(lambda: controller.current_version == 0)
    assert controller.hint == "First event of this actor"
    controller.set_actor_id(ACTOR)
    await until(lambda: controller.current_version == 5)
    assert controller.draft.version == 6
    controller.set_version(9)
    assert controller.hint == "Leaves a gap: 6 is next"


async def test_cause_and_correlation_come_from_the_selected_event(make: Make) -> None:
    cause = event(5, metadata={"CorrelationID": "case-891", "UserID": "Resource21", "CausationID": "earlier"})
    controller = make(cause=cause)
    assert controller.draft.metadata_text == (
        '{\n  "CorrelationID": "case-891",\n  "CausationID": "stored-5"\n}'
    ), "not who did it, and not the cause of the cause"
    assert not controller.dirty
    controller.set_metadata_text('{"UserID": "me",  "CausationID": "x", "CausationID": "y", "n": "\\u00e9"}')
    controller.link_to(cause)
    assert controller.draft.metadata_text == (
        '{"UserID": "me",  "CausationID": "x", "CausationID": "stored-5", "n": "\\u00e9", '
        '"CorrelationID": "case-891"}'
    )
    controller.unlink()
    assert controller.draft.metadata_text == '{"UserID": "me", "n": "\\u00e9"}'
    controller.set_metadata_text('{"UserID": ')
    assert not controller.can_link
    controller.link_to(cause)
    assert controller.draft.metadata_text == '{"UserID": '
    assert make(cause=event(4, metadata={})).draft.metadata_text == '{\n  "CausationID": "stored-4"\n}'


async def test_types_and_templates_of_the_namespace_are_offered(make: Make, store: FlakyStore) -> None:
    await store.save_event(event(1, id="o-1", actor_id="order-1", event_type="Order\u200bPlaced"))
    await store.save_event(event(2, id="o-2", actor_id="order-1", event_type="OrderPaid", data={"n": 1}))
    like = event(
        3, id="o-3", actor_id="order-1", event_type="OrderPaid", metadata={"UserID": "u", "CausationID": "c"}
    )
    await store.save_event(like)
    controller = make(event_types=["Known"], cause=event(5))
    controller.start()
    suggestions = controller.suggestions
    await until(lambda: len(suggestions.types) == 3)
    assert suggestions.types.first(9) == ["Known", "OrderPaid", "T02Check"], "no type that looks like another"
    assert suggestions.types.matching("orderp", 9) == ["OrderPaid"]
    assert suggestions.types.matching("check", 9) == ["T02Check"], "also in the middle"
    assert [each.id for each in suggestions.templates] == ["o-3", "o-1", "stored-5"], "the latest of each type"
    controller.use_template(like)
    draft = controller.draft
    assert (draft.event_type, draft.actor_id) == ("OrderPaid", ACTOR)
    assert one_line(draft.metadata_text) == '{"UserID":"u","CausationID":"stored-5"}', (
        "caused by what it was caused by"
    )


def test_a_million_types_are_completed_by_their_beginnings() -> None:
    names = TypeNames(f"Type{number:07}" for number in range(SEARCHED_WITHIN + 1))
    assert names.matching("type00000", 3) == ["Type0000000", "Type0000001", "Type0000002"]
    assert names.matching("0000001", 3) == []
    assert len(names.matching("", 50)) == 50


async def test_a_template_keeps_the_numbers_as_stored(make: Make) -> None:
    raw = (
        b'{"id":"a","eventType":"Priced","actorId":"x-1","version":1,"data":{"price":1.10,"big":1180591620717411303424,'
        b'"list":[1,{}],"name":"\xe2\x80\xaeevil"},"metadata":{"UserID":"u"},"timestamp":"2020-01-01T00:00:00Z"}'
    )
    controller = make(template=Event.from_json(raw))
    draft = controller.draft
    assert draft.event_type == "Priced"
    assert draft.id == ""
    assert '"price": 1.10,\n  "big": 1180591620717411303424,\n  "list": [\n    1,\n    {}\n  ]' in draft.data_text
    assert "\\u202eevil" in draft.data_text
    assert one_line(draft.metadata_text) == '{"UserID":"u"}'
    before = controller.dirty
    controller.set_event_type("Other")
    assert (before, controller.dirty) == (False, True)
    heard = Heard(controller)
    controller.discard()
    assert heard.discarded == 1
    assert heard.drafts == [None]
