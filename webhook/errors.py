"""What can go wrong before there is a decision."""

from dataclasses import dataclass
from http import HTTPStatus


class WebhookError(Exception):
    """The root of every error that this package raises on purpose."""


class MalformedReference(WebhookError):
    """A string is not an image reference; the message says what was expected."""


class MalformedGlob(WebhookError):
    """A string is not a glob; the message says what was expected."""


class MalformedReview(WebhookError):
    """A request that is not an AdmissionReview we can judge.

    Attributes:
        status: the HTTP status that answers it.
        uid: the review's uid where it could be read, else "".
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, uid: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.uid = uid


class RecordFailed(WebhookError):
    """A decision could not be written to the record."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an input, and where.

    Attributes:
        where: the file, with its line where there is one, or the setting's name.
        path: the JSON path in the document, "" for the whole of it.
        message: what is wrong and what was expected.
    """

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)


class Refused(WebhookError):
    """An input of ours (policy, certificate, setting) that cannot be used, with every fault in it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class PolicyRefused(Refused):
    """A policy that cannot be loaded."""


class CertificateRefused(Refused):
    """A certificate or key that cannot be served."""


class SettingsRefused(Refused):
    """A setting that cannot be used."""


class ReportRefused(Refused):
    """A report that cannot be read again."""
