"""Latency for clients under load, written to FAULTS.md: `make bench-load`.

`measure PART` prints a part, and writes it with `--write`; without a part it measures all of them. Requests of an open load come at a
constant rate, whether or not others are answered, so that waiting is counted.
"""

import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from tests.support.bodies import plain, stream
from tests.support.paths import DATA, ROOT
from tests.support.serving import Server, connections, serving, until
from tools import bench, figures
from tools.footprint import memory, seconds
from tools.openloop import READY_SECONDS, Found, send

_FAULTS: Final = ROOT / "tests" / "FAULTS.md"
_TWENTY: Final = DATA / "policies" / "twenty.yaml"
_OPTIONS: Final = ("--policy", str(_TWENTY), "--record", "/dev/null")
_EDIT: Final = "an edit that moves 100 tags"  # costs the server many times what it costs the load, on one core too
_IDLE: Final = 2_000
_ACTIVE: Final = 200
_TOGETHER: Final = 20  # connections that are opened at once
_NEW: Final = 500  # connections a second
_FEW: Final = 200  # reviews a second, while something else goes on
Lines = Iterator[str]


@contextmanager
def _server(*options: str, core: int | None = None) -> Iterator[Server]:
    """Run a server, on one core only if it is given."""
    with TemporaryDirectory() as name:
        if core is not None:
            os.sched_setaffinity(0, {core})  # the server inherits it
        try:
            with serving(Path(name), *_OPTIONS, *options) as server:
                os.sched_setaffinity(0, {bench.CORES[-1]} if core is not None else set(bench.CORES))
                yield server
        finally:
            os.sched_setaffinity(0, set(bench.CORES))


def _request(body: bytes) -> bytes:
    head = f"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _open(server: Server, body: bytes, rate: float, length: float) -> Found:
    """Send reviews at a rate, and ask for readiness meanwhile."""
    context = ssl.create_default_context(cafile=server.ca)
    return asyncio.run(send(server.port, context, _request(body), rate, length, management_port=server.management_port))


def _cells(found: Found) -> str:
    """Return what a load showed, as cells of a table."""
    outcomes = found.outcomes
    of_200 = " ".join(f"{found.percentile('200', at):,.1f}" for at in (0.5, 0.99, 0.999))
    of_503 = " ".join(f"{found.percentile('503', at):,.1f}" for at in (0.5, 0.99)) if outcomes["503"] else ""
    return (
        f"{outcomes.total():,} | {outcomes['200']:,} | {outcomes['503']:,} | {outcomes['timeout']:,}, {outcomes['error']:,} "
        f"| {of_200} | {of_503} | {found.not_ready} of {found.asked} | {found.late:,.0f}"
    )


_HEADS: Final = (
    "sent | 200 | 503 | timeout, error | ms of 200: p50 p99 p99.9 | of 503: p50 p99 "
    f"| not ready within {READY_SECONDS:g} s | load late, ms"
)
_RULE: Final = "--:|" * 8


def rates(length: float) -> Lines:
    """Show a load of half, nine tenths and twice of what one worker on one core keeps up with, and of half right after.

    Twice as many plain reviews cannot be sent by the core that is left; they are left out.
    """
    shares = {"half": 0.5, "nine tenths": 0.9, "twice": 2.0, "half, right after": 0.5}
    yield f"20 rules, one worker on one core, {length:g} s a rate; what it keeps up with is measured first:"
    yield ""
    yield f"| request | rate | {_HEADS} |"
    yield f"|---|---|{_RULE}"
    with _server("--workers", "1", core=bench.CORES[0]) as server:
        for what, body, chosen in (
            ("plain `oc tag`", plain(), ("half", "nine tenths")),
            (_EDIT, stream(100, moved=100), tuple(shares)),
        ):
            answered = asyncio.run(
                bench.load(server.port, server.ca.parent, body, "/validate", min(length, 10.0), bench.CONNECTIONS)
            )
            capacity = len(answered) / min(length, 10.0)
            for rate in chosen:
                found = _open(server, body, capacity * shares[rate], length)
                yield f"| {what}, {capacity:,.0f} a second | {rate} | {_cells(found)} |"


