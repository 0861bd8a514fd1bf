"""From counts by time to bars of equal width: a histogram of bounded size, and the range worth drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aether_engine.moments import TimeCount

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: Widths that spans can have, in milliseconds; each is a multiple of the one before.
SPAN_WIDTHS: Final = (
    *(1, 2, 10, 20, 100, 200),
    *(factor * _SECOND for factor in (1, 2, 10, 20)),
    *(factor * _MINUTE for factor in (1, 2, 10, 20)),
    *(factor * _HOUR for factor in (1, 2, 6, 12)),
    *(factor * _DAY for factor in (1, 2, 10, 20, 100, 200, 1000, 2000, 10_000, 20_000, 100_000)),
)
#: Widths of bars, in milliseconds, as people count time.
BAR_WIDTHS: Final = (
    *(1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500),
    *(factor * _SECOND for factor in (1, 2, 3, 5, 10, 20, 30)),
    *(factor * _MINUTE for factor in (1, 2, 3, 5, 10, 20, 30)),
    *(factor * _HOUR for factor in (1, 2, 3, 6, 12)),
    *(factor * _DAY for factor in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500)),
    *(factor * _DAY for factor in (1000, 2000, 3000, 5000, 10_000, 20_000, 30_000, 50_000)),
    *(factor * _DAY for factor in (100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000)),
)
#: Spans that are kept before they are made wider.
_MOST_SPANS: Final = 2048
#: Spans that a sample may fill: the more there are, the less can be counted without looking at each event.
_SPANS_AT_FIRST: Final = 400
#: Event types that are counted span by span; the others are counted together.
_MOST_TYPES: Final = 24
#: Event types whose number in the whole log is known.
_MOST_TOTALS: Final = 10_000
#: Event types that bars tell apart.
BAR_TYPES: Final = 5
# An outlier is further from the bulk of the events than this many times the time the bulk takes.
_FAR: Final = 4
_FAR_AMONG_FEW: Final = 50
_FEW: Final = 200


@dataclass(slots=True)
class _Span:
    first_sequence: int
    damaged: int = 0
    others: int = 0
    counts: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.counts) + self.others + self.damaged

    def add_counts(self, counts: Sequence[int]) -> None:
        self.counts += [0] * (len(counts) - len(self.counts))
        for index, count in enumerate(counts):
            self.counts[index] += count

    def merge(self, other: _Span) -> None:
        self.first_sequence = min(self.first_sequence, other.first_sequence)
        self.damaged += other.damaged
        self.others += other.others
        self.add_counts(other.counts)


class TimeHistogram:
    """Counts of events by type in spans of time of one width, which grows when the spans become too many."""

    def __init__(self) -> None:
        self.width = SPAN_WIDTHS[0]
        self.spans: dict[int, _Span] = {}
        #: Types that are counted span by span, in the order of their places there.
        self.types: list[str] = []
        self.totals: dict[str, int] = {}
        #: Events whose type is beyond those of `totals`.
        self.unlisted = 0
        #: Damaged events that do not even claim a time.
        self.untimed = 0
        self.damaged = 0
        self.total = 0

    def prepare(self, sample_groups: Iterable[TimeCount]) -> None:
        """Choose by a sample the types worth counting span by span, and how wide spans are to begin with."""
        if self.total:
            return
        sample = TimeHistogram()
        sample.add(sample_groups, 1)
        while len(sample.spans) > _SPANS_AT_FIRST:
            sample._widen()
        self.types = sorted(sample.totals, key=lambda name: (-sample.totals[name], name))[:_MOST_TYPES]
        self.width = max(self.width, sample.width)

    def add(self, groups: Iterable[TimeCount], width: int) -> None:
        """Count `groups`, whose spans are `width` milliseconds wide, no wider than the own ones."""
        factor = self.width // width
        for group in groups:
            count = group.count
            self.total += count
            if group.is_damaged:
                self.damaged += count
            else:
                self._count_type(group.event_type, count)
            if group.span is None:
                self.untimed += count
                continue
            place = group.span // factor
            span = self.spans.get(place)
            if span is None:
                span = self.spans[place] = _Span(group.first_sequence)
            elif group.first_sequence < span.first_sequence:
                span.first_sequence = group.first_sequence
            if group.is_damaged:
                span.damaged += count
            else:
                self._count_in(span, group.event_type, count)
        while len(self.spans) > _MOST_SPANS:
            self._widen()

    def _count_type(self, event_type: str, count: int) -> None:
        if event_type in self.totals or len(self.totals) < _MOST_TOTALS:
            self.totals[event_type] = self.totals.get(event_type, 0) + count
        else:
            self.unlisted += count

    def _count_in(self, span: _Span, event_type: str, count: int) -> None:
        try:
            index = self.types.index(event_type)
        except ValueError:
            if len(self.types) >= _MOST_TYPES:
                span.others += count
                return
            index = len(self.types)
            self.types.append(event_type)
        if index >= len(span.counts):
            span.counts += [0] * (index + 1 - len(span.counts))
        span.counts[index] += count

    def _widen(self) -> None:
        wider = SPAN_WIDTHS[SPAN_WIDTHS.index(self.width) + 1]
        factor = wider // self.width
        spans: dict[int, _Span] = {}
        for place, span in self.spans.items():
            merged = spans.get(place // factor)
            if merged is None:
                spans[place // factor] = span
            else:
                merged.merge(span)
        self.width, self.spans = wider, spans


@dataclass(frozen=True, slots=True)
class Outliers:
    """Events before or behind the bars: how many, the first of the nearest ones, and when its span begins.

    `start` is in milliseconds since 1970; `first_sequence` is 0 where no event is known for certain.
    """

    count: int
    first_sequence: int
    start: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The events of one span `[start, end)`, in milliseconds since 1970.

    `counts` are by the types of the `Bars` it belongs to, the last one those of all other types. Of the hits of a
    filter there are as many. `first_sequence` and `first_hit` are 0 where no event is known for certain.
    """

    start: int
    end: int
    counts: tuple[int, ...]
    damaged: int
    hits: tuple[int, ...]
    damaged_hits: int
    first_sequence: int
    first_hit: int

    @property
    def total(self) -> int:
        return sum(self.counts) + self.damaged

    @property
    def hit_total(self) -> int:
        return sum(self.hits) + self.damaged_hits


