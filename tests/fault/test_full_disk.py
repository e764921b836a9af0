"""A disk filled to its last byte or inode: what was acknowledged waits, none is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.small_disk import DEPOSITS, on_small_disk

UNBLAMED = {"DepositReceived", "LogOpened", "RecordKept", "StageCompleted", "TenantOpened"}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "left",
    [
        "300000",
        pytest.param("0", marks=pytest.mark.fault),
        pytest.param("1500000", marks=pytest.mark.fault),
        pytest.param("4000000", marks=pytest.mark.fault),
        pytest.param("inodes", marks=pytest.mark.fault),
    ],
)
def test_what_was_acknowledged_is_kept_found_and_verified_once_there_is_room(
    tmp_path: Path, keys: Path, left: str
) -> None:
    told = on_small_disk(tmp_path, keys, left)
    assert {state for state, _, _ in told["full"]} <= {"received", "working", "kept"}
    assert {(attempts, problem) for _, attempts, problem in told["full"]} <= {(0, None), (1, None)}
    assert set(told["said"]) <= UNBLAMED, "a full disk is no fact about a document"
    assert [(state, problem) for state, _, problem in told["end"]] == [("kept", None)] * DEPOSITS
    assert set(told["types"]) <= UNBLAMED
    assert told["failed"] == 0
    assert told["verdicts"] == ["intact"] * DEPOSITS
    assert told["found"] == DEPOSITS
    if left in {"0", "inodes"}:
        assert {word for attempts in told["attempts"] for word in attempts} == {"no_room"}
        assert told["refusals"] == ["spool_full"] * len(told["attempts"])
        assert (told["ready"]["worker"][0], told["ready"]["store"][0]) == ("degraded", "degraded")
        assert "disque est plein" in told["ready"]["worker"][1]
