"""A connection of the TLS port."""

from ssl import SSLError

from webhook.server.connection import Connection
from webhook.server.state import Port, State
from webhook.server.tls import Tls, whole


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
