"""A WSGI app called inline on an event loop: a decision takes less time than handing it to a thread."""

import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final
from wsgiref.types import WSGIApplication

from webhook.server.turns import Turns

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
_SERVER: Final = (b"server", b"istag-webhook")
_CLOSE: Final = (b"connection", b"close")
# A Status (meta/v1), as the app's own are.
_BUSY: Final = (
    b'{"kind":"Status","apiVersion":"v1","status":"Failure","code":503,"reason":"ServiceUnavailable",'
    b'"message":"the webhook has more reviews than it can judge; try again"}'
)
_BUSY_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_BUSY)).encode()),
    (b"retry-after", b"1"),
    _SERVER,
]


class _Gone(Exception):
    """The caller went away."""


class _Crowded(Exception):
    """There is no memory for another body."""


def inline(app: WSGIApplication, largest: int, turns: Turns, shed: Callable[[], None]) -> Asgi:
    """Return `app` as an ASGI app that runs on the event loop itself.

    Args:
        app: the WSGI app; it must not wait for anything.
        largest: bytes of a body; of a larger one nothing more is kept, and the app sees its length alone.
        turns: when a request may be judged, and how many bytes of those that wait are kept; who would wait for too
            long, or finds no place, is answered 503.
        shed: called for each that is.
    """

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        environ = _environ(scope)
        parts: list[bytes] = []
        try:
            await _read(environ, receive, largest, turns, parts)
            answered = await turns.judged(lambda: _called(app, environ, parts))
        except _Gone:
            return
        except _Crowded:
            answered = None
        finally:
            turns.release(sum(map(len, parts)))
        if answered is None:
            shed()
            answered = HTTPStatus.SERVICE_UNAVAILABLE, _BUSY_HEADERS, _BUSY
        await _answered(send, *answered)
        if _CLOSE in answered[1]:
            # Closed with bytes unread, the connection would be reset, and the answer be lost.
            with suppress(_Gone):
                await _thrown_away(receive)

    return answer


def _called(app: WSGIApplication, environ: dict[str, Any], parts: list[bytes]) -> tuple[int, Headers, bytes]:
    """Call the app with a body, and return status, headers and content of its answer."""
    environ["wsgi.input"] = BytesIO(parts[0] if len(parts) == 1 else b"".join(parts))
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        del exc_info
        started[:] = (int(status[:3]), headers)
        return written.append

    result: Iterable[bytes] = app(environ, start_response)
    try:
        content = b"".join((*written, *result))
    finally:
        if hasattr(result, "close"):
            result.close()
    code, headers = started
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        encoded.append(_CLOSE)
    return code, [*encoded, _SERVER], content


async def _answered(send: Send, status: int, headers: Headers, content: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _read(environ: dict[str, Any], receive: Receive, largest: int, turns: Turns, parts: list[bytes]) -> None:
    """Read the request's body into `parts`, which stays empty where it is too large.

    Raises:
        _Gone: the caller is.
        _Crowded: there is no memory for it; it has been read to its end, so that the connection can carry the next.
    """
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and int(length) > largest:
        return
    size, more = 0, True
    while more:
        part, more = await _part(receive)
        if size + len(part) > largest:
            turns.release(size)
            parts.clear()
            _framed(environ, size + len(part))
            return
        if not turns.hold(size, len(part)):
            turns.release(size)
            parts.clear()
            if more:
                await _thrown_away(receive)
            raise _Crowded
        parts.append(part)
        size += len(part)
    _framed(environ, size)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Gone
    return message["body"], message["more_body"]


async def _thrown_away(receive: Receive) -> None:
    """Read a body to its end and keep nothing of it."""
    while (await _part(receive))[1]:
        pass


def _framed(environ: dict[str, Any], size: int) -> None:
    """Say how long the body was found to be: it is out of its chunks now."""
    environ["CONTENT_LENGTH"] = str(size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)


def _environ(scope: Message) -> dict[str, Any]:
    """Return the environment of a request (PEP 3333), without its body."""
    host, port = scope["server"] or ("", None)
    client = scope["client"] or ("", None)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
