"""An HTTP request, and the call of the WSGI app that answers it, on the event loop itself."""

import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from io import BytesIO
from json import dumps
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

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


Environ = dict[str, Any]
_NO_BODY: Final = ("204", "304")
_log: Final = logging.getLogger("webhook.server")


class Answer:
    """The answer of an app or of the server itself: status, fields and content."""

    __slots__ = ("content", "fields", "status")

    def __init__(self, status: str, fields: list[tuple[str, str]], content: bytes) -> None:
        self.status, self.fields, self.content = status, fields, content


def failure(status: HTTPStatus, message: str, *more: tuple[str, str]) -> Answer:
    """Return an error answer of the server, a Status (meta/v1) like those of the app."""
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": status.phrase.title().replace(" ", ""),
        "message": message,
    }
    content = dumps(document, separators=(",", ":")).encode()
    return Answer(f"{status.value} {status.phrase}", [("Content-Type", "application/json"), *more], content)


BUSY: Final = failure(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the webhook has more reviews than it can evaluate; try again",
    ("Retry-After", "1"),
)
FAILED: Final = failure(HTTPStatus.INTERNAL_SERVER_ERROR, "the webhook failed; see its log")


def environment(scheme: str, server: tuple[Any, ...], client: str) -> Environ:
    """Return the part of the environment that all requests of a connection share (PEP 3333)."""
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


class Call:
    """The call of the app with a request, and the start_response callable of that call (PEP 3333).

    An app may leave work until its result is read. The server evaluates several requests before it reads the results.
    """

    __slots__ = ("_fields", "_result", "_status", "_written")

    def __init__(self, app: WSGIApplication, request: Request, common: Environ) -> None:
        """Call the app; an error is logged, and answered with 500."""
        self._status = ""
        self._fields: list[tuple[str, str]] = []
        self._written: list[bytes] = []
        self._result: Iterable[bytes] | None = None
        environ = _environ(request, common)
        request.body = b""  # now owned by wsgi.input
        try:
            self._result = app(environ, self)
        except Exception:  # noqa: BLE001 - logged with its traceback, and answered with 500
            _log.exception("request failed")

    def __call__(self, status: str, fields: list[tuple[str, str]], _exc: Any = None, /) -> Callable[[bytes], object]:
        """Set status and fields; a later call replaces them."""
        self._status, self._fields = status, fields
        return self._written.append

    def answer(self) -> Answer:
        """Read the result; an error is logged, and answered with 500."""
        result = self._result
        if result is None:
            return FAILED
        try:
            try:
                content = b"".join((*self._written, *result))
            finally:
                if (close := getattr(result, "close", None)) is not None:
                    close()
        except Exception:  # noqa: BLE001 - as above
            _log.exception("request failed")
            return FAILED
        return Answer(self._status, self._fields, content)


def _environ(request: Request, common: Environ) -> Environ:
    path, _, query = request.target.partition(b"#")[0].partition(b"?")
    if not path.startswith(b"/") and (slashes := path.find(b"://")) >= 0:  # the absolute form (RFC 9112, 3.2.2)
        path = b"/" + path[slashes + 3 :].partition(b"/")[2]
    return {
        **common,
        **request.fields,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.input": BytesIO(request.body),
    }


class Dates:
    """The Date field, formatted once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._date = ""

    def now(self) -> str:
        """Return the current time in HTTP format."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date


def encoded(found: Answer, date: str, *, version: str = "1.1", head: bool = False, close: bool) -> bytes:
    """Return an answer in wire format.

    Args:
        found: the answer.
        date: the value of the Date field.
        version: the HTTP version of the request, 1.1 or 1.0.
        head: whether the request is HEAD, so that the content is omitted.
        close: whether the connection closes after the answer.
    """
    lines = [f"HTTP/{version} {found.status}"]
    framed = found.status.startswith(_NO_BODY)
    for name, value in found.fields:
        lines.append(f"{name}: {value}")
        framed = framed or name.lower() == "content-length"
    if not framed:
        lines.append(f"Content-Length: {len(found.content)}")
    lines.append(f"Server: istag-webhook\r\nDate: {date}")
    if close:
        lines.append("Connection: close")
    elif version == "1.0":
        lines.append("Connection: keep-alive")
    lines.append("\r\n")
    sent = "\r\n".join(lines).encode("latin-1")
    return sent if head or found.status.startswith(_NO_BODY) else sent + found.content
