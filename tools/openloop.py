"""An open load: requests come at a constant rate whether or not others are answered, so that waiting is counted."""

import asyncio
import re
import ssl
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

_CONNECTIONS: Final = 600  # of three API servers with 200 mutating requests each (--max-mutating-requests-inflight)
_TIMEOUT: Final = 5.0  # timeoutSeconds of the manifests
READY_SECONDS: Final = 1.0  # the kubelet's timeoutSeconds
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@dataclass
class Found:
    """The figures of a load.

    Attributes:
        outcomes: how many requests ended how: a status, or `timeout` or `error`.
        latencies: milliseconds from the moment that a request was due to its answer, by outcome.
        late: milliseconds that the load itself was behind at most; what is above that is not the server's.
        asked: how often readiness was asked.
        not_ready: how often the answer was not 200, or did not come in time.
        timed_from: when the first request is due whose latency is noted.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    late: float = 0.0
    asked: int = 0
    not_ready: int = 0
    timed_from: float = 0.0

    def note(self, outcome: str, due: float) -> None:
        """Note how the request ended that was due then."""
        self.outcomes[outcome] += 1
        if due >= self.timed_from:
            self.latencies.setdefault(outcome, []).append((time.perf_counter() - due) * 1_000)

    def percentile(self, outcome: str, share: float) -> float:
        """Return a percentile of the latencies of an outcome, 0 without any."""
        ordered = sorted(self.latencies.get(outcome, [0.0]))
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Load:
    """The connections of a load, and the requests that wait for one."""

    def __init__(self, port: int, context: ssl.SSLContext, request: bytes, found: Found) -> None:
        self.request, self.found = request, found
        self.idle: list[_Connection] = []
        self.busy: set[_Connection] = set()
        self.due = deque[float]()
        self._port, self._context = port, context
        self._opening = 0

    def ask(self, due: float) -> None:
        """Send a request on an idle connection, or make another for it, up to a bound."""
        if self.idle:
            self.idle.pop().ask(due)
            return
        self.due.append(due)
        if self._opening < len(self.due) and self._opening + len(self.busy) < _CONNECTIONS:
            self._opening += 1
            asyncio.get_running_loop().create_task(self._open()).add_done_callback(self._opened)

    async def _open(self) -> None:
        """Make a connection, as a client that gives up when its request does."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIMEOUT):
                await loop.create_connection(
                    lambda: _Connection(self), "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
                )
        except TimeoutError:
            return  # the request that waited for it is given up as well
        except OSError:
            if self.due:
                self.found.note("error", self.due.popleft())

    def _opened(self, _: object) -> None:
        self._opening -= 1

    def give_up(self) -> None:
        """Give up what has waited for too long."""
        before = time.perf_counter() - _TIMEOUT
        while self.due and self.due[0] < before:
            self.found.note("timeout", self.due.popleft())
        for each in [each for each in self.busy if each.due < before]:
            each.give_up()

    @property
    def done(self) -> bool:
        """Whether nothing is under way."""
        return not self.due and not self.busy and not self._opening


class _Connection(asyncio.Protocol):
    """A connection, with at most one request under way."""

    def __init__(self, load: _Load) -> None:
        self._load, self.due, self._answer = load, 0.0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the request that has waited longest."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def ask(self, due: float) -> None:
        """Send the request that was due then."""
        self.due = due
        self._load.busy.add(self)
        self.transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        """Note an answer that is whole."""
        self._answer += data
        head = self._answer.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self._answer, 0, head)
        if length is None or len(self._answer) < head + int(length[1]):
            return
        self._load.found.note(self._answer[9:12].decode(), self.due)
        self._load.busy.discard(self)
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a request that gets no answer."""
        del exc
        if self in self._load.busy:
            self._load.busy.discard(self)
            self._load.found.note("error", self.due)
        if self in self._load.idle:
            self._load.idle.remove(self)

    def give_up(self) -> None:
        """Note that the answer did not come in time."""
        self._load.busy.discard(self)
        self._load.found.note("timeout", self.due)
        self.transport.abort()

    def _next(self) -> None:
        if self._load.due:
            self.ask(self._load.due.popleft())
        else:
            self._load.idle.append(self)


async def send(
    port: int,
    context: ssl.SSLContext,
    request: bytes,
    rate: float,
    seconds: float,
    *,
    lead: float = 0.0,
    management_port: int = 0,
) -> Found:
    """Send `request` at `rate` a second for `seconds`, each on an idle connection or a new one, up to a bound.

    Args:
        port: of the server, on loopback.
        context: of the client.
        request: head and body.
        rate: requests a second.
        seconds: how long.
        lead: seconds before that, in which connections are made and latencies are not noted.
        management_port: where readiness is asked meanwhile; 0 for a server that has none.
    """
    started = time.perf_counter()
    found = Found(timed_from=started + lead)
    load = _Load(port, context, request, found)
    asking = asyncio.create_task(_readiness(management_port, found)) if management_port else None
    for number in range(int(rate * (lead + seconds))):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        elif number % 50 == 0:
            await asyncio.sleep(0)
        found.late = max(found.late, (time.perf_counter() - due) * 1_000)
        load.ask(due)
        if number % 50 == 0:
            load.give_up()
    while not load.done:
        await asyncio.sleep(0.05)
        load.give_up()
    if asking is not None:
        asking.cancel()
    for each in load.idle:
        each.transport.abort()
    return found


async def _readiness(port: int, found: Found) -> None:
    """Ask for readiness again and again, a quarter of a second after each answer."""
    while True:
        found.asked += 1
        try:
            async with asyncio.timeout(READY_SECONDS):
                ready = await _ready(port)
        except (OSError, asyncio.IncompleteReadError):  # a TimeoutError too
            ready = False
        found.not_ready += not ready
        await asyncio.sleep(0.25)


async def _ready(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.transport.abort()
