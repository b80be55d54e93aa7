"""A port: the listening socket that all workers share, and the state that its connections share."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ssl import SSLContext, SSLError
from typing import Final
from wsgiref.types import WSGIApplication

from webhook.server.handshakes import HandshakeQueue
from webhook.server.kept import Kept
from webhook.server.queue import AdmissionQueue
from webhook.server.tls import Buffers
from webhook.server.wsgi import Dates


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
        self._loop.remove_reader(self._socket)
        with suppress(OSError):  # ends with BlockingIOError when the queue is empty
            while True:
                self._connect(self._socket.accept()[0])
        self._socket.close()
        await asyncio.gather(*self._connecting)

    def _resume(self) -> None:
        self._resumes = None
        self._loop.add_reader(self._socket, self._accept)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
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
