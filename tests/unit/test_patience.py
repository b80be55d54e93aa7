"""Temporary errors of an API server are retried, and an unusable cluster is reported."""

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
from tests.support.sentences import UNREADABLE
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError

from webhook.cli.main import main
from webhook.cluster.client import Resource, connect
from webhook.cluster.transport import retries
from webhook.errors import ClusterError

_STREAMS = Resource("image.openshift.io", "v1", "imagestreams")


_SOON = 0.001  # seconds


@contextmanager
def _answering(directory: Path, *statuses: int, asked: list[str] | None = None) -> Iterator[Path]:
    """Serve these statuses over TLS, one a request and the last for ever, and give the kubeconfig; 0 is a lost connection.

    Args:
        directory: where the kubeconfig is written.
        statuses: HTTP statuses.
        asked: the method of each request is put there.
    """
    left, methods = list(statuses), [] if asked is None else asked

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            methods.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = left.pop(0) if len(left) > 1 else left[0]
            if status:
                body = json.dumps({"items": [], "message": f"said {status}"}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = not status

        def do_PATCH(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Ignore the log."""

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


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    "statuses",
    [(429, 200), (500, 502, 503, 504, 200), (0, 0, 0, 0, 200)],
    ids=["too-many", "ill", "lost"],
)
def test_what_passes_is_waited_for(tmp_path: Path, statuses: tuple[int, ...], method: str) -> None:
    """A request is repeated until it is answered, one that writes too."""
    asked: list[str] = []
    with _answering(tmp_path, *statuses, asked=asked) as kubeconfig:
        sender = connect(kubeconfig, patience=_SOON).sender
        assert sender.send(method, _STREAMS.path(), body={} if method == "PATCH" else None)["message"] == "said 200"
    assert asked == [method] * len(statuses)


@pytest.mark.parametrize(
    ("statuses", "requests", "sentence"),
    [
        pytest.param((403,), 1, "said 403", id="forbidden"),
        pytest.param((404,), 1, "said 404", id="not-there"),
        pytest.param((410,), 1, "said 410", id="expired"),
        pytest.param((422,), 1, "said 422", id="invalid"),
        pytest.param((503,), 7, "said 503", id="ill-for-good"),
        pytest.param((0,), 7, "no answer", id="lost-for-good"),
    ],
)
def test_what_does_not_pass_is_not(tmp_path: Path, statuses: tuple[int, ...], requests: int, sentence: str) -> None:
    """A denial is one at once, an illness after some tries."""
    asked: list[str] = []
    with _answering(tmp_path, *statuses, asked=asked) as kubeconfig:
        sender = connect(kubeconfig, patience=_SOON).sender
        with pytest.raises(ClusterError, match=sentence):
            sender.send("GET", _STREAMS.path())
    assert len(asked) == requests


@pytest.mark.parametrize(
    ("method", "statuses", "requests", "said"),
    [
        pytest.param("GET", (0, 200), 2, "said 200", id="lost"),
        pytest.param("PATCH", (0, 200), 1, "no answer", id="lost-write"),
        pytest.param("GET", (503, 200), 1, "said 503", id="ill"),
    ],
)
def test_without_patience(tmp_path: Path, method: str, statuses: tuple[int, ...], requests: int, said: str) -> None:
    """Other commands repeat what is safe to repeat after a lost connection, and nothing that was denied."""
    asked: list[str] = []
    with _answering(tmp_path, *statuses, asked=asked) as kubeconfig:
        sender = connect(kubeconfig).sender
        try:
            answer = sender.send(method, _STREAMS.path(), body={} if method == "PATCH" else None)["message"]
        except ClusterError as error:
            answer = str(error)
    assert said in answer
    assert len(asked) == requests


def test_each_pause_is_longer() -> None:
    """The first repetition comes at once, each further one waits twice as long, and shards do not come back together."""
    found, pauses = retries(0.25), list[float]()
    for _ in range(6):
        found = found.increment("GET", "/", response=HTTPResponse(status=503))
        pauses.append(found.get_backoff_time())
    bounds = [(0, 0), (0.5, 0.75), (1, 1.25), (2, 2.25), (4, 4.25), (8, 8.25)]
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True))
    with pytest.raises(MaxRetryError):
        found.increment("GET", "/", response=HTTPResponse(status=503))


def _scan(*arguments: str | Path) -> Result:
    return CliRunner(env={"HOME": "/nonexistent", "KUBECONFIG": None}).invoke(main, ["scan", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--apply",), "--apply: only valid with --fix"),
        (("--fix", "--write-reports", "openreports"), "--fix: makes no report; not valid with --images"),
        (("--fix", "--format", "json"), "--fix: makes no report"),
        (("--write-reports", "openreports", "-l", "a=b"), "--write-reports: not valid with --selector, because a report covers a whole namespace"),
        (("--namespace", "a**b"), '"a**b" matches no namespace: '),
        (("--shard", "5/4"), "--shard"),
        (("--chunk-size", "0"), "0 is not in the range x>=1"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--policy", "/nonexistent"), f"/nonexistent: {UNREADABLE}"),
        (("--kubeconfig", "/nonexistent"), "/nonexistent: "),
        ((), "no cluster configured: "),
    ],
    ids=["apply", "fix", "fix-format", "selector", "glob", "shard", "chunk", "format", "policy", "kubeconfig", "nowhere"],
)  # fmt: skip
def test_what_cannot_be_used(arguments: tuple[str, ...], sentence: str) -> None:
    """Every error is one message, and exit code 2."""
    done = _scan(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    """A file that cannot be written is said, and no part of it is left."""
    with _answering(tmp_path, 200) as kubeconfig:
        done = _scan("--kubeconfig", kubeconfig, "--output", "/nonexistent/report.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "/nonexistent/report.json: cannot be written: No such file or directory\n"


def test_nothing_to_evaluate(tmp_path: Path) -> None:
    """A scan that finds no tag says so: a name may be misspelt."""
    with _answering(tmp_path, 200) as kubeconfig:
        done = _scan("--kubeconfig", kubeconfig, "--namespace", "taem-a")
    assert (done.exit_code, done.stderr) == (0, "there are no tags in the selected image streams\n")