@dataclass(frozen=True, slots=True)
class Bars:
    """What there is to draw of a timeline. Every event is in a bar, an outlier, or without a time."""

    width: int
    bars: tuple[Bar, ...]
    types: tuple[str, ...]
    other_types: int
    total: int
    damaged: int
    untimed: int
    before: Outliers | None
    behind: Outliers | None
    has_hits: bool
    hits: int
    #: Whether there are more types than `other_types` and those that are drawn: no more than so many are counted.
    has_more_types: bool = False

    @property
    def peak(self) -> int:
        return max((bar.total for bar in self.bars), default=0)

    @property
    def hit_peak(self) -> int:
        return max((bar.hit_total for bar in self.bars), default=0)


class Layer(NamedTuple):
    """Exact counts, and sampled events of which each stands for `weight`."""

    exact: TimeHistogram
    sample: Sequence[TimeCount] = ()
    weight: float = 1.0


class _Row:
    """The counts of one span or bar: by drawn type, of all others, of damaged events."""

    __slots__ = ("counts", "damaged", "first_sequence")

    def __init__(self, types: int) -> None:
        self.counts = [0.0] * (types + 1)
        self.damaged = 0.0
        self.first_sequence = 0

    @property
    def total(self) -> float:
        return sum(self.counts) + self.damaged

    def add(self, other: _Row, weight: float = 1.0) -> None:
        for index, count in enumerate(other.counts):
            self.counts[index] += count * weight
        self.damaged += other.damaged * weight
        if other.first_sequence and (not self.first_sequence or other.first_sequence < self.first_sequence):
            self.first_sequence = other.first_sequence


def make_bars(layer: Layer, hits: Layer | None, limit: int) -> Bars:
    """At most `limit` bars over the events of `layer`, and over those of them that are `hits`."""
    exact, weight = layer.exact, layer.weight
    sampled = _sampled(layer)
    hits_sampled = _sampled(hits) if hits is not None else None
    width = max(exact.width, sampled.width)
    if hits is not None and hits_sampled is not None:
        width = max(width, hits.exact.width, hits_sampled.width)
    ranked = _ranked(exact, sampled, weight)
    types = tuple(ranked[:BAR_TYPES])
    rows = _layer_rows(layer, sampled, types, width)
    hit_rows: dict[int, _Row] = {}
    hit_total = 0
    if hits is not None and hits_sampled is not None:
        hit_rows = _layer_rows(hits, hits_sampled, types, width)
        hit_total = hits.exact.total + round(hits_sampled.total * hits.weight)
    places = sorted(rows)
    first, last = _worthwhile(places, rows)
    bars: list[Bar] = []
    bar_width = width
    if places:
        bar_width = _bar_width(first * width, (last + 1) * width, width, limit)
        bars = _bars(rows, hit_rows, range(first, last + 1), width, bar_width, len(types))
    return Bars(
        width=bar_width,
        bars=tuple(bars),
        types=types,
        other_types=len(ranked) - len(types),
        total=exact.total + round(sampled.total * weight),
        damaged=exact.damaged + round(sampled.damaged * weight),
        untimed=exact.untimed + round(sampled.untimed * weight),
        before=_outliers(rows, [place for place in places if place < first], -1, width),
        behind=_outliers(rows, [place for place in places if place > last], 0, width),
        has_hits=hits is not None,
        hits=hit_total,
        has_more_types=exact.unlisted + sampled.unlisted > 0,
    )


