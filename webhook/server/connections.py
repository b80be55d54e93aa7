"""The connections of a port: what each may cost, and how many there may be.

The protocol's hooks are gunicorn's own and private, which is why gunicorn is pinned to one major version.
"""

import asyncio
from typing import Any, Final

from gunicorn.asgi.parser import ParseError
from gunicorn.asgi.protocol import ASGIProtocol

from webhook.server.inline import Asgi

# A request is a few kilobytes, and its sender is in the same cluster: who takes longer only holds a connection, and so
# does who does not read its answers.
REQUEST_SECONDS: Final = 10.0
_YOUNG_SECONDS: Final = 1.0  # that a new connection has for its handshake and request when the server ends
_CONNECTIONS: Final = 1_000  # of a port; several API servers with all their reviews need a tenth
# Each piece of a body costs a turn of the parser, and memory: few may be small ones.
_PIECES: Final = 4_096
_PIECE_BYTES: Final = 512


class Connection(ASGIProtocol):  # type: ignore[misc]
    """A connection of one of the two ports, which knows whether it is idle."""

    def __init__(self, worker: Any, app: Asgi, kept: "Kept") -> None:
        super().__init__(worker)
        self.app = app
        self._kept = kept
        self._made = worker.loop.time()
        self._begun = False  # a part of a request has come
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._pieces = self._bytes = 0  # of the body that comes

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no request, nor a part of one, nor a connection that was only just made."""
        return not (self.under_way or self._begun or self.worker.loop.time() < self._made + _YOUNG_SECONDS)

    @property
    def under_way(self) -> bool:
        """Whether a request's head has come, and its answer has not left."""
        return self._current_request is not None

    @property
    def whole(self) -> bool:
        """Whether a request has come whole, and its answer has not left."""
        return self.under_way and self._deadline is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection; its first request has its time too."""
        super().connection_made(transport)
        self._kept.come(self, transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and what it holds: its cycles would wait for the collector."""
        self._came()
        self._read()
        self._kept.gone(self)
        super().connection_lost(exc)
        self._callback_parser = None

    def pause_writing(self) -> None:
        """Give a caller that does not read its answers some time."""
        super().pause_writing()
        self._unread = self.worker.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the caller reads."""
        super().resume_writing()
        self._read()

    def close(self) -> None:
        """Close the connection, and wake whoever waits for its next request."""
        self._close_transport()
        if self._request_ready is not None:
            self._request_ready.set()

    def _feed_callback_parser(self, data: bytes) -> Any:
        self._begun = True
        if self._deadline is None and self._current_request is None:
            self._expect()  # the rest of what begins here
        return super()._feed_callback_parser(data)

    def _resume_reading(self) -> None:
        # gunicorn reads on after every answer, whatever still stands before it: 256 KiB more for a request of 30 bytes.
        if self._http1_buffered() <= self._max_buffer_size // 2:
            super()._resume_reading()

    def _on_headers_complete(self) -> Any:
        self._kept.used(self)
        return super()._on_headers_complete()

    def _on_body(self, chunk: bytes) -> Any:
        self._pieces += 1
        self._bytes += len(chunk)
        if self._pieces > _PIECES and self._bytes < self._pieces * _PIECE_BYTES:
            raise ParseError("expected a body in fewer pieces")
        return super()._on_body(chunk)

    def _on_message_complete(self) -> Any:
        self._pieces = self._bytes = 0
        self._begun = False
        self._came()
        return super()._on_message_complete()

    def _expect(self) -> None:
        self._deadline = self.worker.loop.call_later(REQUEST_SECONDS, self.close)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


class Kept:
    """The connections of a port with their transports, those that still shake hands too; who asked last is the last."""

    def __init__(self) -> None:
        self._transports: dict[Connection, Any] = {}

    @property
    def under_way(self) -> int:
        """How many have a request under way."""
        return sum(each.under_way for each in self._transports)

    def come(self, connection: Connection, transport: Any) -> None:
        """Keep a connection; where there are too many, one goes: of those without a whole request the first."""
        if connection not in self._transports and len(self._transports) >= _CONNECTIONS:
            unused = next((each for each in self._transports if not each.whole), None)
            if unused is None:
                transport.abort()
                return
            self._transports.pop(unused).abort()
        self._transports[connection] = transport

    def used(self, connection: Connection) -> None:
        """Note that a connection asks something."""
        if (transport := self._transports.pop(connection, None)) is not None:
            self._transports[connection] = transport

    def gone(self, connection: Connection) -> None:
        """Forget a connection."""
        self._transports.pop(connection, None)

    def close_idle(self) -> int:
        """Close every idle connection, and return how many are left."""
        for connection, transport in tuple(self._transports.items()):
            if not connection.idle:
                continue
            if connection.transport is None:  # hands were never shaken
                transport.abort()
            else:
                connection.close()
        return len(self._transports)

    def abort(self) -> None:
        """End all connections."""
        for transport in tuple(self._transports.values()):
            transport.abort()
