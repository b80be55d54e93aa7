"""TLS handshakes: when each goes on, so that a storm of them leaves time for reviews, and a log of those that fail."""

import asyncio
import logging
import time
from collections.abc import Callable
from ssl import SSLError
from typing import Final, Protocol

# A handshake costs as much as several reviews; one at least goes on in each turn of the loop.
_TURN_SECONDS: Final = 0.005
_SECONDS: Final = 10.0  # between two lines of one worker: whoever can connect can fail as often as they like


class Shaking(Protocol):
    """A connection whose handshake is not complete."""

    def shake(self) -> None:
        """Go on with the handshake."""


class HandshakeQueue:
    """Goes on with the handshakes for which something came, a few in each turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[Shaking, None] = {}

    def add(self, connection: Shaking) -> None:
        """Let a connection go on when it is its turn."""
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
    """Logs the handshakes that fail, with one line for many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger("webhook.server")
        self._clock = clock
        self._quiet_until = clock()
        self._untold = 0

    def failed(self, peer: str, error: SSLError) -> None:
        """Log a handshake that failed, and how many more did since the last line.

        Args:
            peer: the client's address.
            error: what OpenSSL says.
        """
        if self._clock() < self._quiet_until:
            self._untold += 1
            return
        self._quiet_until = self._clock() + _SECONDS
        reason = str(error).partition(" (_ssl.c")[0]
        self._log.warning("a TLS handshake failed", extra={"peer": peer, "reason": reason, "untold": self._untold})
        self._untold = 0
