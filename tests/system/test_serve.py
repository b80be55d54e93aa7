"""The command as it runs in a cluster: real workers, real TLS, real signals, real files."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import HEAD, REVIEWS, docker, review_of
from tests.support.recording import decisions
from tests.support.sentences import UNREADABLE
from tests.support.serving import Server, serving, until

from webhook.certs.issuing import issue

_REFUSED = (REVIEWS / "A05-oc-tag-all-flags.2-validate.json").read_bytes()
_ALLOWED = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the shipped policy."""
    with serving(tmp_path_factory.mktemp("serve"), "--record-level", "request") as running:
        yield running


def test_a_recorded_review(server: Server) -> None:
    """A real review is denied over TLS, and its record is there before the answer is."""
    status, answer = server.post(_REFUSED)
    assert status == 200
    assert answer["response"]["allowed"] is False
    assert answer["response"]["status"]["code"] == 422
    uid = json.loads(_REFUSED)["request"]["uid"]
    record = until(lambda: [each for each in server.records() if each["uid"] == uid], "the record")[0]
    assert record["verdict"] == "deny"
    assert record["request"]["uid"] == uid


def test_mutate(server: Server) -> None:
    """The mutating endpoint completes."""
    status, answer = server.post((REVIEWS / "A02-oc-tag-docker-new-stream.1-mutate.json").read_bytes(), "/mutate")
    assert (status, answer["response"]["patchType"]) == (200, "JSONPatch")


def test_each_port_has_its_endpoints(server: Server) -> None:
    """Admission is on the TLS port only, and what the kubelet asks for on the other only."""
    assert server.get("/livez") == (200, "ok\n")
    assert server.get("/readyz") == (200, "ok\n")
    assert server.get("/validate")[0] == 404
    connection = server.connect()
    connection.request("GET", "/metrics")
    assert connection.getresponse().status == 404
    connection.close()


def test_malformed_reviews_are_logged_with_their_uid(server: Server) -> None:
    """An invalid review is answered with 400, logged and counted."""
    document = review_of(docker("nginx"))
    document["request"]["uid"], document["request"]["operation"] = "no-review", "PATCH"
    status, answer = server.post(json.dumps(document).encode())
    assert (status, answer["reason"]) == (400, "BadRequest")
    line = until(lambda: [line for line in tuple(server.logs) if line.get("uid") == "no-review"], "the log line")[0]
    assert line["severity"] == "WARNING"
    until(lambda: server.metric('istag_webhook_malformed_reviews_total{status="400"}') >= 1, "the count")


def test_records_of_many_workers(server: Server) -> None:
    """Records over 4 KiB of several workers, written at once through one pipe, are whole lines, one for each answer."""
    server.out.clear()
    document = review_of(docker("quay.io/acme/app:1"))
    document["request"]["object"]["image"]["dockerImageManifest"] = "x" * 9_000

    def post(caller: int) -> None:
        connection = server.connect()
        for number in range(25):
            mine = {**document, "request": {**document["request"], "uid": f"{caller}-{number}"}}
            assert server.post(json.dumps(mine).encode(), connection=connection)[0] == 200
        connection.close()

    threads = [threading.Thread(target=post, args=(caller,)) for caller in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: server.out.count(b"\n") >= 200, "the records")
    assert {each["uid"] for each in server.records()} == {
        f"{caller}-{number}" for caller in range(8) for number in range(25)
    }
    assert min(len(line) for line in bytes(server.out).splitlines()) > 9_000


def _policy(path: Path, registry: str) -> None:
    text = HEAD + f"spec: {{rules: [{{name: trusted, registries: {{allow: [{registry}]}}}}]}}\n"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def in_force(server: Server) -> set[str]:
    """Return the policies that the workers have in force, as series of the metrics."""
    lines = server.get("/metrics")[1].splitlines()
    return {line.rpartition(" ")[0] for line in lines if line.startswith("istag_webhook_policy_info{")}


