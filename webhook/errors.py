"""What can go wrong before there is a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any


class WebhookError(Exception):
    """The root of every error that this package raises on purpose."""


class MalformedReference(WebhookError):
    """A string is not an image reference; the message says what was expected."""


class AmbiguousReference(MalformedReference):
    """A reference that the API server takes, but that other clients deny or read as that of another image."""


class MalformedGlob(WebhookError):
    """A string is not a glob; the message says what was expected."""


class MalformedExpression(WebhookError):
    """A string is not a CEL expression that can be evaluated; the message says what was expected."""


class MalformedReview(WebhookError):
    """A request that is not an AdmissionReview we can evaluate.

    Attributes:
        status: the HTTP status that answers it.
        uid: the review's uid where it could be read, else "".
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, uid: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.uid = uid


def unexpected(error: Exception) -> str:
    """Return the sentence for an error that is a fault of ours: what it is, and where it was raised."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" ({Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno})" if at is not None else ""
    return f"the webhook failed to evaluate it, please report this: {type(error).__name__}: {error}{where}"


class MalformedRecord(WebhookError):
    """A line that is no record of a decision; the message says what was expected."""


class WorkerLost(WebhookError):
    """A process that evaluated a part of the work ended before it was done."""


class RecordFailed(WebhookError):
    """A decision could not be written to the record."""


class ClusterError(WebhookError):
    """A cluster cannot be asked, or denied what it was asked; the message is its own.

    Attributes:
        status: the HTTP status, 0 where there was no answer.
        answer: the Status (meta/v1) that was answered, empty where it was none.
    """

    def __init__(self, message: str, status: int = 0, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.answer: Mapping[str, Any] = answer or {}

    @property
    def expired(self) -> bool:
        """Whether a list was asked to go on that the API server does not remember any more."""
        return self.status == HTTPStatus.GONE

    @property
    def token(self) -> str:
        """What an expired list may go on with, at another moment; "" where it may not."""
        return (self.answer.get("metadata") or {}).get("continue") or ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an input, and where.

    Attributes:
        where: the file, or the setting's name.
        path: the JSON path in the document, "" for the whole of it.
        message: what is wrong and what was expected.
        line: the line in the file, from 1; 0 if there is none.
        column: the column in the line, in Unicode code points from 1; 0 if it is not known.
    """

    where: str
    path: str
    message: str
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """The file with its line and column, as far as they are known."""
        return ":".join(str(part) for part in (self.where, self.line, self.column) if part)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.message) if part)


class InputError(WebhookError):
    """An input of ours (policy, certificate, setting) that cannot be used, with every fault in it."""

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
    """A report that cannot be read again."""


class CaseError(InputError):
    """A test of a policy that cannot be run."""
