"""What a bundle of CA certificates trusts. A bundle is PEM; what cannot be read as such trusts nothing."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError


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
