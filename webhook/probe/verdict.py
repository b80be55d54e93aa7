"""What an answer of the API server says about a resource."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from webhook import resources
from webhook.errors import ClusterError

# k8s.io/apiserver, pkg/admission/plugin/webhook/errors/statuserror.go and its dispatcher's ErrCallingWebhook
_DENIED: Final = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request')
_FAILED: Final = re.compile(r'(?:Internal error occurred: )?failed calling webhook "(?P<name>[^"]*)"')
_FORBIDDEN: Final = "FieldValueForbidden"
_EXISTS: Final = "AlreadyExists"
# The kinds by which the API server names the object that a request failed on, once all webhooks were called. They are
# compared in lower case and without the plural's "s": it names a kind, or a resource, in the singular or in the plural.
_BEHIND: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "imagestreamtags": frozenset({"imagestream"}),
        "imagetags": frozenset({"imagestream"}),
        "imagestreams": frozenset({"imagestream"}),
        "imagestreams/status": frozenset(),
        "imagestreamimports": frozenset({"imagestream", "imagestreamimport"}),
        "imagestreammappings": frozenset({"imagestream", "imagestreammapping"}),
    }
)


class Verdict(StrEnum):
    """What is known of a resource."""

    CLOSED = "closed"
    OPEN = "open"
    DOWN = "down"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a resource, and why."""

    resource: str
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class Probed:
    """The result of a run.

    Attributes:
        answers: one for each resource.
        left: what the run left behind, in words; empty if it left nothing.
        unlisted: why it cannot be told what the run left behind, "" if it can.
    """

    answers: tuple[Answer, ...]
    left: tuple[str, ...] = ()
    unlisted: str = ""

    @property
    def exit_code(self) -> int:
        """0 if every resource is closed and nothing was left, 1 if one is open or something was left, else 2."""
        verdicts = {answer.resource: answer.verdict for answer in self.answers}
        if self.left or Verdict.OPEN in verdicts.values():
            return 1
        closed = verdicts == dict.fromkeys(resources.RESOURCES, Verdict.CLOSED)
        return 0 if closed and not self.unlisted else 2


def denial(resource: str, error: ClusterError, webhooks: Collection[str]) -> Answer:
    """Return what an error of the API server says about a resource.

    Args:
        resource: the resource.
        error: what was answered.
        webhooks: the names of the webhooks that are ours.
    """
    said = str(error)
    denied, failed = _DENIED.match(said), _FAILED.match(said)
    if denied and denied["name"] in webhooks:
        return Answer(resource, Verdict.CLOSED, said)
    if failed and failed["name"] in webhooks:
        return Answer(resource, Verdict.DOWN, said)
    if denied:
        return Answer(resource, Verdict.UNKNOWN, f"another webhook denied the request: {said}")
    if failed:
        return Answer(resource, Verdict.UNKNOWN, f"another webhook failed: {said}")
    if _came_after(resource, error):
        return Answer(
            resource,
            Verdict.OPEN,
            f"no webhook denied the request; the API server did, after calling all of them: {said}",
        )
    return Answer(resource, Verdict.UNKNOWN, f"something else denied the request: {said}" if error.status else said)


def _came_after(resource: str, error: ClusterError) -> bool:
    """Whether the API server denied the request after it had called every webhook.

    Its own validation of the object comes before the validating webhooks (422, with the kind of the object that was
    sent). An import is an exception: the list of allowed registries is consulted after them.
    """
    details = error.answer.get("details") or {}
    kind = str(details.get("kind") or "").lower().removesuffix("s")
    if kind not in _BEHIND[resource]:
        return False
    match error.status:
        case HTTPStatus.NOT_FOUND:
            return resource not in ("imagestreams", "imagestreams/status")
        case HTTPStatus.CONFLICT:
            return resource != "imagestreams" or error.answer.get("reason") == _EXISTS
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return resource in ("imagestreamtags", "imagetags") or (
                resource == "imagestreamimports" and _all_forbidden(details.get("causes"))
            )
    return False


def _all_forbidden(causes: Any) -> bool:
    """Whether every cause is a value that is forbidden, and not one that is malformed."""
    return bool(causes) and all(isinstance(each, dict) and each.get("reason") == _FORBIDDEN for each in causes)
