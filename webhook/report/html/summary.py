"""What a page says before it lists anything: how many, when, where, who, and by which rules."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from webhook.model.decision import Mode
from webhook.report.header import Header
from webhook.report.html.timeline import Timeline, timeline
from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP
from webhook.report.tally import Tally

_MOST_BARS: Final = 8
_MOST_MORE: Final = 200  # bars that are shown on request


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of what is counted: the key that it is counted under, what people read, and its tone in the style."""

    key: str
    name: str
    tone: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the headline."""

    count: int
    sort: Sort


@dataclass(frozen=True, slots=True)
class Bar:
    """A name, and how many of each sort it has.

    Attributes:
        parts: sorts, their counts, and where each begins and how long it is, in percent of the longest bar.
    """

    name: str
    total: int
    parts: tuple[tuple[Sort, int, float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, the longest first.

    Attributes:
        filter: which of the page's filters a bar sets.
        more: the bars that are shown on request.
        left_out: how many names have no bar.
    """

    title: str
    filter: str
    bars: tuple[Bar, ...]
    more: tuple[Bar, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a page says before it lists anything."""

    headline: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    sorts: tuple[Sort, ...]
    timeline: Timeline | None
    charts: tuple[Chart, ...]


_CHANGED: Final = (
    Sort(NEWLY_DENIED, "would be denied", "deny"),
    Sort(NEWLY_ALLOWED, "would be allowed", "allow"),
    Sort(NEWLY_COMPLETED, "would be mutated differently", "patch"),
)
_JUDGED: Final = (Sort(DENY, "denied", "deny"), Sort(ALLOW, "allowed", "allow"))
_OTHERS: Final = (Sort(SKIP, "skipped", "plain"), Sort(ERROR, "cannot be evaluated", "warn"))


def summary(header: Header, tally: Tally) -> Summary:
    """Return what a page of this report says first."""
    sorts = _CHANGED if header.compares else _JUDGED[:1]
    if header.compares:
        figures = [Figure(tally.changes[sort.key], sort) for sort in _CHANGED]
        figures.append(Figure(tally.judged, Sort("", "evaluated", "plain")))
        rules = _chart("Rules", "rule", tally.reasons, sorts)
    else:
        figures = [Figure(tally.verdicts[sort.key], sort) for sort in _JUDGED]
        figures.append(Figure(tally.modes[Mode.WARN], Sort("", "warnings", "warn")))
        figures += [Figure(tally.verdicts[sort.key], sort) for sort in _OTHERS if tally.verdicts[sort.key]]
        modes = {rule.name: rule.mode for rule in header.rules}
        found = {rule: {modes.get(rule, str(Mode.WARN)): count} for rule, count in tally.rules.items()}
        rules = _chart("Rules", "rule", found, [Sort(mode, "findings", mode) for mode in Mode])
    charts = (
        rules,
        _chart("Namespaces", "namespace", tally.namespaces, sorts),
        _chart("Users", "user", tally.users, sorts),
    )
    return Summary(
        _headline(header, tally),
        tuple(figures),
        tuple(f"{count:,} {why}" for why, count in sorted(tally.unjudged.items()) if count),
        sorts,
        timeline(tally.hours, [(sort.key, sort.name, sort.tone) for sort in sorts]) if tally.hours else None,
        tuple(chart for chart in charts if chart.bars),
    )


def _headline(header: Header, tally: Tally) -> str:
    if not tally.judged:
        return "Nothing was evaluated"
    if not header.compares:
        refused = tally.verdicts[DENY]
        return f"{_counted(refused, header.judges)} would be denied" if refused else "Nothing would be denied"
    refused, allowed = tally.changes[NEWLY_DENIED], tally.changes[NEWLY_ALLOWED]
    said = [f"{refused:,} more would be denied"] if refused else []
    said += [f"{allowed:,} more would be allowed"] if allowed else []
    if said:
        return " and ".join(said)
    completed = tally.changes[NEWLY_COMPLETED]
    return f"{_counted(completed, header.judges)} would be mutated differently" if completed else "Nothing would change"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _chart(title: str, which: str, groups: Mapping[str, Mapping[str, int]], sorts: Iterable[Sort]) -> Chart:
    """Return the bars of those groups that have any of `sorts`."""
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
