"""Parses HTTP/1.1 requests, and enforces every limit, without I/O.

httptools (llhttp) is the parser. It rejects ambiguous framing itself: a Content-Length that is repeated, signed or
combined with Transfer-Encoding, folded fields, bare LF, wrong chunk sizes. This module rejects what llhttp accepts but
a server must not. The parser cannot be paused, so it gets the bytes up to the end of a head, then of a body.
"""

from collections import deque
from http import HTTPStatus
from typing import Any, Final, NoReturn

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from webhook.server.wsgi import (
    FIELD_BYTES,
    FIELDS,
    HEAD_BYTES,
    LINE_BYTES,
    VARIABLES,
    Memory,
    ProtocolError,
    Request,
    check_lines,
    variable,
)

_PIECES: Final = 4_096  # parts of a body; more are only allowed if they are not small on average
_PIECE_BYTES: Final = 512
_PORTION: Final = 1_024  # bytes of a chunked body per call; bytes after its end may be parsed with it
_SILENT_BYTES: Final = 4_096  # of a chunked body without data, because chunk extensions can be endless
_END: Final = b"\r\n\r\n"


class Reader:
    """Parses the requests of one connection.

    Attributes:
        ready: complete requests, in the order of their arrival.
        expects: whether the client waits for 100 (Continue) before it sends the body.
        in_body: whether a head is complete, and its body is not.
    """

    __slots__ = (
        "_chunked", "_chunks", "_error", "_fields", "_head", "_largest", "_left", "_memory", "_parser", "_pieces",
        "_request", "_silent", "_tail", "expects", "in_body", "ready",
    )  # fmt: skip

    def __init__(self, largest: int, memory: Memory) -> None:
        """Accept requests with bodies of at most `largest` bytes."""
        self._largest, self._memory = largest, memory
        self._parser: Any = HttpRequestParser(self)
        self._request = Request()
        self._error: ProtocolError | None = None
        self._tail = b""  # the last bytes of an incomplete head
        self._fields: list[tuple[bytes, bytes]] = []
        self._head = self._pieces = self._chunks = self._left = self._silent = 0
        self._chunked = False
        self.ready: deque[Request] = deque()
        self.expects = self.in_body = False

    def feed(self, data: bytearray, start: int, end: int) -> int:
        """Consume bytes, up to the end of a request.

        Returns:
            The position after the last consumed byte.

        Raises:
            ProtocolError: the bytes are not a valid request; the connection must be closed.
        """
        if self.in_body:
            self._pieces += 1
        while start < end and not self.ready:
            stop = self._portion(data, start, end)
            try:
                self._parser.feed_data(memoryview(data)[start:stop])
            except HttpParserUpgrade:
                pass  # the upgrade is ignored: the request has no body, and its connection closes after the answer
            except HttpParserError as error:
                self._failed(error)
            start = stop
            if self._silent > _SILENT_BYTES:
                raise ProtocolError(HTTPStatus.BAD_REQUEST, "expected a chunk, got endless chunk extensions")
            pieces = max(self._pieces, self._chunks)
            if pieces > _PIECES and self._request.size < pieces * _PIECE_BYTES:
                raise ProtocolError(HTTPStatus.BAD_REQUEST, "expected a body in fewer pieces")
        return start

    def close(self) -> None:
        """Free the memory; the parser refers to this object, so the reference cycle must be broken."""
        for request in (self._request, *self.ready):
            self._memory.release(request.held)
            request.held = 0
        self._parser = None

    def _portion(self, data: bytearray, start: int, end: int) -> int:
        """Return the end of the bytes to parse next, at most the end of the head or of the body."""
        if self._chunked:
            stop = min(end, start + _PORTION)
            self._silent += stop - start
            # This portion may contain the beginning of the next head.
            self._tail = (self._tail + data[max(start, stop - 3) : stop])[-3:]
            return stop
        if self._left:
            return min(end, start + self._left)
        stop = self._head_end(data, start, end)
        self._head += stop - start
        if self._head > FIELD_BYTES:
            check_lines(data[start:stop], first=self._head == stop - start)
            if self._head > HEAD_BYTES:
                raise ProtocolError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "expected a shorter head")
        return stop

    def _head_end(self, data: bytearray, start: int, end: int) -> int:
        if self._tail:
            at = (self._tail + data[start : start + len(_END)]).find(_END)
            if at >= 0:
                stop = start + at + len(_END) - len(self._tail)
                self._tail = b""
                return stop
        at = data.find(_END, start, end)
        if at >= 0:
            self._tail = b""
            return at + len(_END)
        self._tail = (self._tail + data[max(start, end - 3) : end])[-3:]
        return end

    def _reject(self, status: HTTPStatus, message: str) -> NoReturn:
        """Abort parsing from a callback."""
        self._error = ProtocolError(status, message)
        raise self._error

    def _failed(self, error: HttpParserError) -> None:
        """Raise the error of a callback or the parser, except for a body that is too large."""
        if self._error is not None:
            raise self._error from None
        if self._request.too_large:
            return
        if "overflow" in str(error):  # the length has more digits than llhttp supports
            raise ProtocolError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {self._largest} bytes"
            ) from None
        raise ProtocolError(HTTPStatus.BAD_REQUEST, f"expected an HTTP/1.1 request: {error}") from None

    def on_url(self, url: bytes) -> None:
        """Add a part of the request target."""
        self._request.target += url
        if len(self._request.target) > LINE_BYTES:
            self._reject(HTTPStatus.REQUEST_URI_TOO_LONG, "expected a shorter URL")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; trailer fields are added too and discarded later."""
        if len(self._fields) == FIELDS:
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"expected at most {FIELDS} header fields")
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Validate the head as a whole."""
        request, parser = self._request, self._parser
        request.version = version = parser.get_http_version()
        request.method = parser.get_method().decode("latin-1")
        request.keep_alive = parser.should_keep_alive()
        request.fields = fields = self._named()
        coding = fields.pop("HTTP_TRANSFER_ENCODING", None)
        if version not in ("1.1", "1.0"):
            self._reject(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"expected HTTP/1.1, got HTTP/{version}")
        if coding is not None and version == "1.0":
            self._reject(HTTPStatus.BAD_REQUEST, "expected no Transfer-Encoding in HTTP/1.0")
        if coding is not None and coding.lower() != "chunked":
            self._reject(HTTPStatus.NOT_IMPLEMENTED, "expected only the transfer coding chunked")
        if "HTTP_HOST" not in fields and version == "1.1":
            self._reject(HTTPStatus.BAD_REQUEST, "expected a Host field")
        length = int(fields.get("CONTENT_LENGTH", 0))
        if parser.should_upgrade():
            if request.method == "CONNECT" or length or coding or "websocket" in fields.get("HTTP_UPGRADE", "").lower():
                self._reject(HTTPStatus.FORBIDDEN, "expected a request without an upgrade")
            request.keep_alive = False
        self._left, self._chunked, self.in_body = length, coding is not None, True
        if length > self._largest:
            request.too_large = True
            self._complete()
        elif version == "1.1" and "HTTP_EXPECT" in fields:
            self.expects = fields["HTTP_EXPECT"].lower() == "100-continue"

    def _named(self) -> dict[str, str]:
        """Return the fields of the head by their names in a WSGI environment."""
        if self._head > FIELD_BYTES and any(len(name) + len(value) > FIELD_BYTES for name, value in self._fields):
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "expected shorter header fields")
        fields: dict[str, str] = {}
        for name, value in self._fields:
            key = VARIABLES.get(name) or variable(name)
            text = value.strip(b" \t").decode("latin-1")
            if key in fields:
                if key == "HTTP_HOST":
                    self._reject(HTTPStatus.BAD_REQUEST, "expected one Host field")
                text = f"{fields[key]},{text}"
            # A field with an underscore would be mistaken for the one with a hyphen, which a proxy may have checked.
            if key:
                fields[key] = text
        return fields

    def on_chunk_header(self) -> None:
        """Count a chunk."""
        self._silent = 0
        self._chunks += 1

    def on_body(self, part: bytes) -> None:
        """Append a part of the body, if the memory limit allows it."""
        request = self._request
        self._silent, self.expects = 0, False
        request.size += len(part)
        if not self._chunked:
            self._left -= len(part)
        if request.shed and request.size <= self._largest:
            return
        if request.size > self._largest:
            request.too_large, request.shed = True, False
            request.fields["CONTENT_LENGTH"] = str(request.size)
            self._drop(request)
            self._complete()
            raise OverflowError  # aborts the parser, see _failed
        if not self._memory.hold(request.held, len(part)):
            request.shed = True
            self._drop(request)
            return
        request.held += len(part)
        if not request.body:
            request.body = part
        elif isinstance(request.body, bytearray):
            request.body += part
        else:
            request.body = bytearray(request.body) + part

    def on_message_complete(self) -> None:
        """Complete the request."""
        if not self._request.too_large:
            if self._chunked or self._request.size:
                self._request.fields["CONTENT_LENGTH"] = str(self._request.size)
            self._complete()

    def _drop(self, request: Request) -> None:
        self._memory.release(request.held)
        request.held, request.body = 0, b""

    def _complete(self) -> None:
        self.ready.append(self._request)
        if not self._request.too_large:
            self._request = Request()
        self._fields = []
        self._head = self._pieces = self._chunks = self._left = self._silent = 0
        self._chunked = self.in_body = self.expects = False
