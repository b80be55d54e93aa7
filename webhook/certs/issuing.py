"""Issues a CA and a serving certificate: as files for development, in memory for a cluster."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from webhook.errors import CertificateError, Fault
from webhook.files import NewFile, write_all
from webhook.text import quoted

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LONGEST_NAME: Final = 253
_LONGEST_DAYS: Final = 397
_CA_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class Issued:
    """The files that `issue` wrote."""

    ca: Path
    ca_key: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A serving certificate with its key, and the CA that signed it; PEM."""

    ca: bytes
    cert: bytes
    key: bytes = field(repr=False)


def issue(
    directory: Path, names: Sequence[str], *, days: int = 90, force: bool = False, now: datetime | None = None
) -> Issued:
    """Issue a CA and a serving certificate for development.

    Args:
        directory: the directory for ca.crt, ca.key, tls.crt and tls.key; it is created if missing.
        names: DNS names and IP addresses.
        days: the validity of the serving certificate, at most 397.
        force: whether to overwrite files.
        now: the beginning of the validity.

    Raises:
        CertificateError: with every fault; no files were written.
    """
    issued = Issued(*(directory / name for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")))
    paths = (issued.ca, issued.ca_key, issued.cert, issued.key)
    faults = _faults(names, days)
    if not force:
        faults += [
            Fault(str(path), "", "already exists; use --force to overwrite it") for path in paths if path.exists()
        ]
    if faults:
        raise CertificateError(tuple(faults))
    start = _start(now)
    ca, ca_key = _authority("istag-webhook development CA", start, _CA_DAYS)
    leaf, key = _signed(ca, ca_key, names, start, days)
    try:
        write_all(
            (
                NewFile(issued.ca, ca.public_bytes(Encoding.PEM), 0o644),
                NewFile(issued.ca_key, _pem(ca_key), 0o600),
                NewFile(issued.cert, leaf.public_bytes(Encoding.PEM), 0o644),
                NewFile(issued.key, _pem(key), 0o600),
            ),
            replace=force,
        )
    except OSError as error:
        where = str(error.filename or directory)
        raise CertificateError((Fault(where, "", f"cannot be written: {error.strerror}"),)) from None
    return issued


def pair(names: Sequence[str], *, days: int, now: datetime | None = None) -> Pair:
    """Issue a serving certificate and a CA only for it; the key of the CA is discarded, so it cannot leak.

    Args:
        names: DNS names and IP addresses.
        days: the validity of both, at most 397.
        now: the beginning of the validity.

    Raises:
        CertificateError: with every fault.
    """
    if faults := _faults(names, days):
        raise CertificateError(tuple(faults))
    start = _start(now)
    ca, ca_key = _authority(f"istag-webhook CA {start:%Y-%m-%d %H:%M:%S}", start, days)
    leaf, key = _signed(ca, ca_key, names, start, days)
    return Pair(ca.public_bytes(Encoding.PEM), leaf.public_bytes(Encoding.PEM), _pem(key))


def _faults(names: Sequence[str], days: int) -> list[Fault]:
    faults = [Fault("names", "", "expected at least one DNS name or IP address")] if not names else []
    faults += [Fault("names", "", fault) for fault in map(_name_fault, names) if fault]
    if not 1 <= days <= _LONGEST_DAYS:
        faults.append(Fault("days", "", f"expected 1 to {_LONGEST_DAYS} days, got {days}"))
    return faults


def _start(now: datetime | None) -> datetime:
    """Return the beginning of the validity, with an allowance for clock skew."""
    return (now or datetime.now(UTC)) - timedelta(minutes=5)


def _authority(name: str, start: datetime, days: int) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(name, key, None, (), start, days), key


def _signed(
    ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: Sequence[str], start: datetime, days: int
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certificate(names[0][:64], key, (ca, ca_key), names, start, days), key


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
    """Return a certificate for `key`: a CA if there is no issuer, else a server certificate (RFC 5280)."""
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
