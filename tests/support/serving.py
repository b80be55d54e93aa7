"""The real command in a process of its own, over real TLS."""

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

# Seconds until what does not come is given up. It only bounds a hang: a busy machine may take most of it.
PATIENCE: Final = 120.0
_SHOWN = 50


def until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask `holds` until it says something true, and return that."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {patience:g} s for {what}")


def ports(pid: int) -> list[int]:
    """Return the TCP ports that a process listens on (proc(5))."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            inodes.add(str(descriptor.readlink()))
    listening = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [
        int(fields[1].rpartition(":")[2], 16)
        for fields in listening
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes  # 0A: TCP_LISTEN
    ]


def connections(pid: int, *ports: int) -> int:
    """Return how many accepted connections to these ports a process holds, closing ones included (proc(5))."""
    tables = (Path(f"/proc/{pid}/net/{table}").read_text() for table in ("tcp", "tcp6"))
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    wanted = tuple(f":{port:04X}" for port in ports)
    accepted = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(wanted) and row[3] != "0A"}  # 0A: TCP_LISTEN
    found = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            found += str(descriptor.readlink()) in accepted
    return found


@dataclass
class Server:
    """A running `istag-webhook serve`."""

    process: subprocess.Popen[bytes]
    ca: Path
    port: int = 0
    management_port: int = 0
    logs: list[dict[str, Any]] = field(default_factory=list)
    out: bytearray = field(default_factory=bytearray)

    def connect(self) -> http.client.HTTPSConnection:
        """Open a connection to the admission port."""
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=PATIENCE)

    def post(self, body: bytes, path: str = "/validate", connection: http.client.HTTPSConnection | None = None) -> Any:
        """Post a body, and return status and JSON."""
        over = connection or self.connect()
        try:
            over.request("POST", path, body, {"Content-Type": "application/json"})
            answer = over.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            if connection is None:
                over.close()

    def get(self, path: str) -> tuple[int, str]:
        """Get a path of the management port, and return status and text."""
        over = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=PATIENCE)
        try:
            over.request("GET", path)
            answer = over.getresponse()
            return answer.status, answer.read().decode()
        finally:
            over.close()

    def metric(self, name: str) -> float:
        """Return the sum of the samples whose line begins with `name`."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def logged(self, message: str) -> dict[str, Any] | None:
        """Return the first log line with `message`, None without one."""
        return next((line for line in tuple(self.logs) if message in line["message"]), None)

    def records(self) -> list[dict[str, Any]]:
        """Return the complete records of decisions on standard output; a thread reads it, which may lag behind an answer."""
        lines = map(json.loads, bytes(self.out).split(b"\n")[:-1])
        return [line for line in lines if line["kind"] == "decision"]

    def workers(self) -> set[int]:
        """Return the pids of the workers that run now."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], stdout=subprocess.PIPE, check=False
        )
        return {int(pid) for pid in listed.stdout.split()}

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self.process.send_signal(number)


def mount(directory: Path, entries: dict[str, bytes]) -> None:
    """Mount a Secret, or change one that is mounted, as the kubelet does: a directory of its own, and one symlink."""
    directory.mkdir(exist_ok=True)
    version = directory / f"..{len(list(directory.iterdir()))}"
    version.mkdir()
    for name, data in entries.items():
        (version / name).write_bytes(data)
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")
    (directory / "..data_tmp").symlink_to(version.name)
    (directory / "..data_tmp").rename(directory / "..data")


@contextmanager
def serving(directory: Path, *arguments: str, stdout: Any = subprocess.PIPE, **environment: str) -> Iterator[Server]:
    """Run `istag-webhook serve --dev` with its certificates in `directory`, until the end of the block.

    Its standard output is kept in `out`, or is the descriptor `stdout`.
    """
    certs = directory / "certs"
    command = [
        sys.executable, "-m", "webhook.cli", "serve", "--dev", "--port", "0", "--management-port", "0", "--workers", "2",
        "--cert", str(certs / "tls.crt"), "--key", str(certs / "tls.key"), *arguments,
    ]  # fmt: skip
    workers = next(int(value) for name, value in reversed(list(pairwise(command))) if name == "--workers")
    with running(command, certs / "ca.crt", directory, stdout, **environment) as server:
        # The first is ready before the last is there.
        until(lambda: len(server.workers()) == workers, f"{workers} workers")
        yield server


@contextmanager
def running(
    command: list[str], ca: Path, directory: Path, stdout: Any = subprocess.PIPE, **environment: str
) -> Iterator[Server]:
    """Run a command that serves in `directory`, until the end of the block."""
    process = subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, cwd=directory, env={**os.environ, **environment}
    )
    server = Server(process, ca)
    readers = [threading.Thread(target=_log, args=(server,)), threading.Thread(target=_out, args=(server,))]
    for reader in readers:
        reader.start()
    try:
        line = until(lambda: server.logged("listening") or process.poll() is not None, "the server to listen")
        assert isinstance(line, dict), f"the server ended with {process.returncode}: {server.logs}"
        server.port = int(re.findall(r"\d+$", line["admission"])[0])
        server.management_port = int(re.findall(r"\d+$", line["management"])[0])
        until(lambda: server.get("/readyz")[0] == 200, "the server to be ready")
        yield server
    except BaseException:
        # pytest shows it below the failure: without it the reason for a server's failure is unknown.
        lines = [f"the server (pid {process.pid}, exit code {process.poll()}) said last:", *server.logs[-_SHOWN:]]
        sys.stderr.write("\n".join(map(str, lines)) + "\n")
        raise
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in readers:
            reader.join()


class Load:
    """Callers that post over and over on kept connections, and note what was not answered.

    Attributes:
        answered: requests that were answered.
        failed: what went wrong that a client would not try again.
        lost: requests on a kept connection that got no answer, and were sent again on another.
    """

    def __init__(self, server: Server, body: bytes, callers: int = 4) -> None:
        self.server, self.body, self.answered = server, body, 0
        self.failed: list[str] = []
        self.lost = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        until(lambda: self.answered > 20 or self.failed, "the load")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def counted(self) -> dict[str, int]:
        """How many requests were sent, got no answer, and failed."""
        return {"requests": self.answered + self.lost, "lost": self.lost, "failed": len(self.failed)}

    def _call(self) -> None:
        connection, fresh = self.server.connect(), True
        while not self._stop.is_set():
            try:
                status, _ = self.server.post(self.body, connection=connection)
            except (OSError, http.client.HTTPException) as error:
                # Like Go's client: a kept connection that was closed while idle is reopened, a new one must not fail.
                if fresh and not self._stop.is_set():
                    self.failed.append(repr(error))
                self.lost += 1
                connection.close()
                connection, fresh = self.server.connect(), True
                continue
            if status != 200:
                self.failed.append(f"status {status}")
            self.answered += 1
            fresh = connection.sock is None
        connection.close()


def _log(server: Server) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        if line.startswith(b"{"):
            server.logs.append(json.loads(line))
        else:
            server.logs.append({"message": line.decode().strip()})
    server.process.stderr.close()


def _out(server: Server) -> None:
    if server.process.stdout is None:
        return  # it is somebody else's
    while part := os.read(server.process.stdout.fileno(), 2**16):
        server.out.extend(part)
    server.process.stdout.close()
