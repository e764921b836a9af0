"""Replies and acknowledgements: written for what came, read and judged for what was sent."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from archive.exchange.seda.entry import examine
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import Outcome, Step
from archive.exchange.seda.replies import (
    UNKNOWN,
    Acknowledgement,
    ReadAcknowledgement,
    ReadReply,
    Reply,
    compare,
    reply_to,
    write_acknowledgement,
    write_reply,
)
from archive.exchange.seda.reply_reader import read_acknowledgement, read_reply
from archive.exchange.seda.schema import read_message
from archive.exchange.seda.transfer import Agency, Digest, Transfer
from archive.exchange.seda.versions import Version
from tests import seda

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = ("2.1", "2.2", "2.3")
AT = "2026-03-12T08:15:30Z"
FILES = {"content/O.txt": seda.LETTER}


def examined(version: str = "2.1", files: dict[str, bytes] | None = None) -> Examination:
    content = seda.manifest(
        seda.unit("A", seda.unit("U", refers="G")), seda.grouped("G", seda.binary("O")), version=version
    )
    return examine(io.BytesIO(seda.package(content, FILES if files is None else files)))


def transfer_of(found: Examination) -> Transfer:
    assert found.transfer is not None
    return found.transfer


def answered(found: Examination) -> Reply:
    digest = Digest("SHA-512", seda.digest(seda.LETTER))
    return reply_to(
        transfer_of(found),
        identifier="REPONSE-1",
        at=AT,
        outcomes=found.outcomes,
        findings=found.findings,
        units={"A": "sys-A", "U": "sys-U"},
        objects={"O": ("sys-O", digest)},
    )


def sent_back(reply: Reply) -> ReadReply:
    content = write_reply(reply)
    assert [one.original for one in read_message(content)[1]] == []
    return read_reply(content)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_transfer_that_was_taken_is_answered_with_the_system_ids(version: str) -> None:
    found = examined(version)
    read = sent_back(answered(found))
    assert read.outcome is Outcome.OK
    assert read.reply is not None
    assert (read.reply.code, read.reply.request, read.reply.granted_at) == ("OK", "VERSEMENT-1", AT)
    assert read.reply.units == {"A": "sys-A", "U": "sys-U"}
    assert read.reply.objects["O"].system_id == "sys-O"
    assert compare(read.reply, transfer_of(found)) == []
    assert [one.code for one in read.reply.events] == [step.value for step in found.judged]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refusal_says_why_and_gives_no_ids(version: str) -> None:
    found = examined(version, {"content/O.txt": b"other bytes here!!"})
    read = sent_back(answered(found))
    assert read.outcome is Outcome.KO
    assert read.reply is not None
    assert (read.reply.units, read.reply.objects, read.reply.granted_at) == ({}, {}, None)
    (event,) = [one for one in read.reply.events if one.kind == "seda_digest_differs"]
    assert event.outcome == "KO"
    assert (event.message or "").startswith("BinaryDataObject[O]/MessageDigest (ligne ")
    assert compare(read.reply, transfer_of(found)) == []


def test_a_warning_is_a_persons_decision() -> None:
    found = examined(files={})
    warned = replace(answered(examined()), code="WARNING")
    assert sent_back(warned).outcome is Outcome.WARNING
    assert found.outcome is Outcome.KO


@pytest.mark.parametrize("code", ["", "ACCEPTED", "FATAL", "ok?"])
def test_an_unknown_code_says_nothing(code: str) -> None:
    assert sent_back(replace(answered(examined()), code=code)).outcome is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"request": "VERSEMENT-2"}, "seda_reply_other_request"),
        ({"units": {"A": "sys-A"}}, "seda_reply_unit_missing"),
        ({"units": {}}, "seda_reply_unit_missing"),
        ({"units": {"A": "same", "U": "same"}}, "seda_reply_same_id"),
    ],
)
def test_a_reply_must_fit_what_was_sent(changed: dict[str, object], code: str) -> None:
    found = examined()
    reply = replace(answered(found), **changed)  # type: ignore[arg-type]
    assert code in {one.code for one in compare(reply, transfer_of(found))}


def test_a_digest_that_differs_is_told() -> None:
    found = examined()
    reply = answered(found)
    other = replace(reply.objects["O"], digest=Digest("SHA-512", "00" * 64))
    assert [one.code for one in compare(replace(reply, objects={"O": other}), transfer_of(found))] == [
        "seda_reply_digest_differs"
    ]


def test_the_sample_of_another_archive_is_read() -> None:
    read = read_reply((SAMPLES / "atr-2.1-ok.xml").read_bytes())
    assert (read.findings, read.outcome) == ((), Outcome.OK)
    assert read.reply is not None
    assert len(read.reply.units) == 15
    assert len(read.reply.objects) == 14
    assert read.reply.request == "OK_texte_14BinaryMaster_fmts"


def test_the_invalid_sample_is_told_on_its_nodes_and_its_refusal_is_heard() -> None:
    read = read_reply((SAMPLES / "invalid-atr-2.1-ko-empty-fields.xml").read_bytes())
    assert [(one.code, one.node) for one in read.findings] == [
        ("seda_value_empty", "CodeListVersions/ReplyCodeListVersion"),
        ("seda_value_empty", "CodeListVersions/MessageDigestAlgorithmCodeListVersion"),
        ("seda_value_empty", "CodeListVersions/FileFormatCodeListVersion"),
        ("seda_element_missing", "ArchiveTransferReply"),
    ]
    assert read.outcome is Outcome.KO


def test_an_invalid_reply_is_never_an_ok() -> None:
    content = write_reply(answered(examined())).replace(b"<CodeListVersions/>", b"")
    assert read_reply(content).outcome is Outcome.WARNING


@pytest.mark.parametrize("content", [b"", b"<a/>", seda.manifest(seda.unit("U"))])
def test_another_message_is_no_reply(content: bytes) -> None:
    read = read_reply(content)
    assert (read.reply, read.outcome) == (None, None)
    assert read.findings


@pytest.mark.parametrize("version", VERSIONS)
def test_acknowledgements_are_written_and_read(version: str) -> None:
    told = Acknowledgement(Version(version), "ACC-1", AT, "VERSEMENT-1", Agency("ARCHIVES"), Agency("VERSANT"))
    assert read_acknowledgement(write_acknowledgement(told)) == ReadAcknowledgement(told)


def test_a_reply_is_no_acknowledgement() -> None:
    read = read_acknowledgement(write_reply(answered(examined())))
    assert read.acknowledgement is None
    assert [one.code for one in read.findings] == ["seda_message_not_acknowledgement"]


def test_a_step_that_was_not_come_to_is_not_told() -> None:
    found = examined()
    assert Step.FORMATS not in found.judged
    assert Step.FORMATS.value not in {one.code for one in answered(found).events}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("old", "new"), [("<Date>", "<Date>x"), ("VERSEMENT-1", " "), (">VERSANT<", "><")])
def test_a_manifest_that_its_schema_refuses_is_answered_too(version: str, old: str, new: str) -> None:
    content = seda.manifest(seda.unit("U", level="Bidule"), version=version).decode().replace(old, new).encode()
    found = examine(io.BytesIO(seda.package(content)))
    assert found.transfer is None
    assert found.head is not None
    reply = reply_to(found.head, identifier="R", at=AT, outcomes=found.outcomes, findings=found.findings)
    read = sent_back(reply)
    assert read.outcome is Outcome.KO
    assert read.reply is not None
    assert read.reply.request == (UNKNOWN if old == "VERSEMENT-1" else "VERSEMENT-1")
    assert read.reply.transferring_agency.identifier == (UNKNOWN if old == ">VERSANT<" else "VERSANT")
    assert "seda_value_not_listed" in {one.kind for one in read.reply.events}
