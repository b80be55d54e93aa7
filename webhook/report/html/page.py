"""`html`: one self-contained page for people: the result, where, by which rules, and each change.

The summary is in the page itself, so it can be read and printed without a script. The changes are in the page as JSON
that cannot end its script element. The page's script shows, sorts and filters them, and writes text only.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from typing import Any, Final

import orjson
from jinja2 import Environment, FunctionLoader, StrictUndefined

from webhook.model.decision import Mode
from webhook.report.header import UNRECORDED, Header
from webhook.report.html.charts import Chart, Sort, Timeline, chart, timeline
from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP, Outcome
from webhook.report.shape import LIMIT
from webhook.report.tally import Tally
from webhook.text import counted

_SCRIPTS: Final = ("dom.js", "rows.js", "state.js", "details.js", "table.js", "page.js")
# Characters that HTML's tokenizer looks for in a script, and that JavaScript once treated as line ends.
_ESCAPES: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
MOST: Final = 10_000
_WITH_FINDINGS: Final = "findings"  # allowed, with a finding in warn or audit mode
_RANKS: Final = (NEWLY_DENIED, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, _WITH_FINDINGS, SKIP, ALLOW)


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the page."""
    listing = Listing(ranked=not header.tells or bool(header.as_of))
    for outcome in outcomes:
        listing.add(outcome)
    style, script = _text("page.css"), "\n".join(map(_text, _SCRIPTS))
    yield from (
        _environment()
        .get_template("page.html")
        .generate(
            header=header,
            limit=LIMIT,
            summary=summary(header, tally),
            listing=listing,
            rows=_embedded(listing.rows()),
            style=style,
            script=f'"use strict";\n(() => {{\n{script}}})();\n',
            digest=_digest,
        )
    )


def _environment() -> Environment:
    """Return the templates' environment: all output is escaped unless the package produced it."""
    return Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _text(name: str) -> str:
    return (files("webhook.report.html") / name).read_text(encoding="utf-8")


def _embedded(value: Any) -> str:
    """Return JSON that is safe in a script element (HTML, 4.12.1.3)."""
    return orjson.dumps(value).decode().translate(_ESCAPES)


def _digest(text: str) -> str:
    """Return the source expression of an inline script or style (Content Security Policy, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


class Listing:
    """The listed changes: by rank, unless they are not `ranked`, and within a rank in the order of their arrival."""

    def __init__(self, most: int = MOST, *, ranked: bool = True) -> None:
        self._most, self._total, self._kept, self._ranked = most, 0, 0, ranked
        self._ranks: dict[str, list[dict[str, Any]]] = {rank: [] for rank in _RANKS}

    def add(self, outcome: Outcome) -> None:
        """List `outcome`, and drop the last change of the lowest rank if the list is full."""
        self._total += 1
        self._ranks[_rank(outcome) if self._ranked else ALLOW].append(row(outcome))
        if self._kept < self._most:
            self._kept += 1
        else:
            next(rows for rows in reversed(self._ranks.values()) if rows).pop()

    def rows(self) -> list[dict[str, Any]]:
        """Return the listed changes, denied ones first."""
        return list(chain.from_iterable(self._ranks.values()))

    @property
    def total(self) -> int:
        """How many changes there are."""
        return self._total

    @property
    def left_out(self) -> int:
        """How many changes are not listed."""
        return self._total - self._kept


def _rank(outcome: Outcome) -> str:
    """Return the entry of `_RANKS` for `outcome`."""
    if outcome.change:
        return outcome.change
    return _WITH_FINDINGS if outcome.verdict == ALLOW and outcome.findings else outcome.verdict


def row(outcome: Outcome) -> dict[str, Any]:
    """Return the values of `outcome` for the page's script: those of the format json that are not empty."""
    values = {**outcome.as_json(), "title": outcome.title, "change": outcome.change}
    return {key: value for key, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the headline."""

    count: int
    sort: Sort


@dataclass(frozen=True, slots=True)
class Summary:
    """The part of a page before the list."""

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
    """Return the summary of a report."""
    sorts = _CHANGED if header.compares else _JUDGED if header.tells else _JUDGED[:1]
    if header.compares:
        figures = [Figure(tally.changes[sort.key], sort) for sort in _CHANGED]
        figures.append(Figure(tally.evaluated, Sort("", "evaluated", "plain")))
        rules = chart("Rules", "rule", tally.reasons, sorts)
    else:
        figures = [Figure(tally.verdicts[sort.key], sort) for sort in _JUDGED]
        if header.as_of:
            figures = [Figure(tally.evaluated, Sort("", "tags", "plain"))]
        warned = tally.rules[UNRECORDED] if header.tells else tally.modes[Mode.WARN]
        figures.append(Figure(warned, Sort("", UNRECORDED if header.tells else "warnings", "warn")))
        figures += [Figure(tally.verdicts[sort.key], sort) for sort in _OTHERS if tally.verdicts[sort.key]]
        modes = {rule.name: rule.mode for rule in header.rules}
        found = {rule: {modes.get(rule, str(Mode.WARN)): count} for rule, count in tally.rules.items()}
        rules = chart("Rules", "rule", found, [Sort(mode, "findings", mode) for mode in Mode])
    charts = (
        rules,
        chart("Namespaces", "namespace", tally.namespaces, sorts),
        chart("Users", "user", tally.users, sorts),
    )
    return Summary(
        _headline(header, tally),
        tuple(figures),
        tuple(f"{why}: {count:,}" for why, count in sorted(tally.not_evaluated.items()) if count),
        sorts,
        timeline(tally.hours, [(sort.key, sort.name, sort.tone) for sort in sorts]) if tally.hours else None,
        tuple(each for each in charts if each.bars),
    )


def _headline(header: Header, tally: Tally) -> str:
    if header.tells:
        when = f" as of {header.as_of[:16].replace('T', ' ')} UTC" if header.as_of else ""
        return f"{counted(tally.evaluated, header.subject)}{when}"
    if not tally.evaluated:
        return "Nothing was evaluated"
    if not header.compares:
        refused = tally.verdicts[DENY]
        return f"{counted(refused, header.subject)} would be denied" if refused else "Nothing would be denied"
    refused, allowed = tally.changes[NEWLY_DENIED], tally.changes[NEWLY_ALLOWED]
    parts = [f"{refused:,} more would be denied"] if refused else []
    parts += [f"{allowed:,} more would be allowed"] if allowed else []
    if parts:
        return " and ".join(parts)
    completed = tally.changes[NEWLY_COMPLETED]
    return f"{counted(completed, header.subject)} would be mutated differently" if completed else "Nothing would change"
