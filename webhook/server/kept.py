"""The connections of a port: limits their number, and chooses the one to close when there are too many."""

from collections.abc import Iterator
from typing import Final, Protocol

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
