"""What a connection is doing, what it may do next, and for how long.

    HANDSHAKE ─▶ HEAD ─▶ BODY ─▶ EVALUATING ─▶ WRITING
                  ▲                  │            │
                  └────── IDLE ◀─────┴────────────┘        every state ─▶ CLOSING

A request is a few kilobytes, and its sender is in the same cluster: a sender that takes longer only holds a connection,
and so does one that does not read its answers.
"""

from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final

REQUEST_SECONDS: Final = 10.0
GOODBYE_SECONDS: Final = 1.0  # a client that is idle need not end its side of the connection
# A new connection may take so long to send something when the server ends; after that it counts as idle.
_YOUNG_SECONDS: Final = 3.0


class State(Enum):
    """What a connection is doing."""

    HANDSHAKE = "TLS is being established"
    HEAD = "the head of a request is expected: it has begun, or it is the first one"
    BODY = "the body of a request is expected"
    EVALUATING = "a request came whole, and has no answer yet"
    WRITING = "an answer waits for the client to read"
    IDLE = "the next request has not begun"
    CLOSING = "all was sent; what comes is dropped until the client ends its side"


# The states that may follow, and the seconds that each may take. 0 goes on with the deadline of the state before: the
# time of a request includes its body, and on a new connection the handshake. Keep-alive is a setting, and given where
# IDLE is entered; a request that is evaluated has the patience of its queue.
_KEPT: Final = 0.0
NEXT: Final[dict[State, dict[State, float]]] = {
    State.HANDSHAKE: {State.HEAD: _KEPT, State.CLOSING: REQUEST_SECONDS},
    State.HEAD: {State.BODY: _KEPT, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.BODY: {State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.EVALUATING: {State.IDLE: inf, State.WRITING: REQUEST_SECONDS, State.CLOSING: REQUEST_SECONDS},
    State.WRITING: {State.IDLE: inf, State.CLOSING: REQUEST_SECONDS},
    # A request that comes in one piece is never seen half.
    State.IDLE: {State.HEAD: REQUEST_SECONDS, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.CLOSING: {},
}


class Stateful:
    """Something with a state that ends in time.

    Attributes:
        state: the state.
        since: when something last happened that counts for a new connection: it came, its handshake went on.
        asked: something came that is not answered yet: a part of the handshake, or of the first request.
    """

    __slots__ = ("_clock", "_deadline", "asked", "since", "state")

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        """Begin with a state, by a clock."""
        self._clock = clock
        self.state, self.asked = state, False
        self.since = clock()
        self._deadline = self.since + REQUEST_SECONDS

    def enter(self, state: State, seconds: float = 0.0) -> None:
        """Change to a state that may follow; `seconds` replace those of the table."""
        seconds = seconds or NEXT[self.state][state]
        self.state = state
        if seconds:
            self._deadline = self._clock() + seconds

    def overdue(self, now: float) -> bool:
        """Whether the time of the state is over."""
        return now >= self._deadline

    @property
    def reading(self) -> bool:
        """Whether a request, or the rest of one, is read as it comes."""
        return self.state in (State.IDLE, State.HEAD, State.BODY)

    @property
    def under_way(self) -> bool:
        """Whether the head of a request has come, and its answer has not left."""
        return self.state in (State.BODY, State.EVALUATING, State.WRITING)

    @property
    def whole(self) -> bool:
        """Whether a request has come whole, and its answer has not left."""
        return self.state in (State.EVALUATING, State.WRITING)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: no request, no part of one, and no connection of a moment ago."""
        if self.state in (State.HANDSHAKE, State.HEAD) and not self.asked:
            return self._clock() >= self.since + _YOUNG_SECONDS
        return self.state in (State.IDLE, State.CLOSING)
