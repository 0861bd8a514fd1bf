"""The rows of the benchmark table, and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: `ours` and `theirs` in `unit`, their `ratio`, and what it has to reach (e.g. "≥ 0.6")."""

    work: str
    ours: float
    unit: str
    against: str
    theirs: float
    ratio: float
    reach: str

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is on the right side of what it has to reach; true if nothing is asked."""
        sign, _, number = self.reach.partition(" ")
        if not number:
            return True
        return self.ratio >= float(number) if sign == "≥" else self.ratio <= float(number)


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def interleaved(repeats: int, *works: Callable[[], float]) -> list[float]:
    """The median of what each of `works` measured, taking turns: a noisy machine disturbs all of them alike."""
    results: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, measured in zip(works, results, strict=True):
            measured.append(work())
    return [median(measured) for measured in results]


def print_table(rows: Iterable[Row]) -> None:
    """Print `rows` as a Markdown table."""
    print("| work | ours | beside | theirs | ratio | to reach | |")
    print("|---|---:|---|---:|---:|---|---|")
    for row in rows:
        print(
            f"| {row.work} | {_figure(row.ours)} {row.unit} | {row.against} | {_figure(row.theirs)} {row.unit} "
            f"| {row.ratio:.2f} | {row.reach or 'shown'} | {'' if row.is_reached else 'NOT REACHED'} |",
            flush=True,
        )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
