"""The states of a connection, their transitions and timeouts.

    HANDSHAKE ─▶ HEAD ─▶ BODY ─▶ EVALUATING ─▶ WRITING
                  ▲                  │            │
                  └────── IDLE ◀─────┴────────────┘        every state ─▶ CLOSING

A request is a few kilobytes from a client in the same cluster. A client that is slow to send it, or to read the answer,
only occupies a connection.
"""

from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final

REQUEST_SECONDS: Final = 10.0
GOODBYE_SECONDS: Final = 1.0  # for an idle client to close its side of the connection
# When the server stops, a new connection has this time to send something; after that it counts as idle.
_YOUNG_SECONDS: Final = 3.0


class State(Enum):
    """The state of a connection."""

    HANDSHAKE = "the TLS handshake is incomplete"
    HEAD = "the head of a request is incomplete, or the first request is expected"
    BODY = "the body of a request is incomplete"
    EVALUATING = "a request is complete, and is not answered yet"
    WRITING = "an answer waits for the client to read"
    IDLE = "the next request has not begun"
    CLOSING = "all answers are sent; received bytes are discarded until the client closes its side"


# The allowed transitions, with the timeout of the new state in seconds. 0 keeps the deadline of the previous state: the
# time of a request includes its body, and on a new connection the handshake. Keep-alive is a setting, passed when IDLE
# is entered. The queue limits the time of an evaluation.
_KEPT: Final = 0.0
NEXT: Final[dict[State, dict[State, float]]] = {
    State.HANDSHAKE: {State.HEAD: _KEPT, State.CLOSING: REQUEST_SECONDS},
    State.HEAD: {State.BODY: _KEPT, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.BODY: {State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.EVALUATING: {State.IDLE: inf, State.WRITING: REQUEST_SECONDS, State.CLOSING: REQUEST_SECONDS},
    State.WRITING: {State.IDLE: inf, State.CLOSING: REQUEST_SECONDS},
    # A request that arrives in one piece skips HEAD.
    State.IDLE: {State.HEAD: REQUEST_SECONDS, State.EVALUATING: inf, State.CLOSING: REQUEST_SECONDS},
    State.CLOSING: {},
}


class Stateful:
    """A state with a deadline.

    Attributes:
        state: the state.
        since: the last progress of a new connection: its arrival, or a step of its handshake.
        received: whether unanswered bytes have arrived: a part of the handshake or of the first request.
    """

    __slots__ = ("_clock", "_deadline", "received", "since", "state")

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        """Start in a state, measured by `clock`."""
        self._clock = clock
        self.state, self.received = state, False
        self.since = clock()
        self._deadline = self.since + REQUEST_SECONDS

    def enter(self, state: State, seconds: float = 0.0) -> None:
        """Change to an allowed state; `seconds` overrides the timeout of the table."""
        seconds = seconds or NEXT[self.state][state]
        self.state = state
        if seconds:
            self._deadline = self._clock() + seconds

    def overdue(self, now: float) -> bool:
        """Whether the state has timed out."""
        return now >= self._deadline

    @property
    def reading(self) -> bool:
        """Whether the connection parses requests as they arrive."""
        return self.state in (State.IDLE, State.HEAD, State.BODY)

    @property
    def under_way(self) -> bool:
        """Whether the head of a request is complete, and its answer is not sent yet."""
        return self.state in (State.BODY, State.EVALUATING, State.WRITING)

    @property
    def whole(self) -> bool:
        """Whether a request is complete, and its answer is not sent yet."""
        return self.state in (State.EVALUATING, State.WRITING)

    @property
    def idle(self) -> bool:
        """Whether there is no request, no part of one, and the connection is not new."""
        if self.state in (State.HANDSHAKE, State.HEAD) and not self.received:
            return self._clock() >= self.since + _YOUNG_SECONDS
        return self.state in (State.IDLE, State.CLOSING)
