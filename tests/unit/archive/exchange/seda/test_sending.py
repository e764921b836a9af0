"""Records in SEDA's words: starts, refusals, packages of a bounded size, valid in each version."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.exchange.seda.entry import examine
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.ours import in_our_words
from archive.exchange.seda.packing import write_package
from archive.exchange.seda.sending import (
    FileToSend,
    FolderToSend,
    PackageToSend,
    RecordToSend,
    RuleToSend,
    Sending,
    packages,
    require_sendable,
)
from archive.exchange.seda.transfer import Category
from archive.exchange.seda.versions import Version
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit, end_date
from archive.retention.declarations import Convention, GivenStart
from archive.retention.facts import Facts
from archive.retention.resolution import resolve
from archive.retention.rules import Rule
from signing.ground.errors import Corrupt, Refused

VERSIONS = ("2.1", "2.2", "2.3")
SENDING = Sending("ENVOI-1", "2031-01-02T08:00:00Z", Version.V2_1, "AD", "COMMUNE", "SERVICE", "CONV", comment="Envoi")
FOLDERS = {
    "2": FolderToSend("2", "Administration", level="Class"),
    "2.3/A": FolderToSend("2.3/A", "Dossier", "2", begins=date(2019, 1, 1), ends=date(2020, 2, 29)),
}
PDF = b"%PDF-1.7 some bytes"


def file(content: bytes = PDF, **changed: object) -> FileToSend:
    made = FileToSend("k1", "Délibération n° 1.PDF", len(content), hashlib.sha512(content).hexdigest(), puid="fmt/276")
    return replace(made, **changed)  # type: ignore[arg-type]


def record(name: str = "0193-a", **changed: object) -> RecordToSend:
    made = RecordToSend(
        name,
        "Délibération",
        (file(),),
        ("2.3/A",),
        description="Du conseil",
        document_type="deliberation",
        document_date=date(2019, 7, 14),
        language="fr",
        reference="2019/12",
        retention=(RuleToSend("R10", date(2031, 1, 1), 10),),
        access=(RuleToSend("AR048", date(2069, 7, 15), 50),),
        final_action=FinalAction.DESTROY,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def packed(package: PackageToSend, content: bytes = PDF) -> bytes:
    out = io.BytesIO()
    made = write_package(out, package, lambda _: [content[:4], content[4:]])
    assert made.size == len(out.getvalue())
    return out.getvalue()


def taken(content: bytes) -> Examination:
    found = examine(io.BytesIO(content))
    assert found.findings == ()
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_package_is_valid_and_tells_the_record(version: str) -> None:
    (package,) = packages(replace(SENDING, version=Version(version)), [record()], FOLDERS)
    transfer = taken(packed(package)).transfer
    assert transfer is not None
    assert transfer.version is Version(version)
    (top,) = transfer.top
    assert transfer.units[top].content.title == "Administration"
    unit = transfer.units["u1"]
    assert transfer.units[unit.parents[0]].content.file_plan_positions == ("2.3/A",)
    assert unit.content.originating_system_ids == ("0193-a",)
    assert unit.management.blocks[Category.APPRAISAL].final_action == "Destroy"
    (one,) = transfer.objects.values()
    assert (one.filename, one.uri, one.puid) == ("Délibération n° 1.PDF", "content/o1-1.pdf", "fmt/276")


@pytest.mark.parametrize(
    ("due", "duration", "start"),
    [("2031-01-01", 10, "2021-01-01"), ("2030-03-01", 10, "2020-03-01"), ("2025-03-01", 1, "2024-03-01")],
)
def test_starts_are_those_that_tell_our_due_day(due: str, duration: int, start: str) -> None:
    """Example D12."""
    (package,) = packages(SENDING, [record(retention=(RuleToSend("R", date.fromisoformat(due), duration),))], FOLDERS)
    transfer = taken(packed(package)).transfer
    assert transfer is not None
    (use,) = transfer.units["u1"].management.blocks[Category.APPRAISAL].uses
    assert str(use.start) == start


@given(due=st.dates(date(1800, 1, 1), date(8999, 12, 31)), duration=st.integers(0, 500), unit=st.sampled_from(Unit))
def test_a_start_never_tells_an_earlier_day_than_ours(due: date, duration: int, unit: Unit) -> None:
    start = RuleToSend("R", due, duration, unit).start
    assert start is not None
    told = end_date(start, duration, unit)
    assert told is not None
    assert told >= due


def test_a_start_that_came_goes_back_as_it_came() -> None:
    given_start = GivenStart(date(2024, 2, 29), Convention.SEDA)
    assert RuleToSend("R", date(2025, 2, 28), 1, given=given_start).start == date(2024, 2, 29)
    assert RuleToSend("R", date(2025, 2, 28), 1).start == date(2024, 2, 28)


@pytest.mark.parametrize("rule", [RuleToSend("R", None, 10), RuleToSend("R", None, None)])
def test_a_rule_without_an_end_has_no_start(rule: RuleToSend) -> None:
    assert rule.start is None


def test_what_is_sent_comes_in_with_the_same_due_day() -> None:
    (package,) = packages(SENDING, [record()], FOLDERS)
    transfer = taken(packed(package)).transfer
    assert transfer is not None
    found = in_our_words(transfer)
    (one,) = found.records
    rule = Rule("R10", 1, "R10", 10, Unit.YEAR, "file_closing", FinalAction.DESTROY, validated=True)
    assert resolve(found.paths(one), Facts(), {"R10": rule}).due_on == date(2031, 1, 1)
    assert one.description["document_date"] == "2019-07-14"
    assert one.description["external_reference"] == "2019/12"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"final_action": FinalAction.SORT}, "seda_not_sorted"),
        ({"in_conflict": True}, "seda_action_undecided"),
        ({"files": (file(b""),)}, "seda_empty_file"),
        ({"files": (file(size=1_000_000_000),)}, "seda_record_too_large"),
    ],
)
def test_what_seda_cannot_tell_is_refused(changed: dict[str, object], code: str) -> None:
    """Example T3 for what is not sorted."""
    with pytest.raises(Refused) as refused:
        packages(SENDING, [record("fine"), record("wrong", **changed)], FOLDERS)
    assert (refused.value.code, refused.value.pointer) == (code, "wrong")
    assert str(refused.value)
    require_sendable(record())


def test_a_record_without_rules_has_none() -> None:
    (package,) = packages(SENDING, [record(retention=(), access=(), final_action=None)], FOLDERS)
    assert package.transfer.units["u1"].management.blocks == {}


def test_a_record_in_two_folders_is_told_once() -> None:
    folders = FOLDERS | {"9": FolderToSend("9", "Autre")}
    (package,) = packages(SENDING, [record(folders=("2.3/A", "9"))], folders)
    transfer = taken(packed(package)).transfer
    assert transfer is not None
    assert len(transfer.units["u1"].parents) == 2


def test_forms_of_a_record_are_one_group() -> None:
    forms = (file(), file(usage="Dissemination", name="archive.pdf"))
    (package,) = packages(SENDING, [record(files=forms)], FOLDERS)
    transfer = taken(packed(package)).transfer
    assert transfer is not None
    assert [(one.usage, one.group) for one in transfer.objects.values()] == [
        ("BinaryMaster", "g1"),
        ("Dissemination", "g1"),
    ]


def test_packages_are_split_by_units_and_tell_their_order() -> None:
    records = [record(f"r{number}") for number in range(7)]
    made = packages(SENDING, records, FOLDERS, most_units=5)
    assert [one.transfer.identifier for one in made] == ["ENVOI-1-1-3", "ENVOI-1-2-3", "ENVOI-1-3-3"]
    assert [one.transfer.related for one in made] == [(), ("ENVOI-1-1-3",), ("ENVOI-1-2-3",)]
    assert [one.transfer.comments[-1].value for one in made] == [f"Paquet {number} sur 3" for number in (1, 2, 3)]
    assert all(len(one.transfer.units) <= 5 for one in made)
    sent = [unit.content.originating_system_ids for one in made for unit in one.transfer.units.values()]
    assert [ids[0] for ids in sent if ids] == [one.id for one in records]
    for one in made:
        taken(packed(one))


def test_packages_are_split_by_bytes() -> None:
    content = bytes(100_000)
    records = [record(f"r{number}", files=(file(content),)) for number in range(5)]
    made = packages(SENDING, records, FOLDERS, most_bytes=250_000)
    assert [len(one.files) for one in made] == [2, 2, 1]
    assert all(len(packed(one, content)) <= 250_000 for one in made)


def test_the_same_transfer_gives_the_same_bytes() -> None:
    made = [packed(packages(SENDING, [record()], FOLDERS)[0]) for _ in range(2)]
    assert made[0] == made[1]


def test_objects_are_stored_in_the_order_of_the_manifest() -> None:
    (package,) = packages(SENDING, [record("a"), record("b")], FOLDERS)
    with zipfile.ZipFile(io.BytesIO(packed(package))) as archive:
        assert archive.namelist() == ["manifest.xml", "content/o1-1.pdf", "content/o2-1.pdf"]
        assert archive.testzip() is None


@pytest.mark.parametrize("content", [b"%PDF-1.7 other bytes", b"short"])
def test_bytes_that_are_not_those_of_the_manifest_are_not_sent(content: bytes) -> None:
    (package,) = packages(SENDING, [record()], FOLDERS)
    with pytest.raises(Corrupt):
        packed(package, content)


TEXTS = st.text(max_size=200) | st.text(" \t\n\u00a0\x00\u2003", max_size=5)


@settings(max_examples=40)
@given(title=TEXTS, name=TEXTS, reference=TEXTS, code=st.text(min_size=1, max_size=20).filter(str.strip))
def test_whatever_people_write_gives_a_valid_package(title: str, name: str, reference: str, code: str) -> None:
    folders = {code: FolderToSend(code, title)}
    one = record(title=title, files=(file(name=name),), folders=(code,), description=title, reference=reference)
    (package,) = packages(SENDING, [one], folders)
    taken(packed(package))
