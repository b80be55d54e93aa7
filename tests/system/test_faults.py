"""Faults under a load of which every request is counted; `FAULTS.md` says which test proves what."""

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import measuring
from tests.support.builders import HEAD, docker, review_of
from tests.support.hammer import OTHER, TRUSTED, Hammer
from tests.support.measuring import Measured
from tests.support.recording import decisions
from tests.support.serving import PATIENCE, Server, serving, until

from webhook.certs.issuing import issue

_TESTS = Path(__file__).parents[1]


def _policy(path: Path, *registries: str) -> None:
    """Write a policy as the kubelet does, whole at once."""
    path.with_suffix(".new").write_text(
        HEAD + f"spec: {{rules: [{{name: trusted, registries: {{allow: [{', '.join(registries)}]}}}}]}}\n"
    )
    path.with_suffix(".new").rename(path)


@contextlib.contextmanager
def _served(directory: Path, *arguments: str, stdout: int = subprocess.PIPE) -> Iterator[Server]:
    """Run a server whose policy trusts one registry."""
    _policy(directory / "policy.yaml", "quay.io")
    with serving(directory, "--policy", str(directory / "policy.yaml"), *arguments, stdout=stdout) as server:
        yield server


def test_the_table_names_tests() -> None:
    """Every test that the table of faults names is there."""
    named = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", (_TESTS / "FAULTS.md").read_text())
    assert len(named) > 20
    assert [(file, name) for file, name in named if f"def {name}(" not in (_TESTS / file).read_text()] == []


def test_figures_go_to_their_rows() -> None:
    """A test's count is written to each row that names it, and nothing else in the table changes."""
    table = measuring.TABLE.read_text()
    test = "system/test_faults.py::test_files_replaced_under_load"
    anew = measuring.written(table, {test: measuring.sentence(1_234, 0, 5, recovery=0.125)})
    rows = [line for line in anew.splitlines() if f"`{test}`" in line]
    assert len(rows) == 3
    assert all(" | 1,234 requests, 0 lost, 5 not 200, 200 again after 0.12 s | " in row for row in rows)
    assert len(anew.splitlines()) - len(table.splitlines()) in (0, 1)
    assert measuring.written(anew, {}) == anew


