"""What can be typed to go somewhere."""

from __future__ import annotations

import pytest

from aether_desktop.models.go_to import Target, ToSequence, ToTime, ToVersion, parse_target


@pytest.mark.parametrize(
    ("text", "in_stream", "expected"),
    [
        ("12", True, ToVersion(12)),
        ("12", False, ToSequence(12)),
        ("v12", False, ToVersion(12)),
        ("#6,344", True, ToSequence(6344)),
        (" 9223372036854775807 ", True, ToVersion(2**63 - 1)),
    ],
)
def test_numbers(text: str, in_stream: bool, expected: Target) -> None:
    assert parse_target(text, in_stream=in_stream) == expected


def test_times_keep_their_offset() -> None:
    target = parse_target("2011-09-01 13:59:02.412+02:00", in_stream=False)
    assert isinstance(target, ToTime)
    assert target.moment.isoformat() == "2011-09-01T13:59:02.412000+02:00"


def test_a_time_without_offset_is_local() -> None:
    target = parse_target("2011-09-01 13:59", in_stream=False)
    assert isinstance(target, ToTime)
    assert target.moment.tzinfo is not None


@pytest.mark.parametrize("text", ["", "twelve", "v", "12x", "2011-99-01"])
def test_anything_else_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="type #123"):
        parse_target(text, in_stream=True)
