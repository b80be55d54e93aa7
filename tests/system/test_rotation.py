"""A certificate that changes under load, callers that need one of their own, and the Secrets that others write."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from tests.support.builders import docker, review_of
from tests.support.measuring import Measured
from tests.support.serving import PATIENCE, Server, mount, serving, until

from webhook.certs.serving import Serving
from webhook.errors import CertificateError
from webhook.server.capacity import HandshakeQueue
from webhook.server.tls import Handshakes

_REVIEW = json.dumps(review_of(docker("quay.io/acme/app@sha256:" + "a" * 64))).encode()
_HOST = "istag-webhook.istag-webhook.svc"


def _issue(ca: trustme.CA, *names: str, key: trustme.KeyType = trustme.KeyType.ECDSA) -> dict[str, bytes]:
    """Return what cert-manager and others write into a Secret: the chain without its root, the key, the root."""
    leaf = ca.issue_cert(*(names or ("localhost",)), key_type=key)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return {"tls.crt": chain, "tls.key": leaf.private_key_pem.bytes(), "ca.crt": ca.cert_pem.bytes()}


def _overwrite(directory: Path, entries: dict[str, bytes]) -> None:
    """Write over the files one after the other: for a moment they are of two pairs."""
    for name, data in entries.items():
        (directory / name).write_bytes(data)


def _serial(server: Server) -> str:
    """Complete the handshake, and return the serial number of the served certificate."""
    connection = server.connect()
    try:
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        found = connection.sock.getpeercert()
        assert found is not None
        return str(found["serialNumber"])
    finally:
        connection.close()


@dataclass
class Load:
    """The answers to clients."""

    server: Server
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, name: str, *, keep: bool) -> None:
        """Post one review after the other, over one connection or each over a new one."""
        connection: http.client.HTTPSConnection | None = None
        while not self.stop.is_set():
            try:
                connection = connection or self.server.connect()
                status, answer = self.server.post(_REVIEW, connection=connection)
                said = f"{status} {answer['response']['allowed']}"
            except (OSError, http.client.HTTPException) as error:
                said = repr(error)
                keep = False
            if not keep and connection is not None:
                connection.close()
                connection = None
            with self._lock:
                self.answers[name, said] += 1
        if connection is not None:
            connection.close()

    def served(self) -> dict[str, int]:
        """Return how many were answered as they should be, by caller."""
        with self._lock:
            return {name: count for (name, said), count in self.answers.items() if said == "200 True"}


@contextmanager
def _loaded(server: Server) -> Iterator[Load]:
    """Call the server without a pause, by connections that stay and by new ones, until the end of the block."""
    load = Load(server)
    callers = {f"{kind} {number}": kind == "keep-alive" for kind in ("keep-alive", "new") for number in range(2)}
    threads = [
        threading.Thread(target=load.call, args=(name,), kwargs={"keep": keep}) for name, keep in callers.items()
    ]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(load.served()) == len(callers), "every caller to be answered")
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()


def test_renewals_under_load(tmp_path: Path, measured: Measured) -> None:
    """A renewed pair, however it comes and whatever its key, is what a new handshake sees; not one request fails."""
    authority = trustme.CA()
    mount(tmp_path / "certs", _issue(authority))
    trusted = tmp_path / "ca.crt"  # the callers' own: the mounted one is empty for a moment while it is written over
    trusted.write_bytes(authority.cert_pem.bytes())
    with serving(tmp_path) as started, _loaded(replace(started, ca=trusted)) as load:
        server = load.server
        seen = {_serial(server)}
        for change, key in (
            (mount, trustme.KeyType.ECDSA),
            (_overwrite, trustme.KeyType.RSA),
            (mount, trustme.KeyType.RSA),
            (_overwrite, trustme.KeyType.ECDSA),
        ):
            before = load.served()
            change(tmp_path / "certs", _issue(authority, key=key))

            def renewed() -> bool:
                return not {_serial(server) for _ in range(12)} & seen  # every worker's turn

            until(renewed, "every worker to serve the new certificate", 60)
            seen.add(_serial(server))
            until(lambda: all(count > before[name] for name, count in load.served().items()), "further answers")  # noqa: B023 - asked at once
        assert len(seen) == 5
        assert server.process.poll() is None
    assert {said for _, said in load.answers} == {"200 True"}
    measured(requests=load.answers.total(), lost=0, failed=0)


def _caller(directory: Path, ca: trustme.CA, name: str = "system:openshift-apiserver") -> Path:
    """Return a caller's certificate with its key."""
    directory.mkdir(exist_ok=True)
    path = directory / "caller.pem"
    ca.issue_cert("caller.test", common_name=name).private_key_and_cert_chain_pem.write_to_path(path)
    return path


