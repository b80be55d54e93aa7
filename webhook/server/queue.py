"""When a request is evaluated: at once, later, or not at all; and what memory the waiting ones may take."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

# Seconds of a turn of the loop that go to evaluation. Readiness waits for some turns, and the kubelet asks with a
# timeout of a second.
_LEAST_SECONDS: Final = 0.005
_MOST_SECONDS: Final = 0.1
# A queue that is never empty for longer than the patience is no burst. Then another request is let in only if the first
# has waited for no more than this part of the patience, or if few wait. Each waiting request keeps a connection busy; a
# client that finds none idle opens another, and its handshake costs more than a review.
_STANDING: Final = 0.25
_FEW: Final = 64
# What the bodies of all waiting requests may take together: four of the largest. A plain review always has a place.
_HELD_BYTES: Final = 2**25
_PLAIN_BYTES: Final = 2**16


class Admission(Enum):
    """What becomes of a request that asks to be evaluated."""

    NOW = auto()
    QUEUED = auto()
    SHED = auto()


class AdmissionQueue:
    """Shares the time of an event loop between evaluation and its sockets.

    In one turn of the loop as many requests are evaluated at once as fit: an idle service pays nothing for the queue.
    The others wait. A burst may wait for as long as the patience; if more is asked for longer than that, the queue is
    kept short, and what has no place in it is shed at once.
    """

    def __init__(self, patience: float) -> None:
        """Let no request wait for much longer than `patience` seconds."""
        self._patience = patience
        self._waiting: deque[tuple[float, Callable[[bool], None]]] = deque()
        self._held = 0  # bytes of bodies that have come
        self._ends: float | None = None  # of the turn's time for evaluation
        self._since = 0.0  # when the loop began to do something else
        self._queued = 0.0  # since when the queue has not been empty

    def hold(self, size: int, more: int) -> bool:
        """Take the memory for `more` bytes of a body of which `size` are held; False if there is none left."""
        if size + more > _PLAIN_BYTES and self._held + more > _HELD_BYTES:
            return False
        self._held += more
        return True

    def release(self, size: int) -> None:
        """Give back what `hold` took for a body."""
        self._held -= size

    def ask(self, turn: Callable[[bool], None]) -> Admission:
        """Ask for the evaluation of a request, on the running event loop.

        Args:
            turn: called later for a request that is queued: with True when it is to be evaluated, with False when it
                has waited for too long.

        Returns:
            NOW if the caller is to evaluate it at once, QUEUED if `turn` is called later, SHED if there is no place.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting:
            if self._ends is None:
                self._ends, self._since = now + _LEAST_SECONDS, now
                loop.call_soon(self._turn, loop)
            if now < self._ends:
                return Admission.NOW
            self._queued = now
        elif self._crowded(now):
            return Admission.SHED
        self._waiting.append((now, turn))
        return Admission.QUEUED

    def _crowded(self, now: float) -> bool:
        """Whether another request would wait for longer than the patience, or for too long in a queue that stands."""
        waited, standing = now - self._waiting[0][0], now - self._queued > self._patience
        if standing and len(self._waiting) >= _FEW:
            return waited > self._patience * _STANDING
        return waited > self._patience

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Evaluate waiting requests for as long as all else took since the last time: neither must take all."""
        now = loop.time()
        ends = now + min(max(_LEAST_SECONDS, now - self._since), _MOST_SECONDS)
        try:
            while self._waiting and now < ends:
                arrived, turn = self._waiting.popleft()
                turn(now - arrived <= self._patience)
                now = loop.time()
        finally:  # a turn that raises must not stop the others
            self._since = now
            self._ends = None
            if self._waiting:
                self._ends = now
                loop.call_soon(self._turn, loop)
