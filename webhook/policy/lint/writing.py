"""Warnings about rules that read as something else, evaluate nothing, or promise more than reviews show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.model.decision import Mode
from webhook.model.tag import SourceKind
from webhook.policy.entries import RuleEntry, resources
from webhook.policy.lint.covering import narrows
from webhook.policy.lint.examples import OTHER, example
from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.policy.match import Selector
from webhook.resources.catalog import NAMES
from webhook.rules.kinds import KINDS
from webhook.rules.source import Registries
from webhook.rules.tags import Immutable


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


@dataclass(frozen=True, slots=True)
class UnguardedImmutable(Lint):
    """An enforced `immutable` rule sees every write of a tag, but not everything that moves one.

    A DELETE of an imagestreamtag or imagetag (`oc tag -d`) reaches no webhook, and the tag can then be created anew.
    The review of a tag does not show whether its stream awaits the import of a repository that it follows, which sets
    the tag again.
    """

    name: ClassVar[str] = "unguarded-immutable"
    remedy: ClassVar[str] = (
        "Withhold `delete` on imagestreamtags and imagetags by RBAC, follow no repository in these streams, "
        "and ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule of the kind `immutable`."""
        for entry in policy.enforced:
            if isinstance(entry.rule, Immutable):
                yield Hit(
                    entry.name,
                    entry.rule.kind,
                    "deleting a tag reaches no webhook, so it can be deleted and created anew; guard deletion by RBAC",
                )


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
