"""Which connections end when there are too many."""

from dataclasses import dataclass

from webhook.server.capacity import Kept

_MOST = 1_000


@dataclass(eq=False)
class Connection:
    """A connection without a socket."""

    whole: bool = False
    under_way: bool = False
    idle: bool = False
    ended: str = ""

    def expire(self, now: float) -> None:
        """End in time."""
        self.ended = f"expired at {now:g}"

    def close(self) -> None:
        """End in order."""
        self.ended = "closed"

    def abort(self) -> None:
        """End at once."""
        self.ended = "aborted"


def _full(*, used: int, whole: bool = False) -> tuple[Kept, list[Connection]]:
    kept, connections = Kept(), [Connection() for _ in range(_MOST)]
    for connection in connections:
        kept.add(connection)
    for connection in connections[:used]:
        kept.used(connection)
        connection.whole = whole
    return kept, connections


def _ended(connections: list[Connection]) -> list[int]:
    return [number for number, each in enumerate(connections) if each.ended]


def test_a_flood_ends_what_never_asked() -> None:
    """The oldest connection without a request ends first, and none that was used as long as there is such a one."""
    kept, connections = _full(used=10)
    for _ in range(990):
        kept.add(Connection())
    assert _ended(connections) == list(range(10, _MOST))


def test_then_the_one_that_asked_least_lately() -> None:
    """When all were used, the one that asked least lately ends."""
    kept, connections = _full(used=_MOST)
    kept.used(connections[0])
    kept.add(Connection())
    assert _ended(connections) == [1]


def test_what_is_evaluated_is_kept() -> None:
    """When every connection has a whole request, the new one ends."""
    kept, connections = _full(used=_MOST, whole=True)
    new = Connection()
    kept.add(new)
    assert (_ended(connections), new.ended) == ([], "aborted")


def test_a_connection_that_ended_is_not_kept_again() -> None:
    """A connection that is used after its end stays forgotten."""
    kept, one = Kept(), Connection()
    kept.add(one)
    kept.discard(one)
    kept.used(one)
    assert list(kept) == []


def test_idle_connections_are_closed() -> None:
    """At the end of the server idle connections are closed, and the others are counted."""
    kept, idle, busy = Kept(), Connection(idle=True), Connection(under_way=True)
    for each in (idle, busy):
        kept.add(each)
    assert (kept.close_idle(), kept.under_way) == (2, 1)
    assert (idle.ended, busy.ended) == ("closed", "")
