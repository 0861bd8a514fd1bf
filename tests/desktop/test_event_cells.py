"""The texts of a table row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_desktop.models.events.event_cells import PREVIEW_LENGTH, data_preview, duration_text
from aether_engine.codec import parse_timestamp


@pytest.mark.parametrize(
    ("data", "preview"),
    [
        ('{"a":1}', '{"a":1}'),
        ('{"a":  "two  spaces"}', '{"a":  "two  spaces"}'),
        ('{\n  "a": 1,\r\n\t"b":\t"x  y"\n}', '{ "a": 1, "b": "x  y" }'),
        ('{"a":"\u00a0\u00a0\u2028"}', '{"a":"\u00a0\u00a0\u2028"}'),
    ],
)
def test_a_preview_is_one_line_and_changes_no_text(data: str, preview: str) -> None:
    assert data_preview(f'{{"id":"1","data":{data}}}'.encode()) == preview


def test_a_preview_is_short() -> None:
    text = "x  " * 100_000
    assert data_preview(f'{{"data":{{"a":"{text}"}}}}'.encode()) == f'{{"a":"{text}'[:PREVIEW_LENGTH]


@pytest.mark.parametrize(
    ("earlier", "later", "text"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "00:00.000"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "00:00.000001"),
        ("2026-01-01T00:00:00.0005Z", "2026-01-01T00:00:00Z", "-00:00.000500"),
        ("2026-01-01T00:00:00.9999Z", "2026-01-01T00:01:01Z", "01:00.000100"),
        ("2026-01-01T00:00:00Z", "2026-01-05T03:27:38.57Z", "99:27:38.570"),
        ("2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000002Z", "00:00.000000001"),
        ("2026-01-01T00:00:00.000000002+02:00", "2025-12-31T22:00:00.000000001Z", "-00:00.000000001"),
        ("2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:01.1234567Z", "00:01.000"),
        ("0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z", "87649415:59:59.999998"),
    ],
)
def test_a_duration_is_never_rounded(earlier: str, later: str, text: str) -> None:
    assert duration_text(parse_timestamp(earlier), parse_timestamp(later), earlier, later) == text


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1), st.integers(0, 59))
def test_every_nanosecond_of_a_duration_is_shown(earlier: int, later: int, second: int) -> None:
    texts = [f"2026-01-01T00:00:{at:02}.{ns:09}Z" for at, ns in ((0, earlier), (second, later))]
    first, last = (parse_timestamp(text) for text in texts)
    difference = second * 10**9 + later - earlier
    shown = duration_text(first, last, *texts)
    seconds, fraction = shown.removeprefix("-").removeprefix("00:").split(".")
    assert int(seconds) * 10**9 + int(fraction.ljust(9, "0")) == abs(difference)
    assert shown.startswith("-") is (difference < 0)
