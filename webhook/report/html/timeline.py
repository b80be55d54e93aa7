"""A chart over time: what changed in each hour, day, week or month, whichever there are not too many of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

WIDTH: Final = 960  # units of the drawing, which is scaled to the page
BASE: Final = 156  # where the bars stand
_LEFT: Final = 44  # the numbers have room before it
_TOP: Final = 12
_MOST: Final = 96  # bars
_LABELS: Final = 6
_GAP: Final = 0.28  # of a bar's share, at most 4 units
_WIDEST: Final = 64  # units of a bar, so that few of them are bars and not slabs


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
    """A span of time: what a person reads of it, and its rectangles."""

    said: str
    x: float
    width: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The chart.

    Attributes:
        unit: hour, day, week or month.
        period: from when to when.
        spans: one for each unit of time.
        labels: x, and what stands there below the bars.
        lines: y, and the number that it stands for.
    """

    unit: str
    period: str
    spans: tuple[Span, ...]
    labels: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str], ...]


def timeline(hours: Mapping[str, Mapping[str, int]], sorts: Sequence[tuple[str, str, str]]) -> Timeline | None:
    """Return the chart of what was counted by hour, None where no hour is one.

    Args:
        hours: counts by hour, such as `2026-01-02T03`.
        sorts: the key that each sort is counted under, its name and its tone.
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
    share = (WIDTH - _LEFT) / max(len(counted), _LABELS)  # fewer begin at the left, where a phone shows them
    spans = tuple(
        _span(unit, start, counts, (_LEFT + index * share, share), sorts, top)
        for index, (start, counts) in enumerate(counted.items())
    )
    return Timeline(
        unit,
        f"{_said('day', first)} to {_said('day', last)}" if first.date() != last.date() else _said("day", first),
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
    pieces, below, said = [], 0, []
    for key, name, tone in sorts:
        if count := counts[key]:
            y, base = _y(below + count, top), _y(below, top)
            pieces.append(Piece(tone, round(x + gap / 2, 2), round(y, 2), round(share - gap, 2), round(base - y, 2)))
            below += count
            said.append(f"{count:,} {name}")
    return Span(f"{_said(unit, start)}: {', '.join(said) or 'no change'}", round(x, 2), round(share, 2), tuple(pieces))


def _y(value: int, top: int) -> float:
    return BASE - (BASE - _TOP) * value / top


def _rounded(value: int) -> int:
    """Return the least of 1, 2, 4, 6, 10, 20, 40, 60, 100 and so on that is not below `value`."""
    power: int = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 4, 6, 10) if step * power >= value)


def _labels(unit: str, starts: Sequence[datetime], share: float) -> Iterator[tuple[float, str]]:
    every = -(-len(starts) // _LABELS)
    for index in range(0, len(starts), every):
        yield round(_LEFT + (index + 0.5) * share, 2), _said(unit, starts[index])


def _moment(hour: str) -> datetime | None:
    try:
        return datetime.strptime(hour, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def _start(unit: str, moment: datetime) -> datetime:
    """Return when the unit of time begins in which `moment` is."""
    if unit == "hour":
        return moment
    day = moment.replace(hour=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day if unit == "day" else day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _starts(unit: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the beginning of every unit of time from `first` to `last`."""
    start, end = _start(unit, first), _start(unit, last)
    while start < end:
        yield start
        start = _start(unit, start + _UNITS.get(unit, timedelta(days=366)))
    yield end


def _count(unit: str, first: datetime, last: datetime) -> int:
    """Return about how many units of time there are, never too few."""
    return (last - first) // _UNITS[unit] + 1


def _said(unit: str, start: datetime) -> str:
    """Return how a person reads a time, in UTC."""
    if unit == "year":
        return str(start.year)
    if unit == "month":
        return f"{start:%b} {start.year}"
    day = f"{start.day} {start:%b} {start.year}"
    return f"{day} {start:%H}:00" if unit == "hour" else f"week of {day}" if unit == "week" else day


# Stepping on by this much leads into the next one, whatever its length.
_UNITS: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=31),
}