def test_files_replaced_under_load(tmp_path: Path, measured: Measured) -> None:
    """Rubbish for a certificate and a policy that is bad, half or gone change no answer; a good policy changes every one."""
    records, policy = tmp_path / "records.jsonl", tmp_path / "policy.yaml"
    with _served(tmp_path, "--record", str(records)) as server:
        with Hammer(server) as load:
            whole = policy.read_text()
            for number, bad in enumerate(("nonsense: [", whole[: len(whole) // 2], HEAD + "spec: {rules: 3}\n", None)):
                refusals = server.metric('istag_webhook_policy_loads_total{result="denied"}')
                policy.unlink() if bad is None else policy.write_text(bad)

                def refused(before: float = refusals) -> bool:
                    return server.metric('istag_webhook_policy_loads_total{result="denied"}') >= before + 2

                until(refused, f"the bad policy {number} to be denied by both workers")
                load.more(f"under the bad policy {number}")
            (tmp_path / "certs" / "tls.crt").write_text("rubbish")
            until(lambda: server.logged("certificate rejected"), "the rubbish to be denied")
            load.more("with rubbish for a certificate")
            issue(tmp_path / "certs", ["localhost"], force=True)
            until(lambda: _everywhere(server), "the new certificate in both workers")
            load.more("with the new certificate")
            assert server.metric("istag_webhook_policy_last_load_successful") == 0
        assert (load.lost, set(load.statuses)) == ([], {200})
        measured(**load.counted)
        assert {uid for uid in load.answers if uid.startswith("trusted")} == load.allowed()
        load.hold(records.read_bytes().splitlines())

        _policy(policy, "quay.io", "registry.example")
        body = json.dumps(review_of(docker(OTHER))).encode()
        until(lambda: all(server.post(body)[1]["response"]["allowed"] for _ in range(8)), "the good policy everywhere")
        assert server.metric("istag_webhook_policy_last_load_successful") == 1


def _everywhere(server: Server) -> bool:
    """Whether both workers say that they have the new certificate."""
    return sum("certificate loaded" in line["message"] for line in tuple(server.logs)) >= len(server.workers())


def test_a_disk_that_fills_under_load(tmp_path: Path, measured: Measured) -> None:
    """While the disk is full nothing is allowed; when there is space again all is answered, and every record is whole."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with _served(tmp_path, "--record", str(disk / "records.jsonl")) as server, Hammer(server) as load:
            with contextlib.suppress(OSError), (disk / "other").open("wb", buffering=0) as other:
                while True:
                    other.write(b"x" * 4_096)
            load.more("on a full disk", status=500)
            full = load.allowed()
            load.more("on a full disk", status=500)
            assert len(load.allowed() - full) <= 4, "a record fitted where there was no space"
            assert server.get("/readyz")[0] == 200
            (disk / "other").unlink()
            back = load.more("with space again", count=100)
        assert (load.lost, set(load.statuses)) == ([], {200, 500})
        measured(**load.counted, recovery=back)
        load.hold((disk / "records.jsonl").read_bytes().splitlines())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_records_rotated_under_load(tmp_path: Path, measured: Measured) -> None:
    """Rotated again and again, the files have one whole record for each answer."""
    records = tmp_path / "records.jsonl"
    with _served(tmp_path, "--record", str(records)) as server, Hammer(server) as load:
        for number in range(10):
            load.more(f"before rotation {number}", count=10)
            records.rename(tmp_path / f"records.{number}")
            until(records.exists, "the next file")
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(line for path in tmp_path.glob("records.*") for line in path.read_bytes().splitlines())


def test_a_record_directory_gone_under_load(tmp_path: Path, measured: Measured) -> None:
    """While the directory of the records is gone nothing is allowed; when it is back all is answered."""
    directory = tmp_path / "records"
    directory.mkdir()
    with _served(tmp_path, "--record", str(directory / "records.jsonl")) as server, Hammer(server) as load:
        directory.rename(tmp_path / "away")
        load.more("without a directory", status=500)
        failed = server.metric('istag_webhook_records_total{result="failed"}')
        directory.mkdir()
        back = load.more("with the directory again", count=100)
        assert failed > 0
    assert (load.lost, set(load.statuses)) == ([], {200, 500})
    measured(**load.counted, recovery=back)
    files = (directory / "records.jsonl", tmp_path / "away" / "records.jsonl")
    load.hold(line for path in files for line in path.read_bytes().splitlines())


def test_a_reader_that_stalls_under_load(tmp_path: Path, measured: Measured) -> None:
    """A full pipe causes 500 or 503 and never an allow or a hanging service; afterwards all is answered again."""
    fifo, gate = tmp_path / "fifo", tmp_path / "read.jsonl"
    os.mkfifo(fifo)
    with gate.open("wb") as sink:
        reader = subprocess.Popen(["cat", str(fifo)], stdout=sink)
        writer = os.open(fifo, os.O_WRONLY)  # the server opens it more than once, and each end would end the reader
        try:
            with _served(tmp_path, "--record", str(fifo)) as server, Hammer(server) as load:
                reader.send_signal(signal.SIGSTOP)
                until(lambda: load.statuses[500] + load.statuses[503] >= 4, "answers while nobody reads", 60)
                stalled = load.allowed()
                unanswered = load.statuses[500] + load.statuses[503]
                until(lambda: load.statuses[500] + load.statuses[503] >= unanswered + 4, "further ones", 60)
                assert load.allowed() == stalled
                reader.send_signal(signal.SIGCONT)
                back = load.more("with its reader back", count=100)
            assert load.lost == []
            assert set(load.statuses) <= {200, 500, 503}
            measured(**load.counted, recovery=back)
        finally:
            os.close(writer)
            reader.send_signal(signal.SIGCONT)
            reader.wait(30)
    load.hold(gate.read_bytes().splitlines())


class _Reader:
    """A reader of a pipe, until it is stopped."""

    def __init__(self, descriptor: int, into: bytearray) -> None:
        self._descriptor, self._into, self._going = descriptor, into, threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._going.is_set():
            if select.select([self._descriptor], [], [], 0.02)[0]:
                self._into.extend(os.read(self._descriptor, 2**16))

    def go(self) -> None:
        """Go away: close the reader's end."""
        self._going.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # it was closed before
            os.close(self._descriptor)
        self._descriptor = -1


def test_a_reader_that_goes_away_under_load(tmp_path: Path, measured: Measured) -> None:
    """If standard output has lost its reader, every answer is 500 and none an allow; the server stops normally."""
    read, (end, output) = bytearray(), os.pipe()
    reader = _Reader(end, read)
    try:
        with _served(tmp_path, stdout=output) as server:
            os.close(output)
            with Hammer(server) as load:
                reader.go()
                load.more("without a reader", status=500)
                gone, answered = load.allowed(), load.statuses[200]
                load.more("still without one", status=500, count=100)
                assert (load.allowed(), load.statuses[200]) == (gone, answered)
                assert server.get("/readyz")[0] == 200
                assert server.metric('istag_webhook_records_total{result="failed"}') > 0
                assert "Broken pipe" in str(server.logged("review failed"))
            server.signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
    finally:
        reader.go()
    assert (load.lost, set(load.statuses)) == ([], {200, 500})
    measured(**load.counted)
    whole = [json.loads(line) for line in read.splitlines(keepends=True) if line.endswith(b"\n")]
    assert {load.answers[record["uid"]] for record in whole if record.get("verdict") == "deny"} == {(200, False)}
    assert not any(allowed for uid, (_, allowed) in load.answers.items() if uid.startswith("other"))


def test_a_reader_that_comes_back_under_load(tmp_path: Path, measured: Measured) -> None:
    """A named pipe, as used by containerd, may be reopened: 500 while it has no reader, then every answer has its record."""
    read, fifo = bytearray(), tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = _Reader(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), read)
    output = os.open(fifo, os.O_WRONLY)
    try:
        with _served(tmp_path, stdout=output) as server, Hammer(server) as load:
            reader.go()
            load.more("without a reader", status=500)
            gone = load.allowed()
            load.more("still without one", status=500)
            assert load.allowed() == gone
            reader = _Reader(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), read)
            back = load.more("with another reader", count=100)
        until(lambda: load.statuses[200] <= read.count(b'"kind":"decision"'), "the last record")
    finally:
        reader.go()
        os.close(output)
    assert (load.lost, set(load.statuses)) == ([], {200, 500})
    measured(**load.counted, recovery=back)
    load.hold(bytes(read).splitlines())


def _many(source: str, uid: str, tags: int = 300) -> bytes:
    """Return a review that takes some milliseconds to evaluate."""
    document = review_of(docker(source), uid=uid)
    document["request"]["object"]["metadata"]["annotations"] = {f"key-{n}": "x" * 100 for n in range(tags * 10)}
    return json.dumps(document).encode()


async def _burst(server: Server, connections: int, each: int) -> dict[str, int]:
    """Send a review on every connection at once, `each` times; return the status of every uid."""
    context = ssl.create_default_context(cafile=server.ca)
    found: dict[str, int] = {}
    together = asyncio.Barrier(connections)
    shaking = asyncio.Semaphore(20)

    async def caller(number: int) -> None:
        async with shaking:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
            )
        uids = [f"{number}-{at}" for at in range(each)]
        bodies = [_many(OTHER if at % 2 else TRUSTED, uid) for at, uid in enumerate(uids)]
        # Until its head has come a connection has but ten seconds: the first answer makes it one that may be idle.
        found[f"{number}-first"] = await _asked(
            reader, writer, json.dumps(review_of(docker(TRUSTED), uid="first")).encode()
        )
        await together.wait()
        for uid, body in zip(uids, bodies, strict=True):
            found[uid] = await _asked(reader, writer, body)
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(caller(number))
    return found


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    writer.write(
        b"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head.lower())[0]))
    status = int(head.split(b" ", 2)[1])
    if status == 503:
        assert b"retry-after: 1" in head.lower()
    return status


def test_a_burst_is_shed(tmp_path: Path, measured: Measured) -> None:
    """Of more than can be evaluated within the patience, each request gets 200 or 503; readiness stays, and then all is 200."""
    records = tmp_path / "records.jsonl"
    with _served(tmp_path, "--workers", "1", "--patience", "0.1", "--record", str(records)) as server:
        ready: Counter[int] = Counter()

        async def asking() -> dict[str, int]:
            burst = asyncio.create_task(_burst(server, 300, 3))
            while not burst.done():
                ready[(await asyncio.to_thread(server.get, "/readyz"))[0]] += 1
            return await burst

        found = asyncio.run(asking())
        assert len(found) == 300 * 4
        statuses = Counter(found.values())
        assert set(statuses) == {200, 503}
        measured(requests=len(found), lost=0, failed=statuses[503])
        assert set(ready) == {200}
        assert server.metric("istag_webhook_shed_requests_total") == statuses[503]
        assert server.metric("istag_webhook_admission_requests_total") == statuses[200]
        written = [each["uid"] for each in decisions(records)]
        assert len(written) == statuses[200]
        recorded = set(written) - {"first"}
        assert recorded == {uid for uid, status in found.items() if status == 200 and not uid.endswith("first")}
        body = json.dumps(review_of(docker(TRUSTED))).encode()
        assert Counter(server.post(body)[0] for _ in range(50)) == {200: 50}
        assert server.metric("istag_webhook_shed_requests_total") == statuses[503]


def test_connections_that_do_nothing(tmp_path: Path, measured: Measured) -> None:
    """Two thousand connections that are silent, stop within the handshake or send slowly do not affect others."""
    records = tmp_path / "records.jsonl"
    with _served(tmp_path, "--record", str(records)) as server, contextlib.ExitStack() as stack, Hammer(server) as load:
        for number in range(2_000):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            if number % 2:
                silent.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        context = ssl.create_default_context(cafile=server.ca)
        slow = [
            stack.enter_context(
                context.wrap_socket(
                    stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)),
                    server_hostname="localhost",
                )
            )
            for _ in range(50)
        ]
        for byte in b"POST /validate":
            for each in slow:
                each.sendall(bytes([byte]))
            load.more("beside slow heads", count=1)
        load.more("beside them all", count=100)
        assert server.get("/readyz")[0] == 200
        assert [each.recv(1) for each in slow] == [b""] * len(slow)
        load.more("after they were closed")
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(records.read_bytes().splitlines())


