"""Warnings about entries without effect, and about defaults that work against a rule or the cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import ClassVar, Final

from webhook.defaults import Completion, complete, patched_document
from webhook.model.change import TagField
from webhook.model.decision import Mode
from webhook.model.tag import SourceKind
from webhook.policy.entries import DefaultEntry, ExemptionEntry, RuleEntry
from webhook.policy.lint.covering import covers, overlap, selects_all, widest
from webhook.policy.lint.examples import example, of_object
from webhook.policy.lint.warning import Hit, Lint, PolicyView
from webhook.policy.match import Match
from webhook.resources.objects import IMPORT_MODE
from webhook.rules.base import Rule
from webhook.rules.expression import Expression

_MOST: Final = 50  # entries that each entry is compared with: the cost must not grow with the square of the entries
_EVERYBODY: Final = frozenset({"*", "system:authenticated"})
_STRICTEST: Final = {Mode.ENFORCE: 3, Mode.WARN: 2, Mode.AUDIT: 1, Mode.IGNORE: 0}


@dataclass(frozen=True, slots=True)
class EmptyMatch(Lint):
    """A rule, default or exemption applies to nothing, as far as its globs show.

    Its own `exclude` leaves out everything that it matches, or an exemption without `annotation` exempts every user
    from a rule.
    """

    name: ClassVar[str] = "empty-match"
    remedy: ClassVar[str] = "Narrow `exclude` or the exemption, or delete the entry."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each entry whose match is empty, and each rule from which every user is exempt."""
        entries: tuple[RuleEntry | DefaultEntry | ExemptionEntry, ...] = (
            *policy.rules, *policy.defaults, *policy.exemptions
        )  # fmt: skip
        empty = [entry.name for entry in entries if _excludes_all(entry)]
        for name in empty:
            yield Hit(name, "match.exclude", "exclude leaves out everything that is matched; narrow it")
        general = tuple(islice(filter(_exempts_everybody, policy.exemptions), _MOST))
        for rule in policy.rules if general else ():
            exemption = next((each for each in general if covers(each.match, rule.match)), None)
            if exemption is not None and rule.name not in empty:
                yield Hit(
                    rule.name, "", f"the exemption {exemption.name} exempts every user from the rule; narrow its match"
                )


def _excludes_all(entry: RuleEntry | DefaultEntry | ExemptionEntry) -> bool:
    """Whether the `exclude` of an entry leaves out all that the entry matches."""
    exclude = entry.match.exclude
    if exclude is None or (exclude.tags and isinstance(entry, RuleEntry) and entry.rule.evaluates_streams):
        return False  # a stream as a whole has no tag to be excluded by
    return selects_all(exclude, entry.match.only)


def _exempts_everybody(entry: ExemptionEntry) -> bool:
    return not entry.annotation and not _EVERYBODY.isdisjoint(map(str, (*entry.users, *entry.groups)))


@dataclass(frozen=True, slots=True)
class ShadowedEntry(Lint):
    """An entry adds nothing to another entry.

    Another rule of the same kind with the same parameters is as strict and applies to everything that this rule
    matches: every violation is reported twice. Or an earlier default sets every field of this default, and the first
    default wins.
    """

    name: ClassVar[str] = "shadowed-entry"
    remedy: ClassVar[str] = "Delete the entry, or change what it matches or demands."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule and each default that another one covers."""
        alike: dict[object, dict[Match, list[RuleEntry]]] = {}
        for entry in policy.rules:
            alike.setdefault(_demand(entry.rule), {}).setdefault(entry.match, []).append(entry)
        position = {entry.name: position for position, entry in enumerate(policy.rules)}
        for group in alike.values():
            wide = widest(group, _MOST) if len(group) > 1 else []
            for match, entries in group.items():
                others = [match, *(each for each in wide if each is not match and covers(each, match))]
                for entry in entries:
                    same = chain.from_iterable(group[each][:_MOST] for each in others)
                    if other := next((each for each in same if _shadows(each, entry, position)), None):
                        yield Hit(
                            entry.name,
                            "",
                            f"the rule {other.name} demands the same of everything that this rule matches; delete one",
                        )
        for index, default in enumerate(policy.defaults):
            earlier = (each for each in policy.defaults[: min(index, _MOST)] if _wins(each, default))
            if winner := next(earlier, None):
                yield Hit(default.name, "", f"the earlier default {winner.name} sets the same fields; delete one")


def _demand(rule: Rule) -> tuple[object, ...]:
    """Return what is equal for rules that demand the same: lists have no order."""
    values = (getattr(rule, each.name) for each in rule.parameters())
    return rule.kind, *(frozenset(value) if isinstance(value, tuple) else value for value in values)


def _shadows(other: RuleEntry, entry: RuleEntry, position: Mapping[str, int]) -> bool:
    """Whether a rule with the same demand, for all that `entry` matches, leaves it nothing to add."""
    if other is entry or not _as_strict(other, entry):
        return False
    # Of two that leave each other nothing, the later one is reported.
    mutual = _as_strict(entry, other) and covers(entry.match, other.match)
    return not mutual or position[other.name] < position[entry.name]


def _as_strict(one: RuleEntry, other: RuleEntry) -> bool:
    """Whether `one` does at least as much about a violation as `other`."""
    return _STRICTEST[one.mode] >= _STRICTEST[other.mode] and _STRICTEST[one.existing] >= _STRICTEST[other.existing]


def _wins(earlier: DefaultEntry, later: DefaultEntry) -> bool:
    """Whether a default leaves a later one nothing to set."""
    return _fields(later.set) <= _fields(earlier.set) and covers(earlier.match, later.match)


def _fields(completion: Completion) -> frozenset[str]:
    """Return the names of what a default sets."""
    given = {name for name in completion.__slots__ if name != "annotations" and getattr(completion, name) is not None}
    return frozenset(given | {f"annotations/{name}" for name, _ in completion.annotations})


_SOURCE: Final = {"kind": str(SourceKind.DOCKER_IMAGE), "name": "registry.example/istag-webhook/lint:1"}
_COMPLETED: Final = frozenset({TagField.IMPORT_POLICY, TagField.REFERENCE_POLICY, TagField.ANNOTATIONS})
_MOST_NAMED: Final = (
    50  # defaults that are tried against every rule: the cost must not grow with the square of the entries
)


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
        for default in islice(policy.defaults, _MOST_NAMED) if rules else ():
            for rule, sentence in islice(_denying(default, rules), 1):
                yield Hit(default.name, "set", f"the rule {rule.name} denies what the default sets: {sentence}")


def _reads_completed(rule: Rule) -> bool:
    """Whether `rule` reads what a default can set."""
    return rule.evaluates_tags and (isinstance(rule, Expression) or not _COMPLETED.isdisjoint(rule.reads))


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
            if entry.set.import_mode not in (None, IMPORT_MODE):
                yield Hit(
                    entry.name,
                    "set.importPolicy.importMode",
                    f"{entry.set.import_mode} overrides the import mode of the cluster, a deliberate Legacy too; "
                    "set imageStreamImportMode of image.config.openshift.io/cluster instead",
                )
