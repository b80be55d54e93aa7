"""Warnings about entries without effect, and about defaults that conflict with a rule or the cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import ClassVar, Final

from webhook.defaults import Completion, complete, patched_document
from webhook.model.decision import Mode
from webhook.model.review import TagField
from webhook.model.tag import SourceKind
from webhook.policy.entries import DefaultEntry, ExemptionEntry, RuleEntry
from webhook.policy.lint.warning import Hit, Lint, covers, example, of_object, overlap, selects_all, widest
from webhook.policy.match import Match
from webhook.policy.policy import PolicyView
from webhook.resources.objects import IMPORT_MODE
from webhook.rules.base import Rule
from webhook.rules.expression import Expression

_MOST: Final = 50  # entries that each entry is compared with; more would make the cost quadratic
_EVERYBODY: Final = frozenset({"*", "system:authenticated"})
_STRICTEST: Final = {Mode.ENFORCE: 3, Mode.WARN: 2, Mode.AUDIT: 1, Mode.IGNORE: 0}


@dataclass(frozen=True, slots=True)
class EmptyMatch(Lint):
    """A rule, default or exemption applies to nothing, according to its globs.

    Its own `exclude` covers everything that it matches, or an exemption without `annotation` exempts every user from a
    rule.
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
            yield Hit(name, "match.exclude", "exclude covers everything that the entry matches; narrow it")
        general = tuple(islice(filter(_exempts_everybody, policy.exemptions), _MOST))
        for rule in policy.rules if general else ():
            exemption = next((each for each in general if covers(each.match, rule.match)), None)
            if exemption is not None and rule.name not in empty:
                yield Hit(
                    rule.name, "", f"the exemption {exemption.name} exempts every user from the rule; narrow its match"
                )


def _excludes_all(entry: RuleEntry | DefaultEntry | ExemptionEntry) -> bool:
    """Whether the `exclude` of an entry covers everything that the entry matches."""
    exclude = entry.match.exclude
    if exclude is None or (exclude.tags and isinstance(entry, RuleEntry) and entry.rule.evaluates_streams):
        return False  # a stream as a whole has no tag, so `exclude.tags` does not exclude it
    return selects_all(exclude, entry.match.only)


def _exempts_everybody(entry: ExemptionEntry) -> bool:
    return not entry.annotation and not _EVERYBODY.isdisjoint(map(str, (*entry.users, *entry.groups)))


@dataclass(frozen=True, slots=True)
class ShadowedEntry(Lint):
    """An entry has no effect beyond another entry.

    Another rule of the same kind with the same parameters is as strict, and applies to everything that this rule
    matches: every violation is reported twice. Or an earlier default sets every field of this default, and the first
    default wins.
    """

    name: ClassVar[str] = "shadowed-entry"
    remedy: ClassVar[str] = "Delete the entry, or change what it matches or requires."

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
                            f"the rule {other.name} requires the same of everything that this rule matches; delete one",
                        )
        for index, default in enumerate(policy.defaults):
            earlier = (each for each in policy.defaults[: min(index, _MOST)] if _wins(each, default))
            if winner := next(earlier, None):
                yield Hit(default.name, "", f"the earlier default {winner.name} sets the same fields; delete one")


def _demand(rule: Rule) -> tuple[object, ...]:
    """Return a key that is equal for rules with the same requirement, ignoring the order of lists."""
    values = (getattr(rule, each.name) for each in rule.parameters())
    return rule.kind, *(frozenset(value) if isinstance(value, tuple) else value for value in values)


def _shadows(other: RuleEntry, entry: RuleEntry, position: Mapping[str, int]) -> bool:
    """Whether another rule with the same requirement covers `entry`."""
    if other is entry or not _as_strict(other, entry):
        return False
    # If two rules cover each other, only the later one is reported.
    mutual = _as_strict(entry, other) and covers(entry.match, other.match)
    return not mutual or position[other.name] < position[entry.name]


