"""TLS handshakes that fail, told in the log: asyncio drops them, and a caller that is refused would leave no trace."""

import logging
import time
from collections.abc import Callable
from ssl import SSLError
from typing import Final

_SECONDS: Final = 10.0  # between two lines of one worker: whoever can connect can fail as often as they like


class Handshakes:
    """Tells of handshakes that fail, with one line for many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger("webhook.server")
        self._clock = clock
        self._quiet_until = clock()
        self._untold = 0

    def failed(self, peer: str, error: SSLError) -> None:
        """Tell of a handshake that failed, and of how many more since the last line.

        Args:
            peer: the caller's address.
            error: what OpenSSL says.
        """
        if self._clock() < self._quiet_until:
            self._untold += 1
            return
        self._quiet_until = self._clock() + _SECONDS
        reason = str(error).partition(" (_ssl.c")[0]
        self._log.warning("a TLS handshake failed", extra={"peer": peer, "reason": reason, "untold": self._untold})
        self._untold = 0
