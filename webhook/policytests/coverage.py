"""Which entries of a policy the cases meet: rules that say something, defaults that set, exemptions that are used."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from webhook.admission import engine
from webhook.policy.loading import Policy
from webhook.policytests.running import Result
from webhook.rules.cluster import Schema


@dataclass(frozen=True, slots=True)
class Coverage:
    """What cases met of a policy.

    Attributes:
        policy: the policy.
        met: the names of the entries that were met.
    """

    policy: Policy
    met: frozenset[str]

    @classmethod
    def of(cls, policy: Policy, results: Iterable[Result]) -> "Coverage":
        """Return what `results` met of `policy`."""
        return cls(policy, frozenset(name for result in results for name in _met(policy, result)))

    def parts(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield for rules, defaults and exemptions what they are called, their names, and those that were not met.

        The rules that the API server holds by itself are not the policy's to test.
        """
        rules = [entry.name for entry in self.policy.rules if not isinstance(entry.rule, Schema)]
        defaults = [entry.name for entry in self.policy.defaults]
        exemptions = [entry.name for entry in self.policy.exemptions]
        for part, names in (("rules", rules), ("defaults", defaults), ("exemptions", exemptions)):
            yield part, names, [name for name in names if name not in self.met]

    @property
    def whole(self) -> bool:
        """Whether every entry was met."""
        return not any(missed for _, _, missed in self.parts())


def _met(policy: Policy, result: Result) -> Iterator[str]:
    """Yield the names of the entries that a case met."""
    for finding in result.decision.findings:
        yield finding.rule
    if result.decision.exemption is not None:
        yield result.decision.exemption.name
    for entry in policy.defaults:
        if engine.mutate(result.review, replace(policy, defaults=(entry,))).patch:
            yield entry.name
