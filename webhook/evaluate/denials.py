"""The verdict on a resource from the API server's answer."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webhook.errors import ClusterError
from webhook.resources import catalog

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