def test_policy_certificate_and_records_change_while_it_runs(tmp_path: Path) -> None:
    """A new policy, a new certificate and a rotated file are taken without a restart; a bad policy or pair is not."""
    policy, records = tmp_path / "policy.yaml", tmp_path / "records.jsonl"
    _policy(policy, "quay.io")
    body = json.dumps(review_of(docker("quay.io/acme/app:1"))).encode()
    with serving(tmp_path, "--policy", str(policy), "--record", str(records)) as server:

        def allowed() -> Any:
            return [server.post(body)[1]["response"]["allowed"] for _ in range(8)]

        assert all(allowed())
        workers = server.workers()
        former = until(lambda: in_force(server), "the policy in force")
        _policy(policy, "registry.example")
        until(lambda: not in_force(server) & former, "the new policy in every worker")
        assert not any(allowed())

        policy.write_text("nonsense: [")
        until(
            lambda: server.metric('istag_webhook_policy_loads_total{result="denied"}') >= 2,
            "the bad policy to be denied",
        )
        assert server.logged("policy rejected")
        assert not any(allowed())
        _policy(policy, "registry.example")  # as it was: nothing new is loaded
        until(lambda: server.logged("policy valid again"), "the recovery to be logged")

        kept = server.connect()
        assert server.post(body, connection=kept)[0] == 200
        issue(tmp_path / "certs", ["localhost"], force=True)
        until(lambda: _all_logged(server, "certificate loaded"), "every worker to serve the new certificate")
        (tmp_path / "certs" / "tls.crt").write_text("rubbish")
        until(lambda: _all_logged(server, "certificate rejected"), "the bad certificate to be denied")
        assert server.post(body)[0] == 200
        assert server.post(body, connection=kept)[0] == 200
        issue(tmp_path / "certs", ["localhost"], force=True)
        until(lambda: _all_logged(server, "certificate valid again"), "the recovery to be logged")
        kept.close()

        records.rename(tmp_path / "records.1")
        server.post(body)
        assert len(decisions(records)) == 1
        assert server.workers() == workers


def _all_logged(server: Server, message: str) -> bool:
    """Whether every worker has logged `message`."""
    return {line["process.pid"] for line in tuple(server.logs) if message in line["message"]} >= server.workers()


def test_sighup_reopens(tmp_path: Path) -> None:
    """After SIGHUP records go to the file that has the name now."""
    records = tmp_path / "records.jsonl"
    with serving(tmp_path, "--record", str(records)) as server:
        server.post(_ALLOWED)
        before = server.workers()
        records.rename(tmp_path / "records.1")
        server.signal(signal.SIGHUP)
        until(lambda: not before & server.workers(), "the workers to be replaced")
        until(lambda: server.get("/readyz")[0] == 200, "the new ones to be ready")
        server.post(_ALLOWED)
        assert len(decisions(tmp_path / "records.1")) == 1
        assert len(decisions(records)) == 1


def test_a_full_disk_is_a_500_and_no_lost_record(tmp_path: Path) -> None:
    """If the record cannot be written, the API server's failurePolicy decides."""
    with serving(tmp_path, "--record", "/dev/full") as server:
        status, answer = server.post(_ALLOWED)
        assert (status, answer["code"]) == (500, 500)
        assert until(lambda: server.logged("review failed"), "the log")["uid"]
        until(lambda: server.metric('istag_webhook_records_total{result="failed"}') == 1, "the count")


def _refused(tmp_path: Path, *arguments: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "webhook.cli", "serve", *arguments],
        capture_output=True, cwd=tmp_path, env={**os.environ, **environment}, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    return done.stderr.decode().splitlines()


_ANY_PORT = ("--port", "0", "--management-port", "0")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port in use and an invalid host are reported at once, with their option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = _refused(tmp_path, "--dev", "--port", str(port), "--management-port", "0")
    assert said[-1] == (
        f"--port: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "set another port with --port or ISTAG_WEBHOOK_PORT"
    )
    if socket.has_ipv6:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            port = taken.getsockname()[1]
            said = _refused(tmp_path, "--dev", "--host", "::1", "--port", str(port), "--management-port", "0")
        assert said[0].startswith(f"--port: cannot listen on [::1]:{port}: ")
    said = _refused(tmp_path, "--dev", *_ANY_PORT, "--host", "no.such.invalid")
    assert said[0].startswith("--host: cannot listen on no.such.invalid: ")


def test_every_fault_before_any_worker(tmp_path: Path) -> None:
    """A bad policy, a missing certificate and an unknown setting are said together, and no worker starts."""
    (tmp_path / "policy.yaml").write_text("a: 1\nspec: 3\n")
    said = _refused(tmp_path, *_ANY_PORT, "--policy", "policy.yaml", "--record", "no/such", ISTAG_WEBHOOK_POLCY="x")
    assert said == [
        "ISTAG_WEBHOOK_POLCY: no such setting; did you mean ISTAG_WEBHOOK_POLICY?",
        "policy.yaml:1:1: a: unknown key; expected one of apiVersion, kind, metadata, spec",
        "policy.yaml:1:1: apiVersion: is required; expected istag-webhook/v1",
        "policy.yaml:1:1: kind: is required; expected ImageTagPolicy",
        "policy.yaml:1:1: metadata: is required; expected a map",
        "policy.yaml:2:1: spec: expected a map, got 3",
        f"certs/tls.crt: {UNREADABLE}",
        f"certs/tls.key: {UNREADABLE}",
        "no/such: No such file or directory",
        "to try it on this machine, add --dev: it makes a certificate",
    ]


