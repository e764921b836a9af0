from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.authority import CRL, FILES, ensure_generated
from signing.ground.errors import Corrupt


def test_every_file_is_there_and_private(keys: Path) -> None:
    assert {p.name for p in keys.iterdir()} - {".lock"} == {*FILES, CRL}
    assert {stat.S_IMODE((keys / name).stat().st_mode) for name in (*FILES, CRL)} == {0o600}


def test_openssl_accepts_both_chains(keys: Path) -> None:
    for certificate, purpose in (("seal.pem", "any"), ("tsa.pem", "timestampsign")):
        told = subprocess.run(
            [
                "openssl",
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-CAfile",
                keys / "root.pem",
                keys / certificate,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr


def test_a_second_start_changes_nothing(keys: Path) -> None:
    before = {name: (keys / name).read_bytes() for name in FILES}
    ensure_generated(keys, organisation="Une autre")
    assert {name: (keys / name).read_bytes() for name in FILES} == before


def test_a_start_cut_at_any_rename_is_finished_by_the_next(keys: Path, tmp_path: Path) -> None:
    for moved in range(len(FILES) + 1):
        folder = tmp_path / str(moved)
        ready = folder / ".ready"
        ready.mkdir(parents=True)
        for number, name in enumerate(sorted(FILES)):
            ((folder if number < moved else ready) / name).write_bytes((keys / name).read_bytes())
        ensure_generated(folder, organisation="x")
        assert {p.name for p in folder.iterdir()} - {".lock"} == set(FILES)
        assert (folder / "seal.key").read_bytes() == (keys / "seal.key").read_bytes()


def test_a_start_cut_while_writing_begins_again(tmp_path: Path) -> None:
    (tmp_path / ".new").mkdir()
    (tmp_path / ".new" / "root.pem").write_bytes(b"half")
    ensure_generated(tmp_path, organisation="x", clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    assert (tmp_path / "root.pem").read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert not (tmp_path / ".new").exists()


def test_a_lost_key_is_not_made_anew(keys: Path, tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes((keys / name).read_bytes())
    (tmp_path / "log.key").unlink()
    with pytest.raises(Corrupt) as alarm:
        ensure_generated(tmp_path, organisation="x")
    assert alarm.value.code == "keys_incomplete"
    assert not (tmp_path / "log.key").exists()
