"""Warnings about rules that are misleading, evaluate nothing, or promise more than reviews show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.model.decision import Mode
from webhook.model.tag import SourceKind
from webhook.policy.entries import KINDS, RuleEntry, resources
from webhook.policy.lint.warning import OTHER, Hit, Lint, example, narrows
from webhook.policy.match import Selector
from webhook.policy.policy import PolicyView
from webhook.resources.catalog import NAMES
from webhook.rules.source import Registries
from webhook.rules.tags import Immutable


@dataclass(frozen=True, slots=True)
class NothingToEvaluate(Lint):
    """A rule matches only resources whose reviews do not carry the fields that it reads, so it denies nothing.

    Image rules (`labels`, `platforms`, `imageSize`) need an image object, which only `imagestreammappings` carry. No
    review carries signatures, because the API server clears them before it calls a webhook: only `scan --images`
    evaluates `signatures`.
    """

    name: ClassVar[str] = "nothing-to-evaluate"
    remedy: ClassVar[str] = (
        "Match a resource that `policy explain KIND` lists. To use the rule in scans only, ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule for which no review carries the fields that it reads."""
        for entry in policy.rules:
            carrying = resources(entry.rule)
            if not carrying:
                yield Hit(
                    entry.name,
                    entry.rule.kind,
                    f"no review carries the fields that {entry.rule.kind} reads; only scans evaluate the rule",
                )
            elif not set(carrying) & _matched(entry):
                yield Hit(
                    entry.name,
                    "match",
                    f"no review of a matched resource carries the fields that {entry.rule.kind} reads; "
                    f"expected {' or '.join(carrying)}",
                )


def _matched(entry: RuleEntry) -> set[str]:
    """Return the resources that a rule matches, without those that it excludes entirely."""
    exclude = entry.match.exclude or Selector()
    parts = (exclude.namespaces, exclude.streams, exclude.tags, exclude.users, exclude.groups)
    whole = bool(exclude.resources) and not any(map(narrows, parts))
    return set(entry.match.only.resources or NAMES) - set(exclude.resources if whole else ())


@dataclass(frozen=True, slots=True)
class UnguardedImmutable(Lint):
    """An enforced `immutable` rule sees every write of a tag, but not everything that changes one.

    A DELETE of an imagestreamtag or imagetag (`oc tag -d`) reaches no webhook, and the tag can then be created again.
    The review of a tag does not show whether its stream follows a repository whose next import sets the tag again.
    """

    name: ClassVar[str] = "unguarded-immutable"
    remedy: ClassVar[str] = (
        "Restrict `delete` on imagestreamtags and imagetags by RBAC, do not follow repositories in these streams, "
        "and ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule of the kind `immutable`."""
        for entry in policy.enforced:
            if isinstance(entry.rule, Immutable):
                yield Hit(
                    entry.name,
                    entry.rule.kind,
                    "deletions reach no webhook, so a user can delete and recreate a tag; restrict deletion by RBAC",
                )


_KINDS: Final = {kind.kind.lower(): kind.kind for kind in KINDS}
_INTERNAL: Final = f"image-registry.openshift-image-registry.svc:5000/{OTHER}/{OTHER}:tag"
# Part of every name of the internal registry: its service, the OpenShift 3 service, and its default route.
_INTERNAL_NAMES: Final = ("openshift-image-registry", "docker-registry.default")


@dataclass(frozen=True, slots=True)
class ImplicitExisting(Lint):
    """An enforced rule does not set the effect of violations that a change did not introduce.

    Without `existing` they are only recorded (`audit`): a user can still annotate a tag that violates the rule today,
    and edit its stream. This may be unexpected if `enforce` is meant for every tag.
    """

    name: ClassVar[str] = "implicit-existing"
    remedy: ClassVar[str] = "Set `existing` to `enforce`, `warn`, `audit` or `ignore`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule without `existing` whose fields reviews carry; a scan does not use `existing`."""
        for entry in policy.enforced:
            if "existing" not in policy.keys[entry.name] and resources(entry.rule):
                yield Hit(
                    entry.name,
                    "",
                    "existing is not set, so violations that a change did not introduce are only recorded; "
                    "set existing to enforce, warn, audit or ignore",
                )


@dataclass(frozen=True, slots=True)
class RuleNamedAsKind(Lint):
    """A rule has the name of a rule kind.

    Messages, metrics and records then show no more than the kind, and `policy explain NAME` explains the rule instead
    of the kind.
    """

    name: ClassVar[str] = "rule-named-as-kind"
    remedy: ClassVar[str] = "Name the rule after its requirement, such as `trusted-registries`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule with the name of a kind, ignoring case and hyphens."""
        for entry in policy.rules:
            if kind := _KINDS.get(entry.name.replace("-", "")):
                yield Hit(
                    entry.name, "name", f"the rule has the name of the rule kind {kind}; name it after its requirement"
                )


@dataclass(frozen=True, slots=True)
class MissingInternalRegistry(Lint):
    """An allow-list of registries does not include the internal registry.

    Builds and pushes store their images there, and tags refer to them as
    `image-registry.openshift-image-registry.svc:5000/NAMESPACE/STREAM`. The rule denies such tags.
    """

    name: ClassVar[str] = "missing-internal-registry"
    remedy: ClassVar[str] = "Add `image-registry.openshift-image-registry.svc:5000` to `registries.allow`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each allow-list of an enforcing or warning rule that contains no name of the internal registry."""
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
