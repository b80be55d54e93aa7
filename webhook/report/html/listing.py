"""Which changes a page lists one by one, and in which order: denied first, and as many as a browser holds well."""

from itertools import chain
from typing import Any, Final

from webhook.report.outcome import ALLOW, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED, SKIP, Outcome

MOST: Final = 10_000
_WITH_FINDINGS: Final = "findings"  # allowed, with a warning or with a finding that is only recorded
_RANKS: Final = (NEWLY_DENIED, DENY, ERROR, NEWLY_ALLOWED, NEWLY_COMPLETED, _WITH_FINDINGS, SKIP, ALLOW)


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
