"""An open load: requests come at a constant rate whether or not others are answered, so that waiting is counted."""

import asyncio
import re
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from serving import Server

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# More handshakes than the load has CPU for would measure the load; who gets no connection waits, and that is counted.
_CONNECTIONS: Final = 1_200
_TIMEOUT: Final = 5.0  # timeoutSeconds of the manifests
READY_SECONDS: Final = 1.0  # the kubelet's timeoutSeconds
_LENGTH: Final = re.compile(rb"(?i)content-length: (\d+)")


@dataclass
class Found:
    """What a load showed.

    Attributes:
        outcomes: how many requests ended how: a status, or `timeout` or `error`.
        latencies: milliseconds from the moment that a request was due to its answer, by outcome.
        late: milliseconds that the load itself was behind at most; what is above that is not the server's.
        asked: how often readiness was asked.
        not_ready: how often the answer was not 200, or did not come in time.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    late: float = 0.0
    asked: int = 0
    not_ready: int = 0

    def percentile(self, outcome: str, share: float) -> float:
        """Return a percentile of the latencies of an outcome, 0 where there are none."""
        ordered = sorted(self.latencies.get(outcome, [0.0]))
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def send(server: Server, context: ssl.SSLContext, request: bytes, rate: float, seconds: float) -> Found:
    """Send `request` at `rate` a second for `seconds`, each on an idle connection or a new one, up to a bound."""
    found, idle, under_way = Found(), list[_Connection](), set[asyncio.Task[None]]()
    most = asyncio.Semaphore(_CONNECTIONS)
    asking = asyncio.create_task(_readiness(server, found))
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        elif number % 50 == 0:
            await asyncio.sleep(0)
        found.late = max(found.late, (time.perf_counter() - due) * 1_000)
        task = asyncio.create_task(_one(server.port, context, request, due, idle, most, found))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    asking.cancel()
    for _, writer in idle:
        writer.transport.abort()
    return found


async def _readiness(server: Server, found: Found) -> None:
    """Ask for readiness four times a second, as a kubelet in a hurry."""
    while True:
        found.asked += 1
        try:
            async with asyncio.timeout(READY_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.management_port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                ready = (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
                writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError):  # a TimeoutError too
            ready = False
        found.not_ready += not ready
        await asyncio.sleep(0.25)


async def _one(
    port: int,
    context: ssl.SSLContext,
    request: bytes,
    due: float,
    idle: list[_Connection],
    most: asyncio.Semaphore,
    found: Found,
) -> None:
    """Send one request and note how it ended."""
    try:
        async with asyncio.timeout(_TIMEOUT), most:
            outcome, connection = await _answered(port, context, request, idle)
            idle.append(connection)
    except TimeoutError:
        outcome = "timeout"
    except (OSError, asyncio.IncompleteReadError):
        outcome = "error"
    found.outcomes[outcome] += 1
    found.latencies.setdefault(outcome, []).append((time.perf_counter() - due) * 1_000)


async def _answered(
    port: int, context: ssl.SSLContext, request: bytes, idle: list[_Connection]
) -> tuple[str, _Connection]:
    if idle:
        reader, writer = idle.pop()
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(_LENGTH.findall(head)[0]))
    except BaseException:
        writer.transport.abort()
        raise
    return head[9:12].decode(), (reader, writer)
