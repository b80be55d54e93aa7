"""The requests of `istag-webhook probe`, in the model of openshift-apiserver that recorded sequences verify."""

import json
from typing import Any
from uuid import uuid4

import pytest
from tests.openshift.admission import Review
from tests.openshift.api import outcomes
from tests.openshift.server import Cluster, Outcome, Request, Rights
from tests.support.builders import NOW

from webhook.admission import engine
from webhook.admission.codec import of_document
from webhook.policy.loading import load
from webhook.resources import catalog
from webhook.resources.objects import GROUP, PROBE_STREAM, VERSION, Run

_RUN = "0123456789abcdef"
_USER = "system:serviceaccount:istag-webhook:istag-webhook-probe"


def _cluster(*, stream: bool) -> Cluster:
    """Return a cluster in which the probe may do what its Role grants, with its image stream or without."""
    cluster = Cluster(rights=Rights(status_writers=frozenset({_USER})))
    if stream:
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "ImageStream", "metadata": {"name": PROBE_STREAM}}
        (made,) = outcomes(cluster, Request(_USER, "POST", "imagestreams", PROBE_STREAM, body=body))
        assert made.code == 201
        cluster = made.cluster
    return cluster


def _stored(cluster: Cluster) -> dict[str, Any] | None:
    """Return the probe's stream as a list shows it, None if there is none."""
    request = Request(_USER, "PATCH", "imagestreams", PROBE_STREAM, PROBE_STREAM, {}, "application/merge-patch+json")
    (read,) = outcomes(cluster, request)
    return json.loads(json.dumps(read.answer)) if read.code == 200 else None


def _sent(resource: str, cluster: Cluster, *, dry_run: bool) -> list[Outcome]:
    """Send what the probe sends."""
    sent = catalog.RESOURCES[resource].probe
    body = json.loads(json.dumps(sent.object(Run(PROBE_STREAM, _RUN, _stored(cluster)))))
    method, name = ("PUT", body["metadata"]["name"]) if sent.replaces else ("POST", "")
    return outcomes(cluster, Request(_USER, method, resource, PROBE_STREAM, name, body, dry_run=dry_run))


_CASES = [
    (resource, stream)
    for resource in catalog.RESOURCES
    for stream in (True, False)
    if stream or resource != "imagestreams/status"
]


@pytest.mark.parametrize(("resource", "stream"), _CASES)
def test_only_a_webhook_denies_it_and_nothing_stores_it(resource: str, *, stream: bool) -> None:
    """The validating webhook is called, its review is denied, and without it the state stays as it was."""
    cluster = _cluster(stream=stream)
    honours = resource in ("imagestreams", "imagestreams/status")
    for dry_run in (True, False):
        if not dry_run and honours and not (stream and resource == "imagestreams"):
            continue  # the dry run alone protects these
        for outcome in _sent(resource, cluster, dry_run=dry_run):
            assert (outcome.cluster.streams, outcome.cluster.images) == (cluster.streams, cluster.images)
            assert [review.webhook for review in outcome.reviews] == ["mutate", "validate"]
            assert not engine.validate(
                of_document(_document(outcome.reviews[-1]), catalog.RESOURCES, NOW), load()
            ).allowed


def _document(review: Review) -> dict[str, Any]:
    """Return the AdmissionReview of a call."""
    resource, _, subresource = review.resource.partition("/")
    asked = {
        "uid": str(uuid4()),
        "kind": {"group": GROUP, "version": VERSION, "kind": review.kind},
        "resource": {"group": GROUP, "version": VERSION, "resource": resource},
        "subResource": subresource,
        "name": review.name,
        "namespace": review.namespace,
        "operation": review.operation,
        "userInfo": {"username": review.user, "groups": []},
        "object": json.loads(json.dumps(review.object)),
        "oldObject": json.loads(json.dumps(review.old_object)),
        "dryRun": review.dry_run,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}
