"""Warnings about rules for sources that a tag bypasses through another tag of the cluster."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

from webhook.globs.matching import Glob
from webhook.model.review import TagField
from webhook.model.tag import SourceKind
from webhook.policy.entries import RuleEntry
from webhook.policy.lint.exemptions import is_reserved
from webhook.policy.lint.warning import OTHER, STREAM, Example, Hit, Lint, covers, example, narrows, widest
from webhook.policy.match import Match, Selector
from webhook.policy.policy import PolicyView
from webhook.rules.base import Rule
from webhook.rules.expression import Expression
from webhook.rules.policies import ReferencePolicy
from webhook.rules.source import CrossNamespace, Pin, SourceKinds

# The places of the other tag, by the part of the match that excludes tags.
_REACHES: Final = {
    "tags": ("tag", "stream", "namespace"),
    "streams": ("stream", "namespace"),
    "namespaces": ("namespace",),
}
_READS_SOURCE: Final = re.compile(r"\bfrom\b|\bdockerImageReference\b")
_MOST_GUARDS: Final = 50  # rules that each rule is compared with; more would make the cost quadratic


@dataclass(frozen=True, slots=True)
class Alias:
    """A source in the cluster.

    Attributes:
        kind: ImageStreamTag or ImageStreamImage.
        reach: `tag` for another tag of the same stream, or another `stream` or `namespace`.
    """

    kind: SourceKind
    reach: str


_ALIASES: Final = tuple(
    Alias(kind, reach)
    for kind in (SourceKind.IMAGE_STREAM_TAG, SourceKind.IMAGE_STREAM_IMAGE)
    for reach in _REACHES["tags"]
)


@dataclass(frozen=True, slots=True)
class AliasBypass(Lint):
    """An enforced rule about sources applies to some tags only, and those tags may name other tags of the cluster.

    No rule follows an ImageStreamTag or ImageStreamImage source. A user can point a tag that the rule does not match at
    a denied image, and then point the matched tag at that tag. The same holds for a rule that is matched by stream or
    by namespace, if the source may be in another stream or namespace. Namespaces that ordinary users cannot request
    (`openshift-*`, `kubernetes-*`, `kube-*`) may be excluded.
    """

    name: ClassVar[str] = "alias-bypass"
    remedy: ClassVar[str] = (
        "Let the rule match every tag, or allow only DockerImage sources for the matched tags: "
        "`sourceKinds: {allow: [DockerImage]}` in mode enforce, with the same match."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each enforced rule about sources that excludes a tag which a matched tag may refer to."""
        found = [(entry, path, aliases) for entry in policy.enforced for path, aliases in _open(entry)]
        shut = _shut(policy) if found else {}
        wide = widest(shut, _MOST_GUARDS)
        for entry, path, aliases in found:
            guards = [entry.match, *(match for match in wide if covers(match, entry.match))]
            closed = frozenset[Alias]().union(*(shut.get(match, ()) for match in guards))
            if left := [alias for alias in aliases if alias not in closed]:
                kinds = " or ".join(dict.fromkeys(str(alias.kind) for alias in left))
                part = path.rpartition(".")[2]
                yield Hit(
                    entry.name,
                    path,
                    f"a matched tag can refer to a denied image through another {left[0].reach}, by a source of kind "
                    f"{kinds}; match all {part}, or allow only DockerImage sources for the matched tags",
                )


def _open(entry: RuleEntry) -> Iterator[tuple[str, list[Alias]]]:
    """Yield the path at which a rule about sources excludes tags, and the aliases of such tags that it allows."""
    rule, found = entry.rule, _left_out(entry.match)
    if found is None or not _about_sources(rule):
        return
    path, reaches = found
    aliases = [
        alias for alias in _ALIASES if alias.reach in reaches and not (_pinned(alias, rule) or _denies(rule, alias))
    ]
    if aliases:
        yield path, aliases


def _left_out(match: Match) -> tuple[str, tuple[str, ...]] | None:
    """Return the path at which `match` excludes tags, and where those can be; None if it excludes none."""
    exclude = match.exclude or Selector()
    someone_s = narrows(exclude.users) or narrows(exclude.groups) or _all_reserved(exclude.namespaces)
    for part, reaches in _REACHES.items():
        if narrows(getattr(match.only, part)):
            return f"match.{part}", reaches
        if narrows(getattr(exclude, part)) and not someone_s:
            return f"match.exclude.{part}", reaches
    return None


def _all_reserved(namespaces: tuple[Glob, ...]) -> bool:
    """Whether ordinary users cannot request any of `namespaces`; a glob with a reserved prefix matches no other."""
    return bool(namespaces) and all(is_reserved(str(glob)) for glob in namespaces)


def _about_sources(rule: Rule) -> bool:
    """Whether `rule` depends on the image of a tag; the reference policy is a property of the alias itself."""
    if isinstance(rule, Expression):
        return any(_READS_SOURCE.search(each.expression) for each in rule.validations)
    about = {TagField.SOURCE, TagField.IMPORT_POLICY}
    return not rule.reads.isdisjoint(about) and not isinstance(rule, ReferencePolicy)


def _pinned(alias: Alias, rule: Rule) -> bool:
    """Whether an alias always satisfies `rule`: an ImageStreamImage is a digest."""
    return isinstance(rule, Pin) and alias.kind is SourceKind.IMAGE_STREAM_IMAGE


def _denies(rule: Rule, alias: Alias) -> bool:
    return bool(_example(alias).denied(rule))


@cache
def _example(alias: Alias) -> Example:
    """Return a tag whose source is an alias."""
    stream = STREAM if alias.reach == "tag" else OTHER
    part = ":other" if alias.kind is SourceKind.IMAGE_STREAM_TAG else f"@sha256:{'0' * 64}"
    namespace = {"namespace": OTHER} if alias.reach == "namespace" else {}
    return example({"kind": str(alias.kind), "name": f"{stream}{part}", **namespace})


def _shut(policy: PolicyView) -> dict[Match, frozenset[Alias]]:
    """Return the aliases that the enforced rules deny, by the match of these rules."""
    shut: dict[Match, frozenset[Alias]] = {}
    for entry in policy.enforced:
        if _sees_aliases(entry.rule) and (found := {alias for alias in _ALIASES if _denies(entry.rule, alias)}):
            shut[entry.match] = shut.get(entry.match, frozenset()) | found
    return shut


def _sees_aliases(rule: Rule) -> bool:
    """Whether `rule` denies aliases as such, and not because of names or annotations."""
    return isinstance(rule, (SourceKinds, Pin, CrossNamespace)) or (
        isinstance(rule, Expression) and _about_sources(rule)
    )
