"""Ports of signing: the holder of the seal's key, and the source of time-stamps."""

from __future__ import annotations

from typing import Protocol


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
    def chain(self) -> tuple[bytes, ...]:
        """DER certificates that let a third party check the tokens, root last when known."""

    def token(self, digest: bytes) -> bytes:
        """Return the DER ``TimeStampToken`` (a CMS ContentInfo) over a SHA-256 digest.

        Raises:
            Unavailable: If no authority gave a token that holds.
        """
