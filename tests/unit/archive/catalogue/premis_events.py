"""A record and one event of every kind that ``premis.json`` has ever told, for its golden file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

STAGES = ("screen", "identify", "normalise", "recognise", "convert", "validate", "seal")

TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("DepositReceived", {"sha-256": "aa", "sha-512": "bb", "size": 12}),
    *(("StageCompleted", {"stage": stage, "state": "done"}) for stage in STAGES[:3]),
    ("StageCompleted", {"stage": "recognise", "state": "skipped"}),
    ("StageFailed", {"stage": "convert", "state": "failed", "reason": "pdf_broken"}),
    ("DepositQuarantined", {"reason": "workers_killed"}),
    ("DepositRetried", {"stages": ["convert", "validate", "seal"]}),
    *(("StageCompleted", {"stage": stage, "state": "done"}) for stage in STAGES[4:6]),
    ("DepositRecovered", {"sha-256": "aa", "sha-512": "bb", "size": 12}),
    ("RecordKept", {"record": "cc", "inventory": "dd"}),
    ("RecordRecovered", {"after": 9, "record": "cc", "inventory": "dd"}),
    ("RecordDescribed", {"revision": 2, "record": "cc", "inventory": "dd"}),
    ("RecordCompleted", {"revision": 3, "record": "cc", "inventory": "dd"}),
    ("ObjectRestored", {"store": "first", "path": "v1/content/x", "damaged": None}),
    ("FixityChecked", {"verdict": "altered", "checks": 9}),
    ("HoldPlaced", {"hold": "h", "statement": "ee", "until": None}),
    ("HoldReleased", {"hold": "h", "statement": "ff", "ended": "expired"}),
    ("HoldRecovered", {"hold": "h", "statement": "ee", "until": None}),
    ("ReleaseRecovered", {"hold": "h", "statement": "ff", "ended": "expired"}),
    ("RecordRecomputed", {"revision": 4, "record": "cc", "inventory": "dd"}),
    ("ChangeAbandoned", {"revision": 1, "version": 3, "abandoned": ["ee"], "record": "cc", "inventory": "dd"}),
    ("GuardsRestored", {"locks": 9, "holds": 0, "retain_until": "2027-04-16"}),
    ("VerdictCorrected", {"entry": 18, "accused": "altered", "verdict": "intact", "checks": 9}),
    ("HoldReinstated", {"hold": "i", "statement": "ee", "until": None, "reinstates": "h"}),
    ("HoldExtended", {"hold": "j", "statement": "ee", "until": None}),
    ("RecordRedacted", {"revision": 5, "record": "cc", "inventory": "dd", "redacted": "ee", "boxes": 1}),
    ("DepositRefused", {"reason": "malware", "until": "2026-04-11"}),
    ("DepositAccepted", {"reason": "malware"}),
    ("DepositDestroyed", {"reason": "malware"}),
    ("MalwareFound", {"revision": 6, "record": "cc", "inventory": "dd"}),
)
AT = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)


def tool(stage: str, state: str = "done") -> dict[str, Any]:
    return {
        "stage": stage,
        "state": state,
        "tool": f"tool of {stage}",
        "version": "1.0",
        "parameters": {"limit": "1.5"},
        "started_at": "2026-03-12T08:00:00.000Z",
        "ended_at": "2026-03-12T08:00:01.000Z",
        "inputs": {"received": "00"},
        "outputs": {"made": "11"},
        "detail": None,
    }


def record() -> dict[str, Any]:
    """``record.json`` as far as ``premis.json`` reads it; the seal is told by no entry."""
    return {"record": "0193aaaa-bbbb-7ccc-8ddd-eeeeffff0000", "tools": [tool(stage) for stage in STAGES]}
