"""Times on an axis and in words, and the range of time in a filter's text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_desktop.models.filter.time_terms import time_range_of, with_time_range, with_version_range
from aether_desktop.models.timeline.time_axis import filter_time, range_text, ticks, time_text, width_text
from aether_engine.moments import milliseconds
from aether_engine.query import parse_filter

DAY = 86_400_000
HOUR = 3_600_000
EARLIEST = milliseconds(datetime(1, 1, 1, tzinfo=UTC))
LATEST = milliseconds(datetime(9999, 12, 31, tzinfo=UTC))
times = st.integers(EARLIEST, LATEST)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return milliseconds(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


@given(start=times, span=st.integers(1, LATEST - EARLIEST), most=st.integers(1, 12))
def test_ticks_are_few_in_order_and_between_the_ends(start: int, span: int, most: int) -> None:
    found = [tick.time for tick in ticks(start, start + span, most)]
    assert found == sorted(set(found))
    assert all(start <= time < start + span for time in found)
    assert len(found) <= most + 1


def test_ticks_stand_where_people_expect_them() -> None:
    months = ticks(at(2010, 10, 1), at(2012, 1, 10), 7)
    assert [tick.text for tick in months] == [
        "Oct 2010", "Jan 2011", "Apr 2011", "Jul 2011", "Oct 2011", "Jan 2012",
    ]  # fmt: skip
    hours = ticks(at(2024, 2, 28, 20), at(2024, 2, 29, 6), 6)
    assert [tick.text for tick in hours] == ["28 Feb 20:00", "22:00", "29 Feb 00:00", "02:00", "04:00"]
    days = ticks(at(2023, 12, 30), at(2024, 1, 3), 5)
    assert [tick.text for tick in days] == ["30 Dec 2023", "31 Dec", "1 Jan 2024", "2 Jan"]


def test_words_are_as_exact_as_they_need_to_be() -> None:
    assert width_text(5 * DAY) == "5 days"
    assert width_text(60_000) == "1 minute"
    assert width_text(1500) == "1,500 milliseconds"
    assert time_text(at(2011, 9, 1, 13, 59, 2) + 412) == "2011-09-01 13:59:02.412"
    assert time_text(at(2011, 9, 1, 13, 59), 60_000) == "2011-09-01 13:59"
    assert time_text(LATEST + 400 * DAY) == "behind the year 9999"
    assert range_text(at(2011, 9, 1), at(2011, 9, 6), 5 * DAY) == "2011-09-01 to 2011-09-05 (UTC)"
    assert range_text(at(2011, 9, 1), at(2011, 9, 2), DAY) == "2011-09-01 (UTC)"
    assert range_text(at(2011, 9, 1, 1), at(2011, 9, 1, 2), HOUR) == "2011-09-01 01:00 to 2011-09-01 02:00 UTC"


@given(start=times, end=times)
def test_a_range_written_into_a_filter_is_read_from_it(start: int, end: int) -> None:
    text = with_time_range("", (start, end))
    assert parse_filter(text).is_valid
    assert time_range_of(text) == (start, end)
    assert time_range_of(with_time_range(text, None)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "since:2011-08-01 before:2011-09-01"),
        ("type:T*", "type:T* since:2011-08-01 before:2011-09-01"),
        ("since:2d type:T*  before:2026-01-01 x", "type:T* x since:2011-08-01 before:2011-09-01"),
        ('"a  since:2d b" actor:x', '"a  since:2d b" actor:x since:2011-08-01 before:2011-09-01'),
        ("-since:2d", "-since:2d since:2011-08-01 before:2011-09-01"),
    ],
)
def test_only_the_terms_of_time_are_replaced(before: str, after: str) -> None:
    assert with_time_range(before, (at(2011, 8, 1), at(2011, 9, 1))) == after


def test_versions_are_replaced_likewise() -> None:
    assert with_version_range("type:T* version:>=5", (3, 7)) == "type:T* version:3..7"
    assert with_version_range("version:3..7 x", (4, 4)) == "x version:4"
    assert with_version_range("version:3..7 x", None) == "x"


def test_several_terms_leave_the_range_they_share() -> None:
    text = "since:2011-08-01 since:2011-08-05 before:2011-09-01 before:2011-08-20T12:00"
    assert time_range_of(text) == (at(2011, 8, 5), at(2011, 8, 20, 12))
    assert time_range_of("type:x -since:2011-01-01 since:2011-01-01,2012-01-01") is None
    assert filter_time(at(2011, 8, 20, 12)) == "2011-08-20T12:00:00Z"
