"""A connection of the TLS port: TLS in memory over a plain transport, and the log of failed handshakes."""

import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLError
from typing import Final

from webhook.server.connection import Connection
from webhook.server.state import RECORD_BYTES, Port, State

_SLICE: Final = 2**14  # the largest record; a BIO never shrinks, so it gets no more at once
_HANDSHAKE: Final = 22  # the content type of a handshake record
_HEADER_BYTES: Final = 5
_HANDSHAKE_BYTES: Final = 2**17  # OpenSSL accepts certificate chains of 100 KiB
_LOG_SECONDS: Final = 10.0  # between two log lines of one worker, because any client can cause failures at any rate


def whole(hello: bytes) -> bool:
    """Whether the first record is complete, or is not a handshake record (RFC 8446, section 5.1)."""
    if hello[0] != _HANDSHAKE:
        return True
    size = int.from_bytes(hello[3:_HEADER_BYTES])
    return len(hello) >= _HEADER_BYTES and (size > RECORD_BYTES or len(hello) >= _HEADER_BYTES + size)


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
            return self._object.read(RECORD_BYTES, into)  # type: ignore[return-value] # an int, with a buffer
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


class SecuredConnection(Connection):
    """A TLS connection, registered before its handshake.

    TLS needs about 50 KiB during the handshake. It is only set up after the client has sent its first record. Until
    then, a slow or silent client costs no more than its socket and the bytes that it sent.
    """

    __slots__ = ("_hello", "_tls")

    scheme = "https"

    def __init__(self, port: Port) -> None:
        super().__init__(port, State.HANDSHAKE)
        self._tls: Tls | None = None
        self._hello = b""  # the first record, while it is incomplete

    def connection_lost(self, exc: Exception | None) -> None:
        """Discard the connection and its data."""
        super().connection_lost(exc)
        self._tls = None

    def buffer_updated(self, nbytes: int) -> None:
        """Process received bytes."""
        port = self._port
        if self.state is State.CLOSING:
            return
        data = port.buffers.read_view[:nbytes]
        if self._tls is None:
            self.received = True
            self._hello += data
            if not whole(self._hello):
                return
            data, self._hello = memoryview(self._hello), b""
            self._tls = Tls(port.context())
        if self._tls.established:
            for piece in self._tls.slices(data):
                self._tls.write(piece)
                self._decrypt(self._tls)
        elif self._tls.take(data):
            self.received = True
            port.handshakes.add(self)
        else:
            self.abort()

    def shake(self) -> None:
        """Continue the handshake, when the queue calls this connection."""
        tls = self._tls
        if self.state is not State.HANDSHAKE or tls is None:
            return
        try:
            complete = tls.shake()
        except SSLError as error:
            self._port.failed(self._peer, error)
            self._send(tls.outgoing())  # the alert, which tells the client the reason
            self.close()
            return
        self._send(tls.outgoing())
        self.since, self.received = self._port.clock(), False
        if complete:
            self.enter(State.HEAD)
            self._decrypt(tls)

    def _decrypt(self, tls: Tls) -> None:
        buffers = self._port.buffers
        try:
            while self.state is not State.CLOSING and (size := tls.read(buffers.plain_view)) >= 0:
                if size == 0:
                    self.close()
                    self._transport.close()
                    return
                self._received(buffers.plain, size)
        except SSLError:
            self._send(tls.outgoing())
            self.close()
            return
        self._send(tls.outgoing())

    def _goodbye(self) -> None:
        if self._tls is not None and self._tls.established:
            self._send(self._tls.goodbye())

    def _write(self, data: bytes) -> None:
        if self._tls is not None:
            self._send(self._tls.encrypt(data))


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
        self._quiet_until = self._clock() + _LOG_SECONDS
        reason = str(error).partition(" (_ssl.c")[0]
        extra = {"peer": peer, "reason": reason, "suppressed": self._suppressed}
        self._log.warning("TLS handshake failed", extra=extra)
        self._suppressed = 0
