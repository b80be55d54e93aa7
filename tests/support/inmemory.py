"""The server's own connection over TLS, in memory: what arrives in which pieces is always the same, so it can be counted."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final
from wsgiref.types import WSGIApplication

from webhook.server.capacity import AdmissionQueue, HandshakeQueue
from webhook.server.state import Buffers, Port
from webhook.server.tls import SecuredConnection

_LARGEST: Final = 7 * 2**20
_NAMES: Final = {"peername": ("127.0.0.1", 40_000), "sockname": ("127.0.0.1", 8_443)}


class _Transport(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(_NAMES)
        self.sent = bytearray()

    def write(self, data: Any) -> None:
        """Keep some more."""
        self.sent += data

    def is_closing(self) -> bool:
        """Whether it ends: it never does."""
        return False


class Caller:
    """A client that has a connection to the admission port, made on the running loop."""

    def __init__(self, app: WSGIApplication, server: ssl.SSLContext, ca: Path) -> None:
        self._port = Port(
            app,
            AdmissionQueue(1.0),
            _LARGEST,
            120.0,
            context=lambda: server,
            shed=lambda: None,
            failed=lambda _peer, error: _raise(error),
            handshakes=HandshakeQueue(asyncio.get_running_loop()),
            buffers=Buffers(),
            clock=time.monotonic,
        )
        self._transport = _Transport()
        self._connection = SecuredConnection(self._port)
        self._connection.connection_made(self._transport)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=ca)
        self._client = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    async def connect(self) -> None:
        """Complete the TLS handshake."""
        while True:
            try:
                self._client.do_handshake()
            except ssl.SSLWantReadError:
                self._receive(self._outgoing.read())
                await self._turn()
            else:
                self._receive(self._outgoing.read())
                await self._turn()
                return

    async def post(
        self, path: str, body: bytes, around: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> bytes:
        """Post a body and return the answer, head and body.

        Args:
            path: of the endpoint.
            body: JSON.
            around: the context in which the server takes what was sent, and answers.
        """
        head = (
            f"POST {path}?timeout=10s HTTP/1.1\r\nHost: localhost:8443\r\nUser-Agent: kube-apiserver-admission\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
            "Accept-Encoding: gzip\r\n\r\n"
        )
        self._client.write(head.encode() + body)
        data = self._outgoing.read()
        with around():
            self._receive(data)
            await asyncio.sleep(0)  # the loop evaluates the request in its next turn
        await self._turn()
        answer = bytearray()
        try:
            while piece := self._client.read(2**16):
                answer += piece
        except ssl.SSLWantReadError:
            return bytes(answer)
        raise ConnectionError("the server ended the connection")

    def _receive(self, sent: bytes) -> None:
        """Have the server take what the client has written."""
        data, at = memoryview(sent), 0
        while at < len(data):
            buffer = self._connection.get_buffer(-1)
            size = min(len(buffer), len(data) - at)
            buffer[:size] = data[at : at + size]
            self._connection.buffer_updated(size)
            at += size

    async def _turn(self) -> None:
        """Let the loop do what the server left for later, and hand the client what was sent."""
        for _ in range(3):
            await asyncio.sleep(0)
        self._incoming.write(bytes(self._transport.sent))
        self._transport.sent.clear()


def _raise(error: Exception) -> None:
    raise error