_REVIEW = json.dumps(review_of(docker(TRUSTED), uid="hostile"))
_UNLIKE_ANY = '"uid": "hostile"'
_HOSTILE = {
    "brackets": b"[" * 100_000 + b"]" * 100_000,
    "brackets-in-a-review": _REVIEW.replace(
        _UNLIKE_ANY, f'{_UNLIKE_ANY}, "x": {"[" * 100_000}{"]" * 100_000}'
    ).encode(),
    "braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "huge-number": _REVIEW.replace(_UNLIKE_ANY, f'{_UNLIKE_ANY}, "x": {"9" * 100_000}').encode(),
    "huge-exponent": _REVIEW.replace(_UNLIKE_ANY, f'{_UNLIKE_ANY}, "x": 1e999999999').encode(),
    "duplicate-keys": _REVIEW.replace(_UNLIKE_ANY, f'{_UNLIKE_ANY}, "uid": "other"').encode(),
    "nan": _REVIEW.replace(_UNLIKE_ANY, f'{_UNLIKE_ANY}, "x": NaN').encode(),
    "lone-surrogate": _REVIEW.replace('"hostile"', r'"hostile\ud800"').encode(),
    "invalid-utf-8": _REVIEW.encode().replace(b"hostile", b"host\xff\xfe"),
    "bom": b"\xef\xbb\xbf" + _REVIEW.encode(),
    "utf-16": _REVIEW.encode("utf-16"),
    "truncated": _REVIEW.encode()[:-20],
    "empty": b"",
}


