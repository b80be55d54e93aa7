"""The states of a connection, and the port whose connections share their limits."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from ssl import SSLContext, SSLError
from typing import Final
from wsgiref.types import WSGIApplication

from webhook.server.capacity import AdmissionQueue, HandshakeQueue, Kept
from webhook.server.wsgi import Dates

REQUEST_SECONDS: Final = 10.0
GOODBYE_SECONDS: Final = 1.0  # for an idle client to close its side of the connection
RECORD_BYTES: Final = 2**14  # the maximum content of a TLS record (RFC 8446, section 5.1)
# When the server stops, a new connection has this time to send something; after that it counts as idle.
_YOUNG_SECONDS: Final = 3.0


class State(Enum):
    """The state of a connection."""

    HANDSHAKE = "the TLS handshake is incomplete"
    HEAD = "the head of a request is incomplete, or the first request is expected"
    BODY = "the body of a request is incomplete"
    EVALUATING = "a request is complete, and is not answered yet"
    WRITING = "an answer waits for the client to read"
    IDLE = "the next request has not begun"
    CLOSING = "all answers are sent; received bytes are discarded until the client closes its side"


# The allowed transitions, with the timeout of the new state in seconds. 0 keeps the deadline of the previous state: the
# time of a request includes its body, and on a new connection the handshake. Keep-alive is a setting, passed when IDLE
# is entered. The queue limits the time of an evaluation.
_KEPT: Final = 0.0
NEXT: Final[dict[State, dict[State, float]]] = {
    State.HANDSHAKE: {State.HEAD: _KEPT, State.CLOSING: REQUEST_SECONDS},
    State.HEAD: {State.BODY: _KEPT, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.BODY: {State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.EVALUATING: {State.IDLE: inf, State.WRITING: REQUEST_SECONDS, State.CLOSING: REQUEST_SECONDS},
    State.WRITING: {State.IDLE: inf, State.CLOSING: REQUEST_SECONDS},
    # A request that arrives in one piece skips HEAD.
    State.IDLE: {State.HEAD: REQUEST_SECONDS, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.CLOSING: {},
}


class Stateful:
    """A state with a deadline.

    Attributes:
        state: the state.
        since: the last progress of a new connection: its arrival, or a step of its handshake.
        received: whether unanswered bytes have arrived: a part of the handshake or of the first request.
    """

    __slots__ = ("_clock", "_deadline", "received", "since", "state")

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        """Start in a state, measured by `clock`."""
        self._clock = clock
        self.state, self.received = state, False
        self.since = clock()
        self._deadline = self.since + REQUEST_SECONDS

    def enter(self, state: State, seconds: float = 0.0) -> None:
        """Change to an allowed state; `seconds` overrides the timeout of the table."""
        seconds = seconds or NEXT[self.state][state]
        self.state = state
        if seconds:
            self._deadline = self._clock() + seconds

    def overdue(self, now: float) -> bool:
        """Whether the state has timed out."""
        return now >= self._deadline

    @property
    def reading(self) -> bool:
        """Whether the connection parses requests as they arrive."""
        return self.state in (State.IDLE, State.HEAD, State.BODY)

    @property
    def under_way(self) -> bool:
        """Whether the head of a request is complete, and its answer is not sent yet."""
        return self.state in (State.BODY, State.EVALUATING, State.WRITING)

    @property
    def whole(self) -> bool:
        """Whether a request is complete, and its answer is not sent yet."""
        return self.state in (State.EVALUATING, State.WRITING)

    @property
    def idle(self) -> bool:
        """Whether there is no request, no part of one, and the connection is not new."""
        if self.state in (State.HANDSHAKE, State.HEAD) and not self.received:
            return self._clock() >= self.since + _YOUNG_SECONDS
        return self.state in (State.IDLE, State.CLOSING)


class Buffers:
    """The read buffers that all connections of a loop share; each consumes its data before the next one reads."""

    def __init__(self) -> None:
        self.read = bytearray(2**16)
        self.read_view = memoryview(self.read)
        self.plain = bytearray(RECORD_BYTES)
        self.plain_view = memoryview(self.plain)


@dataclass(slots=True)
class Port:
    """One of the two ports.

    Attributes:
        app: the WSGI app.
        queue: schedules evaluations and limits the memory for bodies.
        largest: the maximum size of a body, in bytes.
        keepalive: seconds to keep an idle connection open.
        context: returns the current TLS context; unused on the plain port.
        shed: called for each request that is answered with 503 because of overload.
        failed: called with the client's address for each TLS handshake that fails.
        handshakes: schedules handshakes.
        buffers: the read buffers that all connections share.
        clock: returns the time of the event loop.
        kept: the connections.
        ending: whether every answer closes its connection.
    """

    app: WSGIApplication
    queue: AdmissionQueue
    largest: int
    keepalive: float
    context: Callable[[], SSLContext]
    shed: Callable[[], None]
    failed: Callable[[str, SSLError], None]
    handshakes: HandshakeQueue
    buffers: Buffers
    clock: Callable[[], float]
    dates: Dates = field(default_factory=Dates)
    kept: Kept = field(default_factory=Kept)
    ending: bool = False


_WAITING: Final = 2_048  # connections in the kernel's queue (listen(2)); gunicorn's default
# After accepting a connection, a worker pauses for a moment. Otherwise the first worker to wake up would accept a whole
# burst. API servers keep their connections open, so it would do all the work for hours.
_SHARE_SECONDS: Final = 0.001
_SCARCE_SECONDS: Final = 1.0  # pause after running out of file descriptors or memory


class Listener:
    """Accepts the connections of one port."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Start to accept connections.

        Args:
            loop: the event loop.
            listening: the socket, already bound.
            protocol: creates the protocol of a connection.
        """
        self._loop, self._socket, self._protocol = loop, listening, protocol
        self._connecting: set[asyncio.Task[None]] = set()
        self._resumes: asyncio.TimerHandle | None = None
        self._open = True
        listening.settimeout(0.0)
        listening.listen(_WAITING)
        self._resume()

    async def close(self) -> None:
        """Accept the connections in the kernel's queue, then close the socket, which would reset them."""
        if not self._open:
            return
        self._open = False
        if self._resumes is not None:
            self._resumes.cancel()
        self._loop.remove_reader(self._socket.fileno())
        with suppress(OSError):  # ends with BlockingIOError when the queue is empty
            while True:
                self._connect(self._socket.accept()[0])
        self._socket.close()
        await asyncio.gather(*self._connecting)

    def _resume(self) -> None:
        self._resumes = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._resumes = self._loop.call_later(seconds, self._resume)

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker accepted it, or the client disconnected
        except OSError as error:
            logging.getLogger("webhook.server").warning("cannot accept connections", extra={"reason": error.strerror})
            self._pause(_SCARCE_SECONDS)
            return
        self._connect(accepted)
        self._pause(_SHARE_SECONDS)

    def _connect(self, accepted: socket.socket) -> None:
        accepted.settimeout(0.0)
        task = self._loop.create_task(self._connected(accepted))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connected(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, accepted)
        except OSError:  # the client has disconnected
            accepted.close()
