"""Entry checks of a package, in their order: from its container to the rules of its units."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import pytest

from archive.exchange.seda.checks import MOST_PLACES
from archive.exchange.seda.entry import examine
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import MOST_OF_A_STEP, Finding, Outcome, Step
from archive.exchange.seda.transfer import DataObject
from tests import seda

SAMPLES = Path(__file__).parent / "samples"
OBJECT = seda.grouped("G", seda.binary("O"))
UNIT = seda.unit("U", refers="G")
FILES = {"content/O.txt": seda.LETTER}
GOOD = seda.manifest(UNIT, OBJECT)


class Kept:
    """A sink that keeps the bytes, and finds a format by the first of them."""

    identifies = True

    def __init__(self, found: str | None = "x-fmt/111") -> None:
        self.found = found
        self.content = b""

    def begin(self, one: DataObject) -> None:
        pass

    def write(self, part: bytes) -> None:
        self.content += part

    def end(self) -> str | None:
        return self.found


def examined(manifest: bytes, files: dict[str, bytes] | None = None, sink: Kept | None = None) -> Examination:
    return examine(io.BytesIO(seda.package(manifest, FILES if files is None else files)), sink)


def told(findings: Iterable[Finding]) -> set[tuple[str, Outcome, str]]:
    return {(one.code, one.outcome, one.node) for one in findings}


def codes(manifest: bytes, files: dict[str, bytes] | None = None) -> set[str]:
    return {one.code for one in examined(manifest, files).findings}


def test_a_good_package_is_taken_and_its_bytes_are_given() -> None:
    sink = Kept()
    found = examined(GOOD, sink=sink)
    assert found.findings == ()
    assert found.outcome is Outcome.OK
    assert sink.content == seda.LETTER
    received = found.received["O"]
    assert (received.offset, received.size, received.puid) == (0, len(seda.LETTER), "x-fmt/111")
    assert received.sha256 == hashlib.sha256(seda.LETTER).hexdigest()
    assert received.sha512 == hashlib.sha512(seda.LETTER).hexdigest()
    assert found.manifest == "manifest.xml"
    assert found.manifest_sha256 == hashlib.sha256(GOOD).hexdigest()
    assert Step.PROFILE not in found.judged
    assert found.outcome_of(Step.PROFILE) is None


def test_objects_are_given_one_after_another() -> None:
    objects = seda.grouped("G", seda.binary("O")) + seda.grouped("H", seda.binary("P", b"deux"))
    files = {"content/P.txt": b"deux", **FILES}
    sink = Kept()
    found = examined(seda.manifest(UNIT + seda.unit("V", refers="H"), objects), files, sink)
    for name, content in (("O", seda.LETTER), ("P", b"deux")):
        one = found.received[name]
        assert sink.content[one.offset : one.offset + one.size] == content


def test_formats_are_not_judged_where_nobody_finds_them() -> None:
    assert examined(GOOD).outcome_of(Step.FORMATS) is None
    assert examined(GOOD, sink=Kept()).outcome_of(Step.FORMATS) is Outcome.OK


@pytest.mark.parametrize(
    ("found", "code", "outcome"),
    [("fmt/18", "seda_format_differs", Outcome.WARNING), (None, "seda_format_unknown", Outcome.KO)],
)
def test_formats_are_compared_with_those_declared(found: str | None, code: str, outcome: Outcome) -> None:
    examination = examined(GOOD, sink=Kept(found))
    assert told(examination.findings) == {(code, outcome, "BinaryDataObject[O]/FormatIdentification/FormatId")}
    assert ("O" in examination.received) is (outcome is Outcome.WARNING)


def test_an_unknown_format_may_be_left_to_a_person() -> None:
    package = io.BytesIO(seda.package(GOOD, FILES))
    assert examine(package, Kept(None), unknown_formats=True).outcome is Outcome.WARNING


@pytest.mark.parametrize(
    ("objects", "units", "files", "expected"),
    [
        (OBJECT, UNIT, {}, ("seda_uri_unknown", Outcome.KO, "BinaryDataObject[O]/Uri")),
        (OBJECT, UNIT, FILES | {"content/more.txt": b"x"}, ("seda_file_unknown", Outcome.KO, "")),
        (
            OBJECT,
            UNIT,
            {"content/O.txt": b"other bytes here!!"},
            ("seda_digest_differs", Outcome.KO, "BinaryDataObject[O]/MessageDigest"),
        ),
        (
            seda.grouped("G", seda.binary("O", size=19)),
            UNIT,
            FILES,
            ("seda_size_differs", Outcome.WARNING, "BinaryDataObject[O]/Size"),
        ),
        (
            seda.grouped("G", seda.binary("O", b"", size=1)),
            UNIT,
            {"content/O.txt": b""},
            ("seda_object_empty", Outcome.KO, "BinaryDataObject[O]/Size"),
        ),
        (
            OBJECT + seda.grouped("H", seda.binary("P", uri="content/O.txt")),
            UNIT + seda.unit("V", refers="H"),
            FILES,
            ("seda_uri_twice", Outcome.KO, "BinaryDataObject[P]/Uri"),
        ),
        (
            OBJECT + seda.grouped("H", seda.binary("P")),
            UNIT,
            FILES | {"content/P.txt": seda.LETTER},
            ("seda_object_orphan", Outcome.KO, "BinaryDataObject[P]"),
        ),
        (
            seda.grouped("G", seda.binary("O", usage="Brouillon")),
            UNIT,
            FILES,
            ("seda_usage_unknown", Outcome.KO, "BinaryDataObject[O]/DataObjectVersion"),
        ),
        (
            seda.grouped("G", seda.binary("O", usage="Thumbnail")),
            UNIT,
            FILES,
            ("seda_master_missing", Outcome.KO, "BinaryDataObject[O]"),
        ),
        (
            seda.grouped("G", seda.binary("O"), seda.binary("P", usage="BinaryMaster_2")),
            UNIT,
            FILES | {"content/P.txt": seda.LETTER},
            ("seda_usage_twice", Outcome.KO, "BinaryDataObject[P]"),
        ),
    ],
)
def test_objects_and_files_must_agree(
    objects: str, units: str, files: dict[str, bytes], expected: tuple[str, Outcome, str]
) -> None:
    assert expected in told(examined(seda.manifest(units, objects), files).findings)


def test_bytes_in_the_manifest_are_refused() -> None:
    uri = "<Uri>content/O.txt</Uri>"
    attached = f"<Attachment>{base64.b64encode(seda.LETTER).decode()}</Attachment>"
    manifest = seda.manifest(UNIT, OBJECT.replace(uri, attached))
    assert ("seda_object_embedded", Outcome.KO, "BinaryDataObject[O]/Attachment") in told(
        examined(manifest, {}).findings
    )


@pytest.mark.parametrize(
    ("algorithm", "value", "code"),
    [
        ("MD5", hashlib.md5(seda.LETTER).hexdigest(), "seda_digest_weak"),
        ("MD5", hashlib.md5(b"other").hexdigest(), "seda_digest_differs"),
        ("SHA-1", hashlib.sha1(seda.LETTER).hexdigest(), "seda_digest_unreadable"),
        ("SHA-256", seda.digest(seda.LETTER, "sha256"), ""),
        ("SHA-384", base64.b64encode(hashlib.sha384(seda.LETTER).digest()).decode(), ""),
    ],
)
def test_digests_of_each_algorithm(algorithm: str, value: str, code: str) -> None:
    objects = OBJECT.replace('"SHA-512"', f'"{algorithm}"').replace(seda.digest(seda.LETTER), value)
    assert code in codes(seda.manifest(UNIT, objects)) if code else not codes(seda.manifest(UNIT, objects))


def test_a_weak_digest_alone_is_left_to_a_person() -> None:
    weak = OBJECT.replace('"SHA-512"', '"MD5"').replace(seda.digest(seda.LETTER), hashlib.md5(seda.LETTER).hexdigest())
    assert examined(seda.manifest(UNIT, weak)).outcome is Outcome.WARNING


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (
            seda.unit("U", content="<StartDate>2016-05-01</StartDate><EndDate>2016-04</EndDate>", refers="G"),
            ("seda_dates_reversed", Outcome.KO, "ArchiveUnit[U]/Content/StartDate"),
        ),
        (
            UNIT.replace("<Title>U</Title>", ""),
            ("seda_title_missing", Outcome.KO, "ArchiveUnit[U]/Content/Title"),
        ),
        (
            seda.unit("U", management=seda.appraisal(("R", "9001-01-01")), refers="G"),
            ("seda_rule_date_beyond", Outcome.KO, "ArchiveUnit[U]/Management/AppraisalRule"),
        ),
        (
            seda.unit("U", management=seda.appraisal(("R", "12345-01-01")), refers="G"),
            ("seda_rule_date_beyond", Outcome.KO, "ArchiveUnit[U]/Management/AppraisalRule"),
        ),
    ],
)
def test_units_and_rules_are_checked_on_their_node(units: str, expected: tuple[str, Outcome, str]) -> None:
    assert told(examined(seda.manifest(units, OBJECT)).findings) == {expected}


@pytest.mark.parametrize("told_start", ["2016", "2016-05-01T10:00:00", "2016-05-01+02:00", "--05"])
def test_imprecise_dates_are_no_fault(told_start: str) -> None:
    content = f"<StartDate>{told_start}</StartDate><EndDate>2016-12</EndDate>"
    assert codes(seda.manifest(seda.unit("U", content=content, refers="G"), OBJECT)) == set()


def test_who_sends_is_asked_for() -> None:
    manifest = seda.manifest(UNIT, OBJECT, management="", head="")
    assert told(examined(manifest).findings) == {
        ("seda_agreement_missing", Outcome.WARNING, "ArchivalAgreement"),
        ("seda_producer_missing", Outcome.WARNING, "ManagementMetadata/OriginatingAgencyIdentifier"),
    }
    nobody = GOOD.replace(b"<Identifier>ARCHIVES</Identifier>", b"<Identifier> </Identifier>")
    assert ("seda_identifier_missing", Outcome.KO, "ArchivalAgency/Identifier") in told(examined(nobody).findings)


def test_ways_that_double_at_every_step_are_refused_at_once() -> None:
    units = "".join(
        seda.unit(
            f"A{n}", seda.reference(f"r{n}", f"A{n + 1}"), seda.unit(f"B{n}", seda.reference(f"s{n}", f"A{n + 1}"))
        )
        for n in range(200)
    )
    found = examined(seda.manifest(units + seda.unit("A200", refers="G"), OBJECT))
    (one,) = found.findings
    assert one.code == "seda_too_many_places"
    assert int(one.values["count"]) > MOST_PLACES


def test_another_message_is_no_transfer() -> None:
    reply = (SAMPLES / "atr-2.1-ok.xml").read_bytes()
    assert told(examined(reply, {}).findings) == {("seda_message_not_transfer", Outcome.KO, "ArchiveTransferReply")}


def test_an_invalid_manifest_is_told_and_nothing_else_is_judged() -> None:
    found = examined(GOOD.replace(b"<Size>18", b"<Size>x"))
    assert found.judged == (Step.CONTAINER, Step.MANIFEST)
    assert found.outcome_of(Step.MANIFEST) is Outcome.KO
    assert found.outcome_of(Step.DIGESTS) is None
    assert found.transfer is None


def test_a_profile_that_is_none_is_the_archivists_matter() -> None:
    found = examine(io.BytesIO(seda.package(GOOD, FILES)), profile=b"<x/>")
    assert [one.code for one in found.findings] == ["seda_profile_unusable"]


@pytest.mark.parametrize(
    "name", ["sip-2.1-matrice-cadastrale.xml", "sip-2.3-signed-embedded.xml", "sip-2.3-signed-detached-proofs.xml"]
)
def test_samples_lack_their_objects_and_nothing_else(name: str) -> None:
    found = examined((SAMPLES / name).read_bytes(), {})
    refused = {one.code for one in found.findings if one.outcome is Outcome.KO}
    assert refused == {"seda_uri_unknown"}


def test_only_so_many_findings_of_a_step_are_told() -> None:
    units = "".join(seda.unit(f"V{n}").replace(f"<Title>V{n}</Title>", "") for n in range(MOST_OF_A_STEP + 7))
    found = examined(seda.manifest(UNIT + units, OBJECT)).findings
    assert len(found) == MOST_OF_A_STEP + 1
    assert (found[-1].code, found[-1].values, found[-1].outcome) == ("seda_more_errors", {"count": 7}, Outcome.KO)


def test_a_value_of_any_length_is_told_in_short() -> None:
    long = "x" * 100_000
    found = examined(seda.manifest(UNIT, OBJECT + seda.grouped(long, seda.binary("P", usage="Thumbnail"))))
    assert "seda_master_missing" in {one.code for one in found.findings}
    assert max(len(one.french) for one in found.findings) < 1000


def test_a_size_that_no_file_has_differs() -> None:
    manifest = seda.manifest(UNIT, OBJECT.replace("<Size>18<", f"<Size>{'9' * 6000}<"))
    assert {one.code for one in examined(manifest).findings} == {"seda_size_differs"}
