"""Validity of the certificates that we sign with: nothing is sealed or stamped outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from signing.chains import readable_name
from signing.ground.errors import Unavailable
from signing.port import Signer

ALARM_DAYS: Final = (365, 90, 30)
"""Days before an end at which an alarm is raised, each graver than the one before."""
_REST: Final = 60
"""Seconds until what waits for another certificate is tried again."""


@dataclass(frozen=True)
class Validity:
    """The span in which a certificate is good."""

    name: str
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, der: bytes) -> Validity:
        """Return the span of a DER certificate."""
        certificate = x509.load_der_x509_certificate(der)
        return cls(readable_name(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc)

    def holds(self, at: datetime) -> bool:
        """Whether the moment lies inside the span."""
        return self.begins <= at <= self.ends

    def days_left(self, at: datetime) -> int:
        """Return the whole days until the end; negative once it has passed."""
        return (self.ends - at).days

    def words(self) -> dict[str, str]:
        """Return name, first and last day, for a sentence."""
        return {"name": self.name, "begins": f"{self.begins:%Y-%m-%d}", "ends": f"{self.ends:%Y-%m-%d}"}


def broken_link(certificates: Sequence[bytes], at: datetime) -> Validity | None:
    """Return the first certificate of a chain that is not good at a moment; None if all are."""
    return next((span for der in certificates if not (span := Validity.of(der)).holds(at)), None)


def require_valid_seal(signer: Signer, at: datetime) -> None:
    """Refuse to seal outside the validity of the seal's certificate or of one of its issuers.

    Raises:
        Unavailable: ``seal_outside_validity``: sealing waits until the seal is replaced or the
            clock is right.
    """
    span = broken_link((signer.certificate, *signer.chain), at)
    if span is not None:
        error = Unavailable(
            "seal_outside_validity",
            "Le certificat « {name} » du cachet n’est valable que du {begins} au {ends} : rien n’est scellé en dehors.",
            kept="Ce qui est reçu est conservé et attend.",
            action="Remplacez le cachet (« chartrier seal replace ») ou réglez l’horloge ; il reprend alors.",
            **span.words(),
        )
        error.retry_after = _REST
        raise error


def require_valid_authority(certificates: Sequence[bytes], at: datetime) -> None:
    """Refuse to ask an authority whose certificates, known beforehand, are not good now.

    Raises:
        Unavailable: ``timestamp_outside_validity``.
    """
    span = broken_link(certificates, at)
    if span is not None:
        error = Unavailable(
            "timestamp_outside_validity",
            "Le certificat « {name} » de l’horodatage n’est valable que du {begins} au {ends} : "
            "rien n’est horodaté en dehors.",
            kept="Ce qui est reçu est conservé et attend.",
            action="Remplacez l’autorité d’horodatage ou réglez l’horloge ; le scellement reprend alors.",
            **span.words(),
        )
        error.retry_after = _REST
        raise error