def _raw(server: Server, head: str, body: bytes) -> bytes:
    """Write a request as it is, end the writing side, and return all that comes back."""
    context = ssl.create_default_context(cafile=server.ca)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        request = f"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}\r\n".encode()
        connection.sendall(request + body)
        answer = b""
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            while part := connection.recv(2**16):
                answer += part
        return answer


def test_hostile_bodies(tmp_path: Path, measured: Measured) -> None:
    """An invalid review or request is a client error or a closed connection, and is not recorded."""
    records = tmp_path / "records.jsonl"
    bomb = subprocess.run(["gzip", "-c"], input=b"\0" * 2**24, stdout=subprocess.PIPE, check=True).stdout
    with _served(tmp_path, "--record", str(records)) as server, Hammer(server, 2) as load:
        for name, body in _HOSTILE.items():
            assert (name, server.post(body)[0]) == (name, 413 if name == "brackets-in-a-review" else 400)
        length = f"Content-Length: {len(bomb)}\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        assert _raw(server, length, bomb).startswith(b"HTTP/1.1 415 ")
        body = _REVIEW.encode()
        short = _raw(
            server, f"Content-Length: {len(body) - 10}\r\nConnection: close\r\n", body
        )  # the rest is no request
        assert re.findall(rb"HTTP/1\.1 (\d+)", short)[0] == b"400"
        gone = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        context = ssl.create_default_context(cafile=server.ca)
        with gone, context.wrap_socket(gone, server_hostname="localhost") as connection:
            connection.sendall(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body)
        assert (
            re.findall(rb"HTTP/1\.1 (\d+)", _raw(server, "Transfer-Encoding: chunked\r\n", b"zz\r\n" + body))[0]
            == b"400"
        )
        load.more("after all of them")
        assert server.metric("istag_webhook_faults_total") == 0
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(records.read_bytes().splitlines())
    assert b"hostile" not in records.read_bytes()
    assert [line for line in server.logs if "Traceback" in line["message"] or "exception" in line] == []
