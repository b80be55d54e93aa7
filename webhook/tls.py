"""Certificates: made for development, and served so that a renewed one needs no restart."""

import os
import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.errors import CertificateRefused, Fault
from webhook.text import quoted
from webhook.watch import Signature, signature

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST_NAME: Final = 253
_LONGEST_DAYS: Final = 397
_CA_DAYS: Final = 3_650
_LEAST_RSA_BITS: Final = 2_048
# TLS 1.2's AEAD suites with forward secrecy (RFC 9325, section 4.2); TLS 1.3 has only such.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class Issued:
    """The files that `issue` wrote."""

    ca: Path
    ca_key: Path
    cert: Path
    key: Path


def issue(
    directory: Path, names: Sequence[str], *, days: int = 90, force: bool = False, now: datetime | None = None
) -> Issued:
    """Make a CA and a serving certificate for development.

    Args:
        directory: where ca.crt, ca.key, tls.crt and tls.key go; it is made where it is missing.
        names: DNS names and IP addresses.
        days: how long the serving certificate is valid, 397 at most.
        force: whether to overwrite.
        now: when they become valid.

    Raises:
        CertificateRefused: with every fault; then nothing is written.
    """
    issued = Issued(*(directory / name for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")))
    paths = (issued.ca, issued.ca_key, issued.cert, issued.key)
    faults = [Fault("names", "", "expected one DNS name or IP address at least")] if not names else []
    faults += [Fault("names", "", fault) for fault in map(_name_fault, names) if fault]
    if not 1 <= days <= _LONGEST_DAYS:
        faults.append(Fault("days", "", f"expected 1 to {_LONGEST_DAYS} days, got {days}"))
    if not force:
        faults += [Fault(str(path), "", "is there already; --force overwrites it") for path in paths if path.exists()]
    if faults:
        raise CertificateRefused(tuple(faults))
    start = (now or datetime.now(UTC)) - timedelta(minutes=5)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("istag-webhook development CA", ca_key, None, (), start, _CA_DAYS)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(names[0][:64], key, (ca, ca_key), names, start, days)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write(
            (issued.ca, ca.public_bytes(Encoding.PEM), 0o644),
            (issued.ca_key, _pem(ca_key), 0o600),
            (issued.cert, leaf.public_bytes(Encoding.PEM), 0o644),
            (issued.key, _pem(key), 0o600),
        )
    except OSError as error:
        where = str(error.filename or directory)
        raise CertificateRefused((Fault(where, "", f"cannot be written: {error.strerror}"),)) from None
    return issued


def _name_fault(name: str) -> str:
    if _address(name) is not None:
        return ""
    if not name.isascii():
        return f"{quoted(name)} is not ASCII; expected its A-label (xn--…)"
    labels = name.lower().split(".")
    if len(labels) > 1 and labels[0] == "*":
        labels = labels[1:]
    if not name or len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        return f"{quoted(name)} is neither a DNS name nor an IP address"
    return ""


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _certificate(
    common_name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    names: Sequence[str],
    start: datetime,
    days: int,
) -> x509.Certificate:
    """Return a certificate of `key`: a CA where there is no issuer, else one for a server (RFC 5280)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    is_ca = issuer is None
    signer = key if issuer is None else issuer[1]
    end = start + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end if issuer is None else min(end, issuer[0].not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(_usage(is_ca=is_ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not is_ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, SHA256())


def _general_name(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.DNSName(name.lower()) if address is None else x509.IPAddress(address)


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(*files: tuple[Path, bytes, int]) -> None:
    """Write files under other names first: a run that is broken off leaves no half pair."""
    made: list[tuple[Path, Path]] = []
    try:
        for path, data, mode in files:
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            made.append((temporary, path))
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        for temporary, path in made:
            temporary.replace(path)
    finally:
        for temporary, _ in made:
            temporary.unlink(missing_ok=True)


class Serving:
    """The certificate that is served: read again when its files change, and never worse than the last good one."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None = None) -> None:
        """Load the pair.

        Args:
            cert: the certificate and its chain, PEM.
            key: its key, PEM.
            client_ca: what callers' certificates must verify against; None asks callers for none.

        Raises:
            CertificateRefused: with every fault.
        """
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._signature = self._sign()
        self._newest, self._expires = self._load()
        self._context = self._newest
        # Called for every handshake, by a client without SNI too: the connection takes the newest context.
        self._context.sni_callback = self._swap

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the server; certificates loaded later are served through it."""
        return self._context

    @property
    def expires(self) -> datetime:
        """When the certificate that is served expires."""
        return self._expires

    def refresh(self) -> bool:
        """Load the pair again if its files changed; whether there is a new one.

        Raises:
            CertificateRefused: with every fault, once for each change; the last good pair stays.
        """
        found = self._sign()
        if found == self._signature:
            return False
        self._signature = found
        self._newest, self._expires = self._load()
        return True

    def _swap(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _sign(self) -> Signature:
        return signature(path for path in (self._cert, self._key, self._client_ca) if path is not None)

    def _load(self) -> tuple[ssl.SSLContext, datetime]:
        try:
            return self._read()
        except CertificateRefused:
            # A mounted Secret may have been swapped between two files: what is there a moment later is one version.
            time.sleep(0.1)
            self._signature = self._sign()
            return self._read()

    def _read(self) -> tuple[ssl.SSLContext, datetime]:
        faults: list[Fault] = []
        leaf = _read_certificate(self._cert, faults)
        key = _read_key(self._key, faults)
        now = datetime.now(UTC)
        if leaf is not None and key is not None and not faults:
            if _public(leaf.public_key()) != _public(key.public_key()):
                faults.append(Fault(str(self._cert), "", f"is not of the key in {self._key}"))
            if leaf.not_valid_after_utc <= now:
                faults.append(Fault(str(self._cert), "", f"expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"))
            if leaf.not_valid_before_utc > now:
                when = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
                faults.append(Fault(str(self._cert), "", f"is not valid before {when}"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        if self._client_ca is not None:
            _trust(context, self._client_ca, faults)
        if not faults:
            try:
                context.load_cert_chain(self._cert, self._key, password=lambda: "")
            except (OSError, ValueError) as error:
                faults.append(Fault(str(self._cert), "", f"cannot be served: {error}"))
        if faults or leaf is None:
            raise CertificateRefused(tuple(faults))
        return context, leaf.not_valid_after_utc


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
