"""Settings of signing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GeneratedSeal(_Frozen):
    """Seal made at first start in ``keys/``: it works, and proves nothing to a judge."""

    kind: Literal["generated"] = "generated"


class Pkcs12Seal(_Frozen):
    """Seal certificate and key delivered by an authority as PKCS#12."""

    kind: Literal["pkcs12"] = "pkcs12"
    path: Path
    password: SecretStr


SealSettings = Annotated[GeneratedSeal | Pkcs12Seal, Field(discriminator="kind")]


class SigningSettings(_Frozen):
    """Settings of signing: whose seal, which time-stamping authorities.

    Attributes:
        keys: Folder of generated keys and certificates.
        trust: Public folder of certificates and revocation data; beside ``keys`` unless given.
        tsa_urls: RFC 3161 authorities, tried in order; the local one when empty.
    """

    keys: Path
    seal: SealSettings = GeneratedSeal()
    tsa_urls: tuple[str, ...] = ()
    trust: Path | None = None

    @property
    def trust_folder(self) -> Path:
        """Public folder of certificates and revocation data."""
        return self.trust or self.keys.parent / "trust"
