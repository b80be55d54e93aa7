"""The server under real clients and real signals: nothing that was asked stays without its answer."""

import asyncio
import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.builders import REVIEWS
from tests.support.measuring import Measured
from tests.support.serving import PATIENCE, Load, Server, connections, serving, until
from tools.footprint import memory

from webhook.service.app import LARGEST

_BODY = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@contextlib.contextmanager
def _raw(server: Server) -> Iterator[ssl.SSLSocket]:
    """A connection to write bytes on."""
    context = ssl.create_default_context(cafile=server.ca)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


def _head(length: int, more: str = "") -> bytes:
    return (
        f"POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n{more}\r\n"
    ).encode()


def _read(connection: ssl.SSLSocket) -> bytes:
    """Read until the server closes."""
    data = b""
    while part := connection.recv(2**16):
        data += part
    return data


def test_one_connection_carries_many(server: Server) -> None:
    """The API server's kept connection carries all its reviews."""
    connection = server.connect()
    ports = set()
    for _ in range(50):
        assert server.post(_BODY, connection=connection)[0] == 200
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


def test_the_largest_body(server: Server) -> None:
    """A body of the limit arrives whole, with its length and in chunks; a byte more is 413 either way."""
    padded = _BODY + b" " * (LARGEST - len(_BODY))
    pieces = [padded[at : at + 2**18] for at in range(0, LARGEST, 2**18)]
    assert server.post(padded)[0] == 200
    assert _chunked(server, pieces)[0] == 200
    assert _chunked(server, [*pieces, b" "])[0] == 413
    with _raw(server) as connection:
        connection.sendall(_head(LARGEST + 1))
        answer = _read(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()  # what was not read stands before the next request


def _chunked(server: Server, pieces: list[bytes]) -> tuple[int, bytes]:
    connection = server.connect()
    try:
        connection.request("POST", "/validate", iter(pieces), {"Content-Type": "application/json"}, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_expect_continue(server: Server) -> None:
    """A client that waits for 100 (Continue) is told to go on; one whose body is too large is not."""
    with _raw(server) as connection:
        connection.sendall(_head(len(_BODY), "Expect: 100-continue\r\nConnection: close\r\n"))
        assert connection.recv(2**16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(_BODY)
        assert _read(connection).startswith(b"HTTP/1.1 200 ")
    with _raw(server) as connection:
        connection.sendall(_head(LARGEST + 1, "Expect: 100-continue\r\n"))
        assert connection.recv(2**16).startswith(b"HTTP/1.1 413 ")


def test_pipelined_requests(server: Server) -> None:
    """Requests sent without waiting are answered one after the other."""
    with _raw(server) as connection:
        connection.sendall((_head(len(_BODY)) + _BODY) * 2 + _head(len(_BODY), "Connection: close\r\n") + _BODY)
        assert _read(connection).count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (
            b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
            + b"1" * 1_500
            + b"\r\n\r\n",
            b"413",
        ),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"1" * 5_000 + b"\r\n\r\n", b"431"),
        (b"GET /readyz HTTP/1.1\r\n" + b"Host: x\r\n" + b"A: b\r\n" * 60 + b"\r\n", b"431"),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"4"),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (b"POST /validate HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST /validate HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"400"),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n", b"400"),
        (b"POST /validate HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"505"),
        (b"HEAD /validate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"405"),
        (
            b"GET /validate HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            b"403",
        ),
    ],
    ids=[
        "no-http",
        "length",
        "two-framings",
        "long-length",
        "longer-length",
        "many-fields",
        "long-line",
        "two-codings",
        "chunks-in-1.0",
        "no-host",
        "two-hosts",
        "version",
        "head",
        "websocket",
    ],
)
def test_wrong_http(server: Server, sent: bytes, status: bytes) -> None:
    """An invalid request gets a client error, and no traceback is logged."""
    with _raw(server) as connection:
        connection.sendall(sent)
        answer = _read(connection)
        assert re.match(rb"HTTP/1\.[01] " + status, answer)
        assert b"\r\nconnection: close\r\n" in answer.lower() or status == b"405"
    assert [line for line in server.logs if "exception" in line] == []


def test_http_1_0(server: Server) -> None:
    """A client of HTTP/1.0 is answered and its connection closed, unless it asks to keep it."""
    head = _head(len(_BODY)).replace(b"HTTP/1.1", b"HTTP/1.0")
    with _raw(server) as connection:
        for _ in range(2):
            connection.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n") + _BODY)
            answer = connection.recv(2**16)
            assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
            assert b"\r\nconnection: keep-alive\r\n" in answer.lower()
        connection.sendall(head + _BODY)
        answer = _read(connection)
        assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b"\r\nconnection: close\r\n" in answer.lower()


def test_requests_sent_before_their_answers(server: Server) -> None:
    """However many requests a client sends without waiting, each is answered in its order, on both ports."""
    get = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.management_port), timeout=PATIENCE) as plain:
        plain.sendall(get * 500 + get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = b"".join(iter(lambda: plain.recv(2**16), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 501
    chunked = _head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (_BODY[:700], _BODY[700:])) + b"0\r\n\r\n"
    with _raw(server) as connection:
        connection.sendall((chunked + body) * 20 + _head(len(_BODY), "Connection: close\r\n") + _BODY)
        assert _read(connection).count(b"HTTP/1.1 200 OK") == 21


def test_no_version_is_told(server: Server) -> None:
    """The Server header names no version and no library."""
    connection = server.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.headers.get_all("Server") == ["istag-webhook"]


def test_a_client_that_goes_away_is_no_error(server: Server) -> None:
    """A connection that ends in the middle of a body leaves no trace."""
    for _ in range(5):
        with _raw(server) as connection:
            connection.sendall(_head(len(_BODY)) + _BODY[:100])
    assert server.post(_BODY)[0] == 200
    assert [line for line in server.logs if line.get("severity") == "ERROR"] == []


def test_a_request_that_does_not_come(server: Server) -> None:
    """A connection that sends no request, or only a part of one, is closed; one that is idle between requests is kept."""
    with contextlib.ExitStack() as stack:
        silent, slow, half, later, kept = (stack.enter_context(_raw(server)) for _ in range(5))
        slow.sendall(b"POST /validate HTTP/1.1\r\nHo")
        half.sendall(_head(len(_BODY)) + _BODY[:100])
        later.sendall(_head(len(_BODY)) + _BODY + b"POST /validate HTTP/1.1\r\nHo")
        kept.sendall(_head(len(_BODY)) + _BODY)
        assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")
        for each in (silent, slow, half):
            assert _read(each) == b""
        assert _read(later).count(b"HTTP/1.1 ") == 1
        kept.sendall(_head(len(_BODY)) + _BODY)
        assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_too_many_connections(tmp_path: Path) -> None:
    """Beyond a thousand the connection that asked least lately is closed; one in use is kept, and memory is bounded."""
    with serving(tmp_path, "--workers", "1") as server, contextlib.ExitStack() as stack, _raw(server) as kept:
        (worker,) = server.workers()
        before = memory(worker, "Rss")
        sockets = []
        for number in range(1_500):
            sockets.append(stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)))
            if number % 50 == 0:
                kept.sendall(_head(len(_BODY)) + _BODY)
                assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")
        assert [each.recv(1) for each in sockets[:500]] == [b""] * 500
        assert memory(worker, "Rss") - before < 80
        kept.sendall(_head(len(_BODY)) + _BODY)
        assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_a_flood_does_not_end_a_kept_connection(tmp_path: Path) -> None:
    """New connections that ask nothing end one another, and not one that an API server keeps idle."""
    with serving(tmp_path, "--workers", "1") as server, contextlib.ExitStack() as stack, _raw(server) as kept:
        kept.sendall(_head(len(_BODY)) + _BODY)
        assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            for _ in range(2_000)
        ]
        assert [each.recv(1) for each in sockets[:900]] == [b""] * 900
        kept.sendall(_head(len(_BODY)) + _BODY)
        assert kept.recv(2**16).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "secured", "most"),
    [(b"", False, 16), (b"\x16\x03\x01\x02\x00\x01", False, 16), (b"", True, 24)],
    ids=["silent", "half a hello", "established"],
)
def test_memory_of_silent_connections(tmp_path: Path, sent: bytes, secured: bool, most: int) -> None:
    """A connection that sends nothing takes less than its share: OpenSSL's own state is 13 KiB of an established one."""
    with serving(tmp_path, "--workers", "1") as server, contextlib.ExitStack() as stack:
        (worker,) = server.workers()
        context = ssl.create_default_context(cafile=server.ca)

        def connect(count: int) -> float:
            before = len(list(Path(f"/proc/{worker}/fd").iterdir()))
            for _ in range(count):
                plain = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
                plain.sendall(sent)
                if secured:
                    stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            until(lambda: len(list(Path(f"/proc/{worker}/fd").iterdir())) >= before + count, "the connections")
            assert server.post(_BODY)[0] == 200
            return memory(worker, "Anonymous")

        before = connect(100)
        assert (connect(700) - before) * 1024 / 700 < most


