"""TLS on the connections of the admission port, in memory that many of them may need."""

import asyncio
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from ssl import SSLContext, SSLError
from typing import Final

_HANDSHAKE_SECONDS: Final = 10
_GOODBYE_SECONDS: Final = 1.0  # a client that is idle need not answer our close_notify
_READ_BYTES: Final = 2**18


class Buffer:
    """What the connections of one loop read into, one after the other: each hands it on before the next one reads."""

    def __init__(self) -> None:
        self.data = bytearray(_READ_BYTES)
        self.view = memoryview(self.data)


class Tls(SSLProtocol):
    """asyncio's own, which would give every connection, silent ones too, 256 KiB of its own to read into.

    The class is in no manual of asyncio's, and the names of its buffer are private; tests prove what this relies on.
    """

    max_size = 0  # what asyncio allocates for each

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        inner: asyncio.Protocol,
        context: SSLContext,
        buffer: Buffer,
        come: Callable[[asyncio.BaseTransport], None],
        gone: Callable[[], None],
        failed: Callable[[str, SSLError], None],
    ) -> None:
        """Make the server's end of a connection.

        Args:
            loop: where it lives.
            inner: sees what the connection carries, once hands are shaken.
            context: the server's.
            buffer: what all connections of the loop read into.
            come: called before hands are shaken, with the transport below.
            gone: called when the connection is lost, whether or not hands were shaken.
            failed: called with the peer's address where the handshake fails; not where the peer only goes away.
        """
        super().__init__(
            loop,
            inner,
            context,
            None,  # type: ignore[arg-type] # nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )
        self.max_size = _READ_BYTES  # type: ignore[misc] # from now on what is read at once
        self._ssl_buffer, self._ssl_buffer_view = buffer.data, buffer.view
        self._come, self._gone, self._failed = come, gone, failed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to shake hands."""
        self._come(transport)
        super().connection_made(transport)

    def eof_received(self) -> None:
        """End where the peer does: asyncio would wait for who paused reading, and drops what is written from now on."""
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection, and what it holds: its cycles would wait for the collector."""
        self._gone()
        super().connection_lost(exc)
        self._incoming.read()  # type: ignore[attr-defined] # the stubs do not tell

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if isinstance(handshake_exc, SSLError) and self._transport is not None:
            self._failed(self._transport.get_extra_info("peername")[0], handshake_exc)
        super()._on_handshake_complete(handshake_exc)
