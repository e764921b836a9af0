"""A spool stands alone: no intake, no database, no store."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ingestion.reception.spool import Spool
from ingestion.reception.submission import Submission
from signing.ground.errors import Refused, Unavailable


def test_bytes_are_counted_and_hashed_while_they_are_written(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool" / "a.part", 100) as spool:
        for chunk in (b"un ", b"", b"courrier"):
            spool.write(chunk)
        spool.sync()
        assert spool.path.read_bytes() == b"un courrier"
        assert spool.size == 11
        assert spool.digests.sha256 == hashlib.sha256(b"un courrier").hexdigest()
        assert spool.digests.sha512 == hashlib.sha512(b"un courrier").hexdigest()
    assert list((tmp_path / "spool").iterdir()) == []
    spool.discard()


def test_bytes_and_their_folder_are_on_disk_before_anybody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []
    real = os.fsync

    def recorded(descriptor: int) -> None:
        real(descriptor)
        status = os.fstat(descriptor)
        synced.append((status.st_ino, status.st_size if stat.S_ISREG(status.st_mode) else -1))

    with Spool(tmp_path / "a.part", 4) as spool:
        spool.write(b"1234")
        monkeypatch.setattr(os, "fsync", recorded)
        spool.sync()
        assert synced == [(spool.path.stat().st_ino, 4), (tmp_path.stat().st_ino, -1)]


def test_the_limit_is_the_last_byte_taken(tmp_path: Path) -> None:
    with Spool(tmp_path / "a.part", 4) as spool:
        spool.write(b"1234")
        with pytest.raises(Refused) as refused:
            spool.write(b"5")
    assert (refused.value.code, refused.value.values["limit"]) == ("too_large", 4)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"")
    with pytest.raises(Unavailable) as unavailable:
        Spool(tmp_path / "spool" / "a.part", 4)
    assert unavailable.value.code == "spool_full"


def test_no_name_is_written_twice(tmp_path: Path) -> None:
    with Spool(tmp_path / "a.part", 4) as first:
        first.write(b"1")
        with pytest.raises(Unavailable):
            Spool(tmp_path / "a.part", 4)
        assert first.path.read_bytes() == b"1"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"idempotency_key": ""}, "bad_idempotency_key"),
        ({"filename": "a\0b"}, "bad_filename"),
        ({"fields": {"colour": "red"}}, "bad_field"),
        ({"fields": {"title": "a\ud800"}}, "bad_field"),
    ],
    ids=["key", "filename", "unknown field", "half a character"],
)
def test_a_submission_that_exists_was_checked(given: dict[str, Any], code: str) -> None:
    whole: dict[str, Any] = {
        "tenant": "demo",
        "agent": "key:1",
        "idempotency_key": "k",
        "filename": "a.pdf",
        "media_type": "",
        "fields": {},
    }
    Submission(**whole)
    with pytest.raises(Refused) as refused:
        Submission(**whole | given)
    assert refused.value.code == code


def test_limits_are_for_new_deposits_and_judged_apart() -> None:
    """A deposit repeated under its key has its answer already, whatever the limits of today."""
    for fields in ({"closed_on": "hier"}, {"title": "t" * 501}, {"document_date": "0024-03-05"}):
        submission = Submission("demo", "key:1", "k", "a.pdf", "", fields)
        with pytest.raises(Refused) as refused:
            submission.check_fields()
        assert refused.value.code == "bad_field"
