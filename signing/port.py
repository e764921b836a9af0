"""Ports of signing: the holder of the seal's key, and the source of time-stamps."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Signer(Protocol):
    """Signer: holds the private key of the administration's electronic seal.

    An implementation MUST NOT hand out the private key, MUST sign with RSA PKCS#1 v1.5
    or ECDSA over SHA-256, and MUST raise ``Unavailable`` when its device does not answer.
    """

    @property
    def certificate(self) -> bytes:
        """DER of the seal certificate."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER of the issuing certificates, nearest first, root last when known."""

    @property
    def algorithm(self) -> str:
        """``rsa-sha256`` or ``ecdsa-sha256``."""

    @property
    def probative(self) -> bool:
        """Whether the seal is probative; False for a key made here, and every page shows that."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message; pass the message itself, as the signer hashes it."""


@runtime_checkable
class Following(Protocol):
    """Signer whose seal may be replaced while the service runs."""

    def snapshot(self) -> Signer:
        """Return the signer of this moment, which never changes."""


def present(signer: Signer) -> Signer:
    """Return the signer of this moment: take it once for everything that must be one seal."""
    return signer.snapshot() if isinstance(signer, Following) else signer


class Timestamper(Protocol):
    """Timestamper: gives RFC 3161 time-stamp tokens.

    An implementation MUST check imprint, nonce, policy, extended key usage and signature of every
    token before returning it, and MUST raise ``Unavailable`` rather than return a doubtful one.
    """

    @property
    def name(self) -> str:
        """Name for pages."""

    @property
    def probative(self) -> bool:
        """Whether its tokens are probative; False for the local authority."""

    @property
    def identity(self) -> str:
        """Hexadecimal word that changes when another authority is configured."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates that let a third party check the tokens, root last when known."""

    def token(self, digest: bytes) -> bytes:
        """Return the DER ``TimeStampToken`` (a CMS ContentInfo) over a SHA-256 digest.

        Raises:
            Unavailable: If no authority gave a token that holds.
        """
