"""TLS over a plain transport, in memory: what came is decrypted into a buffer that all connections share."""

import ssl
from contextlib import suppress
from typing import Final

_SLICE: Final = 2**14  # a BIO keeps the size that it once had; this is the largest record's
PLAIN_BYTES: Final = 2**14  # a record carries no more (RFC 8446, section 5.1)
_HANDSHAKE: Final = 22  # a record's content type
_HEADER_BYTES: Final = 5
_HANDSHAKE_BYTES: Final = 2**17  # OpenSSL takes chains of 100 KiB


class Buffers:
    """What the connections of one loop read into, one after the other: each takes it up before the next one reads."""

    def __init__(self) -> None:
        self.read = bytearray(2**16)
        self.read_view = memoryview(self.read)
        self.plain = bytearray(PLAIN_BYTES)
        self.plain_view = memoryview(self.plain)


def whole(hello: bytes) -> bool:
    """Whether the first record of a connection has come whole, or is none (RFC 8446, section 5.1)."""
    if hello[0] != _HANDSHAKE:
        return True
    size = int.from_bytes(hello[3:_HEADER_BYTES])
    return len(hello) >= _HEADER_BYTES and (size > PLAIN_BYTES or len(hello) >= _HEADER_BYTES + size)


class Tls:
    """The server's end of one TLS connection; it has no socket.

    Attributes:
        established: the handshake is complete.
    """

    __slots__ = ("_incoming", "_object", "_outgoing", "established")

    def __init__(self, context: ssl.SSLContext) -> None:
        """Begin with the handshake; only sessions of this very context are resumed."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.established = False

    def take(self, data: memoryview) -> bool:
        """Take what came during the handshake; False if it is more than a handshake may send."""
        self._incoming.write(data)
        return self._incoming.pending <= _HANDSHAKE_BYTES

    def shake(self) -> bool:
        """Go on with the handshake; whether it is complete.

        Raises:
            ssl.SSLError: it failed; `outgoing` has the alert.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.established = True
        return True

    def slices(self, data: memoryview) -> "list[memoryview]":
        """Return what came in the pieces to decrypt one after the other."""
        if len(data) <= _SLICE:
            return [data]
        return [data[at : at + _SLICE] for at in range(0, len(data), _SLICE)]

    def write(self, data: memoryview) -> None:
        """Take encrypted bytes that came."""
        self._incoming.write(data)

    def read(self, into: memoryview) -> int:
        """Decrypt a record.

        Returns:
            How many bytes it had; 0 if the peer ended the connection, -1 if no whole record has come.

        Raises:
            ssl.SSLError: what came is no TLS.
        """
        if not self._incoming.pending and not self._object.pending():
            return -1
        try:
            return self._object.read(PLAIN_BYTES, into)  # type: ignore[return-value] # an int, with a buffer
        except ssl.SSLWantReadError:
            return -1

    def encrypt(self, data: bytes) -> bytes:
        """Return what to send for `data`."""
        self._object.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """Return what TLS itself has to send."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def goodbye(self) -> bytes:
        """Return what ends the connection: without it the client cannot tell the end from an attack."""
        with suppress(ssl.SSLError):  # the peer has not ended its side; nobody waits for that
            self._object.unwrap()
        return self._outgoing.read()