def _posted(server: Server, pair: Path | None, version: ssl.TLSVersion) -> str:
    """Post a review as a client with or without a certificate, and return the status; "" without an answer."""
    context = ssl.create_default_context(cafile=server.ca)
    context.minimum_version = context.maximum_version = version
    if pair is not None:
        context.load_cert_chain(pair)
    connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=30)
    try:
        return str(server.post(_REVIEW, connection=connection)[0])
    except (ssl.SSLError, ConnectionError):
        return ""
    finally:
        connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_callers_need_a_certificate(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """A client without a certificate, or with one of another CA, fails in the handshake; a renewed client CA is used.

    In TLS 1.3 a client is done before the server has seen its certificate: its first answer is the end of the
    connection.
    """
    mount(tmp_path / "certs", _issue(trustme.CA()))
    old, new = trustme.CA(), trustme.CA()
    theirs, stranger = _caller(tmp_path / "old", old), _caller(tmp_path / "new", new)
    mount(tmp_path / "callers", {"ca.crt": old.cert_pem.bytes()})
    with serving(tmp_path, "--client-ca", str(tmp_path / "callers" / "ca.crt")) as server:
        assert server.get("/readyz")[0] == 200  # the kubelet has no certificate
        assert [_posted(server, each, version) for each in (None, stranger, theirs, None, theirs)] == [
            "",
            "",
            "200",
            "",
            "200",
        ]
        until(lambda: len(server.records()) == 2, "both records")
        mount(tmp_path / "callers", {"ca.crt": old.cert_pem.bytes() + new.cert_pem.bytes()})
        until(
            lambda: {_posted(server, each, version) for each in (theirs, stranger) * 4} == {"200"}, "the new client CA"
        )
        mount(tmp_path / "callers", {"ca.crt": new.cert_pem.bytes()})
        until(lambda: {_posted(server, theirs, version) for _ in range(8)} == {""}, "the old client CA to go")
        assert [_posted(server, each, version) for each in (stranger, None)] == ["200", ""]


@pytest.mark.parametrize(
    ("version", "resumable"),
    [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False)],
    ids=["TLS 1.2", "TLS 1.3"],
)
def test_a_session_of_a_withdrawn_ca_is_not_resumed(
    tmp_path: Path, version: ssl.TLSVersion, *, resumable: bool
) -> None:
    """A caller resumes its session in TLS 1.2; once its CA is withdrawn, the session is worth nothing."""
    mount(tmp_path / "certs", _issue(trustme.CA()))
    old, new = trustme.CA(), trustme.CA()
    mount(tmp_path / "callers", {"ca.crt": old.cert_pem.bytes()})
    options = ("--client-ca", str(tmp_path / "callers" / "ca.crt"), "--workers", "1")
    with serving(tmp_path, *options) as server:
        context = ssl.create_default_context(cafile=server.ca)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(_caller(tmp_path / "old", old))
        status, resumed, session = _resuming(server, context, None)
        assert (status, resumed) == (b"200", False)
        status, resumed, session = _resuming(server, context, session)
        assert (status, resumed) == (b"200", resumable)
        mount(tmp_path / "callers", {"ca.crt": new.cert_pem.bytes()})
        until(lambda: server.logged("certificate loaded"), "the new client CA")
        assert _resuming(server, context, session)[0] == b""
        assert _posted(server, _caller(tmp_path / "new", new), version) == "200"


def _resuming(
    server: Server, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bytes, bool | None, ssl.SSLSession | None]:
    """Post a review on a connection that offers a session, and close it as TLS demands, so that its session is good.

    Returns:
        The status (empty without an answer), whether the session was resumed, and the session to offer next.
    """
    head = f"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(_REVIEW)}\r\n\r\n"
    try:
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
        ):
            connection.sendall(head.encode() + _REVIEW)
            status = connection.recv(2**16).split(b" ", 2)[1]
            resumed, kept = connection.session_reused, connection.session
            connection.unwrap()
            return status, resumed, kept
    except (ssl.SSLError, ConnectionError, IndexError):
        return b"", None, None


