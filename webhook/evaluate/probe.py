"""Checks that the API server calls the webhook for every resource: it sends a request to each that must be denied.

A dry run is not enough: openshift-apiserver carries out a dry run of an import or a mapping. So each request also fails
in the API server, after all webhooks were called (openshift-apiserver 4.22, observed):

- imagestreamtags, imagetags: no image stream can have their name (422).
- imagestreams: a stream of that name already exists (409). If the namespace has none, only the dry run protects it.
- imagestreams/status: the dry run, which the API server honours for image streams.
- imagestreamimports: a resourceVersion on a stream that does not exist (404) or has another version (409).
- imagestreammappings: the stream does not exist (404).

The API server denies none of them before the webhooks are called.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from webhook.cluster.client import Cluster, Resource, selects
from webhook.errors import ClusterError
from webhook.resources import catalog
from webhook.resources.definition import Resource as Reviewed
from webhook.resources.objects import GROUP, PROBE_STREAM, VERSION, Run

_CONFIGURATIONS: Final = Resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
_NAMESPACES: Final = Resource("", "v1", "namespaces")
_STREAMS: Final = Resource(GROUP, VERSION, catalog.STREAM.name)
_TRIES: Final = 5  # as often as client-go's RetryOnConflict
# k8s.io/apiserver, pkg/admission/plugin/webhook/errors/statuserror.go and its dispatcher's ErrCallingWebhook
_DENIED: Final = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request')
_FAILED: Final = re.compile(r'(?:Internal error occurred: )?failed calling webhook "(?P<name>[^"]*)"')


class Verdict(StrEnum):
    """Whether a resource is protected by the webhook."""

    CLOSED = "closed"
    OPEN = "open"
    DOWN = "down"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on a resource, and its reason."""

    resource: str
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The result of a run.

    Attributes:
        answers: one for each resource.
        left: descriptions of objects that the run left behind.
        unlisted: why objects left behind cannot be listed, "" if they can.
    """

    answers: tuple[Answer, ...]
    left: tuple[str, ...] = ()
    unlisted: str = ""

    @property
    def exit_code(self) -> int:
        """0 if every resource is closed and nothing was left behind, 1 if one is open or something was left, else 2."""
        verdicts = {answer.resource: answer.verdict for answer in self.answers}
        if self.left or Verdict.OPEN in verdicts.values():
            return 1
        closed = verdicts == dict.fromkeys(catalog.RESOURCES, Verdict.CLOSED)
        return 0 if closed and not self.unlisted else 2


def probe(cluster: Cluster, namespace: str, configuration: str) -> Probed:
    """Return the verdict on each resource, and the objects that the run left behind.

    Image streams are listed before and after. A unique word in every request identifies objects left behind.

    Args:
        cluster: the API server.
        namespace: the namespace of the requests; nothing is stored in it.
        configuration: the name of the validating webhook configuration.

    Raises:
        ClusterError: the namespace does not exist or is not selected, or the API server cannot be called.
    """
    labels = _labels(cluster, namespace)
    webhooks = _webhooks(cluster, configuration)
    if webhooks and not any(selects(each.get("namespaceSelector"), labels) for each in webhooks):
        raise ClusterError(f"namespace {namespace}: not selected by the namespaceSelector of {configuration}")
    served = {each["name"] for each in cluster.resources(GROUP, VERSION)}
    run = _Run(cluster, namespace, uuid4().hex, frozenset(str(each["name"]) for each in webhooks))
    before = run.stream()
    answers = tuple(
        run.answer(resource, before)
        if resource in served
        else Answer(resource, Verdict.ABSENT, f"the API server does not serve {resource}")
        for resource in catalog.RESOURCES
    )
    if not webhooks:
        answers = tuple(_unconfigured(each, configuration) for each in answers)
    try:
        return Probed(answers, tuple(run.left()))
    except ClusterError as error:
        return Probed(answers, unlisted=f"image streams cannot be listed after the run: {error}")


@dataclass(frozen=True, slots=True)
class _Run:
    """One run.

    Attributes:
        cluster: the API server.
        namespace: the namespace of the requests.
        word: a word that marks its requests, and nothing else.
        webhooks: the names of this installation's webhooks.
    """

    cluster: Cluster
    namespace: str
    word: str
    webhooks: frozenset[str]

    def streams(self) -> list[dict[str, Any]]:
        """Return the image streams of the namespace."""
        return [item for page in self.cluster.pages(_STREAMS, self.namespace) for item in page.items]

    def stream(self) -> dict[str, Any] | None:
        """Return the stream whose status is written: PROBE_STREAM if it exists, else the first, else None."""
        found = self.streams()
        named = (each for each in found if each["metadata"]["name"] == PROBE_STREAM)
        return next(named, found[0] if found else None)

    def answer(self, resource: str, stream: Mapping[str, Any] | None, tries: int = _TRIES) -> Answer:
        """Send a request to one resource, again after a conflict, and return the verdict."""
        reviewed = catalog.RESOURCES[resource]
        body = reviewed.probe.object(Run(self.namespace, self.word, stream))
        if body is None:
            hint = f"oc create imagestream {PROBE_STREAM} -n {self.namespace}"
            return Answer(resource, Verdict.UNKNOWN, f"namespace {self.namespace} has no image stream: {hint}")
        try:
            self._send(reviewed, body)
        except ClusterError as error:
            if reviewed.probe.replaces and error.status == HTTPStatus.CONFLICT and tries > 1:
                return self.answer(resource, self.stream(), tries - 1)
            return denial(resource, error, self.webhooks)
        return Answer(resource, Verdict.OPEN, "no webhook denied the request; the API server accepted it")

    def _send(self, reviewed: Reviewed, body: Mapping[str, Any]) -> None:
        """Send a request as a dry run; if a dry run is not enough, the request also fails in the API server."""
        api = Resource(GROUP, VERSION, reviewed.plural)
        if reviewed.probe.replaces:
            self.cluster.replace(api, body, self.namespace, reviewed.subresource, dry_run=True)
        else:
            self.cluster.create(api, body, self.namespace, dry_run=True)

    def left(self) -> Iterator[str]:
        """Yield what the run left behind: the image streams that contain its word anywhere."""
        for each in self.streams():
            if _holds(each, self.word):
                yield f"image stream {self.namespace}/{each['metadata']['name']}"


def denial(resource: str, error: ClusterError, webhooks: Collection[str]) -> Answer:
    """Return the verdict on a resource from an error of the API server.

    Args:
        resource: the resource.
        error: the error.
        webhooks: the names of this installation's webhooks.
    """
    message = str(error)
    denied, failed = _DENIED.match(message), _FAILED.match(message)
    if denied and denied["name"] in webhooks:
        return Answer(resource, Verdict.CLOSED, message)
    if failed and failed["name"] in webhooks:
        return Answer(resource, Verdict.DOWN, message)
    if denied:
        return Answer(resource, Verdict.UNKNOWN, f"another webhook denied the request: {message}")
    if failed:
        return Answer(resource, Verdict.UNKNOWN, f"another webhook failed: {message}")
    if catalog.RESOURCES[resource].probe.came_after(error.status, error.answer):
        return Answer(
            resource,
            Verdict.OPEN,
            f"no webhook denied the request; the API server did, after calling all of them: {message}",
        )
    return Answer(
        resource, Verdict.UNKNOWN, f"something else denied the request: {message}" if error.status else message
    )


def _holds(value: Any, word: str) -> bool:
    """Whether a key or a string in `value` contains `word`."""
    if isinstance(value, dict):
        return any(word in key or _holds(each, word) for key, each in value.items())
    if isinstance(value, list):
        return any(_holds(each, word) for each in value)
    return isinstance(value, str) and word in value


def _labels(cluster: Cluster, namespace: str) -> Mapping[str, str]:
    """Return the labels of the namespace, which must exist."""
    try:
        return cluster.get(_NAMESPACES, namespace)["metadata"].get("labels") or {}
    except ClusterError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise ClusterError(f"{error}; create the namespace for probes: oc create namespace {namespace}") from None


def _webhooks(cluster: Cluster, configuration: str) -> list[dict[str, Any]]:
    """Return the webhooks of a configuration; without it there are none, and every resource is open."""
    try:
        return list(cluster.get(_CONFIGURATIONS, configuration).get("webhooks") or ())
    except ClusterError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return []


def _unconfigured(answer: Answer, configuration: str) -> Answer:
    """Return the answer with the reason why a resource is open: the webhook configuration does not exist."""
    if answer.verdict is not Verdict.OPEN:
        return answer
    return Answer(
        answer.resource, answer.verdict, f"webhook configuration {configuration} does not exist: {answer.message}"
    )
