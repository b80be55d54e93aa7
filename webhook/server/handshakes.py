"""Schedules TLS handshakes, so that many of them leave time for reviews, and logs those that fail."""

import asyncio
import logging
import time
from collections.abc import Callable
from ssl import SSLError
from typing import Final, Protocol

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
