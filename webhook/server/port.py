"""A port: the listening socket that all workers share, and what its connections share."""

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
        app: what answers.
        queue: when it does, and what memory there is for bodies.
        largest: bytes of a body.
        keepalive: seconds that an idle connection is kept.
        context: returns the newest TLS context; the plain port asks for none.
        shed: called for each request that is answered 503 because there were too many.
        failed: called for each TLS handshake that fails, with the client's address.
        handshakes: when a handshake goes on.
        buffers: what all connections read into.
        clock: returns the loop's time.
        kept: the connections.
        ending: from now on every answer closes its connection.
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


_WAITING: Final = 2_048  # connections that the kernel keeps for us (listen(2)); gunicorn's own default
# After a connection a worker leaves the next one to the others for a moment: otherwise the first to wake up would take
# all that come at once, and as API servers keep their connections, it would have the work of all for hours.
_SHARE_SECONDS: Final = 0.001
_SCARCE_SECONDS: Final = 1.0  # without a descriptor or memory for a connection


class Listener:
    """Accepts the connections of one port."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, protocol: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Accept from now on.

        Args:
            loop: where the connections live.
            listening: the socket; it is bound.
            protocol: makes a connection's protocol.
        """
        self._loop, self._socket, self._protocol = loop, listening, protocol
        self._connecting: set[asyncio.Task[None]] = set()
        self._resumes: asyncio.TimerHandle | None = None
        self._open = True
        listening.settimeout(0.0)
        listening.listen(_WAITING)
        self._resume()

    async def close(self) -> None:
        """Take what the kernel has accepted already, and close; closing would reset what is left."""
        if not self._open:
            return
        self._open = False
        if self._resumes is not None:
            self._resumes.cancel()
        self._loop.remove_reader(self._socket)
        with suppress(OSError):  # at last BlockingIOError: nothing is left
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
            return  # another worker has it, or the client has gone
        except OSError as error:
            logging.getLogger("webhook.server").warning(
                "no connection can be accepted", extra={"reason": error.strerror}
            )
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
        except OSError:  # the client has gone
            accepted.close()
