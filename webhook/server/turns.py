"""A loop's time, shared: judging keeps it from its sockets for a moment only; who would wait too long is told so."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

# Seconds of a turn of the loop that go to judging. Readiness waits for some turns, and the kubelet asks with a timeout
# of a second.
_LEAST_SECONDS: Final = 0.005
_MOST_SECONDS: Final = 0.1
# A queue that stands for longer than the patience is no burst: how long, as a part of the patience, the first of it may
# have waited for another to be let in, and how many may wait however long. Each that waits keeps a connection busy, and
# whoever finds none that is idle makes another, whose handshake costs more than a review.
_STANDING: Final = 0.25
_FEW: Final = 64
# What the bodies of all that wait may take together: four of the largest. A plain review always has a place.
_HELD_BYTES: Final = 2**25
_PLAIN_BYTES: Final = 2**16


class Turns:
    """Who judges now: in one turn of the loop as many as fit, so that an idle service pays nothing for it.

    Those that do not fit wait in a queue. A burst may wait for as long as the patience; where more is asked than can be
    judged for longer than that, the queue is kept short. Whoever has no place in it is shed at once.
    """

    def __init__(self, patience: float) -> None:
        """Let nobody wait for much longer than `patience` seconds."""
        self._patience = patience
        self._waiting: deque[tuple[float, Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._held = 0  # bytes of bodies that have come
        self._ends: float | None = None  # of the turn's time for judging
        self._since = 0.0  # when the loop began to do something else than judging
        self._queued = 0.0  # since when the queue has not been empty

    def hold(self, size: int, more: int) -> bool:
        """Take the memory for `more` bytes of a body of which `size` are held; False where there is none left."""
        if size + more > _PLAIN_BYTES and self._held + more > _HELD_BYTES:
            return False
        self._held += more
        return True

    def release(self, size: int) -> None:
        """Give back what `hold` took for a body."""
        self._held -= size

    async def judged(self, judge: Callable[[], _T]) -> _T | None:
        """Return what `judge` returns when it is its turn; None where that would take too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting:
            if self._ends is None:
                self._ends, self._since = now + _LEAST_SECONDS, now
                loop.call_soon(self._turn, loop)
            if now < self._ends:
                return judge()
            self._queued = now
        elif self._crowded(now):
            return None
        future: asyncio.Future[_T | None] = loop.create_future()
        self._waiting.append((now, judge, future))
        return await future

    def _crowded(self, now: float) -> bool:
        """Whether another one would wait for longer than the patience, or for too long in a queue that stands."""
        waited, standing = now - self._waiting[0][0], now - self._queued > self._patience
        if standing and len(self._waiting) >= _FEW:
            return waited > self._patience * _STANDING
        return waited > self._patience

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Judge those who wait, for as long as all else took since the last time: neither must take all."""
        now = loop.time()
        ends = now + min(max(_LEAST_SECONDS, now - self._since), _MOST_SECONDS)
        while self._waiting and now < ends:
            arrived, judge, future = self._waiting.popleft()
            if future.done():  # the caller is gone
                continue
            if now - arrived > self._patience:
                future.set_result(None)
                continue
            try:
                future.set_result(judge())
            except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
                future.set_exception(error)
            now = loop.time()
        self._since = now
        self._ends = None
        if self._waiting:
            self._ends = now
            loop.call_soon(self._turn, loop)