def test_connections_are_shared(tmp_path: Path) -> None:
    """Sixteen connections that are opened at once are shared by two workers, no worse than eleven to five."""
    with serving(tmp_path) as server:
        workers = server.workers()

        def shares() -> list[int]:
            async def opened() -> list[int]:
                context = ssl.create_default_context(cafile=server.ca)
                found = await asyncio.gather(
                    *(
                        asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="localhost")
                        for _ in range(16)
                    )
                )
                counts = sorted(connections(worker, server.port) for worker in workers)
                for _, writer in found:
                    writer.close()
                    await writer.wait_closed()
                return counts

            counts = asyncio.run(opened())
            until(
                lambda: not any(connections(worker, server.port) for worker in workers), "the connections to be closed"
            )
            return counts

        until(lambda: shares()[0] > 0, "both workers to serve")
        # Other processes of this machine may occasionally delay one of the workers.
        assert sum(shares()[0] >= 5 for _ in range(5)) >= 3


def test_bodies_that_wait_are_bounded(tmp_path: Path) -> None:
    """Of bodies that would fill the memory while they come, some are answered 503 and not kept; the connection lives on."""
    length = LARGEST - 1
    with serving(tmp_path, "--workers", "1") as server, contextlib.ExitStack() as stack:
        (worker,) = server.workers()
        before = memory(worker, "Rss")
        padded = _BODY + b" " * (length - len(_BODY))
        connections = [stack.enter_context(_raw(server)) for _ in range(12)]
        for each in connections:
            each.sendall(_head(length) + padded[:-1])
        assert memory(worker, "Rss") - before < 60
        for each in connections:
            each.sendall(padded[-1:])
        answers = [each.recv(2**16).split(b" ", 2)[1] for each in connections]
        assert set(answers) == {b"200", b"503"}
        assert answers.count(b"200") >= 4
        until(lambda: server.metric("istag_webhook_shed_requests_total") == answers.count(b"503"), "the count")
        for each in connections:
            each.sendall(_head(len(_BODY)) + _BODY)
            assert each.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_sigterm_drains(tmp_path: Path, measured: Measured) -> None:
    """Under load SIGTERM fails nothing while it drains, readiness says so, idle connections do not hold it, and it ends with 0."""
    # The grace is so long that a server that waited for it would never end here.
    with serving(tmp_path, "--drain", "2", "--grace", "3600") as server, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(_raw(server)) for _ in range(10)]
        for connection in idle:
            connection.sendall(_head(len(_BODY)) + _BODY)
            connection.recv(2**16)
        with Load(server, _BODY) as load:
            server.signal(signal.SIGTERM)
            until(lambda: _not_ready(server), "readiness to say that it drains")
            answered = load.answered
            until(lambda: load.answered > answered + 20 or load.failed, "answers while it drains")
            assert load.failed == []
            assert server.process.poll() is None
        measured(**load.counted)
        assert server.process.wait(PATIENCE) == 0
    assert [line for line in server.logs if "exception" in line or "Traceback" in line["message"]] == []


