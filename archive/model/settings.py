"""Settings of the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalStore(_Frozen):
    """Files on this machine; assurance: advisory."""

    kind: Literal["local"] = "local"
    root: Path


class S3Store(_Frozen):
    """MinIO or any S3 with Object Lock; assurance: enforced once the probe has shown it."""

    kind: Literal["s3"] = "s3"
    endpoint: str
    bucket: str
    access_key: SecretStr
    secret_key: SecretStr
    region: str = "us-east-1"
    ca: Path | None = None
    """PEM of the authority behind an ``https`` endpoint; None: the system's."""


StoreSettings = Annotated[LocalStore | S3Store, Field(discriminator="kind")]


class ArchiveSettings(_Frozen):
    """Where records are and how long the store locks them.

    Attributes:
        database_url: The role that serves; on PostgreSQL it owns no table.
        database_owner_url: The role that migrates; the same URL where one role does both.
        copy_store: Where the second copy goes; None: there is none.
        lock_horizon_days: ``retain_until = min(end of retention, today + horizon)``; 0 = whole
            retention at once.
        backup_retention_days: Days for which backups outside are kept; None: nobody told us.
    """

    database_url: SecretStr
    database_owner_url: SecretStr
    store: StoreSettings
    copy_store: StoreSettings | None = None
    lock_horizon_days: int = Field(default=400, ge=0, le=36500)
    backup_retention_days: int | None = Field(default=None, ge=0, le=36500)
    origin: str = "chartrier.local"
    """Public name of the installation's log (C2SP checkpoint origin)."""