def test_a_handshake_that_fails_is_told(tmp_path: Path) -> None:
    """A caller that is denied is in the log with its address and the reason, once for many; who goes away is not."""
    mount(tmp_path / "certs", _issue(trustme.CA()))
    ours, stranger = trustme.CA(), _caller(tmp_path / "stranger", trustme.CA())
    mount(tmp_path / "callers", {"ca.crt": ours.cert_pem.bytes()})
    options = ("--client-ca", str(tmp_path / "callers" / "ca.crt"), "--workers", "1")
    with serving(tmp_path, *options) as server:
        for _ in range(5):
            socket.create_connection(("127.0.0.1", server.port)).close()
        assert [_posted(server, each, ssl.TLSVersion.TLSv1_3) for each in (None, *[stranger] * 20)] == [""] * 21
        until(lambda: server.logged("TLS handshake failed"), "the log line")
        told = [line for line in server.logs if line["message"] == "TLS handshake failed"]
        assert (told[0]["severity"], told[0]["peer"], told[0]["suppressed"]) == ("WARNING", "127.0.0.1", 0)
        assert told[0]["reason"] == "[SSL: PEER_DID_NOT_RETURN_A_CERTIFICATE] peer did not return a certificate"
        assert len(told) < 21


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_a_client_learns_why_its_handshake_failed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """It is sent the alert, though it has sent its request already."""
    mount(tmp_path / "certs", _issue(trustme.CA()))
    mount(tmp_path / "callers", {"ca.crt": trustme.CA().cert_pem.bytes()})
    with serving(tmp_path, "--client-ca", str(tmp_path / "callers" / "ca.crt"), "--workers", "1") as server:
        context = ssl.create_default_context(cafile=server.ca)
        context.minimum_version = context.maximum_version = version

        def ask() -> None:
            with (
                socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                connection.sendall(b"x" * 100)
                connection.recv(1)

        with pytest.raises(ssl.SSLError, match=r"ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)"):
            ask()


class _Shaking:
    """A handshake that takes a millisecond."""

    def __init__(self, done: list[object]) -> None:
        self._done = done

    def shake(self) -> None:
        """Take a millisecond."""
        time.sleep(0.001)
        self._done.append(self)


def test_a_storm_of_handshakes_leaves_time() -> None:
    """Of many handshakes a few go on in each turn of the loop, in their order, and each once."""

    async def storm() -> None:
        done: list[object] = []
        handshakes = HandshakeQueue(asyncio.get_running_loop())
        storming = [_Shaking(done) for _ in range(300)]
        for each in (*storming, *storming):
            handshakes.add(each)
        turns = 0
        while len(done) < 300:
            before = len(done)
            await asyncio.sleep(0)
            assert len(done) - before <= 6
            turns += 1
        assert done == storming
        assert turns >= 50

    asyncio.run(storm())


def test_handshakes_that_were_not_told_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """In the ten seconds after a line there is no other; the next one says how many there were."""
    now = 100.0
    handshakes = Handshakes(lambda: now)
    for at in (100.0, 100.0, 109.9, 110.0, 111.0, 200.0):
        now = at
        handshakes.failed("10.0.0.1", ssl.SSLError(1, "[SSL: HTTP_REQUEST] http request (_ssl.c:992)"))
    assert [(vars(line)["suppressed"], vars(line)["reason"]) for line in caplog.records] == [
        (count, "[SSL: HTTP_REQUEST] http request") for count in (0, 2, 1)
    ]


def _pkcs8(key: bytes) -> bytes:
    return load_pem_private_key(key, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _as_it_is(key: bytes) -> bytes:
    return key  # PKCS#1 for RSA, SEC 1 for ECDSA


@pytest.mark.parametrize("form", [_as_it_is, _pkcs8], ids=["traditional", "PKCS#8"])
@pytest.mark.parametrize("key", [trustme.KeyType.RSA, trustme.KeyType.ECDSA], ids=["RSA", "ECDSA"])
@pytest.mark.parametrize("intermediate", [False, True], ids=["root", "intermediate"])
def test_secrets_of_cert_manager(
    tmp_path: Path, key: trustme.KeyType, form: Callable[[bytes], bytes], *, intermediate: bool
) -> None:
    """A chain and a key in any of cert-manager's encodings are served to a caller that trusts the root alone."""
    root = trustme.CA()
    entries = _issue(root.create_child_ca() if intermediate else root, _HOST, key=key)
    assert entries["tls.crt"].count(b"BEGIN") == 1 + intermediate
    mount(tmp_path / "tls", {**entries, "tls.key": form(entries["tls.key"])})
    _verified(Serving(tmp_path / "tls" / "tls.crt", tmp_path / "tls" / "tls.key"), root.cert_pem.bytes())


def test_secrets_of_the_service_ca(tmp_path: Path) -> None:
    """OpenShift's service CA writes its own certificate after the leaf, and no `ca.crt`: it is in the caBundle."""
    ca = trustme.CA()
    entries = _issue(ca, _HOST, f"{_HOST}.cluster.local", key=trustme.KeyType.RSA)
    mount(tmp_path / "tls", {"tls.crt": entries["tls.crt"] + ca.cert_pem.bytes(), "tls.key": entries["tls.key"]})
    _verified(Serving(tmp_path / "tls" / "tls.crt", tmp_path / "tls" / "tls.key"), ca.cert_pem.bytes())


def _verified(serving: Serving, root: bytes) -> None:
    """Complete the handshake as the API server does, by name and trusting only a root."""
    client = ssl.create_default_context(cadata=root.decode())
    sides = [(ssl.MemoryBIO(), ssl.MemoryBIO())]
    ((to_server, to_client),) = sides
    server_side = serving.context.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname=_HOST)
    waiting = [client_side, server_side]
    for _ in range(8):
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    assert not waiting


def test_a_chain_in_the_wrong_order(tmp_path: Path) -> None:
    """The serving certificate comes first (RFC 8446, section 4.4.2): else it is not of the key, and that is said."""
    entries = _issue(trustme.CA().create_child_ca(), _HOST)
    leaf, between = entries["tls.crt"].split(b"-----END CERTIFICATE-----\n")[:2]
    end = b"-----END CERTIFICATE-----\n"
    mount(tmp_path, {**entries, "tls.crt": between + end + leaf + end})
    with pytest.raises(CertificateError, match="does not match the key in"):
        Serving(tmp_path / "tls.crt", tmp_path / "tls.key")
