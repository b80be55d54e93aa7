"""The states of a connection: which may follow which, and when each ends."""

from math import inf
from types import SimpleNamespace

import pytest

from webhook.server.state import NEXT, REQUEST_SECONDS, State, Stateful


def test_the_table_is_complete() -> None:
    """Every state can end the connection, nothing follows its end, and every state is reached."""
    assert set(NEXT) == set(State)
    assert all(State.CLOSING in after for before, after in NEXT.items() if before is not State.CLOSING)
    assert NEXT[State.CLOSING] == {}
    assert {after for follows in NEXT.values() for after in follows} == set(State) - {State.HANDSHAKE}


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before in State for after in State if after not in NEXT[before]]
)
def test_what_may_not_follow(before: State, after: State) -> None:
    """A step that the table does not have is a fault of ours."""
    with pytest.raises(KeyError):
        Stateful(before, lambda: 0.0).enter(after)


def test_the_time_of_a_request_includes_its_handshake_and_its_body() -> None:
    """A client cannot win time by a little progress; each request after the first has its own."""
    now = SimpleNamespace(at=100.0)
    connection = Stateful(State.HANDSHAKE, lambda: now.at)
    for state in (State.HEAD, State.BODY):
        now.at += 4.0
        connection.enter(state)
        assert not connection.overdue(100.0 + REQUEST_SECONDS - 0.1)
        assert connection.overdue(100.0 + REQUEST_SECONDS)
    connection.enter(State.EVALUATING)
    assert not connection.overdue(1e9)
    connection.enter(State.IDLE, 120.0)
    assert (connection.overdue(now.at + 119.0), connection.overdue(now.at + 120.0)) == (False, True)
    now.at += 50.0
    connection.enter(State.HEAD)
    assert connection.overdue(now.at + REQUEST_SECONDS)
    assert not connection.overdue(now.at + REQUEST_SECONDS - 0.1)


def test_only_waiting_has_no_end() -> None:
    """Waits that a client can prolong are bounded; only evaluation is not, and IDLE has the keep-alive."""
    endless = {after for follows in NEXT.values() for after, seconds in follows.items() if seconds == inf}
    assert endless == {State.EVALUATING, State.IDLE}


@pytest.mark.parametrize(
    ("state", "asked", "age", "idle"),
    [
        (State.IDLE, True, 0.0, True),
        (State.CLOSING, True, 0.0, True),
        (State.HANDSHAKE, False, 2.9, False),
        (State.HANDSHAKE, False, 3.0, True),
        (State.HANDSHAKE, True, 5.0, False),
        (State.HEAD, False, 2.9, False),
        (State.HEAD, False, 3.0, True),
        (State.HEAD, True, 5.0, False),
        (State.BODY, True, 5.0, False),
        (State.EVALUATING, True, 5.0, False),
        (State.WRITING, True, 5.0, False),
    ],
)
def test_what_is_idle_when_the_server_ends(state: State, asked: bool, age: float, idle: bool) -> None:
    """A new connection may take a moment to send something; one that sent something is answered."""
    now = SimpleNamespace(at=100.0)
    connection = Stateful(state, lambda: now.at)
    connection.received = asked
    now.at += age
    assert connection.idle is idle
