"""Decides when to evaluate a request: now, later, or not at all; limits the memory of waiting requests."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

# Seconds of each turn of the loop for evaluations. A readiness probe waits for several turns, and the kubelet's timeout
# is one second.
_LEAST_SECONDS: Final = 0.005
_MOST_SECONDS: Final = 0.1
# A queue that has not been empty for longer than the patience is no burst, but a standing queue. Then a request is only
# queued if the first one has waited for less than this part of the patience, or if few wait. Each waiting request
# occupies a connection; a client without an idle one opens another, and its handshake costs more than a review.
_STANDING: Final = 0.25
_FEW: Final = 64
# The limit for the bodies of all waiting requests together: four of the largest. A small review is always accepted.
_HELD_BYTES: Final = 2**25
_PLAIN_BYTES: Final = 2**16


class Admission(Enum):
    """The result of asking for an evaluation."""

    NOW = auto()
    QUEUED = auto()
    SHED = auto()


class AdmissionQueue:
    """Divides the time of an event loop between evaluations and sockets.

    Each turn of the loop evaluates as many requests immediately as fit, so an idle service pays nothing for the queue.
    Others wait. A burst may wait for as long as the patience. If the overload lasts longer, the queue is kept short,
    and requests that do not fit are shed immediately.
    """

    def __init__(self, patience: float) -> None:
        """Create a queue in which requests wait for at most about `patience` seconds."""
        self._patience = patience
        self._waiting: deque[tuple[float, Callable[[bool], None]]] = deque()
        self._held = 0  # bytes of received bodies
        self._ends: float | None = None  # the end of this turn's time for evaluations
        self._since = 0.0  # the end of the last evaluations
        self._queued = 0.0  # the time since which the queue has not been empty

    def hold(self, size: int, more: int) -> bool:
        """Reserve memory for `more` bytes of a body that already has `size`; return False if the limit is reached."""
        if size + more > _PLAIN_BYTES and self._held + more > _HELD_BYTES:
            return False
        self._held += more
        return True

    def release(self, size: int) -> None:
        """Release the memory that `hold` reserved for a body."""
        self._held -= size

    def admit(self, turn: Callable[[bool], None]) -> Admission:
        """Request an evaluation on the running event loop.

        Args:
            turn: called later for a queued request: with True to evaluate it, with False if it has waited for too long.

        Returns:
            NOW to evaluate the request immediately, QUEUED if `turn` will be called, SHED if the queue is full.
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
        """Whether another request would wait for longer than the patience, or for too long in a standing queue."""
        waited, standing = now - self._waiting[0][0], now - self._queued > self._patience
        if standing and len(self._waiting) >= _FEW:
            return waited > self._patience * _STANDING
        return waited > self._patience

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Evaluate waiting requests for as long as other work took since the last turn, so that neither starves."""
        now = loop.time()
        ends = now + min(max(_LEAST_SECONDS, now - self._since), _MOST_SECONDS)
        try:
            while self._waiting and now < ends:
                arrived, turn = self._waiting.popleft()
                turn(now - arrived <= self._patience)
                now = loop.time()
        finally:  # an error in one request must not stop the others
            self._since = now
            self._ends = None
            if self._waiting:
                self._ends = now
                loop.call_soon(self._turn, loop)
