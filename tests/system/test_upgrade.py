"""A rolling upgrade from the previous commit, under load: no request is denied, and both versions read all records."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest
from tests.support.builders import HEAD
from tests.support.hammer import Hammer
from tests.support.paths import ROOT
from tests.support.serving import Server, running, until

from webhook.certs.issuing import issue

_REPLICAS: Final = 2
_POLICY: Final = HEAD + "spec: {rules: [{name: trusted, registries: {allow: [quay.io/acme/*]}}]}\n"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the previous commit has it."""
    directory = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(
        ["git", "archive", "HEAD~1", "webhook", "pyproject.toml"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"git has no previous commit here: {archive.stderr.decode().strip()}")
    subprocess.run(["tar", "--extract"], cwd=directory, input=archive.stdout, check=True)
    where = _python(directory, "-c", "import webhook; print(webhook.__file__)").stdout.strip()
    assert Path(where).is_relative_to(directory), "it is the previous code that runs"
    return directory


def _python(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the package of a checkout."""
    given = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run([sys.executable, *arguments], env=given, cwd="/", capture_output=True, text=True, check=False)


def _command(root: Path) -> list[str]:
    """Return what runs `istag-webhook` of a checkout, as its pyproject.toml declares it."""
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["istag-webhook"].partition(":")
    return ["-c", f"import sys; from {module} import {function}; sys.exit({function}())"]


@contextmanager
def _pod(root: Path, directory: Path, name: str) -> Iterator[Server]:
    """Run a pod of a checkout, which records into a file of its own."""
    command = [
        sys.executable, *_command(root), "serve", "--host", "127.0.0.1", "--port", "0", "--management-port", "0", "--workers", "1",
        "--cert", str(directory / "tls.crt"), "--key", str(directory / "tls.key"), "--policy", str(directory / "policy.yaml"),
        "--record", str(directory / "records" / f"{name}.jsonl"), "--record-level", "request", "--drain", "1",
    ]  # fmt: skip
    with running(command, directory / "ca.crt", directory, PYTHONPATH=str(root)) as server:
        yield server


class Endpoints:
    """A Service: a new connection goes to the next endpoint that is ready, and stays with it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.ready: list[int] = []
        self._taken = 0
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listener.accept()
                self._taken += 1
                port = self.ready[self._taken % len(self.ready)]
                thread = threading.Thread(target=_carry, args=(client, port))
                thread.start()
                self._threads.append(thread)


def _carry(client: socket.socket, port: int) -> None:
    """Carry bytes both ways until one side ends."""
    with client, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as pod:
        other = {client: pod, pod: client}
        while True:
            for side in select.select([client, pod], [], [])[0]:
                if not (data := side.recv(2**16)):
                    return
                other[side].sendall(data)


def _replayed(root: Path, directory: Path) -> dict[str, Any]:
    """Return what `replay` of a checkout reports of all records, as JSON."""
    done = _python(
        root, *_command(root), "replay", "--policy", directory / "policy.yaml", "--fail-on-empty", "--format", "json",
        directory / "records",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_rolling_upgrade_under_load(previous: Path, tmp_path: Path) -> None:
    """Every request is answered and recorded while each pod is replaced, and both versions read what the other wrote."""
    issue(tmp_path, ["localhost"])
    (tmp_path / "policy.yaml").write_text(_POLICY)
    (tmp_path / "records").mkdir()
    with ExitStack() as stack, Endpoints() as service:
        pods = [stack.enter_context(_pod(previous, tmp_path, f"old-{number}")) for number in range(_REPLICAS)]
        service.ready = [pod.port for pod in pods]
        with Hammer(Server(pods[0].process, tmp_path / "ca.crt", service.port)) as load:
            for number, old in enumerate(pods):
                new = stack.enter_context(_pod(ROOT, tmp_path, f"new-{number}"))
                # maxSurge 1, maxUnavailable 0: first the new one is ready, then the old one is told to end.
                service.ready = [*service.ready, new.port]
                old.process.terminate()
                service.ready = [port for port in service.ready if port != old.port]
                until(lambda: old.process.poll() is not None, "the old pod to end")  # noqa: B023 - asked at once
                assert old.process.returncode == 0
                load.more("after a pod was replaced")
        assert load.lost == []
        assert set(load.statuses) == {200}
    files = sorted((tmp_path / "records").iterdir())
    assert len(files) == 2 * _REPLICAS
    lines = {path.stem: path.read_bytes().splitlines() for path in files}
    for version in ("old", "new"):
        assert any(each for stem, each in lines.items() if stem.startswith(version)), (
            f"a pod of the {version} version answered"
        )
    load.hold(line for each in lines.values() for line in each)
    for root in (previous, ROOT):
        found = _replayed(root, tmp_path)["summary"]
        decisions = [line for each in lines.values() for line in each if b'"verdict":' in line]
        assert found["allowed"] + found["denied"] == len(decisions)
        assert (found["errors"], found["skipped"], found["newlyAllowed"], found["newlyDenied"]) == (0, 0, 0, 0)
