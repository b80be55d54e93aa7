"""One HTTP request, what it may at most be, and why bytes are none."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

# An API server sends a dozen short fields; a thousand connections may each hold as many as are allowed.
LINE_BYTES: Final = 4_094
FIELDS: Final = 50
FIELD_BYTES: Final = 2_048  # fewer than the digits of a length that int() takes
HEAD_BYTES: Final = LINE_BYTES + FIELDS * (FIELD_BYTES + len(": \r\n"))
VARIABLES: Final = {  # of the fields that an API server sends, in a WSGI environment (PEP 3333)
    b"Host": "HTTP_HOST",
    b"User-Agent": "HTTP_USER_AGENT",
    b"Content-Length": "CONTENT_LENGTH",
    b"Content-Type": "CONTENT_TYPE",
    b"Accept": "HTTP_ACCEPT",
    b"Accept-Encoding": "HTTP_ACCEPT_ENCODING",
}


class ProtocolError(Exception):
    """Bytes that are no request, or one that is not taken; nothing after them can be understood."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Memory(Protocol):
    """Where the memory for bodies comes from."""

    def hold(self, size: int, more: int) -> bool:
        """Take `more` bytes for a body of which `size` are held; False if there are none left."""

    def release(self, size: int) -> None:
        """Give the memory of a body back."""


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        fields: the header fields under their names in a WSGI environment (PEP 3333).
        target: path and query as they were sent.
        version: 1.1 or 1.0.
        size: bytes of the body that came.
        held: bytes of memory that are held for it.
        too_large: the body is larger than allowed; nothing of it is kept, and the connection cannot carry another.
        shed: there was no memory for the body; nothing of it is kept.
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
    """Return the name of a header field in a WSGI environment; none for a name with an underscore."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def check_lines(head: bytearray, *, first: bool) -> None:
    """Deny lines that are too long before they are parsed.

    Args:
        head: a part of a head.
        first: it begins with the request line.
    """
    for number, line in enumerate(head.split(b"\r\n")):
        if first and number == 0:
            if len(line) > LINE_BYTES:
                raise ProtocolError(HTTPStatus.REQUEST_URI_TOO_LONG, "expected a shorter request line")
        elif len(line) > FIELD_BYTES:
            raise ProtocolError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "expected shorter header fields")