def workers(length: float) -> Lines:
    """Show the CPU of a review with one worker and with two, and how two share connections that are opened at once."""
    rounds, each = 5, bench.CONNECTIONS
    with ExitStack() as stack:
        one, two = (stack.enter_context(_server("--workers", str(count))) for count in (1, 2))
        loads = ((one, each), (two, 2 * each), (two, each))
        for server, connections in loads:
            _spent(server, length / 4, connections)  # warm
        spent = [[_spent(server, length / rounds, connections) for server, connections in loads] for _ in range(rounds)]
        shares = Counter(_shares(two) for _ in range(20))
    alone, *both = (statistics.median(values) for values in zip(*spent, strict=True))
    ratios = [statistics.median(row[at] / row[0] for row in spent) for at in (1, 2)]
    yield "| what | measured | must be |"
    yield "|---|---|---|"
    for what, milliseconds, ratio, most in zip(
        (f"{each} connections each", f"{each} connections in all, so that fewer requests arrive together"),
        both, ratios, ("at most 1.1 times", ""), strict=True,
    ):  # fmt: skip
        yield f"| CPU s / 1,000 `oc tag` with two workers, with one; {what} | {milliseconds:.3f}, {alone:.3f}: {ratio:.2f} times | {most} |"
    said = ", ".join(f"{most} to {least}: {times}" for (most, least), times in sorted(shares.items()))
    yield f"| {each} connections that are opened at once, shared by two workers, 20 times | {said} | no worse than 11 to 5 |"


def _spent(server: Server, length: float, connections: int) -> float:
    """Return the CPU milliseconds of a review, of all workers together."""
    pids = server.workers()
    before = sum(map(seconds, pids))
    answered = asyncio.run(bench.load(server.port, server.ca.parent, plain(), "/validate", length, connections))
    return (sum(map(seconds, pids)) - before) / len(answered) * 1_000


def _shares(server: Server) -> tuple[int, int]:
    """Return how many of 16 connections each of two workers has, the larger number first."""
    pids = server.workers()

    async def opened() -> tuple[int, ...]:
        context = ssl.create_default_context(cafile=server.ca)
        made = await asyncio.gather(*(_connected(server, context) for _ in range(16)))
        found = tuple(sorted((connections(pid, server.port) for pid in pids), reverse=True))
        for _, writer in made:
            writer.close()
            await writer.wait_closed()
        return found

    most, least = asyncio.run(opened())
    until(lambda: not any(connections(pid, server.port) for pid in pids), "the connections to be closed")
    return most, least


async def _connected(server: Server, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="localhost")


def idle(length: float) -> Lines:
    """Measure active clients next to two thousand kept connections that have sent one request."""
    yield (
        f"Three workers, which keep a thousand connections each; {_ACTIVE} connections with one request per second, evenly spread, "
        f"for {length:g} s; then with {_IDLE:,} more that have sent one request:"
    )
    yield ""
    yield "| idle connections | reviews | not 200, lost | ms: p50 p99 p99.9 | idle ones closed | MiB of the workers |"
    yield "|--:|--:|--:|--:|--:|--:|"
    with _server("--workers", "3") as server:
        for count in (0, _IDLE):
            yield f"| {count:,} | {asyncio.run(_active(server, count, length))} |"


