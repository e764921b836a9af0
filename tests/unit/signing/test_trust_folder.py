"""The trust folder: bad files, folders that can't be written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from signing.trust import TrustFolder
from tests.unit.signing.test_chains import ROOT

PEM, DER = (ROOT[0].public_bytes(encoding) for encoding in (Encoding.PEM, Encoding.DER))


@pytest.fixture
def folder(tmp_path: Path) -> TrustFolder:
    made = TrustFolder(tmp_path / "trust", tmp_path / "keys")
    for below in ("own", "roots", "intermediates", "revocation"):
        (made.folder / below).mkdir(parents=True, exist_ok=True)
    (tmp_path / "keys" / "trusted").mkdir(parents=True)
    return made


@pytest.mark.parametrize("below", ["trust/own", "trust/roots", "trust/intermediates", "keys/trusted"])
@pytest.mark.parametrize("content", [b"", b"not a certificate", b"-----BEGIN CERTIFICATE-----\nAA==\n", None])
def test_a_bad_certificate_is_named_and_the_others_serve(
    tmp_path: Path, folder: TrustFolder, below: str, content: bytes | None
) -> None:
    good, bad = tmp_path / below / "good.pem", tmp_path / below / "bad.pem"
    good.write_bytes(PEM)
    assert folder.faults() == ()
    if content is None:
        bad.mkdir()  # as a file that the account may not read: no byte comes from it
    else:
        bad.write_bytes(content)
    found = folder.everything()
    assert DER in (*found.roots, *found.intermediates)
    assert folder.faults() == (f"{below.partition('/')[2]}/bad.pem",)


def test_bad_revocation_data_is_named(folder: TrustFolder) -> None:
    for name in ("a.crl", "b.ocsp", "c.txt"):
        (folder.folder / "revocation" / name).write_bytes(b"nothing")
    assert folder.faults() == ("revocation/a.crl", "revocation/b.ocsp")
    assert folder.everything().crls == ()


def test_a_folder_that_does_not_exist_is_no_fault(tmp_path: Path) -> None:
    assert TrustFolder(tmp_path / "none", tmp_path).faults() == ()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO])
def test_what_can_not_be_written_is_said_and_stops_nothing(
    folder: TrustFolder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(path: Path, content: bytes) -> int:
        raise OSError(number, "refused", str(path))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", refused)
        assert folder.publish([DER]) is False
        (missing,) = folder.unpublished([DER])
        assert missing.startswith("own/root-")
        assert list((folder.folder / "own").iterdir()) == []
    assert folder.publish([DER])
    assert folder.unpublished([DER]) == ()
    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", refused)
        assert folder.publish([DER]), "what is there needs no writing"
