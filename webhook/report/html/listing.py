"""Which changes a page lists one by one: as many as a browser holds well, and first those that people look for."""

from typing import Any, Final

from webhook.report.outcome import ALLOW, Outcome

MOST: Final = 10_000


class Listing:
    """The changes that are listed, in the order they came in."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._total = most, 0
        self._notable: list[tuple[int, dict[str, Any]]] = []
        self._plain: list[tuple[int, dict[str, Any]]] = []

    def add(self, outcome: Outcome) -> None:
        """List `outcome` where there is room: what is refused, changed or found first, then what is simply allowed."""
        self._total += 1
        notable = outcome.change or outcome.verdict != ALLOW or outcome.findings
        kept = self._notable if notable else self._plain
        if len(kept) < self._most:
            kept.append((self._total, row(outcome)))

    def rows(self) -> list[dict[str, Any]]:
        """Return what is listed."""
        kept = self._notable + self._plain[: self._most - len(self._notable)]
        return [each for _, each in sorted(kept, key=lambda numbered: numbered[0])]

    @property
    def total(self) -> int:
        """How many there are."""
        return self._total

    @property
    def left_out(self) -> int:
        """How many are not listed."""
        return max(0, self._total - self._most)


def row(outcome: Outcome) -> dict[str, Any]:
    """Return what the page's script reads of `outcome`: what the format json says where it says something."""
    said = {**outcome.as_json(), "title": outcome.title, "change": outcome.change}
    return {key: value for key, value in said.items() if value}
