"""Rows of the benchmark table: on screen and in ``build/bench.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "build" / "bench.json"
SERVICES = TARGET.with_name("bench-services.json")
"""The table of ``make bench-services``."""


def add_row(
    name: str,
    ours: float,
    peer: float | None,
    ratio: float | None,
    unit: str,
    *,
    recall: float | None = None,
    peer_recall: float | None = None,
    rounds: int = 1,
    target: Path = TARGET,
) -> None:
    """Put one row into the table, in place of an older row of the same name.

    Args:
        ours: Our figure, in ``unit``.
        peer: The peer's figure in the same run; None when there is no peer.
        ratio: How many times better we are (above 1 = better); None without a peer.
        target: The table's file.
    """
    row: dict[str, Any] = {
        "name": name,
        "ours": round(ours, 4),
        "peer": None if peer is None else round(peer, 4),
        "ratio": None if ratio is None else round(ratio, 3),
        "unit": unit,
        "recall": None if recall is None else round(recall, 5),
        "peer_recall": None if peer_recall is None else round(peer_recall, 5),
        "rounds": rounds,
    }
    rows = [old for old in read_rows(target) if old["name"] != name]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([*rows, row], indent=1) + "\n", encoding="utf-8")
    print(
        f"{name:<46} ours {row['ours']:>10} peer {row['peer'] if peer is not None else '-':>10} "
        f"ratio {row['ratio'] if ratio is not None else '-':>7} {unit}"
        + (f"  recall {row['recall']} / {row['peer_recall']}" if recall is not None else ""),
        flush=True,
    )


def read_rows(target: Path = TARGET) -> list[dict[str, Any]]:
    """All rows so far."""
    if not target.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(target.read_text(encoding="utf-8"))
    return rows
