"""The Ed25519 key that signs checkpoints of the record: made, and read to sign or to verify."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from webhook.audit.chain import Signer
from webhook.errors import CertificateError, Fault
from webhook.files import NewFile, write_all

KEY: Final = "record.key"
PUBLIC: Final = "record.pub"
_IDENTITY: Final = 16  # hexadecimal digits: a key among a few


def make(directory: Path, *, force: bool = False) -> tuple[Path, Path]:
    """Make a key in `directory`, and return the files of the private and of the public key.

    Args:
        directory: the directory for record.key and record.pub; it is created if missing.
        force: whether to overwrite files.

    Raises:
        CertificateError: with every fault; nothing is written.
    """
    private, public = directory / KEY, directory / PUBLIC
    if not force and (there := [path for path in (private, public) if path.exists()]):
        raise CertificateError(
            tuple(Fault(str(path), "", "already exists; use --force to overwrite it") for path in there)
        )
    key = Ed25519PrivateKey.generate()
    try:
        write_all(
            (
                NewFile(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600),
                NewFile(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644),
            ),
            replace=force,
        )
    except OSError as error:
        where = str(error.filename or directory)
        raise CertificateError((Fault(where, "", f"cannot be written: {error.strerror}"),)) from None
    return private, public


def signer(path: Path) -> Signer:
    """Return what signs with the private key in `path`.

    Raises:
        CertificateError: it cannot be read, or is no Ed25519 key in PEM.
    """
    data = _read(path)
    try:
        key = load_pem_private_key(data, password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise CertificateError((Fault(str(path), "", "expected an Ed25519 private key in PEM, without a passphrase"),))
    return Signer(_identity(key.public_key()), key.sign)


class Keys:
    """Public keys that verify the signatures of checkpoints."""

    def __init__(self, *paths: Path) -> None:
        """Read the keys.

        Raises:
            CertificateError: with every file that cannot be read, or is no Ed25519 public key in PEM.
        """
        self._keys: dict[str, Ed25519PublicKey] = {}
        faults: list[Fault] = []
        for path in paths:
            try:
                key = _public(path)
                self._keys[_identity(key)] = key
            except CertificateError as error:
                faults += error.faults
        if faults:
            raise CertificateError(tuple(faults))

    def __contains__(self, identity: object) -> bool:
        return identity in self._keys

    def verify(self, identity: str, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is that of `data` by the key `identity`, which is one of these."""
        try:
            self._keys[identity].verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _public(path: Path) -> Ed25519PublicKey:
    data = _read(path)
    try:
        key = load_pem_public_key(data)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise CertificateError((Fault(str(path), "", "expected an Ed25519 public key in PEM"),))
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError((Fault(str(path), "", f"cannot be read: {error.strerror}"),)) from None


def _identity(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_IDENTITY]
