"""Certificates: real handshakes, an independent issuer, and renewal without a restart."""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from webhook.certs.issuing import issue
from webhook.certs.serving import Serving
from webhook.errors import CertificateError

_NAMES = ("localhost", "app.svc", "127.0.0.1", "::1")


@contextmanager
def _listening(serving: Serving) -> Iterator[int]:
    """Serve TLS on loopback: one byte for each byte, on each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(plain,)).start()

    def echo(plain: socket.socket) -> None:
        try:
            with serving.context.wrap_socket(plain, server_side=True) as connection:
                while data := connection.recv(1):
                    connection.sendall(data)
        except OSError:
            plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _client(ca: Path, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if pair:
        context.load_cert_chain(*pair)
    return context


def _serial(port: int, context: ssl.SSLContext, name: str = "localhost") -> str:
    """Complete the handshake, exchange a byte, and return the serial number of the served certificate."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        found = connection.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


@pytest.mark.parametrize("name", _NAMES)
def test_our_pair_verifies(tmp_path: Path, name: str) -> None:
    """A client that trusts our CA accepts the pair for each name and address."""
    issued = issue(tmp_path, _NAMES)
    with _listening(Serving(issued.cert, issued.key)) as port:
        assert _serial(port, _client(issued.ca), name)


def test_a_wrong_name_or_ca_fails(tmp_path: Path) -> None:
    """A name that the certificate does not have, and a CA that did not sign it, end the handshake."""
    issued, other = issue(tmp_path / "a", ["localhost"]), issue(tmp_path / "b", ["localhost"])
    with _listening(Serving(issued.cert, issued.key)) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            _serial(port, _client(issued.ca), "elsewhere")
        with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed certificate|unable to get local issuer"):
            _serial(port, _client(other.ca))


def _trustme(directory: Path, *names: str, authority: trustme.CA | None = None) -> tuple[Path, Path, Path]:
    """Return CA, certificate and key of an independent issuer."""
    directory.mkdir(exist_ok=True)
    ca = authority or trustme.CA()
    leaf = ca.issue_cert(*names)
    paths = directory / "ca.crt", directory / "tls.crt", directory / "tls.key"
    ca.cert_pem.write_to_path(paths[0])
    paths[1].write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(paths[2])
    return paths


def test_an_independent_issuer(tmp_path: Path) -> None:
    """A pair from another issuer is served, and checked by its own names."""
    ca, cert, key = _trustme(tmp_path / "t", "localhost")
    with _listening(Serving(cert, key)) as port:
        assert _serial(port, _client(ca))
        with pytest.raises(ssl.SSLCertVerificationError):
            _serial(port, _client(ca), "app.svc")


