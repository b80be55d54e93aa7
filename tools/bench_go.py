"""This webhook compared with one written by hand in Go, in the same run, into docs/performance.md: `make bench-peers`.

Go has the four rules of `bench_peers` and its default, and writes neither records nor metrics; ours has twenty rules, its
record and its metrics. Since Go 1.27, `encoding/json` uses a new engine (json/v2), which reads a large object three
times as fast; a second build has the former engine. Both have one core and one process that answers; their clients have the
other core. The rounds
take turns, and a ratio is the median of the rounds' ratios.
"""

import asyncio
import base64
import json
import os
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
from tests.support.bodies import layers, plain
from tests.support.paths import DATA
from tools import bench, bench_peers, figures, openloop
from tools.bench_peers import Peer, Running
from tools.footprint import memory, seconds

from webhook.certs.issuing import issue

TWENTY: Final = DATA / "policies" / "twenty.yaml"
_PORT: Final = bench_peers.PORT + 20
_CONNECTIONS: Final = 200  # new ones in a round
_LEAD: Final = 0.5  # seconds in which the connections of an open load are made
_MORE: Final = 3  # times as many rounds of what varies the most: the 99th percentile, and new connections
_POST: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Asked:
    """A review that both servers are asked.

    Attributes:
        path: where.
        most: times Go's CPU that it may cost us.
    """

    path: str
    body: bytes
    most: float


@dataclass
class Row:
    """The figures of the servers, one value per round; none of Go with its former JSON if JSON does not matter."""

    most: float
    go: list[float] = field(default_factory=list)
    former: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def line(self, what: str, form: str) -> str:
        """Return the row of the table."""
        values = [f"{statistics.median(each):{form}}" if each else "" for each in (self.go, self.former, self.ours)]
        times = [
            f"{statistics.median(ours / go for ours, go in zip(self.ours, each, strict=True)):.2f}" if each else ""
            for each in (self.go, self.former)
        ]
        return f"| {what} | {' | '.join(values)} | {' | '.join(times)} | {self.most:g} |"


def asked() -> dict[str, Asked]:
    """Return the reviews: what Go allows, denies and mutates of a recorded `oc tag`, and a PUT with its image."""
    given = bench_peers.reviews()
    return {
        "`oc tag`, allowed": Asked("/validate", given["allowed"], 2.0),
        "`oc tag`, denied": Asked("/validate", given["denied"], 2.0),
        "`oc tag`, mutated": Asked("/mutate", plain("1-mutate"), 2.0),
        "PUT, 50 layers": Asked("/mutate", layers(50), 0.75),
        "PUT, 100 layers": Asked("/mutate", layers(100), 0.75),
    }


@contextmanager
def _all(directory: Path, tools: Path) -> Iterator[tuple[Running, Running, Running]]:
    """Run Go's server, the one with its former JSON, and ours."""
    bodies = bench_peers.reviews()
    with ExitStack() as stack:
        go, former, ours = (
            stack.enter_context(bench_peers.run(peer, port, directory, bodies))
            for peer, port in _peers(directory, tools)
        )
        yield go, former, ours


def _peers(directory: Path, tools: Path) -> list[tuple[Peer, int]]:
    return [
        (bench_peers.go(directory, tools, _PORT), _PORT),
        (bench_peers.go(directory, tools, _PORT + 1, "webhook-jsonv1"), _PORT + 1),
        (bench_peers.ours(directory, _PORT + 2, TWENTY), _PORT + 2),
    ]


def _agreed(servers: tuple[Running, ...], directory: Path) -> None:
    """All servers give the same answers, or nothing is compared."""
    for what, each in asked().items():
        answers = [_decided(bench.ask(server.port, directory, each.body, each.path)) for server in servers]
        if answers[0] is None or answers != [answers[0]] * len(answers):
            raise click.ClickException(f"{what}: Go, Go with its former JSON and ours answer {answers}")


def _decided(answer: Any) -> object:
    """Return whether an answer allows, and its patch."""
    if answer is None:
        return None
    response = answer["response"]
    patch = response.get("patch")
    return response["allowed"], json.loads(base64.b64decode(patch)) if patch else None


def cpu(server: Running, directory: Path, each: Asked, length: float) -> tuple[float, float]:
    """Return the CPU milliseconds of a review on 16 kept connections, and how many were answered in a second."""
    into = bench.Measured()
    bench.round_(server.pid, server.port, directory, each.body, each.path, length, into)
    return into.cpu[0], into.rates[0]


def connecting(server: Running, directory: Path, body: bytes) -> float:
    """Return the CPU milliseconds of a new connection with its first review."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    before = seconds(server.pid)
    for _ in range(_CONNECTIONS):
        connection = HTTPSConnection("localhost", server.port, context=context, timeout=10)
        _post(connection, body)
        connection.close()
    return (seconds(server.pid) - before) / _CONNECTIONS * 1_000


def _post(connection: HTTPSConnection, body: bytes) -> None:
    connection.request("POST", "/validate", body, _POST)
    answer = connection.getresponse()
    if answer.status != 200:
        raise click.ClickException(f"not answered: {answer.status} {answer.read()!r}")
    answer.read()


def _mib(server: Running, directory: Path, body: bytes) -> float:
    """Return the MiB of the process that answers, with 16 connections that each have asked; what it shares counts whole."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    connections = [
        HTTPSConnection("localhost", server.port, context=context, timeout=10) for _ in range(bench.CONNECTIONS)
    ]
    for each in connections:
        _post(each, body)
    found = memory(server.pid, "Rss")
    for each in connections:
        each.close()
    return found


