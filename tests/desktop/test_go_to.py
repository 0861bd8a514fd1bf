"""What can be typed to go somewhere, and where it leads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_desktop.models.events.go_to import (
    Target,
    ToEnd,
    ToRecorded,
    ToRelative,
    ToSequence,
    ToShare,
    ToTime,
    ToVersion,
    Where,
    parse_target,
    position_of,
    preview,
)

LOG = Where(in_stream=False, rows=8577, position=99, last_sequence=8577)
STREAM = Where(in_stream=True, rows=27, position=3, last_sequence=None, first_version=1, last_version=26)


@pytest.mark.parametrize(
    ("text", "in_stream", "expected"),
    [
        ("12", True, ToVersion(12)),
        ("12", False, ToSequence(12)),
        ("v12", False, ToVersion(12)),
        ("#6,344", True, ToSequence(6344)),
        (" 9223372036854775807 ", True, ToVersion(2**63 - 1)),
        ("+100", False, ToRelative(100)),
        ("-1,000", True, ToRelative(-1000)),
        ("− 5", False, ToRelative(-5)),
        ("50%", False, ToShare(Decimal(50))),
        ("12.5 %", False, ToShare(Decimal("12.5"))),
        ("start", False, ToEnd(last=False)),
        ("END", True, ToEnd(last=True)),
    ],
)
def test_places(text: str, in_stream: bool, expected: Target) -> None:
    assert parse_target(text, in_stream=in_stream) == expected


def test_times_keep_their_offset() -> None:
    target = parse_target("2011-09-01 13:59:02.412+02:00", in_stream=False)
    assert isinstance(target, ToTime)
    assert target.moment.isoformat() == "2011-09-01T13:59:02.412000+02:00"
    assert preview(target, LOG).endswith("2011-09-01 13:59:02.412000+02:00 or later")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2011-09-01 13:59", datetime(2011, 9, 1, 13, 59, tzinfo=UTC)),
        ("2011-09-01T13:59:02", datetime(2011, 9, 1, 13, 59, 2, tzinfo=UTC)),
        ("2011-09-01", datetime(2011, 9, 1, tzinfo=UTC)),
        ("2011-09", datetime(2011, 9, 1, tzinfo=UTC)),
    ],
)
def test_a_time_without_offset_is_in_utc_as_in_filters_and_that_is_said(text: str, moment: datetime) -> None:
    assert parse_target(text, in_stream=False) == ToTime(moment)
    assert parse_target(f"recorded {text}", in_stream=True) == ToRecorded(moment)
    assert " UTC or later" in preview(ToTime(moment), LOG)
    assert preview(ToRecorded(moment), LOG).startswith("The first event stored at ")


def test_durations_count_back_from_now() -> None:
    target = parse_target("2d", in_stream=False)
    assert isinstance(target, ToTime)
    assert abs(datetime.now(UTC) - timedelta(days=2) - target.moment) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text", ["", "twelve", "v", "12x", "2011-99-01", "since:2d", "2011-01-01,2012-01-01", '"', "+"]
)
def test_anything_else_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="type #123"):
        parse_target(text, in_stream=True)


@pytest.mark.parametrize(
    ("target", "where", "words"),
    [
        (ToSequence(6344), LOG, "Sequence 6,344 of 8,577"),
        (ToSequence(6344), STREAM, "Sequence 6,344, in the log if it is another actor's"),
        (ToVersion(5), STREAM, "Version 5 of 26"),
        (ToRelative(100), LOG, "Row 200 of 8,577 rows"),
        (ToRelative(-99), LOG, "Row 1 of 8,577 rows"),
        (ToEnd(last=True), replace(LOG, is_filtered=True, rows=40, position=3), "Row 40 of 40 rows that match"),
        (ToShare(Decimal(50)), LOG, "Row 4,289 of 8,577 rows"),
        (ToShare(Decimal(100)), LOG, "Row 8,577 of 8,577 rows"),
    ],
)
def test_one_is_told_where_it_leads(target: Target, where: Where, words: str) -> None:
    assert preview(target, where) == words


@pytest.mark.parametrize(
    ("target", "where", "words"),
    [
        (ToSequence(9000), LOG, "There is no sequence 9,000: they go from 1 to 8,577."),
        (ToSequence(0), LOG, "There is no sequence 0"),
        (ToSequence(1), replace(LOG, rows=0, last_sequence=0), "there are no events yet"),
        (ToVersion(5), LOG, "open the actor's stream first"),
        (ToVersion(27), STREAM, "There is no version 27: they go from 1 to 26."),
        (ToRelative(9000), LOG, "There are only 8,477 rows behind the selected one."),
        (ToRelative(-100), LOG, "There are only 99 rows before the selected one."),
        (ToEnd(last=True), replace(LOG, rows=0), "There are no rows to go to."),
    ],
)
def test_what_leads_nowhere_says_why(target: Target, where: Where, words: str) -> None:
    with pytest.raises(ValueError, match=r"There|actor") as refused:
        preview(target, where)
    assert words in str(refused.value)


@given(rows=st.integers(1, 10**8), percent=st.decimals(0, 100, places=3))
def test_every_share_is_a_row(rows: int, percent: Decimal) -> None:
    assert 0 <= position_of(ToShare(percent), replace(LOG, rows=rows)) < rows


def test_without_a_selection_one_counts_from_the_ends() -> None:
    nowhere = replace(LOG, position=-1)
    assert position_of(ToRelative(1), nowhere) == 0
    assert position_of(ToRelative(-1), nowhere) == 8576
