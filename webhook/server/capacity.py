"""How much a server takes: when to evaluate a request or continue a handshake, and which connections to keep."""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

# Seconds of each turn of the loop for evaluations. A readiness probe waits for several turns, and the kubelet's timeout
# is one second.
_LEAST_SECONDS: Final = 0.005
_MOST_SECONDS: Final = 0.1
# A queue that has not been empty for longer than the patience is no burst, but a standing queue. Then a request is only
# queued if the first one has waited for less than this part of the patience, or if few wait. Each waiting request
# occupies a connection; a client without an idle one opens another, and its handshake costs more than a review.
_STANDING: Final = 0.25
_FEW: Final = 64
_TOGETHER_SECONDS: Final = 0.002  # of evaluations before their answers are sent; more would only delay the first one
# The limit for the bodies of all waiting requests together: four of the largest. A small review is always accepted.
_HELD_BYTES: Final = 2**25
_PLAIN_BYTES: Final = 2**16


class Asking(Protocol):
    """A connection with a complete request, in the view of the queue."""

    def evaluate(self, *, admitted: bool) -> None:
        """Evaluate the request, or answer it with 503 if it is not `admitted`; the answer is not sent yet."""

    def reply(self) -> None:
        """Send the answer."""


class AdmissionQueue:
    """Divides the time of an event loop between evaluations and sockets.

    Requests that arrive in one turn of the loop are evaluated together, and answered afterwards: code that runs several
    times in succession stays in the processor's caches, and their records are written at once. A burst may wait for as
    long as the patience. If the overload lasts longer, the queue is kept short, and requests that do not fit are shed
    immediately.
    """

    def __init__(self, patience: float) -> None:
        """Create a queue in which requests wait for at most about `patience` seconds."""
        self._patience = patience
        self._waiting: deque[tuple[float, Asking]] = deque()
        self._evaluated: deque[Asking] = deque()
        self._held = 0  # bytes of received bodies
        self._scheduled = False  # whether the loop will call `_turn`
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

    def admit(self, asking: Asking) -> bool:
        """Queue a request on the running event loop; return False if the queue is full, so that it is shed."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting:
            self._queued = now
        elif self._crowded(now):
            return False
        self._waiting.append((now, asking))
        if not self._scheduled:
            self._since = now
            self._schedule(loop)
        return True

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = True
        loop.call_soon(self._turn, loop)

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
            self._reply()
            now = loop.time()
            while self._waiting and now < ends:
                together = min(ends, now + _TOGETHER_SECONDS)
                while self._waiting and now < together:
                    arrived, asking = self._waiting.popleft()
                    self._evaluated.append(asking)
                    asking.evaluate(admitted=now - arrived <= self._patience)
                    now = loop.time()
                self._reply()
                now = loop.time()
        finally:  # an error in one request must not stop the others
            self._since = now
            self._scheduled = False
            if self._waiting or self._evaluated:
                self._schedule(loop)

    def _reply(self) -> None:
        while self._evaluated:
            self._evaluated.popleft().reply()


# A handshake costs as much as several reviews; each turn of the loop continues at least one.
_HANDSHAKE_SECONDS: Final = 0.005


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
        ends = self._loop.time() + _HANDSHAKE_SECONDS
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


_CONNECTIONS: Final = 1_000  # ten times the need of several API servers with all their reviews


class Keepable(Protocol):
    """The interface of a connection in this module."""

    @property
    def under_way(self) -> bool:
        """Whether the head of a request is complete, and its answer is not sent yet."""

    @property
    def whole(self) -> bool:
        """Whether a request is complete, and its answer is not sent yet."""

    @property
    def idle(self) -> bool:
        """Whether the connection has no request."""

    def expire(self, now: float) -> None:
        """Close the connection if it has timed out."""

    def close(self) -> None:
        """Close the connection gracefully."""

    def abort(self) -> None:
        """Reset the connection immediately."""


class Kept:
    """The connections of a port, including those with an incomplete handshake.

    Connections without a request are separate from the others, so a flood of them does not close the connections that
    API servers keep open.
    """

    def __init__(self) -> None:
        self._new: dict[Keepable, None] = {}  # the oldest first
        self._used: dict[Keepable, None] = {}  # the least recently used first

    def __iter__(self) -> Iterator[Keepable]:
        return iter((*self._new, *self._used))

    @property
    def under_way(self) -> int:
        """The number of connections with a request in progress."""
        return sum(each.under_way for each in self)

    def add(self, connection: Keepable) -> None:
        """Add a connection; if there are too many, reset the first one without a complete request."""
        if len(self._new) + len(self._used) >= _CONNECTIONS:
            unused = next((each for each in self if not each.whole), connection)
            self.discard(unused)
            unused.abort()
            if unused is connection:
                return
        self._new[connection] = None

    def used(self, connection: Keepable) -> None:
        """Note that a connection has received a complete request."""
        if connection in self._used:
            del self._used[connection]
        elif connection in self._new:
            del self._new[connection]
        else:
            return  # it has already been removed
        self._used[connection] = None

    def discard(self, connection: Keepable) -> None:
        """Remove a connection."""
        self._new.pop(connection, None)
        self._used.pop(connection, None)

    def expire(self, now: float) -> None:
        """Close each connection that has timed out."""
        for connection in self:
            connection.expire(now)

    def close_idle(self) -> int:
        """Close all idle connections, and return the number of connections left."""
        for connection in self:
            if connection.idle:
                connection.close()
        return len(self._new) + len(self._used)

    def abort(self) -> None:
        """Reset all connections."""
        for connection in self:
            connection.abort()
