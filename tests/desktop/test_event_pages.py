"""Pages of events: tables share what room there is, and each keeps what is in sight."""

from __future__ import annotations

import pytest

from aether_desktop.models.events import event_pages
from aether_desktop.models.events.event_pages import KEPT_PAGES, PAGE_ROWS, EventPages, PageMemory
from aether_desktop.models.events.unseen_event import QUICK
from aether_desktop.models.tail.tail_rows import TailRow, kept_of
from aether_engine.codec import encode_event
from aether_engine.event import Event, StoredEvent, Tailed
from tests.desktop.stores import order_event

_TOTAL = 100 * PAGE_ROWS


_EVENT = order_event(1, 1)
_STORED = StoredEvent(1, _EVENT.timestamp, encode_event(_EVENT), _EVENT, None)


def _load(pages: EventPages, number: int) -> None:
    pages.keep(number * PAGE_ROWS, [_STORED] * PAGE_ROWS, _TOTAL)


def _held(pages: EventPages) -> list[int]:
    return [number for number in range(100) if number in pages]


def test_the_page_that_was_not_looked_at_for_longest_goes_first() -> None:
    memory = PageMemory()
    one, other = EventPages(memory), EventPages(memory)
    for number in range(KEPT_PAGES - 4):
        _load(one, number)
    for number in range(4):
        _load(other, number)
    assert memory.is_full
    assert one.row(0) is not None, "looked at, so kept longer than those behind it"
    _load(other, 4)
    _load(other, 5)
    assert _held(one) == [0, *range(3, KEPT_PAGES - 4)]
    assert _held(other) == list(range(6))
    assert one.row_count + other.row_count == KEPT_PAGES * PAGE_ROWS


def test_each_table_keeps_what_is_in_sight() -> None:
    memory = PageMemory()
    tables = [EventPages(memory) for _ in range(KEPT_PAGES)]
    for pages in tables:
        for number in range(5):
            _load(pages, number)
    assert [_held(pages) for pages in tables] == [[3, 4]] * KEPT_PAGES


def test_tables_that_are_gone_take_no_room() -> None:
    memory = PageMemory()
    one, other = EventPages(memory), EventPages(memory)
    for number in range(KEPT_PAGES - 1):
        _load(one, number)
    _load(other, 0)
    one.clear()
    assert not memory.is_full
    assert (one.size, one.row_count, one.row(0)) == (0, 0, None)
    for number in range(KEPT_PAGES):
        _load(one, number)
    assert _held(other) == [0]
    del one
    for number in range(KEPT_PAGES):
        _load(other, number)
    assert len(other) == KEPT_PAGES


def test_large_events_push_others_out_early(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = PageMemory()
    pages = EventPages(memory)
    _load(pages, 0)
    monkeypatch.setattr(event_pages, "KEPT_BYTES", pages.size * 3)
    for number in range(1, 6):
        _load(pages, number)
        assert memory.is_full
    assert _held(pages) == [3, 4, 5]
    pages.drop_from(4 * PAGE_ROWS + 7)
    assert _held(pages) == [3]
    assert pages.size == PAGE_ROWS * len(_STORED.raw)


def test_an_event_is_decoded_once_and_when_it_is_looked_at() -> None:
    pages = EventPages(PageMemory())
    _load(pages, 0)
    found = pages.row(7)
    assert found == _STORED
    assert found is not _STORED, "let go of, so that what nobody looks at takes little"
    assert pages.row(7) is found


def test_a_large_event_is_not_decoded_again_where_it_would_be_felt() -> None:
    event = Event("large", "OrderPlaced", "order-1", 1, {"text": "x" * QUICK})
    stored = StoredEvent(1, event.timestamp, encode_event(event), event, None)
    pages = EventPages(PageMemory())
    pages.keep(0, [stored], 1)
    assert pages.row(0) is stored
    row = kept_of(Tailed("shop", stored))
    assert isinstance(row, TailRow)
    assert row.event is event
