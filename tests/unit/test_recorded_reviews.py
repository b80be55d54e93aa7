"""The engine on every review that a real OpenShift sent in the recorded sequences."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonpatch
import orjson
import pytest
from tests.openshift import recorded
from tests.openshift.admission import Listeners, Review, request_of
from tests.openshift.api import outcomes
from tests.openshift.normal import pruned
from tests.openshift.objects import Document
from tests.openshift.server import Cluster
from tests.support.builders import NOW

from webhook.admission import codec, engine
from webhook.model.decision import Decision, Mode
from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.resources import catalog

HOOKS = {"mutate": engine.mutate, "validate": engine.validate}
KINDS = ("is", "istag", "itag", "isi", "ism", "importer")


@cache
def traces() -> list[dict[str, Any]]:
    """Read the recorded sequences."""
    return list(recorded.read(recorded.PACKED))


@cache
def shipped() -> Policy:
    """Load the shipped policy."""
    return load()


def steps(kind: str) -> Iterator[tuple[Document, Document]]:
    """Yield the steps of a kind, each with its sequence."""
    return ((trace, step) for trace in traces() for step in trace["steps"] if step["kind"].partition(".")[0] == kind)


@cache
def before_steps() -> list[tuple[Document, Document, Cluster]]:
    """List all steps, each with its sequence and the state before it."""
    found: list[tuple[Document, Document, Cluster]] = []
    for trace in traces():
        cluster = recorded.beginning(trace)
        state: Document = {}
        for step in trace["steps"]:
            cluster = recorded.adopted(cluster, trace["namespace"], state)
            found.append((trace, step, cluster))
            cluster, state = outcomes(cluster, recorded.request(trace, step))[0].cluster, step["state"]
    return found


def place(trace: Document, step: Document) -> str:
    """Name a step."""
    return f"{trace['trace']:03}.{step['i']} {step['kind']}"


def answered(request: Document, webhook: str) -> Decision:
    """Decide a recorded review from its bytes, and write the answer."""
    body = orjson.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
    found = codec.decode(body, catalog.RESOURCES, NOW)
    decision = HOOKS[webhook](found, shipped())
    codec.encode(found, decision, {})
    return decision


def test_there_are_reviews_of_every_kind() -> None:
    """The recorded reviews are all there."""
    assert sum(len(step["reviews"]) for kind in KINDS for _, step in steps(kind)) == sum(
        len(step["reviews"]) for trace in traces() for step in trace["steps"]
    )
    assert all(any(step["reviews"] for _, step in steps(kind)) for kind in KINDS)


@pytest.mark.parametrize("webhook", HOOKS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_recorded_review_ends_in_an_error(kind: str, webhook: str) -> None:
    """Each recorded review is answered by both webhooks, whichever of them it was sent to."""
    failed = []
    for trace, step in steps(kind):
        for recorded_review in step["reviews"]:
            try:
                answered(recorded_review["request"], webhook)
            except Exception as error:  # noqa: BLE001 - a fault of any kind is what this looks for
                failed.append(f"{place(trace, step)}: {error!r}")
    assert not failed


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_denies_nothing_that_the_server_took(kind: str) -> None:
    """No review of a step that succeeded is denied by the schema."""
    denied = [
        f"{place(trace, step)}: {finding}"
        for trace, step in steps(kind)
        if step["code"] < 300
        for recorded_review in step["reviews"]
        for finding in answered(recorded_review["request"], recorded_review["webhook"]).in_mode(Mode.ENFORCE)
        if finding.rule == "schema"
    ]
    assert not denied


class Completing(Listeners):
    """A mutating webhook that completes objects as the shipped policy says."""

    def __init__(self) -> None:
        self.patched: Document | None = None

    def mutate(self, review: Review) -> Document | None:
        """Return the object with the patch."""
        decision = answered(request_of(review), "mutate")
        if decision.patch:
            self.patched = patched(review.object, decision)
            return self.patched
        return review.object


def patched(document: Document | None, decision: Decision) -> Document:
    """Apply a patch by a library that is not ours."""
    result: Document = jsonpatch.apply_patch(document, [codec.operation(operation) for operation in decision.patch])
    return result


def policies(document: Any) -> list[Any]:
    """List the import and reference policies in an object, in order of their places."""
    if isinstance(document, dict):
        own = [document[name] for name in ("importPolicy", "referencePolicy") if name in document]
        return own + [found for key in sorted(document) for found in policies(document[key])]
    return [found for item in document for found in policies(item)] if isinstance(document, list) else []


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_takes_what_the_defaults_write(kind: str) -> None:
    """Each step that succeeded succeeds with our defaults too, and is stored with what they wrote."""
    completed = 0
    for trace, step, cluster in before_steps():
        if step["kind"].partition(".")[0] != kind or step["code"] >= 300:
            continue
        webhook = Completing()
        for outcome in outcomes(cluster, recorded.request(trace, step), webhook):
            assert outcome.code == step["code"], place(trace, step)
            if webhook.patched is not None:
                completed += 1
                wanted = policies(pruned(webhook.patched))
                asked = next(each.object for each in outcome.reviews if each.webhook == "validate")
                assert policies(pruned(asked)) == wanted, place(trace, step)
                if kind != "isi":  # an import answers what it found, and may have failed
                    assert policies(pruned(outcome.answer)) == wanted, place(trace, step)
    assert completed or kind in {"ism", "importer"}
