"""Prometheus in the tests, and its promtool."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from tests.support import assets
from tests.support.serving import ports, until


def tool(name: str) -> str:
    """Return the path of `prometheus` or `promtool`; skip the test if it is not available."""
    try:
        return str(assets.prometheus() / name)
    except assets.NotFound as error:
        pytest.skip(str(error))


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool with `given` on its standard input."""
    return subprocess.run([tool("promtool"), *arguments], input=given, capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ready(self) -> bool:
        """Whether it has opened its database."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=30) as answer:  # noqa: S310 - loopback
                return bool(answer.status == HTTPStatus.OK)
        except urllib.error.HTTPError:
            return False

    def api(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the HTTP API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:  # noqa: S310 - loopback
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query."""
        result: list[dict[str, Any]] = self.api("query", query=expression)["result"]
        return result


@contextmanager
def scraping(directory: Path, targets: Sequence[str], rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """Run Prometheus over `targets` (host:port), each with the labels that a ServiceMonitor gives, until the block ends."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": "istag-webhook",
                "static_configs": [
                    {"targets": [target], "labels": {"namespace": "istag-webhook", "pod": f"istag-webhook-{number}"}}
                    for number, target in enumerate(targets)
                ],
            }
        ],
    }
    (directory / "prometheus.json").write_text(json.dumps(configuration))  # YAML is a superset
    log = directory / "prometheus.log"
    command = [
        tool("prometheus"), f"--config.file={directory}/prometheus.json", f"--storage.tsdb.path={directory}/tsdb",
        "--web.listen-address=127.0.0.1:0",
    ]  # fmt: skip
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=directory)
    try:
        (port,) = until(lambda: ports(process.pid), f"Prometheus to listen; its log is {log}")
        running = Prometheus(f"http://127.0.0.1:{port}")
        until(running.ready, f"Prometheus to be ready; its log is {log}")
        until(lambda: len(running.query("up == 1")) == len(targets), "Prometheus to scrape every target")
        yield running
    finally:
        process.terminate()
        process.wait(30)
