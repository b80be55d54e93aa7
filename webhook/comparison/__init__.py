"""The same changes evaluated by two policies, and what comes of each that is not the same."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from webhook.checks import Old, check
from webhook.documents.files import InputFile
from webhook.model.decision import Finding, Mode
from webhook.model.review import User
from webhook.policy.loading import Policy
from webhook.report.outcome import DENY, ERROR, SKIP, Outcome


@dataclass(frozen=True, slots=True)
class Pair:
    """What two policies make of one change.

    Attributes:
        before: what the first does.
        after: what the second does.
    """

    before: Outcome
    after: Outcome

    @property
    def judged(self) -> bool:
        """Whether it was evaluated at all."""
        return self.after.verdict not in (ERROR, SKIP)

    @property
    def gone(self) -> tuple[Finding, ...]:
        """The findings of the first that the second has not."""
        after = frozenset(self.after.findings)
        return tuple(each for each in self.before.findings if each not in after)

    @property
    def new(self) -> tuple[Finding, ...]:
        """The findings of the second that the first has not."""
        before = frozenset(self.before.findings)
        return tuple(each for each in self.after.findings if each not in before)

    @property
    def change(self) -> str:
        """`denied`, `allowed`, `findings`, `patch` or `exemption`: the gravest that is other; "" where none is."""
        before, after = self.before, self.after
        if before.verdict != after.verdict:
            return "denied" if after.verdict == DENY else "allowed"
        if self.gone or self.new:
            return "findings"
        if before.patch != after.patch:
            return "patch"
        return "exemption" if before.exemption != after.exemption else ""

    def as_json(self) -> dict[str, Any]:
        """Return both outcomes as JSON values."""
        return {"change": self.change, "before": self.before.as_json(), "after": self.after.as_json()}


@dataclass(slots=True)
class Counts:
    """The summary of a comparison.

    Attributes:
        judged: how many changes were evaluated.
        errors: how many could not be.
        changes: those that come to something else, by what.
        namespaces: the same by namespace.
        rules: findings that are gone or new, by rule, mode and `-` or `+`.
    """

    judged: int = 0
    errors: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    namespaces: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, Mode, str]] = field(default_factory=Counter)

    def differing(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield those of `pairs` that differ, and those that cannot be evaluated; all are counted."""
        for pair in pairs:
            self.judged += pair.judged
            self.errors += pair.after.verdict == ERROR
            if change := pair.change:
                self.changes[change] += 1
                self.namespaces[pair.after.namespace] += 1
                self.rules.update((each.rule, each.mode, "-") for each in pair.gone)
                self.rules.update((each.rule, each.mode, "+") for each in pair.new)
            if change or pair.after.verdict == ERROR:
                yield pair

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "evaluated": self.judged,
            "errors": self.errors,
            "changes": dict(self.changes),
            "namespaces": dict(self.namespaces.most_common()),
            "rules": [
                {"rule": rule, "mode": str(mode), "sign": sign, "findings": count}
                for (rule, mode, sign), count in sorted(self.rules.items())
            ],
        }


def compare(files: Iterable[InputFile], before: Policy, after: Policy, user: User, old: Old) -> Iterator[Pair]:
    """Evaluate what is in `files` by both policies.

    Args:
        files: where the objects stand.
        before: the first policy.
        after: the second.
        user: who would send a manifest.
        old: what manifests would replace, and the namespace of those that name none.
    """
    for file in files:
        yield from map(Pair, check([file], before, user, old), check([file], after, user, old))
