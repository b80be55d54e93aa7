"""A loop's time, shared: judging keeps it from its sockets for a moment only, and who waited too long is told so."""

import asyncio
from collections.abc import Callable
from typing import Final

# Seconds of a turn that go to judging. Readiness waits for some turns, and the kubelet asks with a timeout of a second.
_LEAST_SECONDS: Final = 0.02
_MOST_SECONDS: Final = 0.25


class Turns:
    """Who judges now; in one turn of the loop as many as fit, so that an idle service pays nothing for it.

    Whoever waits keeps its place: asyncio runs what is ready in order, and what the sockets bring comes after it.
    """

    def __init__(self, patience: float, shed: Callable[[], None]) -> None:
        """Let nobody wait longer than `patience` seconds; `shed` is called for each that would."""
        self._patience, self._shed = patience, shed
        self._began: float | None = None
        self._share = _LEAST_SECONDS

    async def mine(self) -> bool:
        """Wait until it is the caller's turn; False where that took longer than the patience."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while self._spent(loop):
            await asyncio.sleep(0)
            if loop.time() > deadline:
                self._shed()
                return False
        return True

    def _spent(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this turn of the loop has judged for long enough; the first to ask begins it."""
        now = loop.time()
        if self._began is None:
            self._began = now
            loop.call_soon(self._end, loop, now)  # before all who are sent to the next turn
        return now - self._began > self._share

    def _end(self, loop: asyncio.AbstractEventLoop, began: float) -> None:
        """Judge in the next turn for as long as handshakes and reading took in this one: they must not take it all."""
        self._began = None
        self._share = min(max(_LEAST_SECONDS, loop.time() - began - self._share), _MOST_SECONDS)
