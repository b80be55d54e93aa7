"""One connection, from received bytes to sent answers; `state` defines its states and timeouts."""

import asyncio
from typing import Any, Final

from webhook.server.http import Reader
from webhook.server.state import GOODBYE_SECONDS, REQUEST_SECONDS, Port, State, Stateful
from webhook.server.wsgi import BUSY, FAILED, Answer, Call, ProtocolError, Request, encoded, environment, failure

_PENDING_BYTES: Final = 2**14  # of further requests that a client may send before it has its answer
_RESTED_SECONDS: Final = 1.0  # after this idle time a connection frees its caches
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Stateful, asyncio.BufferedProtocol):
    """A connection of the plain port, and the base of a connection of the TLS port.

    It keeps reading while a request is evaluated, to notice that the client has disconnected.
    """

    __slots__ = (
        "_common", "_found", "_paused", "_peer", "_pending", "_port", "_reader", "_request", "_stuck", "_transport",
    )  # fmt: skip

    scheme = "http"

    def __init__(self, port: Port, state: State = State.HEAD) -> None:
        super().__init__(state, port.clock)
        self._port, self._peer = port, ""
        self._transport: Any = None
        self._reader: Reader | None = None
        self._request: Request | None = None  # the request in evaluation
        self._found: Call | Answer = FAILED  # its answer
        self._common: dict[str, Any] | None = None
        self._pending: bytearray | None = None  # plain bytes that follow it
        self._paused = False  # reading is paused, because too many bytes are pending
        self._stuck = False  # writing is paused, because the client does not read

    def expire(self, now: float) -> None:
        """Close the connection if its state has timed out; free its caches if it has been idle for a while."""
        if self.overdue(now):
            self.close() if self.reading else self.abort()
        elif self.state is State.IDLE and self.overdue(now + self._port.keepalive - _RESTED_SECONDS):
            self._forget()
            self._common = None

    def close(self, seconds: float = GOODBYE_SECONDS) -> None:
        """Close our side, and discard received bytes until the client closes its side.

        Closing the socket with unread bytes would reset the connection, and the answer could be lost. A second call
        only waits for a moment.

        Args:
            seconds: the time that the client has to close its side.
        """
        if self.state is State.CLOSING:
            if self._port.clock() >= self.since + GOODBYE_SECONDS and not self._transport.get_write_buffer_size():
                self.abort()
            return
        self.since = self._port.clock()
        self._goodbye()
        self.enter(State.CLOSING, seconds)
        self._forget()
        self._resume()
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset the connection
            self.abort()

    def abort(self) -> None:
        """Reset the connection immediately."""
        self._transport.abort()

    # The event loop calls the following methods.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection; the timeouts of its handshake and of its first request begin now."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        # A dual-stack socket shows an IPv4 client by its mapped address (RFC 4291). None: the client has disconnected.
        self._peer = peer[0].removeprefix("::ffff:") if peer else ""
        self._port.kept.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Discard the connection and its data."""
        del exc
        if self.state is not State.CLOSING:
            self.enter(State.CLOSING)
        self._forget()
        self._port.kept.discard(self)

    def eof_received(self) -> None:
        """Close the connection after the client closed its side; its pending requests are dropped."""
        if self.state is not State.CLOSING:
            self.enter(State.CLOSING)
            self._forget()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._stuck = True

    def resume_writing(self) -> None:
        """Continue after the client has read."""
        self._stuck = False
        if self.state is State.WRITING:
            self.enter(State.IDLE, self._port.keepalive)
            self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the read buffer that all connections share."""
        del sizehint
        return self._port.buffers.read_view

    def buffer_updated(self, nbytes: int) -> None:
        """Process received bytes."""
        if self.state is not State.CLOSING:
            self._received(self._port.buffers.read, nbytes)

    def _forget(self) -> None:
        """Free the memory of requests that will not be answered."""
        if self._request is not None:
            self._port.queue.release(self._request.held)
            self._request = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._pending = None

    def _received(self, data: bytearray, size: int) -> None:
        """Process received plain bytes."""
        at = self._parse(data, 0, size)
        if at < size and self.state is not State.CLOSING:
            if self._pending is None:
                self._pending = data[at:size]
            else:
                self._pending += data[at:size]
            if len(self._pending) > _PENDING_BYTES and not self._paused:
                self._paused = True
                self._transport.pause_reading()

    def _parse(self, data: bytearray, at: int, end: int) -> int:
        """Parse and answer requests until one has to wait; return the position up to which bytes were consumed."""
        while self.reading:
            reader = self._reader
            if reader is None:
                reader = self._reader = Reader(self._port.largest, self._port.queue)
                self.received = True
            if reader.ready:
                self._ask(reader.ready.popleft())
                continue
            if at >= end:
                break
            try:
                at = reader.feed(data, at, end)
            except ProtocolError as error:
                self._answer(failure(error.status, str(error)), None)
                return end
            if not reader.ready:
                self._note(reader)
        return at

    def _note(self, reader: Reader) -> None:
        """Update the state for a request that is only partly received."""
        if self.state is State.IDLE:
            self.enter(State.HEAD)
        if reader.in_body and self.state is State.HEAD:
            self.enter(State.BODY)
        if reader.expects:
            reader.expects = False
            self._write(_CONTINUE)

    def _ask(self, request: Request) -> None:
        """Queue a request for its evaluation."""
        port, self._request = self._port, request
        self.enter(State.EVALUATING)
        port.kept.used(self)
        if request.shed or not port.queue.admit(self):
            port.shed()
            self._answer(BUSY, request)

    def evaluate(self, *, admitted: bool) -> None:
        """Call the app, unless the client has disconnected or the request has waited for too long."""
        port, request = self._port, self._request
        if request is None:
            return
        if not admitted:
            port.shed()
            self._found = BUSY
            return
        if self._common is None:
            self._common = environment(self.scheme, self._transport.get_extra_info("sockname"), self._peer)
        self._found = Call(port.app, request, self._common)

    def reply(self) -> None:
        """Send the answer of the app; an answer whose client has disconnected is only completed."""
        found, self._found = self._found, FAILED
        answer = found.answer() if isinstance(found, Call) else found
        if self._request is not None:
            try:
                self._answer(answer, self._request)
                self._go_on()
            except Exception:
                self.abort()  # nothing else would end the connection
                raise

    def _answer(self, found: Answer, request: Request | None) -> None:
        """Send the answer to a request; None means that the bytes were not a valid request."""
        port, self._request = self._port, None
        if request is None:
            self._write(encoded(found, port.dates.now(), close=True))
            self.close(REQUEST_SECONDS)
            return
        port.queue.release(request.held)
        close = port.ending or not request.keep_alive or request.too_large
        head = request.method == "HEAD"
        self._write(encoded(found, port.dates.now(), version=request.version, head=head, close=close))
        if close:
            self.close(REQUEST_SECONDS)
        elif self._stuck:
            self.enter(State.WRITING)
        else:
            self.enter(State.IDLE, port.keepalive)

    def _go_on(self) -> None:
        """Process the bytes that arrived during an evaluation, and resume reading."""
        if self._pending is None and (self._reader is None or not self._reader.ready):
            return
        data, self._pending = self._pending or bytearray(), None
        del data[: self._parse(data, 0, len(data))]
        if self.state is State.CLOSING:
            return
        self._pending = data or None
        if len(data) <= _PENDING_BYTES:
            self._resume()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _goodbye(self) -> None:
        """Announce the end of our side; only TLS has a message for it."""

    def _write(self, data: bytes) -> None:
        """Send plain bytes."""
        self._send(data)

    def _send(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)
