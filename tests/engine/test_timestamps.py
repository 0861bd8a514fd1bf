"""Moments as numbers: exact, one by one and many at once."""

from __future__ import annotations

import random
from datetime import UTC

from aether_engine.timestamps import microseconds_from_utc, utc_from_each, utc_from_microseconds


def test_many_are_what_each_is_to_the_microsecond() -> None:
    """A float of seconds holds the microsecond as long as it is used; beyond that it must not be."""
    dice = random.Random(7)
    ranges = [(1_700_000_000_000_000, 1_900_000_000_000_000), (-(1 << 52), 1 << 52), (-62_135_596_800_000_000, -1)]
    for first, last in ranges:
        numbers = [dice.randrange(first, last) for _ in range(5000)]
        moments = utc_from_each(numbers)
        assert moments == list(map(utc_from_microseconds, numbers))
        assert list(map(microseconds_from_utc, moments)) == numbers
        assert all(moment.tzinfo is UTC for moment in moments)


def test_the_ends_of_what_a_float_tells() -> None:
    """On both sides of the last number that goes the quick way, and at the last moment there is."""
    for edge in (1 << 52, -(1 << 52), 253_402_300_799_999_999, 0):
        numbers = [number for number in range(edge - 3, edge + 4) if number <= 253_402_300_799_999_999]
        assert list(map(microseconds_from_utc, utc_from_each(numbers))) == numbers
