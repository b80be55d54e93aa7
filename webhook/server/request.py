"""An HTTP request, its limits, and the error for invalid bytes."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

# An API server sends a dozen short fields. A thousand connections may each reach these limits.
LINE_BYTES: Final = 4_094
FIELDS: Final = 50
FIELD_BYTES: Final = 2_048  # less than the number of digits that int() accepts
HEAD_BYTES: Final = LINE_BYTES + FIELDS * (FIELD_BYTES + len(": \r\n"))
VARIABLES: Final = {  # the names in a WSGI environment (PEP 3333) of the fields that an API server sends
    b"Host": "HTTP_HOST",
    b"User-Agent": "HTTP_USER_AGENT",
    b"Content-Length": "CONTENT_LENGTH",
    b"Content-Type": "CONTENT_TYPE",
    b"Accept": "HTTP_ACCEPT",
    b"Accept-Encoding": "HTTP_ACCEPT_ENCODING",
}


class ProtocolError(Exception):
    """Bytes that are not a valid or supported request; the connection cannot continue after them."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Memory(Protocol):
    """The memory for request bodies."""

    def hold(self, size: int, more: int) -> bool:
        """Reserve `more` bytes for a body that already has `size`; return False if the limit is reached."""

    def release(self, size: int) -> None:
        """Release the memory of a body."""


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        fields: the header fields by their names in a WSGI environment (PEP 3333).
        target: path and query as sent.
        version: 1.1 or 1.0.
        size: the number of received bytes of the body.
        held: the number of bytes reserved for it.
        too_large: whether the body exceeds the limit; it is discarded, and the connection must close.
        shed: whether there was no memory for the body, which is discarded.
    """

    fields: dict[str, str] = field(default_factory=dict)
    method: str = ""
    target: bytes = b""
    version: str = "1.1"
    keep_alive: bool = False
    body: bytes | bytearray = b""
    size: int = 0
    held: int = 0
    too_large: bool = False
    shed: bool = False


def variable(name: bytes) -> str:
    """Return the name of a header field in a WSGI environment, "" for a name with an underscore."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def check_lines(head: bytearray, *, first: bool) -> None:
    """Reject lines that are too long before they are parsed.

    Args:
        head: a part of a head.
        first: whether it begins with the request line.
    """
    for number, line in enumerate(head.split(b"\r\n")):
        if first and number == 0:
            if len(line) > LINE_BYTES:
                raise ProtocolError(HTTPStatus.REQUEST_URI_TOO_LONG, "expected a shorter request line")
        elif len(line) > FIELD_BYTES:
            raise ProtocolError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "expected shorter header fields")