def _sampled(layer: Layer) -> TimeHistogram:
    sampled = TimeHistogram()
    sampled.types = list(layer.exact.types)
    sampled.add(layer.sample, 1)
    return sampled


def _layer_rows(layer: Layer, sampled: TimeHistogram, types: Sequence[str], width: int) -> dict[int, _Row]:
    rows = _rows(layer.exact, types, width)
    for place, row in _rows(sampled, types, width).items():
        # An event that was only sampled need not be the first one of its bar.
        row.first_sequence = 0
        rows.setdefault(place, _Row(len(types))).add(row, layer.weight)
    return rows


def _ranked(exact: TimeHistogram, sampled: TimeHistogram, weight: float) -> list[str]:
    totals: dict[str, float] = dict(exact.totals)
    for name, count in sampled.totals.items():
        totals[name] = totals.get(name, 0) + count * weight
    # Only what is counted span by span can be drawn; nearly always those are all or the most frequent ones.
    countable = set(exact.types) | set(sampled.types)
    return sorted(totals, key=lambda name: (name not in countable, -totals[name], name))


def _rows(histogram: TimeHistogram, types: Sequence[str], width: int) -> dict[int, _Row]:
    factor = width // histogram.width
    drawn = {name: index for index, name in enumerate(types)}
    indexes = [drawn.get(name, len(types)) for name in histogram.types]
    rows: dict[int, _Row] = {}
    for place, span in histogram.spans.items():
        row = rows.get(place // factor)
        if row is None:
            row = rows[place // factor] = _Row(len(types))
            row.first_sequence = span.first_sequence
        elif span.first_sequence < row.first_sequence:
            row.first_sequence = span.first_sequence
        for index, count in zip(indexes, span.counts, strict=False):
            row.counts[index] += count
        row.counts[-1] += span.others
        row.damaged += span.damaged
    return rows


def _worthwhile(places: Sequence[int], rows: dict[int, _Row]) -> tuple[int, int]:
    """The first and last place of what is not far from the bulk of the events."""
    if not places:
        return 0, -1
    total = sum(rows[place].total for place in places)
    cut = total / 200 + (3 if total >= 50 else 1 if total >= 5 else 0)
    low, high = _beyond(places, rows, cut), _beyond(reversed(places), rows, cut)
    reach = (_FAR if total >= _FEW else _FAR_AMONG_FEW) * max(high - low, 1)
    inside = [place for place in places if low - reach <= place <= high + reach]
    return inside[0], inside[-1]


def _beyond(places: Iterable[int], rows: dict[int, _Row], cut: float) -> int:
    passed = 0.0
    for place in places:
        passed += rows[place].total
        if passed > cut:
            return place
    return 0  # pragma: no cover - the cut is less than all


def _bar_width(start: int, end: int, width: int, limit: int) -> int:
    for candidate in BAR_WIDTHS:
        if candidate % width == 0 and (end - 1) // candidate - start // candidate < max(limit, 1):
            return candidate
    return BAR_WIDTHS[-1]


def _bars(
    rows: dict[int, _Row], hits: dict[int, _Row], places: range, width: int, bar_width: int, types: int
) -> list[Bar]:
    first = places[0] * width // bar_width
    last = places[-1] * width // bar_width
    alls = [_Row(types) for _ in range(first, last + 1)]
    found = [_Row(types) for _ in range(first, last + 1)]
    for source, target in ((rows, alls), (hits, found)):
        for place, row in source.items():
            if places[0] <= place <= places[-1]:
                target[place * width // bar_width - first].add(row)
    return [
        Bar(
            start=(first + index) * bar_width,
            end=(first + index + 1) * bar_width,
            counts=tuple(round(count) for count in row.counts),
            damaged=round(row.damaged),
            hits=tuple(round(count) for count in hit.counts),
            damaged_hits=round(hit.damaged),
            first_sequence=row.first_sequence,
            first_hit=hit.first_sequence,
        )
        for index, (row, hit) in enumerate(zip(alls, found, strict=True))
    ]


def _outliers(rows: dict[int, _Row], places: Sequence[int], nearest: int, width: int) -> Outliers | None:
    if not places:
        return None
    count = round(sum(rows[place].total for place in places))
    row = rows[places[nearest]]
    return Outliers(count, row.first_sequence, places[nearest] * width)
