"""Calls a WSGI app on the event loop itself, because a decision takes less time than a thread switch."""

import logging
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from io import BytesIO
from json import dumps
from typing import Any, Final
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

from webhook.server.request import Request

Environ = dict[str, Any]
_NO_BODY: Final = ("204", "304")


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


def answer(app: WSGIApplication, request: Request, common: Environ) -> Answer:
    """Call the app with a request; log an error and answer it with 500."""
    path, _, query = request.target.partition(b"#")[0].partition(b"?")
    if not path.startswith(b"/") and (slashes := path.find(b"://")) >= 0:  # the absolute form (RFC 9112, 3.2.2)
        path = b"/" + path[slashes + 3 :].partition(b"/")[2]
    environ: Environ = {
        **common,
        **request.fields,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.input": BytesIO(request.body),
    }
    request.body = b""  # now owned by wsgi.input
    try:
        return _called(app, environ)
    except Exception:
        logging.getLogger("webhook.server").exception("request failed")
        return failure(HTTPStatus.INTERNAL_SERVER_ERROR, "the webhook failed; see its log")


class _Starting:
    """The start_response callable of an app (PEP 3333)."""

    __slots__ = ("fields", "status", "written")

    def __init__(self) -> None:
        self.status = ""
        self.fields: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(
        self, status: str, fields: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        """Set status and fields; a later call replaces them."""
        del exc_info
        self.status, self.fields = status, fields
        return self.written.append


def _called(app: WSGIApplication, environ: Environ) -> Answer:
    starting = _Starting()
    result = app(environ, starting)
    try:
        content = b"".join((*starting.written, *result))
    finally:
        if (close := getattr(result, "close", None)) is not None:
            close()
    return Answer(starting.status, starting.fields, content)


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
