"""Defaults that work against a rule or against the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final

from webhook.defaults import complete, patched_document
from webhook.model import SourceKind, TagField
from webhook.policy.entries import DefaultEntry, RuleEntry
from webhook.policy.lint.covering import overlap
from webhook.policy.lint.examples import example, of_object
from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.rules.base import Rule
from webhook.rules.expression import Expression

_SOURCE: Final = {"kind": str(SourceKind.DOCKER_IMAGE), "name": "registry.example/istag-webhook/lint:1"}
_COMPLETED: Final = frozenset({TagField.IMPORT_POLICY, TagField.REFERENCE_POLICY, TagField.ANNOTATIONS})
_LEGACY: Final = "Legacy"
_MOST: Final = 50  # defaults that are tried against every rule: the cost must not grow with the square of the entries


@dataclass(frozen=True, slots=True)
class DeniedDefault(Lint):
    """A default completes a tag so that an enforced rule denies it.

    The user did not ask for what the message complains about. Whether a tag is matched by both entries is told by
    their globs, and a rule that depends on the source is tried with one DockerImage.
    """

    name: ClassVar[str] = "denied-default"
    remedy: ClassVar[str] = "Change the default or the rule, or match them to different tags."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each default of which an enforced rule denies what it sets."""
        rules = [entry for entry in policy.enforced if _reads_completed(entry.rule)]
        for default in islice(policy.defaults, _MOST) if rules else ():
            for rule, sentence in islice(_denying(default, rules), 1):
                yield Hit(default.name, "set", f"the rule {rule.name} denies what the default sets: {sentence}")


def _reads_completed(rule: Rule) -> bool:
    """Whether `rule` reads what a default can set."""
    return rule.judges_tags and (isinstance(rule, Expression) or not _COMPLETED.isdisjoint(rule.reads))


def _denying(default: DefaultEntry, rules: list[RuleEntry]) -> Iterator[tuple[RuleEntry, str]]:
    """Yield the rules that deny a tag because of `default`, with a sentence of each."""
    before = example(_SOURCE)
    document = before.review.object or {}
    after = of_object(patched_document(document, complete(before.change, document, [default.set])))
    for entry in rules:
        if overlap(default.match, entry.match) and (new := after.denied(entry.rule) - before.denied(entry.rule)):
            yield entry, min(new)


@dataclass(frozen=True, slots=True)
class OverridesClusterDefault(Lint):
    """A default sets `importMode: PreserveOriginal`, whatever the cluster's own default is.

    The API server fills in `Legacy`, and the webhook cannot tell whether the user, the API server or the administrator
    chose it (`spec.imageStreamImportMode` of `image.config.openshift.io/cluster`). PreserveOriginal imports the
    manifest list: the tag's digest changes, `oc new-app` finds no ports and environment, and more is stored.
    """

    name: ClassVar[str] = "overrides-cluster-default"
    remedy: ClassVar[str] = (
        "Set the mode for the whole cluster in `image.config.openshift.io/cluster`. If the policy is meant to decide, "
        "ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each default that sets another import mode than the API server's."""
        for entry in policy.defaults:
            if entry.set.import_mode not in (None, _LEGACY):
                yield Hit(
                    entry.name,
                    "set.importPolicy.importMode",
                    f"{entry.set.import_mode} overrides the import mode of the cluster, a deliberate Legacy too; "
                    "set imageStreamImportMode of image.config.openshift.io/cluster instead",
                )
