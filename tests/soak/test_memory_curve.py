"""How the growth of memory is reckoned: on curves that are known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.soak.memory_curve import Sample, curve, growth


def _samples(minutes: float, memory: Callable[[float], float]) -> list[Sample]:
    return [{"seconds": second, "memory": memory(second)} for second in range(5, int(minutes * 60) + 1, 5)]


def test_growth_begins_at_minute_two() -> None:
    # Fills until minute two, and doubles in the four minutes behind it.
    samples = _samples(30, lambda second: min(second, 120) + max(0, min(second - 120, 240)) / 2)
    assert growth(samples, "memory") == pytest.approx(2, abs=0.05)
    assert growth(_samples(30, lambda second: min(second, 120)), "memory") == pytest.approx(1, abs=0.05)


def test_a_single_peak_changes_nothing() -> None:
    samples = _samples(10, lambda second: 900 if second in {120, 300, 590} else 200)
    assert growth(samples, "memory") == 1
    assert curve(samples, "memory") == " ".join(f"{minute}: 200" for minute in range(1, 11))


def test_a_short_run_says_nothing_about_growth() -> None:
    samples = _samples(3, lambda _second: 200)
    assert growth(samples, "memory") is None
    assert curve(samples, "memory") == "1: 200 2: 200 3: 200"
