"""The summary of a report: counted as it streams by, and added up from the parts of a divided one."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from webhook.model import Mode
from webhook.report.outcome import ALLOW, DENY, ERROR, SKIP, Outcome


@dataclass(slots=True)
class Tally:
    """How many outcomes there are of each sort.

    Attributes:
        verdicts: by verdict.
        modes: findings by mode.
        rules: findings by rule.
        completed: outcomes that the defaults complete.
        exempt: outcomes that an exemption lets through.
        newly: by verdict, outcomes whose verdict was another before.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    exempt: int = 0
    newly: Counter[str] = field(default_factory=Counter)

    def count(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.verdicts[outcome.verdict] += 1
        self.completed += bool(outcome.patch)
        self.exempt += outcome.exemption is not None
        if outcome.before and outcome.before != outcome.verdict:
            self.newly[outcome.verdict] += 1
        for finding in outcome.findings:
            self.modes[str(finding.mode)] += 1
            self.rules[finding.rule] += 1

    def counting(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield `outcomes`, each counted."""
        for outcome in outcomes:
            self.count(outcome)
            yield outcome

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "allowed": self.verdicts[ALLOW],
            "denied": self.verdicts[DENY],
            "skipped": self.verdicts[SKIP],
            "errors": self.verdicts[ERROR],
            "newlyAllowed": self.newly[ALLOW],
            "newlyDenied": self.newly[DENY],
            "completed": self.completed,
            "exempt": self.exempt,
            "findings": {str(mode): self.modes[str(mode)] for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)},
            "rules": dict(sorted(self.rules.items())),
        }
