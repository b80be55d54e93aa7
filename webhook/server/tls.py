"""TLS in memory over a plain transport, and the order in which handshakes proceed."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLError
from typing import Final, Protocol

_SLICE: Final = 2**14  # the largest record; a BIO never shrinks, so it gets no more at once
PLAIN_BYTES: Final = 2**14  # the maximum content of a record (RFC 8446, section 5.1)
_HANDSHAKE: Final = 22  # the content type of a handshake record
_HEADER_BYTES: Final = 5
_HANDSHAKE_BYTES: Final = 2**17  # OpenSSL accepts certificate chains of 100 KiB


class Buffers:
    """The read buffers that all connections of a loop share; each consumes its data before the next one reads."""

    def __init__(self) -> None:
        self.read = bytearray(2**16)
        self.read_view = memoryview(self.read)
        self.plain = bytearray(PLAIN_BYTES)
        self.plain_view = memoryview(self.plain)


def whole(hello: bytes) -> bool:
    """Whether the first record is complete, or is not a handshake record (RFC 8446, section 5.1)."""
    if hello[0] != _HANDSHAKE:
        return True
    size = int.from_bytes(hello[3:_HEADER_BYTES])
    return len(hello) >= _HEADER_BYTES and (size > PLAIN_BYTES or len(hello) >= _HEADER_BYTES + size)


class Tls:
    """The server side of one TLS connection, without a socket.

    Attributes:
        established: whether the handshake is complete.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        """Start a handshake; only sessions of the same context are resumed."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False

    def take(self, data: memoryview) -> bool:
        """Add received bytes of the handshake; return False if they exceed its limit."""
        self._incoming.write(data)
        return self._incoming.pending <= _HANDSHAKE_BYTES

    def shake(self) -> bool:
        """Continue the handshake; return whether it is complete.

        Raises:
            ssl.SSLError: the handshake failed; `outgoing` returns the alert.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def slices(self, data: memoryview) -> "list[memoryview]":
        """Split received bytes into pieces to decrypt one after the other."""
        if len(data) <= _SLICE:
            return [data]
        return [data[at : at + _SLICE] for at in range(0, len(data), _SLICE)]

    def write(self, data: memoryview) -> None:
        """Add received encrypted bytes."""
        self._incoming.write(data)

    def read(self, into: memoryview) -> int:
        """Decrypt a record.

        Returns:
            The number of bytes; 0 if the peer closed the connection, -1 if no complete record has arrived.

        Raises:
            ssl.SSLError: the bytes are not valid TLS.
        """
        if not self._incoming.pending and not self._object.pending():
            return -1
        try:
            return self._object.read(PLAIN_BYTES, into)  # type: ignore[return-value] # an int, with a buffer
        except ssl.SSLWantReadError:
            return -1

    def encrypt(self, data: bytes) -> bytes:
        """Return the encrypted bytes for `data`."""
        self._object.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """Return the bytes that TLS itself has to send."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def goodbye(self) -> bytes:
        """Return the close_notify alert, which tells the client that the end is no truncation attack."""
        with suppress(ssl.SSLError):  # the peer has not closed its side; no need to wait for it
            self._object.unwrap()
        return self._outgoing.read()


# A handshake costs as much as several reviews; each turn of the loop continues at least one.
_TURN_SECONDS: Final = 0.005
_SECONDS: Final = 10.0  # between two log lines of one worker, because any client can cause failures at any rate


class Handshaking(Protocol):
    """A connection with an incomplete handshake."""

    def shake(self) -> None:
        """Continue the handshake."""


class HandshakeQueue:
    """Continues handshakes that have received data, a few in each turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Handshaking, None] = {}

    def add(self, connection: Handshaking) -> None:
        """Queue a connection to continue its handshake."""
        if not self._waiting:
            self._loop.call_soon(self._turn)
        self._waiting[connection] = None

    def _turn(self) -> None:
        ends = self._loop.time() + _TURN_SECONDS
        try:
            while self._waiting:
                connection = next(iter(self._waiting))
                del self._waiting[connection]
                connection.shake()
                if self._loop.time() >= ends:
                    break
        finally:
            if self._waiting:
                self._loop.call_soon(self._turn)


class Handshakes:
    """Logs failed handshakes, at a limited rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger("webhook.server")
        self._clock = clock
        self._quiet_until = clock()
        self._suppressed = 0

    def failed(self, peer: str, error: SSLError) -> None:
        """Log a failed handshake, with the number of failures since the last line.

        Args:
            peer: the address of the client.
            error: the error of OpenSSL.
        """
        if self._clock() < self._quiet_until:
            self._suppressed += 1
            return
        self._quiet_until = self._clock() + _SECONDS
        reason = str(error).partition(" (_ssl.c")[0]
        extra = {"peer": peer, "reason": reason, "suppressed": self._suppressed}
        self._log.warning("TLS handshake failed", extra=extra)
        self._suppressed = 0
