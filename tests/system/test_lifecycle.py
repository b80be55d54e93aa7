"""A worker's life: not ready before it can answer, gone without a trace when it is killed, and no larger after an hour's work."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from tests.support.builders import HEAD, REVIEWS
from tests.support.measuring import Measured
from tests.support.mileage import Callers
from tests.support.recording import decisions
from tests.support.serving import PATIENCE, Load, Server, ports, serving, until
from tools.footprint import memory

from webhook.certs.issuing import issue

_BODY = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()
_AN_HOUR = 18_000  # reviews: five a second, which a busy cluster's builds and importers send
_WARM = 3_000  # until pools, buffers and the tables of the allocator have the size that they keep


def test_nothing_listens_until_policy_and_certificate_are_loaded(tmp_path: Path) -> None:
    """There is no port while the policy is loading. The first answer is ready, and is correct."""
    policy, whole = tmp_path / "policy.yaml", tmp_path / "whole.yaml"
    whole.write_text(HEAD + "spec: {rules: [{name: trusted, registries: {allow: [registry.example]}}]}\n")
    issue(tmp_path / "certs", ["localhost"])
    os.mkfifo(policy)
    command = [
        sys.executable, "-m", "webhook.cli", "serve", "--host", "127.0.0.1", "--port", "0", "--management-port", "0",
        "--policy", str(policy), "--drain", "0",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with policy.open("w") as writer:  # waits until the server reads
                assert ports(process.pid) == []
                whole.rename(policy)  # what workers look at later
                writer.write(policy.read_text())
            management, admission = until(lambda: _both(process.pid), "both ports")
            server = Server(process, tmp_path / "certs" / "ca.crt", admission, management)
            assert server.get("/readyz") == (200, "ok\n")
            assert server.post(_BODY)[1]["response"]["allowed"] is False
        finally:
            process.terminate()
        assert process.wait(timeout=PATIENCE) == 0


def _both(pid: int) -> list[int]:
    """Return the ports in the order management, admission, once there are two."""
    found = ports(pid)
    return sorted(found, key=_speaks_tls) if len(found) == 2 else []


def _speaks_tls(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError:
        return False


def test_a_worker_killed_under_load(tmp_path: Path, measured: Measured) -> None:
    """It costs at most one request on each of its connections, another takes its place, and every answer has its whole record."""
    records = tmp_path / "records.jsonl"
    with serving(tmp_path, "--record", str(records)) as server, Load(server, _BODY) as load:
        gone = max(_kill_one(server, load) for _ in range(3))
    measured(**load.counted, replaced=gone)
    lines = [line for line in records.read_bytes().splitlines() if line]
    # A kill in the middle of a write leaves the beginning of a record, on a line of its own; no answer left for it.
    whole = [line for line in lines if line.endswith(b"}")]
    assert len(lines) - len(whole) <= 3
    written = [each["uid"] for each in decisions(records)]
    assert len(written) >= load.answered
    assert set(written) == {json.loads(_BODY)["request"]["uid"]}


def test_a_worker_that_comes_later_serves_the_renewed_certificate(tmp_path: Path) -> None:
    """A worker that replaces another has the certificate of now for its first handshake, not the one of the start."""
    with serving(tmp_path, "--workers", "1") as server:
        (worker,) = server.workers()
        issue(tmp_path / "certs", ["localhost"], force=True)
        until(lambda: server.logged("certificate loaded"), "the new certificate")
        os.kill(worker, signal.SIGKILL)
        until(lambda: server.workers() - {worker}, "another worker")
        assert server.post(_BODY)[0] == 200


def _kill_one(server: Server, load: Load) -> float:
    """Kill a worker; return the seconds until another had taken its place."""
    lost, killed = load.lost, min(server.workers())
    started = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(server.workers() - {killed}) == 2, "another worker")
    gone = time.monotonic() - started
    enough = load.answered + 50
    until(lambda: load.answered > enough or load.failed, "answers of the others")
    assert load.failed == []
    assert load.lost - lost <= 4
    assert server.get("/readyz")[0] == 200
    return gone


def test_memory_after_an_hour(tmp_path: Path) -> None:
    """An hour's reviews, none like another, over kept connections leave a worker as large as it was once it was warm."""
    # Coverage would count its own memory, and take most of the time.
    with serving(tmp_path, "--workers", "1", "--record", os.devnull, COVERAGE_PROCESS_CONFIG="") as server:
        (worker,) = server.workers()
        with Callers(server) as callers:

            def send(requests: int) -> float:
                callers.send(requests)
                assert server.get("/metrics")[0] == 200
                return memory(worker, "Anonymous")

            warm = send(_WARM)
            after = send(_AN_HOUR - _WARM)
            assert callers.statuses == {b"200": _AN_HOUR}
        assert server.workers() == {worker}
        assert after - warm < 4, f"{warm:.1f} MiB, then {after:.1f} MiB"
