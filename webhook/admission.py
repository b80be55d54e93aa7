"""The decision: a review and a policy in, a Decision out. Pure: no I/O, no clock, no state."""

from collections.abc import Iterator
from itertools import chain

from webhook import defaults, doors
from webhook.globs import any_matches
from webhook.model import Decision, Exemption, Finding, Mode, Review, TagChange, allow, deny, patched
from webhook.policy import Policy
from webhook.policy.entries import ExemptionEntry, RuleEntry
from webhook.rules.base import Violation


def validate(review: Review, policy: Policy) -> Decision:
    """Decide whether `review` may happen: every rule judges every tag, and none stops at the first finding.

    An exemption lets it happen, and still records what the rules would have said.
    """
    changes = doors.tags(review)
    exemption = exempt(changes, review, policy)
    findings = tuple(chain.from_iterable(judge(change, review, policy) for change in changes))
    if exemption is not None:
        return allow(changes, tuple(_lowered(finding) for finding in findings), exemption)
    if any(finding.mode is Mode.ENFORCE for finding in findings):
        return deny(changes, findings)
    return allow(changes, findings)


def mutate(review: Review, policy: Policy) -> Decision:
    """Complete the tags of `review`; it is never refused here, for the validating call judges the final object."""
    changes = doors.tags(review)
    exemption = exempt(changes, review, policy)
    document = review.object
    if exemption is not None or document is None:
        return allow(changes, exemption=exemption)
    patch = tuple(
        operation
        for change in changes
        for operation in defaults.complete(
            change,
            document,
            [entry.set for entry in policy.defaults if entry.match.selects(change, review.user)],
        )
    )
    return patched(changes, patch) if patch else allow(changes)


def judge(change: TagChange, review: Review, policy: Policy) -> Iterator[Finding]:
    """Yield what the rules of `policy` say of one tag."""
    door = change.door.partition("/")[0]
    selected: dict[int, bool] = {}  # many entries share a match, which the policy holds once
    for entry in policy.rules:
        if door in entry.rule.doors and (change.new is not None or entry.rule.judges_removal):
            match = id(entry.match)
            speaks = selected.get(match)
            if speaks is None:
                speaks = selected[match] = entry.match.selects(change, review.user)
            if speaks and (violations := tuple(entry.rule.check(change, review))):
                yield from _findings(entry, violations, change, review)


def _findings(
    entry: RuleEntry, violations: tuple[Violation, ...], change: TagChange, review: Review
) -> Iterator[Finding]:
    """Yield the findings of one rule: in the mode `existing` where the tag already was what the rule does not like."""
    before = _before(entry, change, review)
    for violation in violations:
        existing = violation in before
        mode = entry.existing if existing else entry.mode
        if mode is not Mode.IGNORE:
            yield Finding(entry.name, mode, violation.message, violation.field, existing, violation.reason)


def _before(entry: RuleEntry, change: TagChange, review: Review) -> frozenset[Violation]:
    """Return what the rule says of the tag as it was; nothing of one that points elsewhere now: it is judged anew."""
    if change.moved or change.old is None:
        return frozenset()
    return frozenset(entry.rule.check(change.as_it_was(), review.as_it_was()))


def exempt(changes: tuple[TagChange, ...], review: Review, policy: Policy) -> Exemption | None:
    """Return the first exemption that holds for every tag of the review, None where none does."""
    for entry in policy.exemptions if changes else ():
        if _is(entry, review) and all(entry.match.selects(change, review.user) for change in changes):
            reasons = [_reason(entry, change) for change in changes]
            if not entry.annotation or all(reasons):
                return Exemption(entry.name, "; ".join(dict.fromkeys(reasons)))
    return None


def _is(entry: ExemptionEntry, review: Review) -> bool:
    """Whether the user is one that the exemption names, or a member of a group that it names."""
    if any_matches(entry.users, review.user.name):
        return True
    return bool(entry.groups) and any(any_matches(entry.groups, group) for group in review.user.groups)


def _reason(entry: ExemptionEntry, change: TagChange) -> str:
    return change.new.annotations.get(entry.annotation, "").strip() if change.new and entry.annotation else ""


def _lowered(finding: Finding) -> Finding:
    return Finding(finding.rule, Mode.AUDIT, finding.message, finding.field, finding.existing, finding.reason)
