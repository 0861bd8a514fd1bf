"""Large containers in pieces: every member, in order, exactly as written, however the document is laid out."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine import json_pieces
from aether_engine.json_pieces import array_pieces, object_pieces

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"indent": 1},
    {"indent": "\t"},
    {"separators": (" ,\n", " : ")},
]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "PIECE", 40)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(values, max_size=30), st.sampled_from(LAYOUTS))
def test_items_come_whole_and_in_order(items: list[Any], layout: dict[str, Any]) -> None:
    raw = json.dumps(items, ensure_ascii=False, **layout).encode("utf-8", "surrogatepass")
    found = list(chain.from_iterable(array_pieces(raw)))
    assert [json.loads(bytes(each)) for each in found] == items
    assert all(bytes(each) in raw for each in found)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=6), values, max_size=30), st.sampled_from(LAYOUTS))
def test_members_come_whole_and_in_order(members: dict[str, Any], layout: dict[str, Any]) -> None:
    raw = json.dumps(members, ensure_ascii=False, **layout).encode("utf-8", "surrogatepass")
    found = [pair for piece in object_pieces(raw) for pair in piece.items()]
    assert [key for key, _ in found] == list(members)
    assert {key: json.loads(bytes(value)) for key, value in found} == members


def test_many_small_members_come_in_many_pieces() -> None:
    rows = [{"n": n, "text": '},{"n":1},"x"', "inner": [{"a": n}, [n]]} for n in range(100)]
    for layout in LAYOUTS:
        pieces = list(array_pieces(json.dumps(rows, **layout).encode()))
        assert [json.loads(bytes(each)) for piece in pieces for each in piece] == rows


@pytest.mark.parametrize("raw", [b"", b"  ", b"{", b'{"a":1,' + b'"b":2,' * 40, b"[1,2", b'{"a":1}]' + b" " * 60])
def test_what_is_no_container_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list(object_pieces(raw))
    with pytest.raises(ValueError, match=r".*"):
        list(array_pieces(raw))
