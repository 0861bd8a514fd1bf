"""Everything else that a save can come to: unknown outcomes, errors, and an end in the middle."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.append_flow import AppendState
from aether_engine.errors import (
    DuplicateEventError,
    ReadOnlyError,
    StoreUnavailableError,
)
from aether_engine.event import Event
from tests.desktop.append.stories import (
    ACTOR,
    NAMESPACE,
    FlakyStore,
    Heard,
    Make,
    event,
    ready,
    settled,
    unknown,
)
from tests.waiting import until


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
