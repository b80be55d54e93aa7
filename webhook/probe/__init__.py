"""Asks a cluster whether its API server asks us: at each door something is sent that we must refuse."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from webhook import admission, doors
from webhook.cluster import Cluster, Resource
from webhook.errors import ClusterRefused
from webhook.policy import Policy
from webhook.probe.request import STREAM, Request, requests
from webhook.probe.selector import selects
from webhook.probe.verdict import Answer, Verdict, exit_code, refusal
from webhook.review import GROUP, VERSION

__all__ = ["Answer", "Verdict", "exit_code", "probe"]
_CONFIGURATIONS: Final = Resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
_NAMESPACES: Final = Resource("", "v1", "namespaces")
_STREAMS: Final = Resource(GROUP, VERSION, "imagestreams")


def probe(cluster: Cluster, namespace: str, configuration: str, policy: Policy) -> Iterator[Answer]:
    """Yield what is known of each door.

    Args:
        cluster: whom to ask.
        namespace: where; nothing is stored there.
        configuration: the name of the validating webhook configuration.
        policy: what the webhook judges by.

    Raises:
        ClusterRefused: nothing can be told: there is no such namespace, or it is left out, or there was no answer.
    """
    labels = _labels(cluster, namespace)
    webhooks = _webhooks(cluster, configuration)
    if webhooks and not any(selects(each.get("namespaceSelector"), labels) for each in webhooks):
        raise ClusterRefused(
            f"namespace {namespace} is left out by the namespaceSelector of {configuration}; expected one that is not"
        )
    served = {each["name"] for each in cluster.resources(GROUP, VERSION)}
    names = [str(each["name"]) for each in webhooks]
    stream = _stream(cluster, namespace)
    for door in doors.DOORS:
        if door not in served:
            yield Answer(door, Verdict.ABSENT, f"this API server does not serve {door}")
            continue
        candidates = requests(door, namespace, stream)
        sent = next((each for each in candidates if not admission.validate(each.review(), policy).allowed), None)
        if sent is not None:
            yield _asked(cluster, sent, policy, names)
        elif candidates:
            yield Answer(door, Verdict.UNKNOWN, f"the policy {policy.name} refuses nothing of what could be sent here")
        else:
            yield Answer(
                door,
                Verdict.UNKNOWN,
                f"no image stream {namespace}/{STREAM} can be read, whose status could be written: "
                f"oc create imagestream {STREAM} -n {namespace}",
            )


def _labels(cluster: Cluster, namespace: str) -> Mapping[str, str]:
    """Return the labels of the namespace, which must be there."""
    try:
        return cluster.get(_NAMESPACES, namespace)["metadata"].get("labels") or {}
    except ClusterRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise ClusterRefused(f"{error}: a probe needs one: oc create namespace {namespace}") from None


def _webhooks(cluster: Cluster, configuration: str) -> list[dict[str, Any]]:
    """Return the webhooks of a configuration, none where it is not there: then every door is open."""
    try:
        return list(cluster.get(_CONFIGURATIONS, configuration).get("webhooks") or ())
    except ClusterRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return []


def _stream(cluster: Cluster, namespace: str) -> Mapping[str, Any] | None:
    """Return the stream whose status is written, None where it is not there."""
    try:
        return cluster.get(_STREAMS, STREAM, namespace)
    except ClusterRefused as error:
        if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            raise
        return None


def _asked(cluster: Cluster, sent: Request, policy: Policy, webhooks: list[str]) -> Answer:
    """Send, and return what the answer says."""
    try:
        if sent.old is None:
            cluster.create(sent.resource, sent.body, sent.namespace, dry_run=True)
        else:
            cluster.replace(sent.resource, sent.body, sent.namespace, sent.subresource, dry_run=True)
    except ClusterRefused as error:
        return refusal(sent.door, error, webhooks)
    why = "" if webhooks else ": there is no such webhook configuration"
    return Answer(sent.door, Verdict.OPEN, f"what the policy {policy.name} refuses was let through{why}")
