"""Latency in a cluster: a dry-run PUT through a real API server, without a webhook, with null ones and with ours.

Each has a namespace with its own webhooks for both calls, so that the rounds can take turns, request by request. A null
webhook allows everything and reads only the uid: one is a Flask endpoint on our worker, the other is written in Go. Into
docs/performance.md: `make bench-cluster`.
"""

import copy
import http.client
import json
import ssl
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
from tests.support import apiserver
from tests.support.apiserver import ApiServer, path_of
from tests.support.installed import calling, installed, shipped
from tests.support.paths import DATA
from tests.support.serving import serving
from tools import bench, bench_peers, figures
from tools.bench_peers import Peer

from webhook.certs.issuing import issue

_TWENTY: Final = DATA / "policies" / "twenty.yaml"
_PORT: Final = bench_peers.PORT + 40
_LABEL: Final = "istag-webhook.bench"
_WARM: Final = 50
_MOST: Final = 1.2  # times what a null webhook adds, whatever it is written in
_NONE: Final = "no webhook"
_GO: Final = "a null webhook in Go for both calls"
_FLASK: Final = "a null Flask endpoint on our worker for both calls"
_OURS: Final = "ours for both calls"
_STREAM: Final = {
    "apiVersion": "image.openshift.io/v1",
    "kind": "ImageStream",
    "metadata": {"name": "app"},
    "spec": {
        "lookupPolicy": {"local": False},
        "tags": [
            {
                "name": "live",
                "from": {"kind": "DockerImage", "name": "quay.io/acme/app:0"},
                "importPolicy": {"importMode": "Legacy"},
                "referencePolicy": {"type": "Source"},
            }
        ],
    },
}


class Caller:
    """Sends dry-run PUTs of the image stream in one namespace, each of which points its tag at another image."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        context = ssl.create_default_context(cafile=api.ca_file)
        context.load_cert_chain(api.directory / "admin.pem")
        self._connection = http.client.HTTPSConnection("127.0.0.1", api.port, context=context, timeout=60)
        self._path = path_of("imagestreams", namespace, "app") + "?dryRun=All"
        self._stream = api.create(namespace, _STREAM)
        self.milliseconds: list[float] = []

    def put(self, number: int) -> dict[str, Any]:
        """Send one, and return what would be stored."""
        self._stream["spec"]["tags"][0]["from"]["name"] = f"quay.io/acme/app:{number}"
        body = json.dumps(self._stream)
        started = time.perf_counter()
        self._connection.request("PUT", self._path, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read()
        self.milliseconds.append((time.perf_counter() - started) * 1_000)
        if answer.status != 200:
            raise click.ClickException(f"{self._path}: {answer.status} {text!r}")
        found: dict[str, Any] = json.loads(text)
        return found

    def percentile(self, share: float) -> float:
        """Return a percentile of the milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _configurations(which: str, url: str, ca: Path, path: str = "") -> list[dict[str, Any]]:
    """Return the shipped configurations, under other names, for the namespaces of one label, calling a server."""
    made = []
    for document in shipped().values():
        found = calling(copy.deepcopy(document), url, ca, path=path, namespaceSelector={"matchLabels": {_LABEL: which}})
        found["metadata"]["name"] = f"{which}-{found['metadata']['name']}"
        for webhook in found["webhooks"]:
            webhook["name"] = f"{which}.{webhook['name']}"
        made.append(found)
    return made


def measured(count: int, tools: Path) -> dict[str, Caller]:
    """Measure `count` PUTs in each namespace, in turns."""
    with ExitStack() as stack:
        directory, kube, ours = (Path(stack.enter_context(TemporaryDirectory())) for _ in range(3))
        issue(directory, ["localhost"])
        api = stack.enter_context(apiserver.running(kube))
        go = bench_peers.go(directory, tools, _PORT)
        go = Peer("a null webhook", "/null", go.command, go.environment)
        stack.enter_context(bench_peers.run(go, _PORT, directory, bench_peers.reviews()))
        stack.enter_context(bench.server("own", "null", _PORT + 1, directory))
        server = stack.enter_context(serving(ours, "--workers", "1", "--policy", str(_TWENTY), "--record", "/dev/null"))
        ca = directory / "ca.crt"
        for which, documents in (
            ("go", _configurations("go", f"https://localhost:{_PORT}", ca, "/null")),
            ("flask", _configurations("flask", f"https://localhost:{_PORT + 1}", ca)),
            ("ours", _configurations("ours", f"https://localhost:{server.port}", server.ca)),
        ):
            stack.enter_context(installed(api, *documents, labels={_LABEL: which}))
        callers = {
            _NONE: Caller(api, api.namespace()),
            _GO: Caller(api, api.namespace(**{_LABEL: "go"})),
            _FLASK: Caller(api, api.namespace(**{_LABEL: "flask"})),
            _OURS: Caller(api, api.namespace(**{_LABEL: "ours"})),
        }
        answered = server.metric("istag_webhook_admission_requests_total")
        for number in range(count + _WARM):
            for caller in callers.values():
                found = caller.put(number + 1)
                mode = found["spec"]["tags"][0]["importPolicy"]["importMode"]
                assert (mode == "PreserveOriginal") is (caller is callers[_OURS]), mode
        asked = server.metric("istag_webhook_admission_requests_total") - answered
        if asked != 2 * (count + _WARM):
            raise click.ClickException(f"expected {2 * (count + _WARM)} reviews, got {asked:g}")
    for caller in callers.values():
        del caller.milliseconds[:_WARM]
    return callers


@click.command()
@click.option("--count", default=1_000, show_default=True, help="PUTs with each.")
@click.option(
    "--tools", type=click.Path(path_type=Path, exists=True), default=bench_peers.ROOT / ".peers", show_default=True,
    help="Where the webhook in Go is.",
)  # fmt: skip
@click.option("--write", is_flag=True, help="Write the table to docs/performance.md.")
def main(count: int, tools: Path, *, write: bool) -> None:
    """Measure, and print the table."""
    callers = measured(count, tools)
    medians = {what: statistics.median(caller.milliseconds) for what, caller in callers.items()}
    adds = {what: median - medians[_NONE] for what, median in medians.items()}
    lines = [
        f"{figures.machine()}; {count:,} dry-run PUTs of an image stream with each, in turns:",
        "",
        "| with | median ms | p99 ms | adds ms |",
        "|---|--:|--:|--:|",
        *(
            f"| {what} | {medians[what]:.2f} | {caller.percentile(0.99):.2f} | {adds[what]:.2f} |"
            for what, caller in callers.items()
        ),
        "",
        (
            f"Ours adds {adds[_OURS] / adds[_FLASK]:.2f} times what the null Flask endpoint adds, and "
            f"{adds[_OURS] / adds[_GO]:.2f} times what the one in Go adds; {_MOST:g} times is the target for each."
        ),
    ]
    click.echo("\n".join(lines))
    if write:
        figures.put(figures.PERFORMANCE, "cluster", lines)


if __name__ == "__main__":
    main()
