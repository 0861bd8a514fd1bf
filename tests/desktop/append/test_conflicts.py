"""Versions that are taken: what landed in between, duplicates told from others, and what can be done."""

from __future__ import annotations

from datetime import UTC, datetime

from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.conflict_report import SHOWN_LIMIT
from aether_desktop.models.inspector.event_fields import FieldKind
from aether_engine.errors import (
    OutcomeUnknownError,
)
from aether_engine.event import MAX_VERSION
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
    await unknown(controller, store, stored=True)
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


async def test_the_same_id_with_other_content_is_told(make: Make, store: FlakyStore) -> None:
    controller = make()
    heard = Heard(controller)
    await unknown(controller, store, stored=True)
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
