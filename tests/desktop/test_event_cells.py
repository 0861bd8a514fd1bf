"""The texts of a table row."""

from __future__ import annotations

import pytest

from aether_desktop.models.event_cells import PREVIEW_LENGTH, data_preview


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
