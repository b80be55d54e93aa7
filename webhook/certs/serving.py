"""The serving certificate and the trusted client CAs, reloaded without a restart."""

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
# The AEAD suites of TLS 1.2 with forward secrecy (RFC 9325, section 4.2); all suites of TLS 1.3 have both.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Serving:
    """The serving certificate; when its files change to an invalid pair, the last valid pair stays in use."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        """Load the pair.

        Args:
            cert: the certificate and its chain, PEM.
            key: its key, PEM.
            client_ca: the CAs that client certificates must verify against; None requests no client certificates.

        Raises:
            CertificateError: with every fault.
        """
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._untimely: x509.Certificate | None = None  # a certificate that was rejected only because of its validity
        self._signature = self._sign()
        self._context, self._expires = self._load()
        self._rejected = False

    @property
    def rejected(self) -> bool:
        """Whether the files contain a pair that cannot be served, so that an older pair is in use."""
        return self._rejected

    @property
    def context(self) -> ssl.SSLContext:
        """The current context; read this property for each connection.

        After a renewal every client authenticates again: TLS 1.3 resumes no session, and TLS 1.2 only those of the same
        context.
        """
        return self._context

    @property
    def expires(self) -> datetime:
        """When the served certificate expires."""
        return self._expires

    def refresh(self) -> bool:
        """Reload the pair if its files changed or it has become valid; return whether there is a new pair.

        Raises:
            CertificateError: with every fault, once for each change; the last valid pair stays in use.
        """
        found = self._sign()
        if found == self._signature and (self._untimely is None or _untimely(self._untimely)):
            return False
        self._signature = found
        self._rejected = True
        self._context, self._expires = self._load()
        self._rejected = False
        return True

    def _sign(self) -> Signature:
        return signature(path for path in (self._cert, self._key, self._client_ca) if path is not None)

    def _load(self) -> tuple[ssl.SSLContext, datetime]:
        try:
            return self._read()
        except CertificateError:
            # A mounted Secret may have been replaced between reading two of its files; a moment later they agree.
            time.sleep(0.1)
            self._signature = self._sign()
            return self._read()

    def _read(self) -> tuple[ssl.SSLContext, datetime]:
        faults: list[Fault] = []
        leaf = _read_certificate(self._cert, faults)
        key = _read_key(self._key, faults)
        if leaf is not None and key is not None and _public(leaf.public_key()) != _public(key.public_key()):
            faults.append(Fault(str(self._cert), "", f"does not match the key in {self._key}"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        # TLS 1.3: a ticket takes a tenth of a handshake, and API servers do not resume sessions.
        context.num_tickets = 0
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
    """Return why a certificate is not valid now, "" if it is; a wrong clock may be corrected later."""
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
        faults.append(
            Fault(str(path), "", f"expected an RSA key of at least {_LEAST_RSA_BITS} bits, got {key.key_size}")
        )
        return None
    return key  # type: ignore[return-value]


def _trust(context: ssl.SSLContext, path: Path, faults: list[Fault]) -> None:
    """Require client certificates in `context`, verified against the bundle at `path`."""
    data = _bytes(path, faults)
    if data is None:
        return
    try:
        context.load_verify_locations(cadata=data.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        faults.append(Fault(str(path), "", f"expected CA certificates in PEM: {error}"))
    context.verify_mode = ssl.CERT_REQUIRED


def joined(*bundles: bytes, now: datetime | None = None) -> bytes:
    """Return the certificates of all `bundles`, without duplicates and expired certificates."""
    moment = now or datetime.now(UTC)
    kept = {each: None for bundle in bundles for each in _read(bundle) if each.not_valid_after_utc > moment}
    return b"".join(each.public_bytes(Encoding.PEM) for each in kept)


def signers(bundle: bytes, cert: bytes, name: str, now: datetime | None = None) -> bytes:
    """Return the certificates of `bundle` that verify the chain `cert` for the DNS name `name`, b"" if none does.

    Args:
        bundle: CA certificates.
        cert: the serving certificate and its intermediate certificates.
        name: the name that a client expects.
        now: the time of the verification.
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
    """Return when a serving certificate expires, None if there is none."""
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
