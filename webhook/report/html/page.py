"""`html`: one page that needs nothing else, for people: what came of it, where, by which rules, and each change.

The summary is in the page as it is written, so that it is read, and printed, without a script. The changes are in it as
JSON that no parser of HTML ends early; the page's script shows, sorts and filters them, and writes text only.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from typing import Any, Final

import orjson
from jinja2 import Environment, FunctionLoader, StrictUndefined

from webhook.report.header import Header
from webhook.report.html.summary import summary
from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP, Outcome
from webhook.report.tally import Tally

_SCRIPTS: Final = ("dom.js", "rows.js", "state.js", "details.js", "table.js", "page.js")
# What HTML's tokenizer looks for in a script, and what JavaScript once took for the end of a line.
_ESCAPES: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
MOST: Final = 10_000
_WITH_FINDINGS: Final = "findings"  # allowed, with a warning or with a finding that is only recorded
_RANKS: Final = (NEWLY_DENIED, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, _WITH_FINDINGS, SKIP, ALLOW)


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the page."""
    listing = Listing()
    for outcome in outcomes:
        listing.add(outcome)
    style, script = _text("page.css"), "\n".join(map(_text, _SCRIPTS))
    yield from (
        _environment()
        .get_template("page.html")
        .generate(
            header=header,
            summary=summary(header, tally),
            listing=listing,
            rows=_embedded(listing.rows()),
            style=style,
            script=f'"use strict";\n(() => {{\n{script}}})();\n',
            digest=_digest,
        )
    )


def _environment() -> Environment:
    """Return the templates' environment: whatever a template writes is escaped unless the package made it."""
    return Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _text(name: str) -> str:
    return (files("webhook.report.html") / name).read_text(encoding="utf-8")


def _embedded(value: Any) -> str:
    """Return JSON that stands in a script element and ends it nowhere (HTML, 4.12.1.3)."""
    return orjson.dumps(value).decode().translate(_ESCAPES)


def _digest(text: str) -> str:
    """Return the source expression of an inline script or style (Content Security Policy, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


class Listing:
    """The changes that are listed: by rank, and within a rank in the order they came in."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._total, self._kept = most, 0, 0
        self._ranks: dict[str, list[dict[str, Any]]] = {rank: [] for rank in _RANKS}

    def add(self, outcome: Outcome) -> None:
        """List `outcome`, and drop the last change of the lowest rank if there is no room for it."""
        self._total += 1
        self._ranks[_rank(outcome)].append(row(outcome))
        if self._kept < self._most:
            self._kept += 1
        else:
            next(rows for rows in reversed(self._ranks.values()) if rows).pop()

    def rows(self) -> list[dict[str, Any]]:
        """Return what is listed, the denied first."""
        return list(chain.from_iterable(self._ranks.values()))

    @property
    def total(self) -> int:
        """How many there are."""
        return self._total

    @property
    def left_out(self) -> int:
        """How many are not listed."""
        return self._total - self._kept


def _rank(outcome: Outcome) -> str:
    """Return the entry of `_RANKS` that `outcome` belongs to."""
    if outcome.change:
        return outcome.change
    return _WITH_FINDINGS if outcome.verdict == ALLOW and outcome.findings else outcome.verdict


def row(outcome: Outcome) -> dict[str, Any]:
    """Return what the page's script reads of `outcome`: what the format json says where it says something."""
    said = {**outcome.as_json(), "title": outcome.title, "change": outcome.change}
    return {key: value for key, value in said.items() if value}
