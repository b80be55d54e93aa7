"""What an answer of the API server says of a door."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from webhook.errors import ClusterRefused

_STREAMS: Final = ("imagestream", "imagestreams")
_OWN: Final = ("imagestreams", "imagestreams/status")


class Verdict(StrEnum):
    """What is known of a door."""

    CLOSED = "closed"
    OPEN = "open"
    DOWN = "down"
    UNKNOWN = "unknown"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a door, and why."""

    door: str
    verdict: Verdict
    message: str


def exit_code(answers: Collection[Answer]) -> int:
    """Return 0 where every door is closed, 1 where one is open, 2 where it cannot be told.

    A door that this API server does not serve is none; where it serves none of them, nothing can be told.
    """
    found = {answer.verdict for answer in answers} - {Verdict.ABSENT}
    if Verdict.OPEN in found:
        return 1
    return 0 if found == {Verdict.CLOSED} else 2


def refusal(door: str, error: ClusterRefused, webhooks: Collection[str]) -> Answer:
    """Return what a refusal says of a door.

    Args:
        door: where.
        error: what was answered.
        webhooks: the names of the webhooks that are ours.
    """
    said = str(error)
    # k8s.io/apiserver, pkg/admission/plugin/webhook/errors/statuserror.go and its dispatcher's ErrCallingWebhook
    if any(f'admission webhook "{name}" denied the request' in said for name in webhooks):
        return Answer(door, Verdict.CLOSED, said)
    if any(f'failed calling webhook "{name}"' in said for name in webhooks):
        return Answer(door, Verdict.DOWN, said)
    if _came_after(door, error):
        return Answer(
            door, Verdict.OPEN, f"no webhook refused it; the API server itself did, after they were asked: {said}"
        )
    if "failed calling webhook" in said:
        return Answer(door, Verdict.UNKNOWN, f"another webhook could not be called: {said}")
    return Answer(door, Verdict.UNKNOWN, f"somebody else refused it: {said}" if error.status else said)


def _came_after(door: str, error: ClusterRefused) -> bool:
    """Whether the API server refused after every webhook: the stream behind a door, not what was sent."""
    kind = str((error.answer.get("details") or {}).get("kind") or "").lower()
    after = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
    return door not in _OWN and kind in _STREAMS and error.status in after
