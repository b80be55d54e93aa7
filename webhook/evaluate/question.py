"""One question and its answer: the straight line of every offline command.

    source ──▶ Question | Outcome ──answer(policy)──▶ Outcome ──▶ Report

A source reads files (`check`), test cases (`test`), records (`records`) or a cluster (`scan`). It yields a Question for
each review, and an Outcome for each object that is not a review. A worker process of `replay` does the same with its
part of the records, and a shard with its part of the source.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from webhook.admission import engine
from webhook.admission.codec import of_document
from webhook.audit.recorded import Recorded
from webhook.documents.document import Mark
from webhook.errors import unexpected
from webhook.model.decision import Decision, Finding, PatchOp
from webhook.model.review import Review, User
from webhook.policy.policy import Policy
from webhook.report.outcome import ALLOW, DENY, ERROR, Origin, Outcome, outcome
from webhook.resources.catalog import KINDS, RESOURCES
from webhook.resources.objects import GROUP, VERSION
from webhook.text import printable

API_VERSION: Final = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class Question:
    """A review, how it is decided, and how its answer is reported.

    Attributes:
        origin: the place of the review in its file.
        review: the review.
        decide: makes the decision by a policy.
        mark: returns the place of a field of the review's object, None if all of it is on the line of `origin`.
        notes: findings from no rule of a policy, with their places.
        time: when the request was made (RFC 3339), "" if unknown.
        recorded: the recorded decision to compare with.
    """

    origin: Origin
    review: Review
    decide: Callable[[Review, Policy], Decision] = engine.admit
    mark: Callable[[str], Mark] | None = None
    notes: tuple[tuple[Finding, Mark], ...] = ()
    time: str = ""
    recorded: Recorded | None = None


Item = Question | Outcome
Source = Iterable[Item]


def answer(item: Item, policy: Policy) -> Outcome:
    """Return the outcome of a question by `policy`; an outcome is returned unchanged."""
    if isinstance(item, Outcome):
        return item
    review, recorded = item.review, item.recorded
    try:
        decision = item.decide(review, policy)
    except Exception as error:  # noqa: BLE001 - one question must not end the evaluation of all others
        namespace, name = printable(review.namespace), printable(review.name)
        return Outcome(item.origin, ERROR, namespace=namespace, name=name, message=printable(unexpected(error)))
    marks = tuple(item.mark(each.field) for each in decision.findings) if item.mark else ()
    before = ""
    earlier: tuple[tuple[Finding, ...], tuple[PatchOp, ...]] = ((), ())
    if recorded:
        before = DENY if recorded.verdict == "deny" else ALLOW
        earlier = recorded.findings, _patch_before(recorded, decision)
    answered = outcome(item.origin, review, decision, marks=marks, time=item.time, before=before, earlier=earlier)
    return answered.with_notes(item.notes) if item.notes else answered


def answers(source: Source, policy: Policy) -> Iterator[Outcome]:
    """Yield the outcome of each item of `source` by `policy`."""
    return (answer(item, policy) for item in source)


def _patch_before(recorded: Recorded, decision: Decision) -> tuple[PatchOp, ...]:
    """Return the recorded patch; if only its beginning was recorded, the rest counts as unchanged."""
    patch = recorded.patch
    if not recorded.patch_more or len(decision.patch) != len(patch) + recorded.patch_more:
        return patch
    return (*patch, *decision.patch[len(patch) :])


def review_of(request: Mapping[str, Any], time: datetime) -> Review:
    """Return the review of `request`, which came at `time`.

    Raises:
        MalformedReview: it is not a review of a known resource.
    """
    document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return of_document(document, RESOURCES, time)


def request_of(
    manifest: Mapping[str, Any], old: Mapping[str, Any] | None, user: User, uid: str, namespace: str = "default"
) -> dict[str, Any]:
    """Return the request of the AdmissionReview that replaces `old` by `manifest`.

    Args:
        manifest: an object as a user writes it; this function fills in what the API server would.
        old: the stored object, None for a creation.
        user: the user who would send it.
        uid: the review's uid.
        namespace: the namespace of an object without one.
    """
    resource = KINDS[manifest["kind"]]
    before = resource.defaulted(old) | _status(old) if old is not None and resource.says_old else None
    return stored_request(resource.defaulted(manifest, before), before, user, uid, namespace)


def stored_request(
    new: Mapping[str, Any], old: Mapping[str, Any] | None, user: User, uid: str = "", namespace: str = ""
) -> dict[str, Any]:
    """Return the request that replaces one object by another, both as the API server stores them."""
    kind, metadata = new["kind"], new.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return {
        "uid": uid,
        "kind": {"group": GROUP, "version": VERSION, "kind": kind},
        "resource": {"group": GROUP, "version": VERSION, "resource": KINDS[kind].name},
        "name": named.get("name") or "",
        "namespace": named.get("namespace") or namespace,
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": {"username": user.name, "groups": list(user.groups)},
        "object": new,
        "oldObject": old,
        "dryRun": True,
        "options": None,
    }


def _status(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a stored object that users cannot write."""
    return {key: old[key] for key in ("status", "image", "conditions") if key in old}
