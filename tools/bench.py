"""The cost of a review compared with a null Flask endpoint on the same server, in the same run: `make bench`.

One worker on one core, its clients on another; TLS 1.3, keep-alive, real review bodies. The rounds of all servers take
turns, and a ratio is the median of the rounds' ratios, so that a noisy neighbour hits both sides.
"""

import asyncio
import gzip
import json
import math
import os
import platform
import resource
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final

import click
from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from tests.support.bodies import layers, plain, stream
from tests.support.paths import DATA
from tools.footprint import seconds as used

from webhook.certs.issuing import issue
from webhook.certs.serving import Serving
from webhook.server.application import run
from webhook.server.worker import Served
from webhook.settings import Settings

_COMPARED: Final = "`oc tag`, validating call"  # what all workers are compared by
_TWENTY: Final = DATA / "policies" / "twenty.yaml"
# Each app by its name in the table, with its policy: by default the shipped one.
_APPS: Final[dict[str, tuple[Path, ...]]] = {"null": (), "ours": (), "ours, 20 rules": (_TWENTY,)}
CONNECTIONS: Final = 16
CORES: Final = sorted(os.sched_getaffinity(0))
_CEL: Final = """'!tag.scheduled && request.userInfo.username != "" && has(object.spec)'"""


def null_app() -> Flask:
    """Return an app that allows everything; of the body it looks for nothing but the uid."""
    app = Flask("null")

    @app.post("/<path:_path>")
    def null(_path: str) -> Response:
        uid = request.get_data(cache=False).partition(b'"uid":"')[2].partition(b'"')[0]
        answer = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"%s","allowed":true}}'
        return Response(answer % uid, content_type="application/json")

    return app


def our_app(records: str, *policies: Path) -> Flask:
    """Return the app that `serve` serves, with its metrics, shared each second, and its record."""
    from webhook.audit.journal import Journal  # noqa: PLC0415 - as above
    from webhook.files import SharedMutex  # noqa: PLC0415 - as above
    from webhook.policy.loading import load  # noqa: PLC0415 - as above
    from webhook.service.app import Service, create_app  # noqa: PLC0415 - after the metrics' directory is known
    from webhook.service.metrics import Metrics  # noqa: PLC0415 - as above

    policy, metrics = load(*policies), Metrics()

    def share() -> None:
        while True:
            time.sleep(1)
            metrics.flush()

    Thread(target=share, daemon=True).start()
    return create_app(Service(lambda: policy, Journal(records, SharedMutex.make()), metrics, "bench"))


