"""The connections of a port: how many there may be, and which of them ends when there are too many."""

from collections.abc import Iterator
from typing import Final, Protocol

_CONNECTIONS: Final = 1_000  # several API servers with all their reviews need a tenth


class Keepable(Protocol):
    """A connection, as far as this module knows it."""

    @property
    def under_way(self) -> bool:
        """Whether the head of a request has come, and its answer has not left."""

    @property
    def whole(self) -> bool:
        """Whether a request has come whole, and its answer has not left."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""

    def expire(self, now: float) -> None:
        """End the connection if its time is over."""

    def close(self) -> None:
        """End the connection in order."""

    def abort(self) -> None:
        """End the connection at once."""


class Kept:
    """The connections of a port, also those without a complete handshake.

    Those that never asked anything are apart from the others: a flood of them does not end the connections that API
    servers keep.
    """

    def __init__(self) -> None:
        self._new: dict[Keepable, None] = {}  # in the order of their coming
        self._used: dict[Keepable, None] = {}  # the one that asked last is the last

    def __iter__(self) -> Iterator[Keepable]:
        return iter((*self._new, *self._used))

    @property
    def under_way(self) -> int:
        """How many have a request under way."""
        return sum(each.under_way for each in self)

    def add(self, connection: Keepable) -> None:
        """Keep a connection; if there are too many, the first one without a whole request ends."""
        if len(self._new) + len(self._used) >= _CONNECTIONS:
            unused = next((each for each in self if not each.whole), connection)
            self.discard(unused)
            unused.abort()
            if unused is connection:
                return
        self._new[connection] = None

    def used(self, connection: Keepable) -> None:
        """Note that a whole request came on a connection."""
        if connection in self._used:
            del self._used[connection]
        elif connection in self._new:
            del self._new[connection]
        else:
            return  # it has ended
        self._used[connection] = None

    def discard(self, connection: Keepable) -> None:
        """Forget a connection."""
        self._new.pop(connection, None)
        self._used.pop(connection, None)

    def expire(self, now: float) -> None:
        """End each connection whose time is over."""
        for connection in self:
            connection.expire(now)

    def close_idle(self) -> int:
        """Close every idle connection, and return how many are left."""
        for connection in self:
            if connection.idle:
                connection.close()
        return len(self._new) + len(self._used)

    def abort(self) -> None:
        """End all connections."""
        for connection in self:
            connection.abort()
