"""What an API server rejects for the moment is asked again, and what the command says where a cluster cannot be used."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result

from webhook.cli import main
from webhook.cluster.client import Cluster, Resource, connect
from webhook.errors import ClusterError
from webhook.scan.patience import Patient

_STREAMS = Resource("image.openshift.io", "v1", "imagestreams")


@contextmanager
def _answering(directory: Path, *statuses: int) -> Iterator[Path]:
    """Serve these statuses over TLS, one a request and the last for ever, and give the kubeconfig; 0 is a lost connection."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status = left.pop(0) if len(left) > 1 else left[0]
            if status:
                body = json.dumps({"items": [], "message": f"said {status}"}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = not status

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    ca.cert_pem.write_to_path(directory / "ca.crt")
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "a",
                "clusters": [{"name": "a", "cluster": {
                    "server": f"https://127.0.0.1:{server.server_port}", "certificate-authority": str(directory / "ca.crt"),
                }}],
                "users": [{"name": "a", "user": {"token": "secret"}}],
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            }
        )
    )  # fmt: skip
    try:
        yield kubeconfig
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    "statuses",
    [(429, 200), (500, 502, 503, 504, 200), (200, 0, 0, 0, 0, 200)],
    ids=["too-many", "ill", "lost"],
)
def test_what_passes_is_waited_for(tmp_path: Path, statuses: tuple[int, ...]) -> None:
    """A request is repeated, later each time, until it is answered."""
    pauses: list[float] = []
    with _answering(tmp_path, *statuses) as kubeconfig:
        cluster = Cluster(Patient(connect(kubeconfig).sender, pauses.append))
        for _ in range(1 + (statuses[0] == 200)):
            assert cluster.sender.send("GET", _STREAMS.path())["message"] == "said 200"
    bounds = [(0.125, 0.375), (0.25, 0.75), (0.5, 1.5), (1, 3)]
    assert pauses
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=False))


@pytest.mark.parametrize(
    ("statuses", "asked_again", "sentence"),
    [
        pytest.param((403,), 0, "said 403", id="forbidden"),
        pytest.param((404,), 0, "said 404", id="not-there"),
        pytest.param((410,), 0, "said 410", id="expired"),
        pytest.param((422,), 0, "said 422", id="invalid"),
        pytest.param((503,), 6, "said 503", id="ill-for-good"),
        pytest.param((0,), 0, "no answer", id="never-there"),
    ],
)
def test_what_does_not_pass_is_not(tmp_path: Path, statuses: tuple[int, ...], asked_again: int, sentence: str) -> None:
    """A denial is one at once, an illness after some tries, and a server that never answered is not waited for."""
    pauses: list[float] = []
    with _answering(tmp_path, *statuses) as kubeconfig:
        cluster = Cluster(Patient(connect(kubeconfig).sender, pauses.append))
        with pytest.raises(ClusterError, match=sentence):
            cluster.sender.send("GET", _STREAMS.path())
    assert len(pauses) == asked_again


def _scan(*arguments: str | Path) -> Result:
    return CliRunner(env={"HOME": "/nonexistent", "KUBECONFIG": None}).invoke(main, ["scan", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--apply",), "--apply: expected --fix with it"),
        (("--fix", "--write-reports", "openreports"), "--fix: it makes no report; expected no --images"),
        (("--fix", "--format", "json"), "--fix: it makes no report"),
        (("--write-reports", "openreports", "-l", "a=b"), "--write-reports: a report is of a namespace; expected no --selector"),
        (("--namespace", "a**b"), '"a**b" matches no namespace: '),
        (("--shard", "5/4"), "expected a part from 1/4 to 4/4, got 5/4"),
        (("--chunk-size", "0"), "0 is not in the range x>=1"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--policy", "/nonexistent"), "/nonexistent: cannot be read: No such file or directory"),
        (("--kubeconfig", "/nonexistent"), "/nonexistent: "),
        ((), "no cluster configured: "),
    ],
    ids=["apply", "fix", "fix-format", "selector", "glob", "shard", "chunk", "format", "policy", "kubeconfig", "nowhere"],
)  # fmt: skip
def test_what_cannot_be_used(arguments: tuple[str, ...], sentence: str) -> None:
    """Whatever is wrong is one sentence, and exit code 2."""
    done = _scan(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is said, and no part of it is left."""
    with _answering(tmp_path, 200) as kubeconfig:
        done = _scan("--kubeconfig", kubeconfig, "--output", "/nonexistent/report.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "/nonexistent/report.json: cannot be written: No such file or directory\n"


def test_nothing_to_judge(tmp_path: Path) -> None:
    """A scan that finds no tag says so: a name may be misspelt."""
    with _answering(tmp_path, 200) as kubeconfig:
        done = _scan("--kubeconfig", kubeconfig, "--namespace", "taem-a")
    assert (done.exit_code, done.stderr) == (0, "there are no tags in what was asked for\n")