def test_the_start_up_line(tmp_path: Path) -> None:
    """One line says where the server listens and what it enforces; no line calls the TLS port http."""
    _policy(tmp_path / "policy.yaml", "quay.io")
    with serving(tmp_path, "--policy", str(tmp_path / "policy.yaml")) as server:
        (line,) = (each for each in server.logs if "listening" in each["message"].lower())
        (found,) = in_force(server)
        assert f'digest="{line["digest"][:19]}"' in found
        assert (line["policy"], line["rules"]) == ("test", 2)
        warned = until(lambda: [each for each in server.logs if each["message"] == "policy warning"], "the warnings")
        assert line["warnings"] == len({each["warning"] for each in warned})
        assert line["admission"] == f"https://127.0.0.1:{server.port}"
        assert not [each for each in server.logs if f"http://127.0.0.1:{server.port}" in json.dumps(each)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [([], True), (["--log-format", "json"], False), (["--log-format", "text"], True)],
    ids=["auto", "json", "text"],
)
def test_the_log_on_a_terminal(tmp_path: Path, arguments: list[str], text: bool) -> None:
    """On a terminal the log is text, unless JSON is asked for."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "webhook.cli", "serve", "--dev", *_ANY_PORT, "--workers", "1", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"listening" not in shown or not shown.endswith(b"\n"):
            shown += os.read(ours, 4_096)
        process.terminate()
        with suppress(OSError):  # EIO: the terminal has no writer any more
            while part := os.read(ours, 4_096):
                shown += part
    os.close(ours)
    (line,) = (each for each in shown.decode().splitlines() if "listening" in each)
    assert line.startswith("{") is not text
    assert ("INFO    listening" in line) is text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], ["--port: expected a port from 0 to 65535, got 70000"]),
        (
            ["--port", "9", "--management-port", "9"],
            ["--management-port: expected a port other than that of the admission endpoints, got 9"],
        ),
        (["--keepalive", "60"], ["--keepalive: expected more than the 90 seconds that the API server keeps a connection, got 60"]),
        (["--record-level", "all", "--workers", "0"], [
            "--workers: expected 1 to 64 workers, got 0", "--record-level: expected metadata or request, got all",
        ]),
        (["--record", ""], ["--record: expected a file, or - for standard output, got nothing"]),
    ],
    ids=["port", "same-port", "keepalive", "two", "empty"],
)  # fmt: skip
def test_bad_settings(tmp_path: Path, arguments: list[str], said: list[str]) -> None:
    """A setting that cannot be used is named, with what was expected."""
    assert _refused(tmp_path, *arguments) == said


def test_a_setting_from_the_environment(tmp_path: Path) -> None:
    """Every setting can be given by its variable; the flag wins."""
    said = _refused(tmp_path, "--workers", "99", ISTAG_WEBHOOK_PORT="70000", ISTAG_WEBHOOK_WORKERS="3")
    assert [(line.partition(":")[0], line.rpartition(" ")[2]) for line in said] == [
        ("--port", "70000"),
        ("--workers", "99"),
    ]


def test_warnings_of_the_policy(tmp_path: Path) -> None:
    """A server logs and counts the warnings about a policy that it loads, at the start and after each reload."""
    policy = tmp_path / "policy.yaml"
    _policy(policy, "quay.io")
    with serving(tmp_path, "--policy", str(policy), "--workers", "1") as server:

        def counted(*names: str) -> list[float]:
            return [server.metric(f'istag_webhook_policy_warnings{{warning="{name}"}}') for name in names]

        def logged() -> list[str]:
            return [line["warning"] for line in tuple(server.logs) if line["message"] == "policy warning"]

        line = until(lambda: server.logged("policy warning"), "a warning at the start")
        assert (line["severity"], line["warning"], line["entry"]) == ("WARNING", "importer-not-exempt", "rules/trusted")
        assert (line["place"], line["path"]) == (f"{policy}:4:16", "spec.rules[0]")
        assert "system:serviceaccount:openshift-infra:image-import-controller" in line["sentence"]
        assert counted("importer-not-exempt", "missing-internal-registry", "alias-bypass") == [1, 1, 0]
        rule = "{name: live, match: {tags: [live]}, registries: {deny: [quay.io]}}"
        policy.with_suffix(".new").write_text(HEAD + f"spec: {{rules: [{rule}], ignore: [importer-not-exempt]}}")
        policy.with_suffix(".new").rename(policy)
        until(lambda: counted("alias-bypass") == [1], "the warnings of the new policy")
        assert counted("importer-not-exempt", "missing-internal-registry") == [0, 0]
        until(lambda: "alias-bypass" in logged(), "the new warning")
        assert (logged().count("alias-bypass"), logged().count("importer-not-exempt")) == (1, 1)
