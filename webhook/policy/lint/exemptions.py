"""Warnings about exemptions, about entries that end, and about imports that a freeze does not stop."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import ClassVar, Final

from webhook.globs.matching import Glob, any_matches
from webhook.policy.entries import ExemptionEntry, RuleEntry, resources
from webhook.policy.lint.warning import Hit, Lint, covers, selects_all
from webhook.policy.match import Match, Selector
from webhook.policy.policy import PolicyView
from webhook.resources.catalog import IMPORT
from webhook.rules.cluster import Schema
from webhook.rules.policies import ImportPolicy
from webhook.rules.schedule import Schedule
from webhook.rules.source import Pin
from webhook.schemas.times import written

# openshift-apiserver, project/apiserver/registry/projectrequest/delegated, forbiddenNames and forbiddenPrefixes.
RESERVED_NAMES: Final = ("openshift", "kubernetes", "kube")
RESERVED_PREFIXES: Final = ("openshift-", "kubernetes-", "kube-")
RESERVED: Final = (*RESERVED_NAMES, *(f"{prefix}*" for prefix in RESERVED_PREFIXES))  # as globs


def is_reserved(namespace: str) -> bool:
    """Whether the API server forbids ordinary users from requesting a project of this name."""
    return namespace in RESERVED_NAMES or namespace.startswith(RESERVED_PREFIXES)


IMPORTER: Final = "system:serviceaccount:openshift-infra:image-import-controller"
_GROUPS: Final = ("system:serviceaccounts", "system:serviceaccounts:openshift-infra", "system:authenticated")
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_MOST: Final = 50  # exemptions to check; more would make the cost quadratic
_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class ImporterNotExempt(Lint):
    """The image import controller is not exempt from an enforced rule.

    The controller imports tags that were evaluated when they were set. It retries a denied import repeatedly, and the
    owner of the stream sees neither a condition nor an event.
    """

    name: ClassVar[str] = "importer-not-exempt"
    remedy: ClassVar[str] = f'Add an exemption without `annotation` and with `users: ["{IMPORTER}"]`.'

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield the first enforced rule that can deny an import of the controller, with the number of others."""
        exempting = tuple(islice(filter(_exempts_importer, policy.exemptions), _MOST))
        matches = [match for each in exempting if (match := _imports(each.match)) is not None]
        denying = [entry.name for entry in policy.enforced if _denies_importer(entry, matches)]
        if denying:
            more = f" and {len(denying) - _FEW} more" if len(denying) > _FEW else ""
            yield Hit(
                denying[0],
                "",
                f"the image import controller is not exempt from {', '.join(denying[:_FEW])}{more}; "
                f"add an exemption for the user {IMPORTER}",
            )


def _exempts_importer(entry: ExemptionEntry) -> bool:
    """Whether an exemption applies to the controller, which cannot give a reason."""
    named = any_matches(entry.users, IMPORTER) or any(any_matches(entry.groups, group) for group in _GROUPS)
    return named and not entry.annotation


def _denies_importer(entry: RuleEntry, exempt: list[Match]) -> bool:
    """Whether a rule can deny an import of the controller that no match in `exempt` covers."""
    match = _imports(entry.match)
    if match is None or isinstance(entry.rule, Schema) or IMPORT.name not in resources(entry.rule):
        return False
    return not any(covers(each, match) for each in exempt)


def _imports(match: Match) -> Match | None:
    """Return the imports of the controller that `match` selects, None if it selects none."""
    only, exclude = _of_importer(match.only), _of_importer(match.exclude) if match.exclude else None
    if only is None or (exclude is not None and selects_all(exclude, only)):
        return None
    return Match(only, exclude)


def _of_importer(selector: Selector) -> Selector | None:
    """Return the conditions of `selector` on an import of the controller, None if it cannot select one."""
    if selector.resources and IMPORT.name not in selector.resources:
        return None
    if selector.users and not any_matches(selector.users, IMPORTER):
        return None
    if selector.groups and not any(any_matches(selector.groups, group) for group in _GROUPS):
        return None
    return replace(selector, users=(), groups=(), resources=())


