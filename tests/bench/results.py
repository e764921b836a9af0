"""Rows of ``make bench`` in ``build/bench.json``: ours beside a peer's of the same run."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "build" / "bench.json"


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
    goal: str | None = None,
    note: str | None = None,
    samples: Sequence[float] = (),
    file: Path = FILE,
) -> dict[str, Any]:
    """Write one row, in place of the row of the same name, and print it.

    Args:
        ours: Our figure, in ``unit``.
        peer: The other program's figure on the same input in the same run; None if there is no peer.
        ratio: How many times better we are (above 1: better), whatever the direction of ``unit``.
        recall: Share of the truth's words found, 0 to 1, where reading is measured.
        rounds: How often it was repeated.
        goal: What we aim at, in words.
        samples: Ratios of each round, if kept.
    """
    row: dict[str, Any] = {
        "name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit,
        "recall": recall, "peer_recall": peer_recall, "rounds": rounds, "goal": goal, "note": note,
        "samples": list(samples),
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
        rows = [old for old in rows if old["name"] != name] + [row]
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps({"rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(file)
    print(format_row(row), flush=True)
    return row


def format_row(row: dict[str, Any]) -> str:
    """One line for people."""
    parts = [f"{row['name']}: {row['ours']:.4g} {row['unit']}"]
    if row["peer"] is not None:
        parts.append(f"peer {row['peer']:.4g}")
    if row["ratio"] is not None:
        parts.append(f"ratio {row['ratio']:.2f}x")
    if row["recall"] is not None:
        parts.append(f"recall {row['recall']:.4f}")
    if row["peer_recall"] is not None:
        parts.append(f"peer recall {row['peer_recall']:.4f}")
    if row["goal"]:
        parts.append(f"goal {row['goal']}")
    if row["note"]:
        parts.append(row["note"])
    return ", ".join(parts)
