"""How rules are written: what a reader takes for something else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.model import Mode, SourceKind
from webhook.policy.entries import resources
from webhook.policy.lint.examples import OTHER, example
from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.rules.kinds import KINDS
from webhook.rules.source import Registries

_KINDS: Final = {kind.kind.lower(): kind.kind for kind in KINDS}
_INTERNAL: Final = f"image-registry.openshift-image-registry.svc:5000/{OTHER}/{OTHER}:tag"
# In every name of the internal registry: of its service, of the older one, and of its default route.
_INTERNAL_NAMES: Final = ("openshift-image-registry", "docker-registry.default")


@dataclass(frozen=True, slots=True)
class ImplicitExisting(Lint):
    """An enforced rule does not say what happens to violations that a change does not introduce.

    Without `existing` they are only recorded (`audit`): a tag that violates the rule today can still be annotated, and
    its stream edited. That surprises those who expect `enforce` to hold for every tag.
    """

    name: ClassVar[str] = "implicit-existing"
    remedy: ClassVar[str] = "Set `existing` to `enforce`, `warn`, `audit` or `ignore`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule without `existing`, if reviews carry what it reads: a scan does not look at it."""
        for entry in policy.enforced:
            if "existing" not in policy.keys[entry.name] and resources(entry.rule):
                yield Hit(
                    entry.name,
                    "",
                    "existing is not set, so violations that a change does not introduce are recorded only; "
                    "set existing to enforce, warn, audit or ignore",
                )


@dataclass(frozen=True, slots=True)
class RuleNamedAsKind(Lint):
    """A rule has the name of a rule kind.

    Messages, metrics and records name the rule, and say no more than the kind would. `policy explain NAME` explains
    the rule and not the kind.
    """

    name: ClassVar[str] = "rule-named-as-kind"
    remedy: ClassVar[str] = "Name the rule after what it demands, such as `trusted-registries`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule with the name of a kind, whatever its case and hyphens."""
        for entry in policy.rules:
            if kind := _KINDS.get(entry.name.replace("-", "")):
                yield Hit(
                    entry.name, "name", f"the rule is named like the rule kind {kind}; name it after what it demands"
                )


@dataclass(frozen=True, slots=True)
class MissingInternalRegistry(Lint):
    """An allow-list of registries does not have the internal registry.

    Builds and pushes leave their images there, and tags name them as
    `image-registry.openshift-image-registry.svc:5000/NAMESPACE/STREAM`. The rule denies such a tag.
    """

    name: ClassVar[str] = "missing-internal-registry"
    remedy: ClassVar[str] = "Add `image-registry.openshift-image-registry.svc:5000` to `registries.allow`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each allow-list, of a rule that denies or warns, in which no name of the internal registry is."""
        for entry in policy.rules:
            rule = entry.rule
            if not isinstance(rule, Registries) or not rule.allow or entry.mode is Mode.AUDIT:
                continue
            named = any(name in str(glob).lower() for glob in rule.allow for name in _INTERNAL_NAMES)
            if not named and example({"kind": str(SourceKind.DOCKER_IMAGE), "name": _INTERNAL}).denied(rule):
                yield Hit(
                    entry.name,
                    "registries.allow",
                    "the internal registry is not allowed, so tags of built and pushed images are denied; "
                    "add image-registry.openshift-image-registry.svc:5000",
                )
