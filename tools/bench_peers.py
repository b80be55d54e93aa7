"""The same reviews and the same four rules on other frameworks and in Go, in the same run: `make bench-peers`.

Each server has one core, TLS and one process that answers; its callers have the other core. The rounds take turns.
kopf and Pepr want a Kubernetes API when they start: they get a real kube-apiserver.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
from tests.support import apiserver
from tests.support.bodies import plain
from tools import bench

from webhook.certs.issuing import issue

_PEERS: Final = Path(__file__).parent / "peers"
ROOT: Final = Path(__file__).parents[1]
POLICY: Final = _PEERS / "policy.yaml"
_PAGE: Final = ROOT / "docs" / "performance.md"
_CHART: Final = ROOT / "docs" / "assets" / "peers.svg"
_SECTION: Final = re.compile(r"(?<=<!-- bench-peers -->\n).*?(?=<!-- end -->)", re.DOTALL)
PORT: Final = 21_500
_PATIENCE: Final = 120.0
_STORE: Final = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "peprstores.pepr.dev"},
    "spec": {
        "group": "pepr.dev",
        "scope": "Namespaced",
        "names": {"kind": "PeprStore", "plural": "peprstores", "singular": "peprstore"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@dataclass(frozen=True)
class Peer:
    """A server to be measured.

    Attributes:
        name: as the table has it.
        path: where it takes reviews.
        command: what starts it.
        environment: of its process.
        worker: whether a child of the process answers, not itself.
    """

    name: str
    path: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    worker: bool = False


def reviews() -> dict[str, bytes]:
    """Return a review that the four rules allow, and one that all but one of them deny, of a recorded `oc tag`."""
    allowed = json.loads(plain())
    for side in ("object", "oldObject"):
        tag = allowed["request"][side]["tag"]
        tag["referencePolicy"]["type"] = "Local"
    refused = json.loads(plain())
    tag = refused["request"]["object"]["tag"]
    tag["from"]["name"] = "evil.example/acme/app:1"
    tag["importPolicy"]["insecure"] = True
    return {
        "allowed": json.dumps(allowed, separators=(",", ":")).encode(),
        "denied": json.dumps(refused, separators=(",", ":")).encode(),
    }


def peers(directory: Path, kubeconfig: Path, tools: Path) -> list[Peer]:
    """Return the servers, the null endpoint first."""
    cert, key = str(directory / "tls.crt"), str(directory / "tls.key")
    given = {"PEER_CERT": cert, "PEER_KEY": key, "KUBECONFIG": str(kubeconfig)}
    kopf = [str(tools / "kopf" / "bin" / "kopf"), "run", "-q", "-A", "--standalone", str(_PEERS / "kopf_peer.py")]
    return [
        Peer(
            "null Flask endpoint",
            "/validate",
            [sys.executable, "-m", "tools.bench", "serve", "own", "null", str(PORT), str(directory)],
            worker=True,
        ),
        ours(directory, PORT + 1, POLICY),
        Peer(f"kopf {_kopf(tools)}", "/tags", kopf, {**given, "PEER_PORT": str(PORT + 2)}),
        Peer(
            f"Pepr {_pepr(tools)}",
            "/validate/peer",
            ["node", str(tools / "pepr" / "peer.js")],
            {
                **given,
                "PEER_PORT": str(PORT + 3),
                "PEPR_API_PATH": "peer",
                "PEPR_WATCH_MODE": "false",
                "LOG_LEVEL": "error",
                "SSL_CERT_PATH": cert,
                "SSL_KEY_PATH": key,
            },
        ),
        go(directory, tools, PORT + 4),
    ]


def ours(directory: Path, port: int, policy: Path) -> Peer:
    """Return our own server with a policy."""
    cert, key = str(directory / "tls.crt"), str(directory / "tls.key")
    command = [
        sys.executable, "-m", "webhook.cli", "serve", "--host", "127.0.0.1", "--port", str(port), "--management-port", "0",
        "--workers", "1", "--drain", "0", "--cert", cert, "--key", key, "--policy", str(policy),
    ]  # fmt: skip
    return Peer(f"istag-webhook {version('istag-webhook')}", "/validate", command, worker=True)


def go(directory: Path, tools: Path, port: int, program: str = "webhook") -> Peer:
    """Return the webhook that is written by hand in Go."""
    cert, key = str(directory / "tls.crt"), str(directory / "tls.key")
    given = {"PEER_CERT": cert, "PEER_KEY": key, "PEER_PORT": str(port)}
    return Peer("Go net/http", "/validate", [str(tools / "go" / program)], given)


def _kopf(tools: Path) -> str:
    shown = subprocess.run(
        [tools / "kopf" / "bin" / "python", "-c", "from importlib.metadata import version; print(version('kopf'))"],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return shown.stdout.strip()


def _pepr(tools: Path) -> str:
    document = json.loads((tools / "pepr" / "node_modules" / "pepr" / "package.json").read_text())
    return str(document["version"])


@dataclass
class Running:
    """A server that runs.

    Attributes:
        pid: of the process that answers.
        root: of the process that was started.
        started: seconds from its start to its first answer.
    """

    peer: Peer
    port: int
    pid: int
    root: int
    started: float
    measured: dict[str, bench.Measured]


@contextmanager
def run(peer: Peer, port: int, directory: Path, expected: dict[str, bytes]) -> Iterator[Running]:
    """Run a server, which has answered once when the block begins.

    Args:
        peer: what is run.
        port: where it listens.
        directory: where its log goes, and the certificate is.
        expected: the reviews `allowed` and `denied`, which it is asked first.
    """
    began = time.perf_counter()
    # Records and logs go to a pipe with a reader, like those of a container.
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    log = directory / f"{port}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            peer.command, stdout=reader.stdin, stderr=errors, env={**os.environ, **peer.environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {bench.CORES[0]}),  # noqa: PLW1509 - nothing else runs here
        )  # fmt: skip
    try:
        while (answer := bench.ask(port, directory, expected["allowed"], peer.path)) is None:
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE:
                raise click.ClickException(f"{peer.name} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        started = time.perf_counter() - began
        if "null" not in peer.name:
            _check(peer, answer, bench.ask(port, directory, expected["denied"], peer.path))
        yield Running(
            peer,
            port,
            _children(process.pid)[0] if peer.worker else process.pid,
            process.pid,
            started,
            {name: bench.Measured() for name in expected},
        )
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.communicate()


def _check(peer: Peer, allowed: Any, refused: Any) -> None:
    """Every server gives the same two verdicts, or nothing is compared."""
    verdicts = [answer["response"]["allowed"] if answer else None for answer in (allowed, refused)]
    if verdicts != [True, False]:
        raise click.ClickException(f"{peer.name} answers {verdicts}, expected [True, False]")


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, check=False).stdout.split()
    return [int(each) for each in listed]


def memory(pid: int) -> float:
    """Return the MiB of a process and its children, what they share counted once."""
    total = 0.0
    for each in (pid, *_children(pid)):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{each}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) / 1024 if found else 0.0
    return total


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Rounds of each server and review.")
@click.option("--seconds", default=2.0, show_default=True, help="Seconds of a round.")
@click.option(
    "--tools", type=click.Path(path_type=Path, exists=True), default=ROOT / ".peers", show_default=True,
    help="Where kopf and Pepr are installed.",
)  # fmt: skip
@click.option("--docs", is_flag=True, help="Write table and chart to docs/performance.md.")
def main(rounds: int, seconds: float, tools: Path, *, docs: bool) -> None:
    """Measure each server, and print the table."""
    os.sched_setaffinity(0, {bench.CORES[-1]})
    bodies = reviews()
    with TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        issue(directory, ["localhost"])
        (directory / "kube").mkdir()
        kube = stack.enter_context(apiserver.running(directory / "kube"))
        for path, document in (
            ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _STORE),
            ("/api/v1/namespaces", {"metadata": {"name": "pepr-system"}}),
        ):
            made = kube.request("POST", path, document)
            if made.status >= 300:
                raise click.ClickException(f"the API server rejects {path}: {made.document}")
        servers = [
            stack.enter_context(run(peer, PORT + at, directory, bodies))
            for at, peer in enumerate(peers(directory, kube.kubeconfig, tools))
        ]
        for each in servers:
            for body in bodies.values():
                bench.round_(each.pid, each.port, directory, body, each.peer.path, seconds, bench.Measured())  # warm
        for _ in range(rounds):
            for each in servers:
                for which, body in bodies.items():
                    bench.round_(each.pid, each.port, directory, body, each.peer.path, seconds, each.measured[which])
        lines = _table(servers, rounds, seconds)
        click.echo("\n".join(lines))
        if docs:
            _CHART.write_text(chart(_bars(servers)))
            text = "\n".join([*lines, "", f"![CPU a review and p99 of each](assets/{_CHART.name})", ""])
            _PAGE.write_text(_SECTION.sub(lambda _: text, _PAGE.read_text()))


def _table(servers: list[Running], rounds: int, seconds: float) -> list[str]:
    node = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    lines = [
        (
            f"Python {platform.python_version()}, Node.js {node.removeprefix('v')}, {len(bench.CORES)} cores, "
            f"{bench.CONNECTIONS} connections, {rounds} rounds of {seconds:g} s; TLS, keep-alive, one core each:"
        ),
        "",
        "| server | review | req/s | p50 ms | p99 ms | CPU s / 1,000 | x null | MiB | first answer s |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    null = servers[0]
    for each in servers:
        for which, found in each.measured.items():
            pairs = zip(found.cpu, null.measured[which].cpu, strict=True)
            ratio = statistics.median(ours / other for ours, other in pairs)
            lines.append(
                f"| {each.peer.name} | {which} | {statistics.median(found.rates):,.0f} | {found.percentile(0.5):.1f} "
                f"| {found.percentile(0.99):.1f} | {statistics.median(found.cpu):.3f} | {ratio:.2f} "
                f"| {memory(each.root):.0f} | {each.started:.1f} |"
            )
    return lines


def _bars(servers: list[Running]) -> list[tuple[str, float, float]]:
    """Return for each server its name, CPU milliseconds a review, and p99 in milliseconds, of what is denied."""
    return [
        (
            each.peer.name,
            statistics.median(each.measured["denied"].cpu),
            each.measured["denied"].percentile(0.99),
        )
        for each in servers
    ]


_STYLE: Final = """\
text{font:13px system-ui,sans-serif;fill:#1f2328}.bar{fill:#8b949e}.ours{fill:#0969da}.title{font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#4493f8}}"""
_ROW: Final = 26
_LABEL: Final = 170
_BAR: Final = 380


def chart(bars: list[tuple[str, float, float]]) -> str:
    """Return an SVG of two groups of bars: CPU a review, and p99."""
    groups: list[tuple[str, Callable[[tuple[str, float, float]], float]]] = [
        ("CPU milliseconds a review", lambda bar: bar[1]),
        ("p99 milliseconds", lambda bar: bar[2]),
    ]
    parts: list[str] = []
    y = 8
    for title, value in groups:
        parts.append(f'<text class="title" x="0" y="{y + 14}">{title}</text>')
        y += _ROW
        most = max(map(value, bars))
        for bar in bars:
            width = max(1.0, value(bar) / most * _BAR)
            own = " ours" if bar[0].startswith("istag-webhook") else ""
            shown = f"{value(bar):.2f}" if most < 10 else f"{value(bar):.1f}"
            parts.append(
                f'<text x="0" y="{y + 14}">{bar[0]}</text>'
                f'<rect class="bar{own}" x="{_LABEL}" y="{y + 1}" width="{width:.1f}" height="18" rx="2"/>'
                f'<text x="{_LABEL + width + 6:.1f}" y="{y + 14}">{shown}</text>'
            )
            y += _ROW
        y += 10
    width = _LABEL + _BAR + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" role="img" '
        f'aria-label="CPU a review and p99 of each server"><style>{_STYLE}</style>{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    if shutil.which("node") is None:
        raise SystemExit("expected Node.js on PATH, for Pepr")
    main()
