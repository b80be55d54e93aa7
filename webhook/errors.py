"""The errors of this package."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any


class WebhookError(Exception):
    """The root of every error that this package raises deliberately."""


class MalformedReference(WebhookError):
    """A string that is not an image reference; the message says what was expected."""


class AmbiguousReference(MalformedReference):
    """A reference that the API server accepts, but that other clients reject or read as another image."""


class MalformedGlob(WebhookError):
    """A string that is not a glob; the message says what was expected."""


class MalformedExpression(WebhookError):
    """A string that is not a CEL expression that can be evaluated; the message says what was expected."""


class MalformedReview(WebhookError):
    """A request that is not a valid AdmissionReview of a known resource.

    Attributes:
        status: the HTTP status of the answer.
        uid: the uid of the review, "" if it cannot be read.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, uid: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.uid = uid


def unexpected(error: Exception) -> str:
    """Return the message for an internal error: its type, its text, and the line that raised it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at is not None else ""
    return f"the webhook failed to evaluate it, please report this: {type(error).__name__}: {error}{where}"


class MalformedRecord(WebhookError):
    """A line that is not a record of a decision; the message says what was expected."""


class WorkerLost(WebhookError):
    """A worker process ended before its part of the work was done."""


class RecordFailed(WebhookError):
    """A decision that could not be recorded."""


class ClusterError(WebhookError):
    """A request to the cluster that failed; the message is the API server's, or says why it could not be sent.

    Attributes:
        status: the HTTP status, 0 if there was no answer.
        answer: the Status (meta/v1) of the answer, empty if there was none.
    """

    def __init__(self, message: str, status: int = 0, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.answer: Mapping[str, Any] = answer or {}

    @property
    def expired(self) -> bool:
        """Whether the continue token of a list has expired on the API server."""
        return self.status == HTTPStatus.GONE

    @property
    def token(self) -> str:
        """The token that continues an expired list inconsistently, "" if there is none."""
        return (self.answer.get("metadata") or {}).get("continue") or ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem in an input, with its place.

    Attributes:
        where: the file, or the name of the setting.
        path: the JSON path in the document, "" for the whole document.
        message: the problem, and what was expected.
        line: the line in the file, from 1; 0 if there is none.
        column: the column in Unicode code points, from 1; 0 if it is unknown.
    """

    where: str
    path: str
    message: str
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """The file with its line and column, if they are known."""
        return ":".join(str(part) for part in (self.where, self.line, self.column) if part)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.message) if part)


class InputError(WebhookError):
    """An input (policy, certificate, setting) that cannot be used, with every fault in it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class PolicyError(InputError):
    """A policy that cannot be loaded."""


class CertificateError(InputError):
    """A certificate or key that cannot be served."""


class SettingsError(InputError):
    """A setting that cannot be used."""


class ReportError(InputError):
    """A report that cannot be merged."""


class CaseError(InputError):
    """A policy test that cannot be run."""
