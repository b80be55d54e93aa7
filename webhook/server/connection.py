"""One connection: bytes in, requests, answers, bytes out; `state` says what may follow what, and when it ends."""

import asyncio
from typing import Any, Final

from webhook.server.http import Reader
from webhook.server.port import Port
from webhook.server.queue import Admission
from webhook.server.request import ProtocolError, Request
from webhook.server.state import GOODBYE_SECONDS, REQUEST_SECONDS, State, Stateful
from webhook.server.wsgi import BUSY, Answer, Environ, answer, encoded, environment, failure

_PENDING_BYTES: Final = 2**14  # of further requests, which a client may send before it has its answer
_RESTED_SECONDS: Final = 1.0  # an idle connection that is not about to be used keeps nothing that can be made again
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Stateful, asyncio.BufferedProtocol):
    """A connection of the plain port, and what one of the TLS port has in common with it.

    Reading goes on while a request is evaluated: otherwise nobody would notice that the client has gone.
    """

    __slots__ = ("_common", "_paused", "_peer", "_pending", "_port", "_reader", "_request", "_stuck", "_transport")

    scheme = "http"

    def __init__(self, port: Port, state: State = State.HEAD) -> None:
        super().__init__(state, port.clock)
        self._port = port
        self._transport: Any = None
        self._peer = ""
        self._reader: Reader | None = None
        self._request: Request | None = None  # what is evaluated
        self._common: Environ | None = None
        self._pending: bytearray | None = None  # plain bytes that come after it
        self._paused = False  # reading, because too many of them came
        self._stuck = False  # writing, because the client does not read

    def expire(self, now: float) -> None:
        """End the connection if the time of its state is over; let it rest if it has been idle for a while."""
        if self.overdue(now):
            self.close() if self.reading else self.abort()
        elif self.state is State.IDLE and self.overdue(now + self._port.keepalive - _RESTED_SECONDS):
            self._forget()
            self._common = None

    def close(self, seconds: float = GOODBYE_SECONDS) -> None:
        """End our side, and drop what comes until the client ends its own.

        If the socket were closed with bytes unread, the connection would be reset, and the answer be lost. Called
        again, it waits no longer than a moment.

        Args:
            seconds: that the client has for it.
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
        """End the connection at once."""
        self._transport.abort()

    # What follows is called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection; its handshake and its first request have their time from now on."""
        self._transport = transport
        peer = transport.get_extra_info("peername")
        # An IPv4 client of a socket for both has a mapped address (RFC 4291). None: the client has gone already.
        self._peer = peer[0].removeprefix("::ffff:") if peer else ""
        self._port.kept.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and what it holds."""
        del exc
        if self.state is not State.CLOSING:
            self.enter(State.CLOSING)
        self._forget()
        self._port.kept.discard(self)

    def eof_received(self) -> None:
        """Close when the client has ended its side; what it asked and does not wait for is not evaluated."""
        if self.state is not State.CLOSING:
            self.enter(State.CLOSING)
            self._forget()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._stuck = True

    def resume_writing(self) -> None:
        """Go on after the client has read."""
        self._stuck = False
        if self.state is State.WRITING:
            self.enter(State.IDLE, self._port.keepalive)
            self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return what all connections read into, one after the other."""
        del sizehint
        return self._port.buffers.read_view

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        if self.state is not State.CLOSING:
            self._received(self._port.buffers.read, nbytes)

    def _forget(self) -> None:
        """Give back the memory of requests that are not answered any more."""
        if self._request is not None:
            self._port.queue.release(self._request.held)
            self._request = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._pending = None

    def _received(self, data: bytearray, size: int) -> None:
        """Take plain bytes."""
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
        """Read and answer requests until one has to wait; return how far the bytes were taken."""
        while self.reading:
            reader = self._reader
            if reader is None:
                reader = self._reader = Reader(self._port.largest, self._port.queue)
                self.asked = True
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
        """Note how far a request has come that has not come whole."""
        if self.state is State.IDLE:
            self.enter(State.HEAD)
        if reader.in_body and self.state is State.HEAD:
            self.enter(State.BODY)
        if reader.expects:
            reader.expects = False
            self._write(_CONTINUE)

    def _ask(self, request: Request) -> None:
        """Have a request evaluated, now or later."""
        self._request = request
        self.enter(State.EVALUATING)
        self._port.kept.used(self)
        admission = Admission.SHED if request.shed else self._port.queue.ask(self._turn)
        if admission is not Admission.QUEUED:
            self._evaluate(request, admitted=admission is Admission.NOW)

    def _turn(self, admitted: bool) -> None:  # noqa: FBT001 - the queue's signature
        """Answer a request that has waited in the queue; nothing if its client has gone."""
        if self._request is not None:
            self._evaluate(self._request, admitted=admitted)
            self._go_on()

    def _evaluate(self, request: Request, *, admitted: bool) -> None:
        port = self._port
        if not admitted:
            port.shed()
            self._answer(BUSY, request)
            return
        if self._common is None:
            self._common = environment(self.scheme, self._transport.get_extra_info("sockname"), self._peer)
        self._answer(answer(port.app, request, self._common), request)

    def _answer(self, found: Answer, request: Request | None) -> None:
        """Send an answer to a request; to what was none if that is None."""
        port, self._request = self._port, None
        date = port.dates.now()
        if request is None:
            self._write(encoded(found, date, close=True))
            self.close(REQUEST_SECONDS)
            return
        port.queue.release(request.held)
        close = port.ending or not request.keep_alive or request.too_large
        self._write(encoded(found, date, version=request.version, head=request.method == "HEAD", close=close))
        if close:
            self.close(REQUEST_SECONDS)
        elif self._stuck:
            self.enter(State.WRITING)
        else:
            self.enter(State.IDLE, port.keepalive)

    def _go_on(self) -> None:
        """Take up what came while a request was evaluated, and read on."""
        data, self._pending = self._pending or bytearray(), None
        at = self._parse(data, 0, len(data))
        if self.state is State.CLOSING:
            return
        del data[:at]
        self._pending = data or None
        if len(data) <= _PENDING_BYTES:
            self._resume()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _goodbye(self) -> None:
        """Say that nothing more is sent; TLS has a word for it."""

    def _write(self, data: bytes) -> None:
        """Send plain bytes."""
        self._send(data)

    def _send(self, data: bytes) -> None:
        if data and not self._transport.is_closing():
            self._transport.write(data)