def test_openssl_agrees(tmp_path: Path) -> None:
    """OpenSSL's own command verifies the chain for a TLS server."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    issued = issue(tmp_path, ["localhost"])
    command = [openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(issued.ca), str(issued.cert)]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.endswith(b"OK\n")


def test_renewal(tmp_path: Path) -> None:
    """A renewed pair is served from the next connection on; an open connection goes on."""
    authority = trustme.CA()
    ca, cert, key = _trustme(tmp_path, "localhost", authority=authority)
    serving = Serving(cert, key)
    client = _client(ca)
    with _listening(serving) as port:
        first = _serial(port, client)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            client.wrap_socket(plain, server_hostname="localhost") as kept,
        ):
            assert not serving.refresh()
            _trustme(tmp_path, "localhost", authority=authority)
            assert serving.refresh()
            assert _serial(port, client) != first
            kept.sendall(b"x")
            assert kept.recv(1) == b"x"


def _half(cert: Path, key: Path) -> None:
    del key
    cert.write_bytes(cert.read_bytes()[:200])


def _mismatched(cert: Path, key: Path) -> None:
    del key
    cert.write_bytes(issue(cert.parent / "other", ["localhost"]).cert.read_bytes())


def _expired(cert: Path, key: Path) -> None:
    old = issue(cert.parent / "old", ["localhost"], days=1, now=datetime.now(UTC) - timedelta(days=2))
    cert.write_bytes(old.cert.read_bytes())
    key.write_bytes(old.key.read_bytes())


@pytest.mark.parametrize("spoil", [_half, _mismatched, _expired, lambda cert, key: key.unlink()])
def test_a_bad_replacement_is_refused_once(tmp_path: Path, spoil: object) -> None:
    """A bad new pair is rejected once, and the old one is served on until a good one comes."""
    issued = issue(tmp_path, ["localhost"])
    serving = Serving(issued.cert, issued.key)
    expires = serving.expires
    client = _client(issued.ca)
    with _listening(serving) as port:
        first = _serial(port, client)
        spoil(issued.cert, issued.key)  # type: ignore[operator]
        with pytest.raises(CertificateError):
            serving.refresh()
        assert not serving.refresh()
        assert (_serial(port, client), serving.expires) == (first, expires)
        anew = issue(tmp_path, ["localhost"], force=True)
        assert serving.refresh()
        assert _serial(port, _client(anew.ca)) != first


def test_a_secret_is_swapped(tmp_path: Path) -> None:
    """A mounted Secret changes by its `..data` symlink alone, as the kubelet does it."""
    for name in ("..1", "..2"):
        issue(tmp_path / name, ["localhost"])
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    serving = Serving(tmp_path / "tls.crt", tmp_path / "tls.key")
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert serving.refresh()
    with _listening(serving) as port:
        assert _serial(port, _client(tmp_path / "..2" / "ca.crt"))


def test_mutual_tls(tmp_path: Path) -> None:
    """With a client CA a caller needs its certificate; a renewed CA bundle counts at once."""
    ca, cert, key = _trustme(tmp_path / "server", "localhost")
    old_ca, *old = _trustme(tmp_path / "old", "caller")
    new_ca, *new = _trustme(tmp_path / "new", "caller")
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(old_ca.read_bytes())
    serving = Serving(cert, key, bundle)
    with _listening(serving) as port:
        assert _serial(port, _client(ca, (old[0], old[1])))
        for pair in (None, (new[0], new[1])):
            with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
                _serial(port, _client(ca, pair))
        bundle.write_bytes(new_ca.read_bytes())
        assert serving.refresh()
        assert _serial(port, _client(ca, (new[0], new[1])))
        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            _serial(port, _client(ca, (old[0], old[1])))


def test_old_protocols_are_refused(tmp_path: Path) -> None:
    """TLS 1.2 with forward secrecy is the least."""
    issued = issue(tmp_path, ["localhost"])
    with _listening(Serving(issued.cert, issued.key)) as port:
        client = _client(issued.ca)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        assert _serial(port, client)
        client.set_ciphers("AES128-GCM-SHA256:AES128-SHA")
        with pytest.raises(ssl.SSLError):
            _serial(port, client)


def test_keys_are_private_and_nothing_is_left(tmp_path: Path) -> None:
    """Key files are readable by their owner alone, and no temporary file stays."""
    os.umask(os.umask(0o022))
    issued = issue(tmp_path / "made", ["localhost"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").iterdir()}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "tls.crt": 0o644, "tls.key": 0o600}
    assert issued.key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    """Each file that is there is named, and no files were written; `force` overwrites."""
    first = issue(tmp_path, ["localhost"]).cert.read_bytes()
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(CertificateError) as refused:
        issue(tmp_path, ["localhost"])
    assert [fault.where for fault in refused.value.faults] == [
        str(tmp_path / name) for name in ("ca.key", "tls.crt", "tls.key")
    ]
    assert not (tmp_path / "ca.crt").exists()
    assert issue(tmp_path, ["localhost"], force=True).cert.read_bytes() != first


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [
        ([], 1, "names: expected at least one DNS name or IP address"),
        (["a b"], 1, 'names: "a b" is neither a DNS name nor an IP address'),
        (["a..b"], 1, 'names: "a..b" is neither a DNS name nor an IP address'),
        (["a.*.b"], 1, 'names: "a.*.b" is neither a DNS name nor an IP address'),
        ([f"{'a' * 64}.b"], 1, "is neither a DNS name nor an IP address"),
        (["bücher.example"], 1, 'names: "bücher.example" is not ASCII; expected its A-label (xn--…)'),
        (["a"], 398, "days: expected 1 to 397 days, got 398"),
    ],
    ids=["none", "space", "empty-label", "wildcard", "long", "unicode", "days"],
)
def test_what_cannot_be_issued(tmp_path: Path, names: list[str], days: int, said: str) -> None:
    """A name or a term that no certificate can have is denied before anything is written."""
    with pytest.raises(CertificateError) as refused:
        issue(tmp_path / "new", names, days=days)
    assert said in str(refused.value)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """The path and the system's reason are said."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError, match="cannot be written"):
        issue(tmp_path / "file" / "certs", ["localhost"])


def test_what_cannot_be_served(tmp_path: Path) -> None:
    """Every fault of a pair is said at once, each with its file."""
    cert, key, ca = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt"
    cert.write_text("rubbish")
    ca.write_text("rubbish")
    with pytest.raises(CertificateError) as refused:
        Serving(cert, key, ca)
    assert [(fault.where, fault.message.partition(":")[0]) for fault in refused.value.faults] == [
        (str(cert), "expected a certificate in PEM"),
        (str(key), "cannot be read"),
        (str(ca), "expected CA certificates in PEM"),
    ]


@pytest.mark.parametrize("kind", ["passphrase", "short"])
def test_keys_that_are_not_served(tmp_path: Path, kind: str) -> None:
    """A key with a passphrase never asks for it, and a short RSA key is denied."""
    issued = issue(tmp_path, ["localhost"])
    key = rsa.generate_private_key(65537, 2048 if kind == "passphrase" else 1024)
    lock = BestAvailableEncryption(b"x") if kind == "passphrase" else NoEncryption()
    issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    with pytest.raises(
        CertificateError, match="without a passphrase" if kind == "passphrase" else "at least 2048 bits"
    ):
        Serving(issued.cert, issued.key)