def _as_strict(one: RuleEntry, other: RuleEntry) -> bool:
    """Whether `one` is at least as strict about a violation as `other`."""
    return _STRICTEST[one.mode] >= _STRICTEST[other.mode] and _STRICTEST[one.existing] >= _STRICTEST[other.existing]


def _wins(earlier: DefaultEntry, later: DefaultEntry) -> bool:
    """Whether an earlier default sets everything that a later one sets."""
    return _fields(later.set) <= _fields(earlier.set) and covers(earlier.match, later.match)


def _fields(completion: Completion) -> frozenset[str]:
    """Return the names of the fields that a default sets."""
    names = {name for name in completion.__slots__ if name != "annotations" and getattr(completion, name) is not None}
    return frozenset(names | {f"annotations/{name}" for name, _ in completion.annotations})


_SOURCE: Final = {"kind": str(SourceKind.DOCKER_IMAGE), "name": "registry.example/istag-webhook/lint:1"}
_COMPLETED: Final = frozenset({TagField.IMPORT_POLICY, TagField.REFERENCE_POLICY, TagField.ANNOTATIONS})
_MOST_NAMED: Final = 50  # defaults that are checked against every rule; more would make the cost quadratic


@dataclass(frozen=True, slots=True)
class DeniedDefault(Lint):
    """A default changes a tag so that an enforced rule denies it.

    The user did not set the field that the message names. The check compares the globs of both entries, and tries a
    rule that depends on the source with one DockerImage.
    """

    name: ClassVar[str] = "denied-default"
    remedy: ClassVar[str] = "Change the default or the rule, or match them to different tags."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each default that sets a value which an enforced rule denies."""
        rules = [entry for entry in policy.enforced if _reads_completed(entry.rule)]
        for default in islice(policy.defaults, _MOST_NAMED) if rules else ():
            for rule, sentence in islice(_denying(default, rules), 1):
                yield Hit(default.name, "set", f"the rule {rule.name} denies what the default sets: {sentence}")


def _reads_completed(rule: Rule) -> bool:
    """Whether `rule` reads a field that a default can set."""
    return rule.evaluates_tags and (isinstance(rule, Expression) or not _COMPLETED.isdisjoint(rule.reads))


def _denying(default: DefaultEntry, rules: list[RuleEntry]) -> Iterator[tuple[RuleEntry, str]]:
    """Yield the rules that deny a tag because of `default`, each with a message."""
    before = example(_SOURCE)
    document = before.review.object or {}
    after = of_object(patched_document(document, complete(before.change, document, [default.set])))
    for entry in rules:
        if overlap(default.match, entry.match) and (new := after.denied(entry.rule) - before.denied(entry.rule)):
            yield entry, min(new)


@dataclass(frozen=True, slots=True)
class OverridesClusterDefault(Lint):
    """A default sets `importMode: PreserveOriginal`, regardless of the default of the cluster.

    The API server sets `Legacy`, so the webhook cannot tell whether the user, the API server or the administrator chose
    it (`spec.imageStreamImportMode` of `image.config.openshift.io/cluster`). PreserveOriginal imports the manifest
    list: the digest of the tag changes, `oc new-app` finds no ports and environment, and more is stored.
    """

    name: ClassVar[str] = "overrides-cluster-default"
    remedy: ClassVar[str] = (
        "Set the mode for the whole cluster in `image.config.openshift.io/cluster`. If the policy must decide, "
        "ignore the warning."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each default that sets an import mode other than the API server's."""
        for entry in policy.defaults:
            if entry.set.import_mode not in (None, IMPORT_MODE):
                yield Hit(
                    entry.name,
                    "set.importPolicy.importMode",
                    f"{entry.set.import_mode} overrides the import mode of the cluster, even a deliberate Legacy; "
                    "set imageStreamImportMode of image.config.openshift.io/cluster instead",
                )
