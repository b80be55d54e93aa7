"""The summary of a report: counted while outcomes stream, and added up from the parts of a divided report."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from webhook.model.decision import Mode
from webhook.report.outcome import (
    ALLOW,
    DENY,
    ERROR,
    NEWLY_ALLOWED,
    NEWLY_COMPLETED,
    NEWLY_DENIED,
    SKIP,
    Outcome,
)
from webhook.values import exactly

Groups = dict[str, Counter[str]]
_VERDICTS: Final = {"allowed": ALLOW, "denied": DENY, "skipped": SKIP, "errors": ERROR}
_CHANGES: Final = (NEWLY_ALLOWED, NEWLY_DENIED, NEWLY_COMPLETED)
_MODES: Final = (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)
_HOUR: Final = len("2026-01-02T03")


@dataclass(slots=True)
class Tally:
    """How many outcomes there are of each sort.

    Attributes:
        verdicts: by verdict.
        modes: findings by mode.
        rules: findings by rule.
        completed: outcomes with a patch of the defaults.
        exempt: outcomes that an exemption allows.
        changes: differences from before: NEWLY_ALLOWED and so on.
        reasons: differences by the rules that deny now, or denied before.
        namespaces: verdicts and differences by namespace.
        users: verdicts and differences by user.
        hours: verdicts and differences by hour, such as `2026-01-02T03` (RFC 3339).
        not_evaluated: what was skipped or cannot be evaluated, by reason.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    exempt: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    reasons: Groups = field(default_factory=dict)
    namespaces: Groups = field(default_factory=dict)
    users: Groups = field(default_factory=dict)
    hours: Groups = field(default_factory=dict)
    not_evaluated: Counter[str] = field(default_factory=Counter)

    @property
    def evaluated(self) -> int:
        """How many were evaluated."""
        return self.verdicts[ALLOW] + self.verdicts[DENY]

    def count(self, outcome: Outcome) -> None:
        """Count one outcome."""
        verdict, change = outcome.verdict, outcome.change
        self.verdicts[verdict] += 1
        if verdict == SKIP:
            self.not_evaluated[outcome.message.partition("; ")[0]] += 1  # the rest of the message is the remedy
        self.completed += bool(outcome.patch)
        self.exempt += outcome.exemption is not None
        for finding in outcome.findings:
            self.modes[str(finding.mode)] += 1
            self.rules[finding.rule] += 1
        sorts = (verdict, change) if change else (verdict,)
        _count(self.namespaces, outcome.namespace, sorts)
        _count(self.users, outcome.user, sorts)
        _count(self.hours, outcome.time[:_HOUR], sorts)
        if change:
            self.changes[change] += 1
            for rule in dict.fromkeys(finding.rule for finding in outcome.deciding):
                _count(self.reasons, rule, (change,))

    def counting(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Yield `outcomes`, and count each."""
        for outcome in outcomes:
            self.count(outcome)
            yield outcome

    def add(self, other: "Tally") -> None:
        """Add the counts of `other`."""
        for mine, theirs in (
            (self.verdicts, other.verdicts),
            (self.modes, other.modes),
            (self.rules, other.rules),
            (self.changes, other.changes),
            (self.not_evaluated, other.not_evaluated),
        ):
            mine.update(theirs)
        self.completed += other.completed
        self.exempt += other.exempt
        for groups, others in (
            (self.reasons, other.reasons),
            (self.namespaces, other.namespaces),
            (self.users, other.users),
            (self.hours, other.hours),
        ):
            for name, counts in others.items():
                groups.setdefault(name, Counter()).update(counts)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            **{name: self.verdicts[verdict] for name, verdict in _VERDICTS.items()},
            **{change: self.changes[change] for change in _CHANGES},
            "completed": self.completed,
            "exempt": self.exempt,
            "findings": {str(mode): self.modes[str(mode)] for mode in _MODES},
            "rules": _sorted(self.rules),
            "reasons": _groups(self.reasons),
            "namespaces": _groups(self.namespaces),
            "users": _groups(self.users),
            "hours": _groups(self.hours),
            "notEvaluated": _sorted(self.not_evaluated),
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Tally":
        """Read the value that `as_json` returned.

        Raises:
            KeyError, TypeError: `value` is something else.
        """
        return cls(
            verdicts=_counter({verdict: value[name] for name, verdict in _VERDICTS.items()}),
            modes=_counter(value["findings"]),
            rules=_counter(value["rules"]),
            completed=exactly(int, value["completed"]),
            exempt=exactly(int, value["exempt"]),
            changes=_counter({change: value[change] for change in _CHANGES}),
            not_evaluated=_counter(value["notEvaluated"]),
            **{
                part: {name: _counter(counts) for name, counts in exactly(dict, value[part]).items()}
                for part in ("reasons", "namespaces", "users", "hours")
            },
        )


def _counter(value: Any) -> Counter[str]:
    return Counter({name: exactly(int, count) for name, count in exactly(dict, value).items()})


def _count(groups: Groups, name: str, sorts: Iterable[str]) -> None:
    """Count one of each of `sorts` under `name`, if there is a name."""
    if name:
        counts = groups.get(name)
        if counts is None:
            counts = groups[name] = Counter()
        for sort in sorts:
            counts[sort] += 1


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _groups(groups: Groups) -> dict[str, dict[str, int]]:
    return {name: _sorted(counts) for name, counts in sorted(groups.items())}
