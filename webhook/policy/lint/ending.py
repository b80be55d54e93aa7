"""Warnings about time: entries that end, and changes that a freeze does not stop."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final

from webhook.policy.entries import ExemptionEntry, RuleEntry
from webhook.policy.lint.base import Hit, Lint, PolicyView, covers
from webhook.rules.policies import ImportPolicy
from webhook.rules.schedule import Schedule
from webhook.rules.source import Pin
from webhook.schemas.times import written

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


def _denies_schedules(entry: RuleEntry) -> bool:
    rule = entry.rule
    denies = (isinstance(rule, ImportPolicy) and rule.scheduled is False) or (isinstance(rule, Pin) and rule.digest)
    return denies and entry.period is None