def _p99(server: Running, directory: Path, body: bytes, rate: float, length: float) -> float:
    """Return the 99th percentile of the milliseconds of an answer, at an arrival rate, on connections that are there."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    head = f"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    found = asyncio.run(openloop.send(server.port, context, head.encode() + body, rate, length, lead=_LEAD))
    if set(found.outcomes) != {"200"}:
        raise click.ClickException(f"{server.peer.name}, {rate:,.0f} a second: {dict(found.outcomes)}")
    return found.percentile("200", 0.99)


def _started(peer: Peer, port: int, directory: Path) -> float:
    with bench_peers.run(peer, port, directory, bench_peers.reviews()) as server:
        return server.started


@dataclass
class Found:
    """The figures of the servers.

    Attributes:
        rate: reviews a second at which `p99` was measured.
    """

    cpu: dict[str, Row] = field(default_factory=lambda: {what: Row(each.most) for what, each in asked().items()})
    connecting: Row = field(default_factory=lambda: Row(2.0))
    p99: Row = field(default_factory=lambda: Row(1.5))
    mib: Row = field(default_factory=lambda: Row(1.0))
    started: Row = field(default_factory=lambda: Row(1.0))
    rate: float = 0.0

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield "| what | Go | Go, former JSON | ours | times Go | times Go, former JSON | target, times |"
        yield "|---|--:|--:|--:|--:|--:|--:|"
        for what, row in self.cpu.items():
            yield row.line(f"{what}: CPU s / 1,000", ".3f")
        yield self.connecting.line("a new connection with its first review: CPU ms", ".2f")
        yield self.p99.line(f"p99 ms at {self.rate:,.0f} `oc tag` a second, half of our capacity", ".2f")
        go, ours = self.mib.go[0], self.mib.ours[0]
        yield f"| worker, MiB with {bench.CONNECTIONS} connections | {go:.0f} | | {ours:.0f} | | | 60 MiB |"
        go, ours = (statistics.median(values) for values in (self.started.go, self.started.ours))
        yield f"| first answer, s after the start | {go:.2f} | | {ours:.2f} | | | 0.5 s |"


def compared(directory: Path, tools: Path, rounds: int, length: float) -> Found:
    """Measure all servers."""
    found, first = Found(), asked()["`oc tag`, allowed"]
    with _all(directory, tools) as servers:
        go, _, ours = servers
        _agreed(servers, directory)
        for server in servers:
            for each in asked().values():
                cpu(server, directory, each, length / 2)  # warm
        rates = [_round(found, servers, directory, length) for _ in range(rounds)]
        found.rate = statistics.median(rates) / 2
        for _ in range(_MORE * rounds):
            _turn(found.connecting, go, ours, lambda server: connecting(server, directory, first.body))
            _turn(found.p99, go, ours, lambda server: _p99(server, directory, first.body, found.rate, length))
        _turn(found.mib, go, ours, lambda server: _mib(server, directory, first.body))
    for _ in range(rounds):
        for (peer, port), values in zip(
            _peers(directory, tools)[::2], (found.started.go, found.started.ours), strict=True
        ):
            values.append(_started(peer, port, directory))
    return found


def _round(found: Found, servers: tuple[Running, Running, Running], directory: Path, length: float) -> float:
    """Measure the CPU of each review once on each server; return how many plain ones ours answers in a second."""
    rates = {}
    for what, each in asked().items():
        row = found.cpu[what]
        for server, values in zip(servers, (row.go, row.former, row.ours), strict=True):
            spent, rates[what] = cpu(server, directory, each, length)
            values.append(spent)
    return rates["`oc tag`, allowed"]


def _turn(row: Row, go: Running, ours: Running, measure: Callable[[Running], float]) -> None:
    row.go.append(measure(go))
    row.ours.append(measure(ours))


@click.command()
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", "length", default=2.0, show_default=True, help="Seconds of a round.")
@click.option(
    "--tools", type=click.Path(path_type=Path, exists=True), default=bench_peers.ROOT / ".peers", show_default=True,
    help="Where the webhook in Go is.",
)  # fmt: skip
@click.option("--write", is_flag=True, help="Write the table to docs/performance.md.")
def main(rounds: int, length: float, tools: Path, *, write: bool) -> None:
    """Compare, and print the table."""
    os.sched_setaffinity(0, {bench.CORES[-1]})
    with TemporaryDirectory() as name:
        directory = Path(name)
        issue(directory, ["localhost"])
        found = compared(directory, tools, rounds, length)
    date = time.strftime("%Y-%m-%d", time.gmtime())
    lines = [
        (
            f"{figures.machine()}; {rounds} rounds of {length:g} s, {_MORE} times as many for new connections and the 99th percentile; TLS, keep-alive, {bench.CONNECTIONS} connections, "
            f"one core each, {date}:"
        ),
        "",
        *found.lines(),
    ]
    click.echo("\n".join(lines))
    if write:
        figures.put(figures.PERFORMANCE, "go", lines)


if __name__ == "__main__":
    main()
