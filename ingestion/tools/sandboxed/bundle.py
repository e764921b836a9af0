"""Check a foreign evidence bundle in the sandbox."""

from __future__ import annotations

from typing import Any

from archive.evidence import bundle as evidence
from ingestion.tools.sandboxed.job import Job


def verify_bundle(job: Job) -> dict[str, Any]:
    """Check the zip ``received`` against the trust file ``trust``."""
    return evidence.verify_bundle(job.inputs["received"], trust=job.arguments["trust"].encode())