async def _active(server: Server, count: int, length: float) -> str:
    """Ask on active connections while `count` others are kept; return what that showed, as cells of a table."""
    context, due = ssl.create_default_context(cafile=server.ca), _request(plain())
    found, kept = Found(), []
    for _ in range(0, count, _TOGETHER):
        some = await asyncio.gather(*(_connected(server, context) for _ in range(_TOGETHER)))
        for reader, writer in some:
            writer.write(due)
            await bench.answered(reader)
        kept += some
    begin = time.perf_counter() + 2.0  # when all are connected
    moments = [[begin + number / _ACTIVE + second for second in range(int(length))] for number in range(_ACTIVE)]
    await asyncio.gather(*(_caller(server, context, due, each, found) for each in moments))
    closed = sum(reader.at_eof() for reader, _ in kept)
    mib = sum(memory(pid, "Rss") for pid in server.workers())
    for _, writer in kept:
        writer.transport.abort()
    of_200 = " ".join(f"{found.percentile('200', at):,.1f}" for at in (0.5, 0.99, 0.999))
    total = found.outcomes.total()
    return f"{total:,} | {total - found.outcomes['200']:,} | {of_200} | {closed:,} | {mib:.0f}"


async def _caller(
    server: Server, context: ssl.SSLContext, request: bytes, moments: Iterable[float], found: Found
) -> None:
    """Send a request at each of the moments, on one connection as long as it lives."""
    reader, writer = await _connected(server, context)
    for due in moments:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            writer.write(request)
            await bench.answered(reader)
        except (OSError, asyncio.IncompleteReadError, click.ClickException):
            found.note("error", due)
            writer.transport.abort()
            reader, writer = await _connected(server, context)
        else:
            found.note("200", due)
    writer.close()


def connecting(length: float) -> Lines:
    """Show what callers feel while others connect all the time."""
    yield (
        f"Two workers; {_FEW} reviews a second for {length:g} s; then while {_NEW} TLS connections a second are made and closed:"
    )
    yield ""
    yield f"| new connections a second | {_HEADS} |"
    yield f"|--:|{_RULE}"
    with _server("--workers", "2") as server:
        yield f"| 0 | {_cells(_open(server, plain(), _FEW, length))} |"
        command = [
            sys.executable,
            "-m",
            "tools.bench_load",
            "connect",
            str(server.port),
            str(server.ca),
            str(_NEW),
            str(length),
        ]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as others:
            found = _open(server, plain(), _FEW, length)
            assert others.stdout is not None
            made, failed = map(int, others.stdout.read().split())
        yield f"| {made / length:,.0f}, {failed:,} failed | {_cells(found)} |"


async def _connect(port: int, ca: Path, rate: float, length: float) -> tuple[int, int]:
    """Make and close connections at a rate; return how many were made in time, and how many failed."""
    context, began = ssl.create_default_context(cafile=ca), time.perf_counter()
    made = failed = 0

    async def one() -> None:
        nonlocal made, failed
        try:
            async with asyncio.timeout(10):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        except OSError:  # a TimeoutError too
            failed += 1
        else:
            made += time.perf_counter() < began + length
            writer.transport.abort()

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * length)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            if time.perf_counter() > began + length:
                break
            group.create_task(one())
    return made, failed


PARTS: Final[dict[str, Callable[[float], Lines]]] = {
    "rates": rates,
    "workers": workers,
    "idle": idle,
    "connecting": connecting,
}


@click.group()
def main() -> None:
    """Measure what callers feel under load."""


@main.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--seconds", "length", default=20.0, show_default=True, help="Seconds of each load.")
@click.option("--write", is_flag=True, help="Write to FAULTS.md.")
def measure(parts: tuple[str, ...], length: float, *, write: bool) -> None:
    """Print the given parts, or all of them."""
    for part in parts or PARTS:
        lines = []
        for line in PARTS[part](length):
            click.echo(line)
            lines.append(line)
        click.echo()
        if write:
            figures.put(_FAULTS, f"load: {part}", [f"{figures.machine()}.", "", *lines])


@main.command(hidden=True)
@click.argument("port", type=int)
@click.argument("ca", type=click.Path(path_type=Path))
@click.argument("rate", type=float)
@click.argument("length", type=float)
def connect(port: int, ca: Path, rate: float, length: float) -> None:
    """Make and close connections at a rate, and print how many were made and how many failed."""
    click.echo("{} {}".format(*asyncio.run(_connect(port, ca, rate, length))))


if __name__ == "__main__":
    main()
