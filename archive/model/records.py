"""Parts of a record and of an archival package. Pure: no store, no database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from archive.model.description_fields import Description
from archive.model.premis_types import PremisType


class Kind(StrEnum):
    """Kinds of representations."""

    ORIGINAL = "original"
    """The received bytes, always present, never rewritten."""
    ARCHIVAL = "archival"
    """PDF/A, sealed; absent when it could not be made."""
    TEXT = "text"
    """ALTO 4.4, all pages."""
    PREVIEW = "preview"
    REDACTED = "redacted"
    """PDF/A for readers who may not see all of it: what was drawn over is gone from it; sealed."""


@dataclass(frozen=True)
class Digests:
    """Digests of the same bytes, lower-case hexadecimal."""

    sha256: str
    sha512: str

    def as_json(self) -> dict[str, str]:
        """Return the form used in every JSON answer and stored document."""
        return {"sha-256": self.sha256, "sha-512": self.sha512}


@dataclass(frozen=True)
class Format:
    """PRONOM's identifier and name of a format; None when unknown."""

    puid: str | None
    name: str | None


@dataclass(frozen=True)
class Remark:
    """Remark about a record that somebody should read or mend.

    Attributes:
        code: Stable word, e.g. ``recognise_failed``, ``extension_mismatch``, ``type_unknown``.
        detail: One French sentence.
        stage: The stage that made the remark, or None.
    """

    code: str
    detail: str
    stage: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the remark as the API shows it."""
        return {"code": self.code, "detail": self.detail, "stage": self.stage}


@dataclass(frozen=True)
class PackageFile:
    """One representation about to be kept.

    Attributes:
        kind: Kind of representation.
        path: Present place of the bytes; they are hashed again while they are stored.
        filename: The name that people see (the received name for the original).
        media_type: IANA media type.
        format: PRONOM identification.
        size: Bytes.
        digests: As computed when the bytes were first read; the store refuses other bytes.
    """

    kind: Kind
    path: Path
    filename: str
    media_type: str
    format: Format
    size: int
    digests: Digests


@dataclass(frozen=True)
class ToolRun:
    """One stage as stated in PREMIS and ``record.json``: tool, action, time, result.

    Attributes:
        event: PREMIS event type of the stage; stated in ``premis.json``, never guessed there.
    """

    stage: str
    state: str
    tool: str | None
    version: str | None
    parameters: dict[str, Any]
    started_at: datetime | None
    ended_at: datetime | None
    inputs: dict[str, str]
    outputs: dict[str, str]
    detail: str | None = None
    event: PremisType = field(kw_only=True)


@dataclass(frozen=True)
class ArchivalPackage:
    """All that ``holdings.keep`` needs to make a record (the AIP before it has a place).

    Attributes:
        record_id: Chosen by ingestion once, so that a retry keeps the same record.
        deposit_entry: Number of the journal entry ``DepositReceived``.
        tenant_name: Name of the tenant at that entry; None for a deposit of an earlier version.
        salts: Salts of the names whose digests are in that entry.
        agreement: Code of the deposit agreement under which it was received, if any.
        reports: Name (``pdfa.json``, ``signatures.json``) -> bytes, stored under
            ``content/reports/``.
        verdicts: As in the API: ``virus``, ``pdfa``, ``signature``, ``seal``.
        words: Number of words; None when no text could be read.
    """

    record_id: str
    tenant: str
    deposit_id: str
    agent: str
    received_at: datetime
    deposit_entry: int
    description: Description
    files: tuple[PackageFile, ...]
    pages: int | None
    words: int | None
    mean_confidence: float | None
    verdicts: dict[str, Any]
    warnings: tuple[Remark, ...]
    tools: tuple[ToolRun, ...]
    tenant_name: str | None = None
    salts: dict[str, str] = field(default_factory=dict)
    agreement: str | None = None
    reports: dict[str, bytes] = field(default_factory=dict)