@dataclass(frozen=True, slots=True)
class ExemptionWithoutAnnotation(Lint):
    """An exemption lets users bypass every rule without a reason.

    With `annotation`, the user must give a reason on the tag, and the record keeps it. Service accounts of namespaces
    that ordinary users cannot request may be exempt without a reason, because a controller cannot give one.
    """

    name: ClassVar[str] = "exemption-without-annotation"
    remedy: ClassVar[str] = "Set `annotation: istag-webhook/reason`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each exemption of users that does not require a reason."""
        for entry in policy.exemptions:
            if not entry.annotation and (entry.groups or not all(map(_is_controller, entry.users))):
                yield Hit(
                    entry.name, "", "the exemption requires no reason; set annotation, such as istag-webhook/reason"
                )


def _is_controller(user: Glob) -> bool:
    """Whether a glob matches only service accounts of reserved namespaces."""
    prefix, found, rest = str(user).partition(_SERVICE_ACCOUNT)
    return bool(found) and not prefix and is_reserved(rest.partition(":")[0])


_AHEAD: Final = timedelta(days=14)


def _ending(policy: PolicyView) -> Iterator[tuple[RuleEntry | ExemptionEntry, timedelta, str]]:
    """Yield each entry that ends, how long until then, and the end for a message."""
    entries: tuple[RuleEntry | ExemptionEntry, ...] = (*policy.exemptions, *policy.rules)
    for entry in entries:
        if entry.period is not None and entry.period.end is not None:
            yield entry, entry.period.end - policy.time, written(entry.period.end)


@dataclass(frozen=True, slots=True)
class EndsSoon(Lint):
    """An exemption or a rule ends within 14 days.

    After `until`, a rule denies nothing, and changes that an exemption allowed are denied.
    """

    name: ClassVar[str] = "ends-soon"
    remedy: ClassVar[str] = "Set a later `until`, or plan the time after it."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each entry that ends within 14 days."""
        for entry, left, end in _ending(policy):
            if timedelta(0) < left <= _AHEAD:
                yield Hit(entry.name, "until", f"ends {end}, within 14 days; set a later time, or plan for the end")


@dataclass(frozen=True, slots=True)
class Ended(Lint):
    """An exemption or a rule has ended, and no longer has an effect."""

    name: ClassVar[str] = "ended"
    remedy: ClassVar[str] = "Delete the entry, or set a later `until`."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each entry that has ended."""
        for entry, left, end in _ending(policy):
            if left <= timedelta(0):
                yield Hit(entry.name, "until", f"ended {end}; delete the entry, or set a later time")


@dataclass(frozen=True, slots=True)
class ScheduledImportsInFreeze(Lint):
    """Scheduled imports move tags although a rule of the kind `schedule` freezes them.

    The image import controller has to be exempt, so it imports in a freeze as well. Only a tag without a schedule, or
    with a digest, keeps its meaning.
    """

    name: ClassVar[str] = "scheduled-imports-in-freeze"
    remedy: ClassVar[str] = (
        "Add an enforced rule `importPolicy: {scheduled: false}` or `pin: {digest: true}` with the same match."
    )

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule about windows for whose tags no enforced rule denies schedules."""
        guards = [each.match for each in policy.enforced if _denies_schedules(each)]
        for entry in policy.rules:
            if isinstance(entry.rule, Schedule) and not any(covers(match, entry.match) for match in guards):
                yield Hit(
                    entry.name,
                    "",
                    "scheduled imports still move the tags; add importPolicy: {scheduled: false} with the same match",
                )


@dataclass(frozen=True, slots=True)
class WindowsOver(Lint):
    """All windows of a rule of the kind `schedule` are over.

    Without another `deny` window the rule has no effect; without another `allow` window it denies every change.
    """

    name: ClassVar[str] = "windows-over"
    remedy: ClassVar[str] = "Add the next windows, or delete the rule."

    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each rule without another window."""
        for entry in policy.rules:
            rule = entry.rule
            if not isinstance(rule, Schedule):
                continue
            if rule.allow and rule.is_over(rule.allow, policy.time):
                yield Hit(
                    entry.name, "schedule.allow", "no window follows, so every change is denied; add the next one"
                )
            elif rule.deny and not rule.allow and rule.is_over(rule.deny, policy.time):
                yield Hit(entry.name, "schedule.deny", "no window follows, so the rule has no effect; add the next one")


def _denies_schedules(entry: RuleEntry) -> bool:
    rule = entry.rule
    denies = (isinstance(rule, ImportPolicy) and rule.scheduled is False) or (isinstance(rule, Pin) and rule.digest)
    return denies and entry.period is None
