"""Decides about a review by a policy. Pure: no I/O, no clock, no state."""

from dataclasses import replace
from typing import Final

from webhook import defaults
from webhook.globs.matching import any_matches
from webhook.model.decision import Decision, Exemption, Finding, Findings, Mode, allow, deny, patched
from webhook.model.review import Change, Reason, Review, TagChange
from webhook.policy.entries import ExemptionEntry, RuleEntry
from webhook.policy.policy import Policy
from webhook.resources.catalog import RESOURCES
from webhook.resources.objects import PROBE, PROBE_RULE
from webhook.rules.base import EvaluationContext, Violation

MOST_FINDINGS: Final = 1_000  # of one review; an answer lists a tenth of them
PROBE_EXPLAINED: Final = f"""\
{PROBE_RULE}: built in, for every policy
  `istag-webhook probe` marks its requests with the annotation {PROBE}. A write of a status also adds
  a tag {PROBE_RULE}-... to it. The webhook always denies marked requests, for every user. Therefore a
  probe works with every policy, and no exemption hides a resource from it.

To fix it:
  - Remove the annotation, or the tag from the status.\
"""


def validate(review: Review, policy: Policy, *, most: int | None = MOST_FINDINGS) -> Decision:
    """Decide whether to allow `review`; every rule evaluates every change.

    An exemption allows the review, and its findings are still recorded. A probe is always denied.

    Args:
        review: the request.
        policy: the policy.
        most: the maximum number of findings to keep; after that, evaluation only continues until the answer is known.
    """
    resource = RESOURCES[review.resource]
    changes = resource.changes(review, untouched=policy.index.evaluates_untouched)
    if (mark := resource.probe.mark(review)) is not None:
        return deny(tuple(change for change in changes if change.touched), (_probed(*mark, policy),))
    context, findings = EvaluationContext(review), Findings(most)
    for index, change in enumerate(changes):
        if findings.settled:
            findings.cut = True
            break
        _evaluate(change, index, context, policy, findings)
    found = findings.sorted()
    changed = changes if len(changes) == 1 else tuple(change for change in changes if change.touched)
    exemption = exempt(changed or changes, review, policy)
    if exemption is not None:
        return allow(changed, tuple(_lowered(finding) for finding in found), exemption, cut=findings.cut)
    return (deny if findings.denied else allow)(changed, found, cut=findings.cut)


def mutate(review: Review, policy: Policy) -> Decision:
    """Apply the defaults to the tags of `review`; never deny it, because the validating call checks the result."""
    changes = tuple(change for change in RESOURCES[review.resource].changes(review, untouched=False) if change.touched)
    exemption = exempt(changes, review, policy)
    document = review.object
    if exemption is not None or document is None:
        return allow(changes, exemption=exemption)
    patch = tuple(
        operation
        for change in changes
        if isinstance(change, TagChange)
        for operation in defaults.complete(
            change,
            document,
            [entry.set for entry in policy.defaults if entry.match.selects(change, review.user, perhaps=False)],
        )
    )
    return patched(changes, patch) if patch else allow(changes)


def admit(review: Review, policy: Policy) -> Decision:
    """Decide as a cluster does: apply the defaults, then evaluate the result."""
    completion = mutate(review, policy) if policy.defaults else allow()
    if completion.patch and review.object is not None:
        completed = defaults.patched_document(review.object, completion.patch)
        review = replace(review, request={**review.request, "object": completed})
    decision = validate(review, policy, most=None)
    return replace(decision, patch=completion.patch)


def evaluate(change: Change, context: EvaluationContext, policy: Policy) -> tuple[Finding, ...]:
    """Return the findings in one change; existing violations have the mode `existing`.

    Args:
        change: a change of the review.
        context: the context of the review, shared by all of its changes.
        policy: the policy.
    """
    findings = Findings()
    _evaluate(change, 0, context, policy, findings)
    return findings.sorted()


def _evaluate(change: Change, index: int, context: EvaluationContext, policy: Policy, findings: Findings) -> None:
    """Add the findings in the change at `index` of the review."""
    was: Change | None = None
    for entry in policy.index.selected(change, context.review.user):
        if entry.period is not None and not entry.period.holds(context.review.time):
            continue
        if findings.full and (findings.denied or Mode.ENFORCE not in (entry.mode, entry.existing)):
            findings.cut = True
            continue
        before: frozenset[Violation] | None = None
        for violation in entry.rule.check(change, context):
            if before is None and not _unchanged(entry, change):
                was = was or change.as_it_was()
                before = _before(entry, change, was, context)
            existing = before is None or violation in before
            mode = entry.existing if existing else entry.mode
            if mode is not Mode.IGNORE:
                finding = Finding(entry.name, mode, violation.message, violation.field, existing, violation.reason)
                findings.add(finding, index, policy.index.position[entry.name])
            if findings.settled:
                findings.cut = True
                break


def _probed(mark: str, where: str, policy: Policy) -> Finding:
    """Return the finding that denies a probe; it names the current policy, which the probe reports."""
    message = f"{mark} marks a request of `istag-webhook probe`, which is always denied; policy in force: {policy}"
    return Finding(PROBE_RULE, Mode.ENFORCE, message, where, reason=Reason.FORBIDDEN)


def _unchanged(entry: RuleEntry, change: Change) -> bool:
    """Whether every violation existed before: the tag does not change, and the rule reads nothing else."""
    return isinstance(change, TagChange) and not change.touched and not entry.rule.reads_review


def _before(entry: RuleEntry, change: Change, was: Change, context: EvaluationContext) -> frozenset[Violation]:
    """Return the violations in the old object, none for a tag with a new source, which counts as new."""
    if change.old is None or (isinstance(change, TagChange) and change.moved):
        return frozenset()
    return frozenset(entry.rule.check(was, context.as_it_was()))


def exempt(changes: tuple[Change, ...], review: Review, policy: Policy) -> Exemption | None:
    """Return the first exemption that applies to every change of the review, None if there is none."""
    for entry in policy.exemptions if changes else ():
        if _applies(entry, review) and all(entry.match.selects(each, review.user, perhaps=False) for each in changes):
            reasons = [_reason(entry, change) for change in changes]
            if not entry.annotation or all(reasons):
                return Exemption(entry.name, "; ".join(dict.fromkeys(reasons)), entry.ticket)
    return None


def _applies(entry: ExemptionEntry, review: Review) -> bool:
    """Whether the exemption has effect, and names the user or one of the user's groups."""
    if entry.period is not None and not entry.period.holds(review.time):
        return False
    if any_matches(entry.users, review.user.name):
        return True
    return bool(entry.groups) and any(any_matches(entry.groups, group) for group in review.user.groups)


def _reason(entry: ExemptionEntry, change: Change) -> str:
    """Return the reason that the user gives in this change, "" if none is required or given.

    An unchanged annotation is not a reason, because any user who may annotate the tag could have set it.
    """
    if not entry.annotation or change.new is None:
        return ""
    reason, before = (
        side.annotations.get(entry.annotation, "").strip() if side is not None else ""
        for side in (change.new, change.old)
    )
    return reason if reason != before else ""


def _lowered(finding: Finding) -> Finding:
    return Finding(finding.rule, Mode.AUDIT, finding.message, finding.field, finding.existing, finding.reason)
