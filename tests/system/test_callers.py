"""One client, hostile or broken, does not affect the others. Each test has a real server with one worker."""

import contextlib
import json
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import REVIEWS
from tests.support.serving import PATIENCE, Server, connections, serving, until

from webhook.service.app import LARGEST

_BODY = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of one worker, which ends in time whatever its callers did."""
    with serving(tmp_path, "--workers", "1", "--grace", "60") as running:
        yield running
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


def _tls(server: Server, window: int = 0) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=server.ca)
    return context.wrap_socket(_connected(server.port, window), server_hostname="localhost")


def _plain(server: Server, window: int = 0) -> socket.socket:
    return _connected(server.management_port, window)


def _connected(port: int, window: int) -> socket.socket:
    """Connect to a port; with a window, as a caller that the kernel keeps no more bytes for."""
    found = socket.socket()
    found.settimeout(PATIENCE)
    if window:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    found.connect(("127.0.0.1", port))
    return found


def _head(length: int) -> bytes:
    return (
        f"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _slow() -> bytes:
    """Return a request whose review takes a good part of a second to evaluate."""
    document = json.loads(_BODY)
    annotations = {f"k{number}": "v" * 20 for number in range(60_000)}
    document["request"]["object"].setdefault("metadata", {})["annotations"] = annotations
    body = json.dumps(document).encode()
    return _head(len(body)) + body


def _connections(server: Server) -> int:
    """Return how many connections the worker holds."""
    return sum(connections(worker, server.port, server.management_port) for worker in server.workers())


def _busy(server: Server, stack: contextlib.ExitStack, count: int = 4) -> None:
    """Give the worker that many reviews at once that take long."""
    request = _slow()
    connections = [stack.enter_context(_tls(server)) for _ in range(count)]
    for each in connections:
        each.sendall(request[:-1])
    for each in connections:
        each.sendall(request[-1:])


def test_chunks_of_two_bytes(server: Server) -> None:
    """A body in tiny chunks, each of which costs memory and time, is denied."""
    with _tls(server) as connection:
        connection.sendall(
            b"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\n  \r\n" * 5_000
        )
        assert connection.recv(2**16).startswith(b"HTTP/1.1 400 ")
    assert server.post(_BODY)[0] == 200


def test_the_largest_body_in_small_pieces(server: Server) -> None:
    """The largest body is evaluated when it comes in segments of a network, and in chunks of a kilobyte."""
    padded = _BODY + b" " * (LARGEST - len(_BODY))
    with _tls(server) as connection:
        connection.sendall(_head(LARGEST))
        for at in range(0, LARGEST, 1_400):
            connection.sendall(padded[at : at + 1_400])
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")
    over = server.connect()
    pieces = (padded[at : at + 1_024] for at in range(0, LARGEST, 1_024))
    over.request("POST", "/validate", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    assert over.getresponse().status == 200
    over.close()


@pytest.mark.parametrize("size", [LARGEST + 1, 3 * LARGEST], ids=["a-byte", "thrice"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_all_of_a_body_that_is_too_large(server: Server, size: int, chunked: bool) -> None:
    """A client that sends a complete body that is too large reads the answer before the connection is closed."""
    for _ in range(3):
        over = server.connect()
        body: Any = iter([b" " * 2**18] * (size // 2**18 + 1)) if chunked else b" " * size
        over.request("POST", "/validate", body, {"Content-Type": "application/json"}, encode_chunked=chunked)
        assert over.getresponse().status == 413
        over.close()


@pytest.mark.parametrize("port", [_tls, _plain], ids=["admission", "management"])
def test_answers_that_nobody_reads(server: Server, port: Any) -> None:
    """A client that keeps sending requests and reads no answer is disconnected."""
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500
    with port(server, 4_096) as connection:
        connection.settimeout(0.2)

        def closed() -> bool:
            try:
                connection.send(request)
            except TimeoutError:
                return False
            except OSError:
                return True
            return False

        until(closed, "the connection to be closed")
    until(lambda: not _connections(server), "its descriptor to be free")


def test_an_end_while_the_queue_is_full(server: Server) -> None:
    """A client that sends more than allowed, and disconnects while its request waits, leaves no connection behind."""
    with contextlib.ExitStack() as stack:
        # A handshake would wait for the worker, and may take longer than it allows.
        callers = [stack.enter_context(_tls(server)) for _ in range(10)]
        _busy(server, stack)
        for connection in callers:
            # The rest may find no place on the way, or nobody who takes it; that it ends is what matters.
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                connection.sendall(_head(len(_BODY)) + _BODY + b"x" * 600_000)
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_WR)
    until(lambda: not _connections(server), "every connection to be closed")
    assert server.post(_BODY)[0] == 200


def test_a_thousand_half_requests(server: Server) -> None:
    """A thousand connections, each with a head and no body, keep neither the kubelet nor a review out."""
    with contextlib.ExitStack() as stack:
        for _ in range(1_050):
            stack.enter_context(_tls(server)).sendall(_head(10))
        for _ in range(5):
            assert server.get("/readyz")[0] == 200
            assert server.post(_BODY)[0] == 200


def test_bodies_that_are_only_announced(server: Server) -> None:
    """Announced data that does not arrive occupies no place: other requests are evaluated, including large ones."""
    padded = _BODY + b" " * (2**20)
    with contextlib.ExitStack() as stack:
        for length in (*[LARGEST] * 4, *[2**20] * 4):
            stack.enter_context(_tls(server)).sendall(_head(length))
        for body in (_BODY, padded):
            assert server.post(body)[0] == 200


def test_requests_of_disconnected_clients_are_dropped(server: Server) -> None:
    """A caller that resets its connection while it waits leaves no record."""
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(_tls(server)) for _ in range(30)]
        _busy(server, stack)
        for gone in callers:
            gone.sendall(_head(len(_BODY)) + _BODY)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
        assert server.post(_BODY)[0] == 200
    assert len(server.records()) < 4 + 30 + 1


def test_records_of_pieces(server: Server) -> None:
    """Requests whose TLS records come torn, and one between the other's, are each answered with their own uid."""
    document = json.loads(_BODY)
    connections = [_raw(server) for _ in range(6)]
    sent = []
    for number, (_, session, _) in enumerate(connections):
        document["request"]["uid"] = f"torn-{number}"
        body = json.dumps(document).encode()
        sent.append(session(_head(len(body)) + body))
    for at in range(0, max(map(len, sent)), 97):
        for (plain, _, _), data in zip(connections, sent, strict=True):
            if data[at : at + 97]:
                plain.sendall(data[at : at + 97])
    for number, (plain, _, read) in enumerate(connections):
        answer = read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["response"]["uid"] == f"torn-{number}"
        plain.close()


def _raw(server: Server) -> tuple[socket.socket, Any, Any]:
    """Return a connection's socket, what encrypts for it, and what reads a whole answer from it."""
    context = ssl.create_default_context(cafile=server.ca)
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(2**16))
    plain.sendall(outgoing.read())

    def encrypted(data: bytes) -> bytes:
        session.write(data)
        return outgoing.read()

    def answer() -> bytes:
        read = b""
        while b"\r\n\r\n" not in read or len(read.partition(b"\r\n\r\n")[2]) < _length(read):
            try:
                read += session.read(2**16)
            except ssl.SSLWantReadError:
                incoming.write(plain.recv(2**16))
        return read

    return plain, encrypted, answer


def _length(answer: bytes) -> int:
    return int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
