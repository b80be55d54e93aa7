"""Rules that no admission review gives anything to evaluate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.policy.entries import RuleEntry, resources
from webhook.policy.lint.covering import narrows
from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.policy.match import Selector
from webhook.resources.catalog import NAMES


@dataclass(frozen=True, slots=True)
class NothingToEvaluate(Lint):
    """A rule is matched only to resources whose reviews carry nothing that it reads, so it denies nothing.

    Image rules (`labels`, `platforms`, `imageSize`) need a whole image, which only `imagestreammappings` carry. No
    review carries signatures, because the API server clears them before it calls a webhook: `signatures` is evaluated
    in `scan --images` only.
    """

    name: ClassVar[str] = "nothing-to-evaluate"
    remedy: ClassVar[str] = (
        "Match a resource that `policy explain KIND` lists. To use the rule in scans only, ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule that no review gives anything to evaluate."""
        for entry in policy.rules:
            carrying = resources(entry.rule)
            if not carrying:
                yield Hit(
                    entry.name,
                    entry.rule.kind,
                    f"no admission review carries what {entry.rule.kind} reads; the rule is evaluated in scans only",
                )
            elif not set(carrying) & _matched(entry):
                yield Hit(
                    entry.name,
                    "match",
                    f"no review of a matched resource carries what {entry.rule.kind} reads; "
                    f"expected {' or '.join(carrying)}",
                )


def _matched(entry: RuleEntry) -> set[str]:
    """Return the resources that a rule matches, without those that it excludes as a whole."""
    exclude = entry.match.exclude or Selector()
    parts = (exclude.namespaces, exclude.streams, exclude.tags, exclude.users, exclude.groups)
    whole = bool(exclude.resources) and not any(map(narrows, parts))
    return set(entry.match.only.resources or NAMES) - set(exclude.resources if whole else ())
