"""Load a seal whose key lies in a file: generated PEM, or PKCS#12 from an authority."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from signing.chains import nearest_first
from signing.ground.errors import Refused
from signing.settings import Pkcs12Seal, SigningSettings

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_DER = serialization.Encoding.DER
_TRIES = 5
_MOMENT = 0.1


class KeySigner:
    """Signer with a key held in memory.

    The parsed key is kept: parsing RSA-3072 again costs ten times the signature itself.

    Args:
        certificate: Certificate of the key.
        key: RSA or elliptic-curve private key.
        chain: Certificates that may lead to a root, in any order.
        probative: Whether an outside authority vouches for the key.

    Raises:
        ValueError: If key and certificate don't belong together, or the kind of key is not
            supported.
    """

    def __init__(
        self,
        certificate: x509.Certificate,
        key: object,
        chain: Sequence[x509.Certificate],
        *,
        probative: bool,
    ) -> None:
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ValueError("a seal's key is RSA or elliptic-curve")
        if key.public_key() != certificate.public_key():
            raise ValueError("the key is not the certificate's")
        self._key: _Key = key
        self._certificate = certificate.public_bytes(_DER)
        self._chain = tuple(c.public_bytes(_DER) for c in nearest_first(certificate, chain))
        self._probative = probative

    @property
    def certificate(self) -> bytes:
        """DER of the seal certificate."""
        return self._certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER of the issuing certificates, nearest first."""
        return self._chain

    @property
    def algorithm(self) -> str:
        """``rsa-sha256`` or ``ecdsa-sha256``."""
        return "rsa-sha256" if isinstance(self._key, rsa.RSAPrivateKey) else "ecdsa-sha256"

    @property
    def probative(self) -> bool:
        """Whether an outside authority vouches for the key."""
        return self._probative

    def sign(self, message: bytes) -> bytes:
        """Sign a message with SHA-256."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


class PemSigner(KeySigner):
    """Signer from a certificate and an unencrypted PEM key (see ``signing.authority``)."""

    def __init__(
        self,
        certificate_pem: bytes,
        key_pem: bytes,
        chain_pems: Sequence[bytes] = (),
        *,
        probative: bool = False,
    ) -> None:
        super().__init__(
            x509.load_pem_x509_certificate(certificate_pem),
            serialization.load_pem_private_key(key_pem, password=None),
            [x509.load_pem_x509_certificate(pem) for pem in chain_pems],
            probative=probative,
        )


class Pkcs12Signer(KeySigner):
    """Signer from one PKCS#12 file of an authority: certificate, key and chain.

    Raises:
        Refused: If the file or its password is wrong.
    """

    def __init__(self, content: bytes, password: str) -> None:
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(content, password.encode())
            if certificate is None:
                raise ValueError("no certificate with the key")
            super().__init__(certificate, key, others, probative=True)
        except (ValueError, TypeError) as error:
            raise Refused(
                "seal_unreadable",
                "Le fichier PKCS#12 du cachet ne peut pas être lu avec ce mot de passe.",
                action="Vérifiez le fichier et son mot de passe dans la configuration.",
            ) from error


def load_signer(settings: SigningSettings) -> KeySigner:
    """Load the seal that the settings name.

    Raises:
        Refused: If it can't be read.
    """
    if isinstance(settings.seal, Pkcs12Seal):
        content = _read(settings.seal.path)
        return Pkcs12Signer(content, settings.seal.password.get_secret_value())
    for _ in range(_TRIES):
        try:
            return _generated(settings.keys)
        except ValueError:  # another process is just moving a new set in
            time.sleep(_MOMENT)
    return _generated(settings.keys)


def _generated(keys: Path) -> KeySigner:
    return PemSigner(_read(keys / "seal.pem"), _read(keys / "seal.key"), [_read(keys / "root.pem")])


class FollowingSigner:
    """Signer that follows its file: a seal that is replaced is used without a restart.

    Raises:
        Refused: If the seal can't be read at first.
    """

    def __init__(self, settings: SigningSettings) -> None:
        seal = settings.seal
        self._settings = settings
        self._file = seal.path if isinstance(seal, Pkcs12Seal) else settings.keys / "seal.pem"
        self._seen = self._look()
        self._present = load_signer(settings)

    def snapshot(self) -> KeySigner:
        """Return the seal of this moment; the one before while the new one can't be read."""
        seen = self._look()
        if seen is not None and seen != self._seen:
            with suppress(Refused, ValueError):
                self._present = load_signer(self._settings)
                self._seen = seen
        return self._present

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @property
    def certificate(self) -> bytes:
        """DER of the seal certificate."""
        return self.snapshot().certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER of the issuing certificates, nearest first."""
        return self.snapshot().chain

    @property
    def algorithm(self) -> str:
        """``rsa-sha256`` or ``ecdsa-sha256``."""
        return self.snapshot().algorithm

    @property
    def probative(self) -> bool:
        """Whether an outside authority vouches for the key."""
        return self.snapshot().probative

    def sign(self, message: bytes) -> bytes:
        """Sign a message with SHA-256."""
        return self.snapshot().sign(message)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(
            "seal_unreadable",
            "Le fichier « {path} » du cachet ne peut pas être lu.",
            action="Vérifiez la configuration du cachet et les droits sur ce fichier.",
            path=path.name,
        ) from error
