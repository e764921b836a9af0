"""Verdicts: they have three values; absence of evidence is never a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """Verdict on a signature, a seal or a token (ETSI EN 319 102-1, clause 5.1.3)."""

    VALID = "valid"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"
    NONE = "none"
    """There was nothing to judge."""


@dataclass(frozen=True)
class SignatureFinding:
    """One signature found in a document, with its verdict.

    Attributes:
        field: Name of the signature field.
        signer: Subject of the signing certificate, readable form; empty if unreadable.
        verdict: Three-valued; ``NONE`` never appears here.
        reason: Stable snake_case word: ``ok``, ``digest_mismatch``, ``untrusted_chain``,
            ``unreadable`` …
        detail: One French sentence for readers.
        intact: Whether the signed bytes still have the signed digest; None if it could not be
            computed.
        covers_whole_file: Whether the last signed revision is the whole file.
        signed_at: Claimed or time-stamped moment, if any.
        level: ``B-B``, ``B-T``, ``B-LT``, ``B-LTA`` or ``CMS`` when it is not PAdES.
        certificate: DER of the signing certificate, hex; empty if absent.
    """

    field: str
    signer: str
    verdict: Verdict
    reason: str
    detail: str
    intact: bool | None = None
    covers_whole_file: bool | None = None
    signed_at: datetime | None = None
    level: str = "CMS"
    certificate: str = ""


@dataclass(frozen=True)
class SignatureReport:
    """All signatures of a document; the verdict is the weakest of them."""

    verdict: Verdict
    findings: tuple[SignatureFinding, ...] = field(default=())

    @classmethod
    def of(cls, findings: tuple[SignatureFinding, ...]) -> SignatureReport:
        """Sum up: one invalid makes the whole invalid, else one doubt makes it doubtful."""
        verdicts = {finding.verdict for finding in findings}
        for verdict in (Verdict.INVALID, Verdict.INDETERMINATE, Verdict.VALID):
            if verdict in verdicts:
                return cls(verdict, findings)
        return cls(Verdict.NONE, ())
