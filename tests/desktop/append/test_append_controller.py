"""Appending by hand, without a window: drafts, exact numbers, and what is offered while one types."""

from __future__ import annotations

from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.filter.type_names import SEARCHED_WITHIN, TypeNames
from aether_desktop.models.inspector.typed_json import one_line
from aether_engine.errors import (
    OutcomeUnknownError,
)
from aether_engine.event import Event
from tests.desktop.append.stories import (
    ACTOR,
    FlakyStore,
    Heard,
    Make,
    event,
    ready,
    settled,
)
from tests.waiting import until


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
