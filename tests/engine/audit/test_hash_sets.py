"""Sets of hashes, by the library and without it."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.audit import hash_sets
from aether_engine.audit.hash_sets import repeated, share_of, without
from aether_engine.native.library import library

_WAYS = [
    pytest.param(
        True, id="library", marks=pytest.mark.skipif(library() is None, reason="nothing was compiled here")
    ),
    pytest.param(False, id="python"),
]
_HASHES = st.lists(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5) | st.sampled_from([1 << 56, 2 << 56, -(2**63)])
)


# Which way it is does not change between examples.
_same_way = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(autouse=True, params=_WAYS)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(hash_sets, "library", lambda: None)


@_same_way
@given(_HASHES)
def test_what_occurs_twice_is_found_and_nothing_else(numbers: list[int]) -> None:
    assert repeated(array("q", numbers)) == {one for one, count in Counter(numbers).items() if count > 1 and one}


@_same_way
@given(_HASHES, _HASHES)
def test_what_is_not_among_others_is_left(numbers: list[int], others: list[int]) -> None:
    mine, theirs = array("q", numbers), array("q", others)
    assert set(without(mine, theirs)) == set(numbers) - {*others, 0}
    assert (mine.tolist(), theirs.tolist()) == (numbers, others)


@_same_way
@given(_HASHES, st.integers(1, 5), st.integers(1, 2))
def test_each_hash_is_in_one_share(numbers: list[int], shares: int, step: int) -> None:
    parts = [share_of(array("q", numbers), share, shares, step=step) for share in range(shares)]
    assert Counter(one for part in parts for one in part) == Counter(numbers[step - 1 :: step])
    for one in set(numbers[step - 1 :: step]):
        assert sum(one in part for part in parts) == 1


def test_very_many_are_gone_through() -> None:
    spread = 0x9E3779B97F4A7C15
    numbers = array("q", [(each * spread) % 2**64 - 2**63 for each in range(100_000)])
    assert repeated(numbers) == set()
    assert repeated(numbers + numbers[500:510]) == set(numbers[500:510])
    assert sorted(without(numbers, numbers[10:])) == sorted(numbers[:10])