class _Classic(BaseApplication):  # type: ignore[misc]
    """One of gunicorn's other workers around an app."""

    def __init__(self, app: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the app."""
        return self._app()


@click.group()
def main() -> None:
    """Measure, or be measured."""


@main.command()
@click.argument("worker")
@click.argument("which", type=click.Choice(list(_APPS)))
@click.argument("port", type=int)
@click.argument("directory", type=click.Path(path_type=Path))
def serve(worker: str, which: str, port: int, directory: Path) -> None:
    """Serve one app with one worker."""
    os.sched_setaffinity(0, {CORES[0]})
    cert, key = directory / "tls.crt", directory / "tls.key"
    metrics = directory / f"{worker}-{which}"
    metrics.mkdir()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)

    def app() -> Flask:
        return null_app() if which == "null" else our_app("-", *_APPS[which])

    if worker == "own":
        from webhook.service.app import LARGEST  # noqa: PLC0415 - after the metrics' directory is known

        settings = Settings("127.0.0.1", port, management_port=0, workers=1, drain=0.0, grace=1)
        context = Serving(cert, key).context  # it is not renewed here
        run(
            settings,
            lambda: Served(
                app().wsgi_app, null_app().wsgi_app, lambda: context, lambda _: None, lambda: None, lambda: None
            ),
            largest=LARGEST,
        )
    options = {
        "bind": f"127.0.0.1:{port}", "worker_class": worker, "threads": 4 * CONNECTIONS, "keepalive": 120, "loglevel": "error",
        "certfile": str(cert), "keyfile": str(key), "control_socket_disable": True, "worker_tmp_dir": "/dev/shm",  # noqa: S108 - as the server does
    }  # fmt: skip
    _Classic(app, options).run()


@dataclass
class Measured:
    """The figures of one server, one value per round: requests per second, CPU seconds per 1,000 requests; latencies in ms."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def server(worker: str, which: str, port: int, directory: Path) -> Iterator[int]:
    """Run a server; yields the pid of its worker."""
    # Records go to a pipe with a reader, like those of a container.
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.bench", "serve", worker, which, str(port), str(directory)],
        stdout=reader.stdin, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            listed = subprocess.run(
                ["pgrep", "-P", str(process.pid)], stdout=subprocess.PIPE, check=False
            ).stdout.split()
            if listed and _answers(port, directory):
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise click.ClickException(f"the {worker} server of {which} did not start")
            time.sleep(0.05)
        yield int(listed[0])
    finally:
        process.terminate()
        process.wait()
        reader.communicate()


def _answers(port: int, directory: Path) -> bool:
    return ask(port, directory, plain(), "/validate") is not None


def ask(port: int, directory: Path, body: bytes, path: str) -> Any:
    """Post `body` once and return the answer's document, None for another status."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    connection = HTTPSConnection("localhost", port, context=context, timeout=5)
    try:
        connection.request("POST", f"{path}?timeout=10s", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == HTTPStatus.OK else None
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()


async def answered(reader: asyncio.StreamReader) -> None:
    """Read one answer."""
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise click.ClickException(f"not answered: {answer[:40]!r}")
    await reader.readexactly(int(answer.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))


async def load(port: int, directory: Path, body: bytes, path: str, seconds: float, connections: int) -> list[float]:
    """Post `body` over and over on kept connections for `seconds`, once at least; return latencies in milliseconds."""
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    head = (
        f"POST {path}?timeout=10s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: kube-apiserver-admission\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    ).encode()
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")

    async def caller() -> None:
        reader, writer = await connected()
        while True:
            started = time.perf_counter()
            writer.write(head + body)
            try:
                await answered(reader)
            except (ConnectionResetError, asyncio.IncompleteReadError):
                # gthread closes kept connections now and then; the API server would open another too.
                reader, writer = await connected()
            else:
                latencies.append((time.perf_counter() - started) * 1_000)
            if time.perf_counter() >= end:
                break
        writer.close()
        await writer.wait_closed()

    # gthread leaves a kept connection unanswered now and then; it must not hold the whole round.
    callers = [asyncio.create_task(caller()) for _ in range(connections)]
    _, stuck = await asyncio.wait(callers, timeout=seconds + 5)
    for each in stuck:
        each.cancel()
    for each in callers:
        if each not in stuck:
            each.result()
    return latencies


def round_(pid: int, port: int, directory: Path, body: bytes, path: str, seconds: float, into: Measured) -> None:
    """Load a server for `seconds`, and add what it showed to `into`."""
    before, started = used(pid), time.perf_counter()
    latencies = asyncio.run(load(port, directory, body, path, seconds, CONNECTIONS))
    taken = min(time.perf_counter() - started, seconds + 0.1)
    into.rates.append(len(latencies) / taken)
    # A server that answered nothing in a round shows no cost.
    into.cpu.append((used(pid) - before) / len(latencies) * 1_000 if latencies else math.nan)
    into.latencies.extend(latencies)


@main.command()
@click.option("--rounds", default=5, show_default=True, help="Rounds of each server and body.")
@click.option("--seconds", default=2.0, show_default=True, help="Seconds of a round.")
@click.option("--worker", "workers", multiple=True, default=("gthread", "gevent", "own"), show_default=True)
def measure(rounds: int, seconds: float, workers: tuple[str, ...]) -> None:
    """Print the table."""
    os.sched_setaffinity(0, {CORES[-1]})
    bodies = {
        "`oc tag`, mutating call": (plain("1-mutate"), "/mutate"),
        _COMPARED: (plain(), "/validate"),
        "PUT, 0 layers": (layers(0), "/mutate"),
        "PUT, 100 layers": (layers(100), "/mutate"),
    }
    click.echo(
        f"Python {platform.python_version()}, {len(CORES)} cores, {CONNECTIONS} connections, "
        f"{rounds} rounds of {seconds:g} s; TLS, keep-alive, one worker on one core\n"
    )
    click.echo("| worker | body | app | req/s | p50 ms | p99 ms | CPU s / 1,000 | x null |")
    click.echo("|---|---|---|--:|--:|--:|--:|--:|")
    with TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        issue(directory, ["localhost"])
        for number, worker in enumerate(workers):
            ports = {which: 21_440 + 4 * number + at for at, which in enumerate(_APPS)}
            pids = {which: stack.enter_context(server(worker, which, port, directory)) for which, port in ports.items()}
            for body_name, (body, path) in bodies.items():
                if worker != "own" and body_name != _COMPARED:
                    continue
                measured = {which: Measured() for which in ports}
                for which, port in ports.items():
                    round_(pids[which], port, directory, body, path, seconds / 4, Measured())  # warm
                for _ in range(rounds):
                    for which, port in ports.items():
                        round_(pids[which], port, directory, body, path, seconds, measured[which])
                for which, found in measured.items():
                    pairs = zip(found.cpu, measured["null"].cpu, strict=True)
                    ratio = f"{statistics.median(ours / null for ours, null in pairs if ours + null > 0):.2f}"
                    click.echo(
                        f"| {worker} | {body_name} ({len(body):,} B) | {which} | {statistics.median(found.rates):,.0f} "
                        f"| {found.percentile(0.5):.1f} | {found.percentile(0.99):.1f} "
                        f"| {statistics.median(cpu for cpu in found.cpu if not math.isnan(cpu)):.3f} | {ratio} |"
                    )


def _fastest(call: Callable[[], object], seconds: float = 0.5) -> float:
    """Return the microseconds of the fastest of the calls that fit into `seconds`."""
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best * 1e6


def _rules(count: int) -> str:
    """Return a policy of `count` rules: three for every namespace, the others for a team's."""
    everywhere = [
        "registries: {allow: [quay.io, docker.io]}",
        "importPolicy: {insecure: false}",
        "tagName: {grammar: true}",
    ]
    lines = [f"  - {{name: every-{number}, {rule}}}" for number, rule in enumerate(everywhere)]
    lines += [
        f"  - {{name: team-{number}, match: {{namespaces: [team-{number}, 'team-{number}-*']}}, "
        f"registries: {{allow: ['quay.io/team-{number}/**']}}}}"
        for number in range(count - len(lines))
    ]
    return "spec:\n  rules:\n" + "\n".join(lines) + "\n"


@main.command()
def policies() -> None:
    """Print what a review costs by the rules of its policy: three for every namespace, the others for a team's."""
    from tests.support.builders import NOW, policy_of  # noqa: PLC0415 - the tests' own

    from webhook.admission import engine  # noqa: PLC0415 - not for the servers that are measured
    from webhook.admission.codec import decode  # noqa: PLC0415 - as above
    from webhook.resources import catalog  # noqa: PLC0415 - as above

    review = decode(plain(), catalog.RESOURCES, NOW)
    click.echo("| rules | decision us |")
    click.echo("|--:|--:|")
    for count in (10, 100, 1_000):
        policy = policy_of(_rules(count))
        click.echo(f"| {count:,} | {_fastest(lambda policy=policy: engine.validate(review, policy)):,.1f} |")  # type: ignore[misc]


@main.command()
def streams() -> None:
    """Print what an edit of a stream costs by its tags: one is changed, the others are left as they were."""
    from tests.support.builders import NOW, policy_of  # noqa: PLC0415 - the tests' own

    from webhook.admission import engine  # noqa: PLC0415 - not for the servers that are measured
    from webhook.admission.codec import decode  # noqa: PLC0415 - as above
    from webhook.policy.loading import load  # noqa: PLC0415 - as above
    from webhook.resources import catalog  # noqa: PLC0415 - as above

    shipped = load()
    asking = policy_of("spec: {rules: [{name: known, existing: audit, registries: {allow: [quay.io]}}]}\n")
    cel = policy_of(f"spec: {{rules: [{{name: cel, expression: {{validations: [{{expression: {_CEL}}}]}}}}]}}\n")
    click.echo(
        "| tags | body | JSON decode us | review decode us | shipped policy us | a rule with `existing: audit` us "
        "| an `expression`, all tags moved us |"
    )
    click.echo("|--:|--:|--:|--:|--:|--:|--:|")
    for count in (1, 10, 100, 1_000):
        body = stream(count)
        review, moved = decode(body, catalog.RESOURCES, NOW), decode(stream(count, moved=count), catalog.RESOURCES, NOW)
        figures = (
            _fastest(lambda body=body: json.loads(body)),  # type: ignore[misc]
            _fastest(lambda body=body: decode(body, catalog.RESOURCES, NOW)),  # type: ignore[misc]
            _fastest(lambda review=review: engine.validate(review, shipped)),  # type: ignore[misc]
            _fastest(lambda review=review: engine.validate(review, asking)),  # type: ignore[misc]
            _fastest(lambda moved=moved: engine.validate(moved, cel)),  # type: ignore[misc]
        )
        click.echo(f"| {count:,} | {len(body):,} B | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")


@main.command()
@click.option("--rounds", default=5, show_default=True)
def replay(rounds: int) -> None:
    """Print how many records a core evaluates again in a second of its time, reading and JSON included."""
    from tests.support.recording import history  # noqa: PLC0415 - the tests' own

    from webhook.evaluate.records import Remarks  # noqa: PLC0415 - as above
    from webhook.evaluate.replay import Evaluation  # noqa: PLC0415 - as above
    from webhook.evaluate.replay import replay as evaluate_again  # noqa: PLC0415 - as above
    from webhook.policy.loading import load  # noqa: PLC0415 - not for the servers that are measured
    from webhook.report.tally import Tally  # noqa: PLC0415 - as above

    policy = load()
    lines = history(policy, 20)
    click.echo("| records | bytes each | records a second a core | MB/s a core |")
    click.echo("|---|--:|--:|--:|")
    with TemporaryDirectory() as name:
        for form, opened in (("plain", open), ("gzip", gzip.open)):
            path = Path(name) / form
            with opened(path, "wb") as file:
                file.writelines(line + b"\n" for line in lines)
            size, taken = sum(map(len, lines)), []
            for _ in range(rounds):
                tally, started = Tally(), time.process_time()
                list(evaluate_again([path], Evaluation(policy), tally, Remarks()))
                taken.append(time.process_time() - started)
                assert tally.evaluated == len(lines)
            rate = len(lines) / statistics.median(taken)
            click.echo(f"| {form} | {size / len(lines):,.0f} | {rate:,.0f} | {rate * size / len(lines) / 1e6:,.0f} |")


@main.command()
@click.option("--count", default=500, show_default=True, help="Image streams, of 20 tags each.")
def scan(count: int) -> None:
    """Print what a scan costs: the engine alone, and the command against a real API server on the same machine."""
    from tests.support import apiserver  # noqa: PLC0415 - the tests' own
    from tests.support.builders import NOW  # noqa: PLC0415 - as above
    from tests.support.streams import fill, peak  # noqa: PLC0415 - as above
    from tests.support.streams import streams as made  # noqa: PLC0415 - as above

    from webhook.evaluate.scan import completion, evaluated  # noqa: PLC0415 - as above
    from webhook.policy.loading import load  # noqa: PLC0415 - not for the servers that are measured

    policy, (one,) = load(), made(1, 20)
    standing = policy.for_stored_streams()
    for name, call in (
        ("evaluated", lambda: list(evaluated(one, standing, {}, NOW))),
        ("completed", lambda: completion(one, policy)),
    ):
        click.echo(f"engine alone, {name}: {20 / _fastest(call) * 1e6:,.0f} tags a second")
    with TemporaryDirectory() as name, apiserver.running(Path(name)) as api:
        fill(api.kubeconfig, [*made(count // 10, 20, prefix="part", part="small"), *made(count, 20, part="all")])
        click.echo("\n| tags | seconds | tags a second | CPU s | most memory |\n|--:|--:|--:|--:|--:|")
        for selector, tags in (("part=small", count // 10 * 20), ("part=all", count * 20)):
            started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            memory = peak(api.kubeconfig, selector)
            seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            click.echo(f"| {tags:,} | {seconds:.1f} | {tags / seconds:,.0f} | {cpu:.1f} | {memory / 1024:.0f} MiB |")


@main.command()
@click.option("--reviews", default=1_000_000, show_default=True)
def memory(reviews: int) -> None:
    """Print what a worker of `serve` holds after more and more reviews, none of which is like another."""
    from tests.support.mileage import Callers  # noqa: PLC0415 - as above
    from tests.support.serving import serving  # noqa: PLC0415 - as above
    from tools.footprint import memory as held  # noqa: PLC0415 - the tests' own

    fields = ("Rss", "Pss", "Private_Dirty", "Anonymous")  # proc(5), smaps_rollup
    click.echo(f"| reviews | {' | '.join(f'{field} MiB' for field in fields)} | reviews a second |")
    click.echo("|--:|--:|--:|--:|--:|--:|")
    with TemporaryDirectory() as name, serving(Path(name), "--workers", "1", "--record", os.devnull) as server:
        (worker,) = server.workers()
        with Callers(server) as callers:
            for share in (0, 0.01, 0.1, 0.25, 0.5, 0.75, 1):
                before, started = callers.statuses.total(), time.perf_counter()
                callers.send(int(reviews * share) - before)
                now = callers.statuses.total()
                rate = (now - before) / (time.perf_counter() - started)
                figures = " | ".join(f"{held(worker, field):.1f}" for field in fields)
                click.echo(f"| {now:,} | {figures} | {rate:,.0f} |")
            if set(callers.statuses) != {b"200"} or server.workers() != {worker}:
                raise click.ClickException(f"not every review was answered 200 by one worker: {callers.statuses}")


if __name__ == "__main__":
    main()