def test_connections_that_wait_to_be_accepted_are_answered(tmp_path: Path) -> None:
    """When a worker ends, the connections that only the kernel has accepted are answered, not reset."""
    with serving(tmp_path, "--workers", "1", "--grace", "20") as server, contextlib.ExitStack() as stack:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        waiting = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE))
            for _ in range(100)
        ]
        server.signal(signal.SIGTERM)
        until(lambda: server.logged("Handling signal: term"), "the signal")
        time.sleep(0.2)  # the command then sends the worker the same signal
        os.kill(worker, signal.SIGCONT)
        context = ssl.create_default_context(cafile=server.ca)
        with concurrent.futures.ThreadPoolExecutor(len(waiting)) as pool:
            answers = pool.map(lambda each: _answered(context, each), waiting)
        assert Counter(answers) == {b"HTTP/1.1 200 OK": len(waiting)}
        assert server.process.wait(PATIENCE) == 0


def test_new_connections_while_it_ends(tmp_path: Path, measured: Measured) -> None:
    """A connection that was accepted is answered, to the last one before connections are denied."""
    with serving(tmp_path, "--drain", "1", "--grace", "20") as server:
        context = ssl.create_default_context(cafile=server.ca)

        def calls() -> Counter[bytes]:
            found = Counter[bytes]()
            while not found[b"denied"]:
                try:
                    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
                except ConnectionRefusedError:
                    found[b"denied"] += 1
                else:
                    with plain:
                        found[_answered(context, plain, "Connection: close\r\n")] += 1
            return found

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(calls) for _ in range(4)]
            until(lambda: server.metric("istag_webhook_admission_requests_total") > 20, "the load")
            server.signal(signal.SIGTERM)
            found = sum((caller.result() for caller in callers), Counter[bytes]())
        assert set(found) == {b"HTTP/1.1 200 OK", b"denied"}
        measured(requests=found[b"HTTP/1.1 200 OK"], lost=0, failed=0)
        assert server.process.wait(PATIENCE) == 0


