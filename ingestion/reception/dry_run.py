"""Dry run: what would become of a file: format, duplicates, rule and dates.

Nothing is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import RecordRow, RepresentationRow
from archive.model.records import Digests, Kind
from archive.retention.schedule import decide
from ingestion.processing.packaging import describe
from ingestion.reception.submission import Submission
from ingestion.stages.port import Stage, StageInput
from signing.ground.clock import Clock, iso, stamp


class DryRun:
    """Dry run of deposits.

    Args:
        identify: Makes the stage that identifies formats, at first use, as it starts a sandbox.
    """

    def __init__(self, database: Database, identify: Callable[[], Stage], clock: Clock) -> None:
        self._database = database
        self._identify = identify
        self._clock = clock

    def __call__(self, path: Path, submission: Submission, digests: Digests) -> dict[str, Any]:
        """Return the plan for one spooled file."""
        found = self.identified(path, submission, digests)
        with self._database.read() as session:
            described = describe(submission.fields, submission.filename)
            decision = decide(session, submission.tenant, described, self._clock())
            return {
                "filename": submission.filename,
                "media_type": found.get("media_type") or submission.media_type,
                "format": {"puid": found.get("puid"), "name": found.get("format_name")},
                "pages": found.get("pages"),
                "duplicate_of": _duplicates(session, submission.tenant, digests),
                "retention": {
                    "rule": decision.retention.rule,
                    "starts_on": iso(decision.retention.starts_on),
                    "ends_on": iso(decision.retention.ends_on),
                    "final_action": str(decision.retention.final_action),
                    "explanation": decision.retention.explanation,
                },
                "access": {
                    "communicable_on": iso(decision.access.communicable_on),
                    "explanation": decision.access.explanation,
                },
                "warnings": [remark.as_json() for remark in decision.remarks],
            }

    def identified(self, path: Path, submission: Submission, digests: Digests) -> dict[str, Any]:
        """Return what the stage that identifies finds out about spooled bytes."""
        deposit = {
            "id": "",
            "tenant": submission.tenant,
            "filename": submission.filename,
            "media_type": submission.media_type,
            "size": path.stat().st_size,
            "sha256": digests.sha256,
            "sha512": digests.sha512,
            "fields": dict(submission.fields),
            "received_at": stamp(self._clock()),
        }
        with tempfile.TemporaryDirectory() as folder:
            return self._identify().run(StageInput(Path(folder), {"received": path}, {"deposit": deposit})).facts


def _duplicates(session: Session, tenant: str, digests: Digests) -> list[str]:
    same = (
        select(RecordRow.id)
        .join(RepresentationRow, RepresentationRow.record_id == RecordRow.id)
        .where(
            RecordRow.tenant_id == tenant,
            RepresentationRow.kind == Kind.ORIGINAL,
            RepresentationRow.sha256 == digests.sha256,
        )
    )
    return list(session.scalars(same.order_by(RecordRow.id).limit(20)))
