"""The charts of a page: over time (per hour, day, week or month, depending on the period), and bars."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

WIDTH: Final = 960  # units of the drawing, which is scaled to the page
BASE: Final = 156  # y of the bottom of the bars
_LEFT: Final = 44  # the scale is to the left of it
_TOP: Final = 12
_MOST: Final = 96  # bars
_LABELS: Final = 6
_GAP: Final = 0.28  # of a bar's share, up to 4 units
_WIDEST: Final = 64  # units: the maximum width of a bar
_MOST_BARS: Final = 8
_MOST_MORE: Final = 200  # bars shown on request


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle: one sort in one span of time."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time: its label, and its rectangles."""

    label: str
    x: float
    width: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chart.

    Attributes:
        unit: hour, day, week or month.
        period: the first and the last day.
        spans: one for each unit of time.
        labels: x and text of each label below the bars.
        lines: y and number of each grid line.
    """

    unit: str
    period: str
    spans: tuple[Span, ...]
    labels: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str], ...]


def timeline(hours: Mapping[str, Mapping[str, int]], sorts: Sequence[tuple[str, str, str]]) -> Timeline | None:
    """Return the chart of counts by hour, None without a valid hour.

    Args:
        hours: counts by hour, such as `2026-01-02T03`.
        sorts: the key of each sort's count, its label and its tone.
    """
    moments = {moment: counts for hour, counts in hours.items() if (moment := _moment(hour)) is not None}
    if not moments:
        return None
    first, last = min(moments), max(moments)
    unit = next((each for each in _UNITS if _count(each, first, last) <= _MOST), "year")
    counted: dict[datetime, Counter[str]] = {start: Counter() for start in _starts(unit, first, last)}
    for moment, counts in moments.items():
        counted[_start(unit, moment)].update(counts)
    highest = max(1, *(sum(counts[key] for key, _, _ in sorts) for counts in counted.values()))
    top = _rounded(highest)
    share = (WIDTH - _LEFT) / max(len(counted), _LABELS)  # a few bars begin at the left, to be visible on a phone
    spans = tuple(
        _span(unit, start, counts, (_LEFT + index * share, share), sorts, top)
        for index, (start, counts) in enumerate(counted.items())
    )
    return Timeline(
        unit,
        f"{_label('day', first)} to {_label('day', last)}" if first.date() != last.date() else _label("day", first),
        spans,
        tuple(_labels(unit, list(counted), share)),
        tuple((_y(value, top), f"{value:,}") for value in dict.fromkeys((top, top // 2)) if value),
    )


def _span(
    unit: str, start: datetime, counts: Counter[str], at: tuple[float, float],
    sorts: Sequence[tuple[str, str, str]], top: int,
) -> Span:  # fmt: skip
    x, share = at
    gap = max(min(share * _GAP, 4), share - _WIDEST)
    pieces, below, parts = [], 0, []
    for key, name, tone in sorts:
        if count := counts[key]:
            y, base = _y(below + count, top), _y(below, top)
            pieces.append(Piece(tone, round(x + gap / 2, 2), round(y, 2), round(share - gap, 2), round(base - y, 2)))
            below += count
            parts.append(f"{count:,} {name}")
    return Span(
        f"{_label(unit, start)}: {', '.join(parts) or 'no change'}", round(x, 2), round(share, 2), tuple(pieces)
    )


def _y(value: int, top: int) -> float:
    return BASE - (BASE - _TOP) * value / top


def _rounded(value: int) -> int:
    """Return the least of 1, 2, 4, 6, 10, 20, 40, 60, 100 and so on that is not below `value`."""
    power: int = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 4, 6, 10) if step * power >= value)


def _labels(unit: str, starts: Sequence[datetime], share: float) -> Iterator[tuple[float, str]]:
    every = -(-len(starts) // _LABELS)
    for index in range(0, len(starts), every):
        yield round(_LEFT + (index + 0.5) * share, 2), _label(unit, starts[index])


def _moment(hour: str) -> datetime | None:
    try:
        return datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def _start(unit: str, moment: datetime) -> datetime:
    """Return the start of the unit of time that contains `moment`."""
    if unit == "hour":
        return moment
    day = moment.replace(hour=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day if unit == "day" else day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _starts(unit: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the start of every unit of time from `first` to `last`."""
    start, end = _start(unit, first), _start(unit, last)
    while start < end:
        yield start
        start = _start(unit, start + _UNITS.get(unit, timedelta(days=366)))
    yield end


def _count(unit: str, first: datetime, last: datetime) -> int:
    """Return the approximate number of units of time, never too small."""
    return (last - first) // _UNITS[unit] + 1


def _label(unit: str, start: datetime) -> str:
    """Return the label of a time, in UTC."""
    if unit == "year":
        return str(start.year)
    if unit == "month":
        return f"{start:%b} {start.year}"
    day = f"{start.day} {start:%b} {start.year}"
    return f"{day} {start:%H}:00" if unit == "hour" else f"week of {day}" if unit == "week" else day


# A step of this length reaches the next unit, whatever the unit's length.
_UNITS: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of result: the key of its count, its label, and its tone in the style."""

    key: str
    name: str
    tone: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A name, and how many of each sort it has.

    Attributes:
        parts: sorts, their counts, and the start and length of each in percent of the longest bar.
    """

    name: str
    total: int
    parts: tuple[tuple[Sort, int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, the longest first.

    Attributes:
        filter: the page's filter that a bar sets.
        more: the bars shown on request.
        left_out: how many names have no bar.
    """

    title: str
    filter: str
    bars: tuple[Bar, ...]
    more: tuple[Bar, ...]
    left_out: int


def chart(title: str, which: str, groups: Mapping[str, Mapping[str, int]], sorts: Iterable[Sort]) -> Chart:
    """Return the bars of the groups that have any of `sorts`."""
    totals = Counter({name: sum(counts.get(sort.key, 0) for sort in sorts) for name, counts in groups.items()})
    ranked = sorted(((name, count) for name, count in totals.items() if count), key=lambda each: (-each[1], each[0]))
    longest = ranked[0][1] if ranked else 1
    bars = []
    for name, total in ranked[: _MOST_BARS + _MOST_MORE]:
        parts, start = [], 0.0
        for sort in sorts:
            count = groups[name].get(sort.key, 0)
            if count:
                share = 100 * count / longest
                parts.append((sort, count, round(start, 3), round(share, 3)))
                start += share
        bars.append(Bar(name, total, tuple(parts)))
    return Chart(title, which, tuple(bars[:_MOST_BARS]), tuple(bars[_MOST_BARS:]), len(ranked) - len(bars))