def _answered(context: ssl.SSLContext, plain: socket.socket, more: str = "") -> bytes:
    """Post a review over an open socket; return the status line, or the name of what went wrong."""
    try:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(_head(len(_BODY), more) + _BODY)
            return _read(connection).partition(b"\r\n")[0]
    except OSError as error:
        return type(error).__name__.encode()


def _not_ready(server: Server) -> bool:
    return server.get("/readyz") == (503, "draining\n")


def test_a_request_under_way_is_finished(tmp_path: Path) -> None:
    """A body that is half sent at SIGTERM is taken to its end and answered."""
    with serving(tmp_path, "--drain", "0", "--grace", "20") as server, _raw(server) as connection:
        connection.sendall(_head(len(_BODY)) + _BODY[:1_000])
        until(server.workers, "the workers")
        server.signal(signal.SIGTERM)
        until(lambda: server.logged("Handling signal: term"), "the signal")
        until(lambda: _refuses(server), "the listeners to be closed")
        connection.sendall(_BODY[1_000:])
        answer = _read(connection)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer.lower()
        assert server.process.wait(PATIENCE) == 0


def _refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigint_ends_at_once(tmp_path: Path) -> None:
    """Ctrl-C ends with 0 and without a traceback."""
    with serving(tmp_path, "--drain", "60") as server:
        server.signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) == 0
    assert [line for line in server.logs if "exception" in line or "Traceback" in line["message"]] == []


def test_sighup_replaces_the_workers(tmp_path: Path, measured: Measured) -> None:
    """Under load SIGHUP replaces every worker, fails nothing, and readiness never says no."""
    with serving(tmp_path) as server, Load(server, _BODY) as load:
        before = server.workers()
        server.signal(signal.SIGHUP)
        ready: set[int] = set()

        def replaced() -> bool:
            ready.add(server.get("/readyz")[0])
            return not before & server.workers()

        until(replaced, "the workers to be replaced")
        answered = load.answered
        until(lambda: load.answered > answered + 20 or load.failed, "answers of the new ones")
        assert load.failed == []
        assert ready == {200}
        measured(**load.counted)


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """A worker that is killed costs at most what is in its hands, and another takes its place."""
    with serving(tmp_path) as server:
        before = server.workers()
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and server.workers() != before, "another worker")
        for _ in range(20):
            assert server.post(_BODY)[0] == 200
        assert server.get("/readyz")[0] == 200
        # The worker that shows the metrics may be the new one; the other one shares its own once a second.
        until(lambda: server.metric("istag_webhook_admission_requests_total") >= 20, "the metrics of both")
