"""Checks that the API server calls the webhook for every resource: it sends each a request that must be denied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from webhook import resources
from webhook.admission.codec import GROUP, VERSION
from webhook.cluster.client import Cluster, Resource
from webhook.errors import ClusterError
from webhook.probe.request import STREAM, Request, request
from webhook.probe.selector import selects
from webhook.probe.verdict import Answer, Probed, Verdict, denial

__all__ = ["Answer", "Probed", "Verdict", "probe"]
_CONFIGURATIONS: Final = Resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
_NAMESPACES: Final = Resource("", "v1", "namespaces")
_STREAMS: Final = Resource(GROUP, VERSION, "imagestreams")
_TRIES: Final = 5  # as often as client-go's RetryOnConflict


def probe(cluster: Cluster, namespace: str, configuration: str) -> Probed:
    """Return what is known of each resource, and what the run left behind.

    Image streams are listed before and after. Everything that is sent carries a word that no other run has, so what was
    left behind is found by it.

    Args:
        cluster: the API server.
        namespace: where the requests go; nothing is stored there.
        configuration: the name of the validating webhook configuration.

    Raises:
        ClusterError: the namespace does not exist or is not selected, or the API server cannot be asked.
    """
    labels = _labels(cluster, namespace)
    webhooks = _webhooks(cluster, configuration)
    if webhooks and not any(selects(each.get("namespaceSelector"), labels) for each in webhooks):
        raise ClusterError(
            f"namespace {namespace} is left out by the namespaceSelector of {configuration}; expected one that is not"
        )
    served = {each["name"] for each in cluster.resources(GROUP, VERSION)}
    run = _Run(cluster, namespace, uuid4().hex, frozenset(str(each["name"]) for each in webhooks))
    before = run.stream()
    answers = tuple(
        run.answer(resource, before)
        if resource in served
        else Answer(resource, Verdict.ABSENT, f"{resource} is not served")
        for resource in resources.RESOURCES
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
        namespace: where the requests go.
        word: what marks its requests, and nothing else.
        webhooks: the names of the webhooks that are ours.
    """

    cluster: Cluster
    namespace: str
    word: str
    webhooks: frozenset[str]

    def streams(self) -> list[dict[str, Any]]:
        """Return the image streams of the namespace."""
        return [item for page in self.cluster.pages(_STREAMS, self.namespace) for item in page.items]

    def stream(self) -> dict[str, Any] | None:
        """Return the stream whose status is written: the one that is there for it, else the first, None for none."""
        found = self.streams()
        named = (each for each in found if each["metadata"]["name"] == STREAM)
        return next(named, found[0] if found else None)

    def answer(self, resource: str, stream: Mapping[str, Any] | None, tries: int = _TRIES) -> Answer:
        """Send a request to one resource, again if its stream changed meanwhile, and return what the answer says."""
        sent = request(resource, self.namespace, self.word, stream)
        if sent is None:
            hint = f"oc create imagestream {STREAM} -n {self.namespace}"
            return Answer(resource, Verdict.UNKNOWN, f"namespace {self.namespace} has no image stream: {hint}")
        try:
            self._send(sent)
        except ClusterError as error:
            if sent.replaces and error.status == HTTPStatus.CONFLICT and tries > 1:
                return self.answer(resource, self.stream(), tries - 1)
            return denial(resource, error, self.webhooks)
        return Answer(resource, Verdict.OPEN, "no webhook denied the request; the API server accepted it")

    def _send(self, sent: Request) -> None:
        """Send a request as a dry run; what cannot rely on that fails in the API server for another reason."""
        if sent.replaces:
            self.cluster.replace(sent.api, sent.body, sent.namespace, sent.subresource, dry_run=True)
        else:
            self.cluster.create(sent.api, sent.body, sent.namespace, dry_run=True)

    def left(self) -> Iterator[str]:
        """Yield what the run left behind: the image streams that hold its word, wherever it stands in them."""
        for each in self.streams():
            if _holds(each, self.word):
                yield f"image stream {self.namespace}/{each['metadata']['name']}"


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
        raise ClusterError(f"{error}: a probe needs one: oc create namespace {namespace}") from None


def _webhooks(cluster: Cluster, configuration: str) -> list[dict[str, Any]]:
    """Return the webhooks of a configuration, none if it does not exist: then every resource is open."""
    try:
        return list(cluster.get(_CONFIGURATIONS, configuration).get("webhooks") or ())
    except ClusterError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return []


def _unconfigured(answer: Answer, configuration: str) -> Answer:
    """Return the answer with the reason why a resource is open: there is no webhook configuration."""
    if answer.verdict is not Verdict.OPEN:
        return answer
    return Answer(
        answer.resource, answer.verdict, f"there is no webhook configuration {configuration}: {answer.message}"
    )
