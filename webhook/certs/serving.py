"""The certificate that is served, and the client CAs that are trusted, renewed without a restart."""

import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from webhook.errors import CertificateError, Fault
from webhook.files import Signature, signature

_LEAST_RSA_BITS: Final = 2_048
# TLS 1.2's AEAD suites with forward secrecy (RFC 9325, section 4.2); TLS 1.3 has only such.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Serving:
    """The certificate that is served: read again when its files change, and never worse than the last good one."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        """Load the pair.

        Args:
            cert: the certificate and its chain, PEM.
            key: its key, PEM.
            client_ca: what callers' certificates must verify against; None asks callers for none.

        Raises:
            CertificateError: with every fault.
        """
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._untimely: x509.Certificate | None = None  # what was denied by the time of day, and by nothing else
        self._signature = self._sign()
        self._context, self._expires = self._load()
        self._refused = False

    @property
    def refused(self) -> bool:
        """Whether the files now hold a pair that cannot be served, and an older one is served instead."""
        return self._refused

    @property
    def context(self) -> ssl.SSLContext:
        """The newest context; take it for each connection.

        A context resumes only sessions that it made itself (TLS 1.2 and 1.3): after a renewal every caller proves
        again who it is.
        """
        return self._context

    @property
    def expires(self) -> datetime:
        """When the certificate that is served expires."""
        return self._expires

    def refresh(self) -> bool:
        """Load the pair again if its files changed, or if it is valid by now; whether there is a new one.

        Raises:
            CertificateError: with every fault, once for each change; the last good pair stays.
        """
        found = self._sign()
        if found == self._signature and (self._untimely is None or _untimely(self._untimely)):
            return False
        self._signature = found
        self._refused = True
        self._context, self._expires = self._load()
        self._refused = False
        return True

    def _sign(self) -> Signature:
        return signature(path for path in (self._cert, self._key, self._client_ca) if path is not None)

    def _load(self) -> tuple[ssl.SSLContext, datetime]:
        try:
            return self._read()
        except CertificateError:
            # A mounted Secret may have been swapped between two files: what is there a moment later is one version.
            time.sleep(0.1)
            self._signature = self._sign()
            return self._read()

    def _read(self) -> tuple[ssl.SSLContext, datetime]:
        faults: list[Fault] = []
        leaf = _read_certificate(self._cert, faults)
        key = _read_key(self._key, faults)
        if leaf is not None and key is not None and _public(leaf.public_key()) != _public(key.public_key()):
            faults.append(Fault(str(self._cert), "", f"is not of the key in {self._key}"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = 1  # each is a twentieth of a handshake's cost; API servers resume no session
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        if self._client_ca is not None:
            _trust(context, self._client_ca, faults)
        if not faults:
            try:
                context.load_cert_chain(self._cert, self._key, password=lambda: "")
            except (OSError, ValueError) as error:
                faults.append(Fault(str(self._cert), "", f"cannot be served: {error}"))
        self._untimely = None
        if leaf is not None and key is not None and (wrong := _untimely(leaf)):
            self._untimely = None if faults else leaf
            faults.append(Fault(str(self._cert), "", wrong))
        if faults or leaf is None:
            raise CertificateError(tuple(faults))
        return context, leaf.not_valid_after_utc


def _untimely(leaf: x509.Certificate) -> str:
    """Return why a certificate is not valid now, "" where it is; the clock may be wrong, and be put right later."""
    now = datetime.now(UTC)
    if leaf.not_valid_after_utc <= now:
        return f"expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if leaf.not_valid_before_utc > now:
        return f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _bytes(path: Path, faults: list[Fault]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.append(Fault(str(path), "", f"cannot be read: {error.strerror}"))
        return None


def _read_certificate(path: Path, faults: list[Fault]) -> x509.Certificate | None:
    data = _bytes(path, faults)
    if data is None:
        return None
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError as error:
        faults.append(Fault(str(path), "", f"expected a certificate in PEM: {str(error).partition('.')[0]}"))
        return None


def _read_key(path: Path, faults: list[Fault]) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None:
    data = _bytes(path, faults)
    if data is None:
        return None
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        faults.append(Fault(str(path), "", "expected a key without a passphrase"))
        return None
    except ValueError as error:
        faults.append(Fault(str(path), "", f"expected a private key in PEM: {str(error).partition('.')[0]}"))
        return None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA_BITS:
        faults.append(Fault(str(path), "", f"expected RSA of {_LEAST_RSA_BITS} bits at least, got {key.key_size}"))
        return None
    return key  # type: ignore[return-value]


def _trust(context: ssl.SSLContext, path: Path, faults: list[Fault]) -> None:
    """Make `context` ask callers for a certificate that verifies against the bundle at `path`."""
    data = _bytes(path, faults)
    if data is None:
        return
    try:
        context.load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        faults.append(Fault(str(path), "", f"expected CA certificates in PEM: {error}"))
    context.verify_mode = ssl.CERT_REQUIRED


def joined(*bundles: bytes, now: datetime | None = None) -> bytes:
    """Return the certificates of all `bundles`, each once, without those that have expired: they verify nothing."""
    moment = now or datetime.now(UTC)
    kept = {each: None for bundle in bundles for each in _read(bundle) if each.not_valid_after_utc > moment}
    return b"".join(each.public_bytes(Encoding.PEM) for each in kept)


def signers(bundle: bytes, cert: bytes, name: str, now: datetime | None = None) -> bytes:
    """Return those of `bundle` that verify the chain `cert` for the DNS name `name`: none where b"" is returned.

    Args:
        bundle: CA certificates.
        cert: the serving certificate, and those between it and its CA.
        name: what a caller expects it to be.
        now: when it is to be valid.
    """
    leaf, *between = _read(cert) or (None,)
    if leaf is None:
        return b""
    found = [each for each in _read(bundle) if _verifies(each, leaf, between, name, now or datetime.now(UTC))]
    return b"".join(each.public_bytes(Encoding.PEM) for each in found)


def _verifies(
    ca: x509.Certificate, leaf: x509.Certificate, between: list[x509.Certificate], name: str, now: datetime
) -> bool:
    verifier = PolicyBuilder().store(Store([ca])).time(now).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(leaf, between)
    except VerificationError:
        return False
    return True


def expires(cert: bytes) -> datetime | None:
    """Return when a serving certificate expires, None where there is none."""
    found = _read(cert)
    return found[0].not_valid_after_utc if found else None


def belongs(cert: bytes, key: bytes) -> bool:
    """Whether `key` is the key of the serving certificate `cert`."""
    found = _read(cert)
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError):
        return False
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return bool(found) and found[0].public_key().public_bytes(*form) == public.public_bytes(*form)


def _read(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        return []
