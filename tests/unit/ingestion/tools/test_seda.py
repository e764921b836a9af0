"""Packages and replies of SEDA, examined in the real sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.exchange.seda.findings import Outcome, Step
from archive.exchange.seda.replies import Acknowledgement, Reply, write_acknowledgement, write_reply
from archive.exchange.seda.transfer import Agency
from archive.exchange.seda.versions import Version
from ingestion.tools.sandbox import Sandbox, ToolFailed
from ingestion.tools.seda import ExaminedPackage, examine_acknowledgement, examine_package, examine_reply
from tests import seda

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
    "08d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
REPLY = Reply(Version.V2_3, "R", "2026-03-12T08:15:30Z", "VERSEMENT-1", "OK", Agency("AD"), Agency("COMMUNE"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()


def package(tmp_path: Path, **changed: str) -> Path:
    objects = seda.grouped("G", seda.binary("O")) + seda.grouped(
        "H", seda.binary("P", PNG, uri="content/P.png", puid="fmt/18")
    )
    units = seda.unit("U", refers="G") + seda.unit("V", refers="H")
    content = seda.manifest(units, objects, **changed)
    made = tmp_path / "package.zip"
    made.write_bytes(seda.package(content, {"content/O.txt": seda.LETTER, "content/P.png": PNG}))
    return made


def examined(sandbox: Sandbox, made: Path, **how: bool) -> ExaminedPackage:
    return examine_package(sandbox, made, made.parent, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["2.1", "2.3"])
def test_a_package_comes_back_as_values_and_bytes(sandbox: Sandbox, tmp_path: Path, version: str) -> None:
    found = examined(sandbox, package(tmp_path, version=version))
    transfer = found.examination.transfer
    assert transfer is not None
    assert (transfer.version, list(transfer.units)) == (Version(version), ["U", "V"])
    for name, content in (("O", seda.LETTER), ("P", PNG)):
        assert b"".join(found.parts(name)) == content
        assert found.examination.received[name].sha256 == hashlib.sha256(content).hexdigest()


def test_formats_are_found_by_the_bytes(sandbox: Sandbox, tmp_path: Path) -> None:
    found = examined(sandbox, package(tmp_path)).examination
    assert found.outcome_of(Step.FORMATS) is Outcome.WARNING
    (one,) = found.findings
    assert (one.code, one.node) == ("seda_format_differs", "BinaryDataObject[P]/FormatIdentification/FormatId")
    assert str(one.values["found"]).startswith("fmt/1")
    assert found.received["O"].puid == "x-fmt/111"


def test_a_dry_run_unpacks_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    made = package(tmp_path)
    found = examined(sandbox, made, dry_run=True)
    assert found.examination.outcome is Outcome.WARNING
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package.zip"]
    with pytest.raises(KeyError):
        next(found.parts("O"))


def test_a_profile_is_read_in_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "profile.rng"
    profile.write_bytes(b'<element name="Other" xmlns="http://relaxng.org/ns/structure/1.0"><empty/></element>')
    found = examine_package(sandbox, package(tmp_path), tmp_path, profile=profile).examination
    assert found.outcome_of(Step.PROFILE) is Outcome.KO


def test_a_package_that_is_none_is_a_finding(sandbox: Sandbox, tmp_path: Path) -> None:
    made = tmp_path / "package.zip"
    made.write_bytes(b"not a package")
    found = examined(sandbox, made).examination
    assert [one.code for one in found.findings] == ["seda_zip_unreadable"]
    assert found.transfer is None


def test_entities_do_not_reach_a_parser(sandbox: Sandbox, tmp_path: Path) -> None:
    entity = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
    made = tmp_path / "package.zip"
    made.write_bytes(seda.package(entity))
    assert [one.code for one in examined(sandbox, made).examination.findings] == ["seda_doctype"]


def test_a_reply_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    made = tmp_path / "reply.xml"
    made.write_bytes(write_reply(REPLY))
    found = examine_reply(sandbox, made, tmp_path)
    assert (found.reply, found.outcome) == (REPLY, Outcome.OK)


def test_an_acknowledgement_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    told = Acknowledgement(Version.V2_1, "A", "2026-03-12T08:15:30Z", "VERSEMENT-1", Agency("AD"), Agency("COMMUNE"))
    made = tmp_path / "acknowledgement.xml"
    made.write_bytes(write_acknowledgement(told))
    assert examine_acknowledgement(sandbox, made, tmp_path).acknowledgement == told


def test_an_answer_that_is_none_is_not_believed(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lies(*_: object) -> dict[str, object]:
        (tmp_path / "examination.json").write_text('{"transfer": [], "findings": []}')
        return {}

    monkeypatch.setattr(sandbox, "call", lies)
    with pytest.raises(ToolFailed):
        examined(sandbox, package(tmp_path))
