"""One stored image stream as a question to the engine: as it stands, and as if it were new. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.admission import engine
from webhook.admission.codec import GROUP, VERSION
from webhook.audit.record import tags
from webhook.documents.document import Mark
from webhook.model.change import TagChange
from webhook.model.decision import Mode, PatchOp, allow, deny
from webhook.model.review import Review, User
from webhook.model.tag import Image
from webhook.policy.loading import Policy
from webhook.report.outcome import ALLOW, DENY, Origin, Outcome
from webhook.resources import stored
from webhook.resources.imagestreams import NAME
from webhook.rules.context import EvaluationContext
from webhook.text import printable

# Who set a tag the cluster does not store: rules that ask for users or groups say nothing, and nobody is exempt.
NOBODY: Final = User("")
_KIND: Final = "ImageStream"
_CLUSTER: Final = Origin()


def judged(stream: Mapping[str, Any], policy: Policy, images: Mapping[str, Image]) -> Iterator[Outcome]:
    """Yield an outcome for each tag of `stream` as it stands, and before them one for the stream where it has findings.

    Args:
        stream: an ImageStream as the API server returns it.
        policy: by which it is evaluated, made by `Policy.for_stored_streams`.
        images: the images that are known, by digest.
    """
    review = _review(stream, stands=True)
    context = EvaluationContext(review)
    for part in stored.parts(review, images):
        findings = tuple(finding for change in part for finding in engine.evaluate(change, context, policy))
        change = part[0]
        if not findings and not isinstance(change, TagChange):
            continue
        refused = any(finding.mode is Mode.ENFORCE for finding in findings)
        decision = (deny if refused else allow)((change,), findings)
        yield Outcome(
            origin=_CLUSTER,
            verdict=DENY if refused else ALLOW,
            resource=change.resource,
            namespace=printable(change.namespace),
            name=printable(change.stream),
            tags=tags(decision),
            findings=findings,
            marks=(Mark(),) * len(findings),
        )


def completion(stream: Mapping[str, Any], policy: Policy) -> tuple[PatchOp, ...]:
    """Return what the defaults of `policy` would set if every tag of `stream` were new, () where nothing is missing."""
    return engine.mutate(_review(stream, stands=False), policy).patch


def key_of(stream: Mapping[str, Any]) -> str:
    """Return `namespace/name`: the order in which an API server lists streams is that of these."""
    metadata = stream["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _review(stream: Mapping[str, Any], *, stands: bool) -> Review:
    """Return the review in which the API server would send `stream`; the items of a list do not say what they are."""
    namespace, _, name = key_of(stream).partition("/")
    document = {"apiVersion": f"{GROUP}/{VERSION}", "kind": _KIND, **stream}
    operation = "UPDATE" if stands else "CREATE"
    request = {
        "uid": "",
        "kind": {"group": GROUP, "version": VERSION, "kind": _KIND},
        "resource": {"group": GROUP, "version": VERSION, "resource": NAME},
        "name": name,
        "namespace": namespace,
        "operation": operation,
        "userInfo": {"username": NOBODY.name, "groups": []},
        "object": document,
        "oldObject": document if stands else None,
        "dryRun": True,
        "options": None,
    }
    return Review("v1", "", NAME, _KIND, operation, namespace, name, NOBODY, dry_run=True, request=request)
