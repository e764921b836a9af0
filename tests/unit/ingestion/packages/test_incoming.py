"""A package of SEDA becomes nodes and records, once, and its sender gets a reply."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from archive.database.retention_tables import PlanNodeRow
from archive.database.seda_tables import SedaPartRow
from archive.database.tables import HoldRow, JournalEntryRow, RecordRow
from archive.exchange.seda.schema import read_message
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.processing.quarantine_decisions import accept
from ingestion.tables import DepositRow
from tests.holdings import system_at
from tests.seda import LETTER, appraisal, binary, grouped, manifest, package, reference, rules, unit
from tests.transfers import (
    advance,
    answered,
    codes_of,
    one_letter,
    reply_of,
    row_of,
    rule,
    sent,
    settle,
    taken,
    units_of,
    waiting,
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[System]:
    made = system_at(tmp_path_factory.mktemp("seda") / "home", keys)
    made.initialise()
    made.create_tenant("demo", "Démonstration")
    rule(made, "APP-00001")
    yield made
    made.close()


LETTER_PACKAGE = one_letter()


@pytest.fixture(scope="module")
def letter(system: System) -> str:
    return taken(system, LETTER_PACKAGE, "k1")


def count(system: System, *what: Any) -> int:
    with system.database.read() as session:
        return session.scalar(select(func.count()).select_from(what[0]).where(*what[1:])) or 0


def test_units_become_a_file_and_a_record_under_the_rules_of_the_package(system: System, letter: str) -> None:
    assert row_of(system, letter).state == "taken"
    units = units_of(system, letter)
    with system.database.read() as session:
        node = session.get_one(PlanNodeRow, units["U1"].system_id)
        record = session.get_one(RecordRow, units["U2"].system_id)
    assert (node.title, node.kind, units["U1"].node, units["U2"].node) == ("Dossier Pont", "file", True, False)
    assert (record.title, record.file, str(record.document_date)) == ("Lettre au maire", node.code, "2001-06-02")
    assert (str(record.ends_on), str(record.due_on)) == ("2006-12-31", "2007-01-01")


def test_the_reply_is_valid_and_names_each_unit_and_digest(system: System, letter: str) -> None:
    root, findings = read_message(reply_of(system, letter))
    assert root is not None
    assert findings == []
    told = answered(system, letter)
    assert (told.code, told.request) == ("OK", "VERSEMENT-1")
    assert told.units.keys() == {"U1", "U2"}
    assert len(set(told.units.values())) == 2
    digest = told.objects["O1"].digest
    assert digest is not None
    assert digest.value == hashlib.sha512(LETTER).hexdigest()
    assert told.objects["O1"].system_id == told.units["U2"]


def test_the_manifest_is_a_record_of_the_transfer_itself(system: System, letter: str) -> None:
    with system.database.read() as session:
        part = session.get_one(SedaPartRow, (letter, 1))
        record = session.get_one(RecordRow, part.record_id)
    assert (record.filename, record.classification) == ("manifest.xml", row_of(system, letter).content["reference"])


def test_a_package_is_a_deposit_whose_bytes_are_not_needed_once_its_parts_are_kept(system: System, letter: str) -> None:
    with system.database.read() as session:
        assert session.get_one(DepositRow, letter).state == DepositState.UNPACKED
    assert waiting(system) == []


def test_the_same_package_again_gets_the_same_answer_and_makes_nothing(system: System, letter: str) -> None:
    records, nodes = count(system, RecordRow), count(system, PlanNodeRow)
    again = taken(system, LETTER_PACKAGE, "k1-again")
    assert (row_of(system, again).state, row_of(system, again).content["repeats"]) == ("repeated", letter)
    assert reply_of(system, again) == reply_of(system, letter)
    assert (count(system, RecordRow), count(system, PlanNodeRow)) == (records, nodes)


def test_another_package_under_a_known_number_is_refused(system: System, letter: str) -> None:
    other = taken(system, one_letter(content=b"autre chose"), "k1-other")
    assert row_of(system, other).state == "refused"
    assert codes_of(system, other)["seda_message_known"][0] == "KO"
    assert answered(system, other).code == "KO"


def test_a_package_with_a_fault_is_answered_and_its_bytes_are_kept_for_a_while(system: System) -> None:
    made = manifest(unit("U1", title="Dossier", management=appraisal(("APP-99999", "2002-01-01"))))
    identity = taken(system, package(made.replace(b"VERSEMENT-1", b"VERSEMENT-KO")), "k2")
    assert codes_of(system, identity) == {
        "seda_rule_unknown": ("KO", "ArchiveUnit[U1]/Management/AppraisalRule/Rule"),
    }
    told = answered(system, identity)
    assert (told.code, told.units) == ("KO", {})
    assert any("APP-99999" in (event.message or "") for event in told.events)
    with system.database.read() as session:
        row = session.get_one(DepositRow, identity)
        entry = session.scalars(select(JournalEntryRow.type).where(JournalEntryRow.subject == f"deposit:{identity}"))
        assert "DepositRefused" in set(entry)
    assert (row.state, row.problem["code"]) == (DepositState.REFUSED, "refused")
    assert system.store.stat(row.staging_key, row.staging_version).size == row.size
    assert count(system, PlanNodeRow, PlanNodeRow.title == "Dossier") == 0


def test_an_archivist_keeps_a_refused_package_as_it_was_received(system: System) -> None:
    identity = taken(system, package(b"<Rien/>"), "k3")
    assert row_of(system, identity).state == "refused"
    assert answered(system, identity).request == "INCONNU"
    accept(system.database, system.ledger, system.clock, lambda: None, "demo", identity, "user:anne")
    settle(system)
    assert count(system, RecordRow, RecordRow.deposit_id == identity) == 1


def test_what_is_no_container_is_answered_too(system: System) -> None:
    identity = taken(system, b"PK no zip", "k4")
    assert (row_of(system, identity).state, answered(system, identity).code) == ("refused", "KO")


def test_units_without_bytes_and_in_two_places_have_a_node_each(system: System) -> None:
    shelf = '<PhysicalDataObject id="P1"><DataObjectVersion>PhysicalMaster_1</DataObjectVersion>'
    shelf += "<PhysicalId>12 J 4</PhysicalId></PhysicalDataObject>"
    inside = unit("U3", level="Item", title="Plan", refers="G1", management=rules("AccessRule", ("AR048", "")))
    paper = unit("U4", level="Item", title="Registre", refers="P").replace("GroupReferenceId", "ReferenceId")
    paper = paper.replace(">P<", ">P1<")
    made = manifest(
        unit("U0", unit("U1", inside, title="A"), unit("U2", reference("R1", "U3"), title="B"), paper, title="Tête"),
        grouped("G1", binary("O1")) + shelf,
        version="2.2",
    )
    content = package(made.replace(b"VERSEMENT-1", b"VERSEMENT-2P"), {"content/O1.txt": LETTER})
    identity = taken(system, content, "k5")
    units = units_of(system, identity)
    assert row_of(system, identity).state == "taken"
    assert answered(system, identity).units.keys() == {"U0", "U1", "U2", "U3", "U4"}
    with system.database.read() as session:
        node = session.get_one(PlanNodeRow, units["U4"].system_id)
        part = session.scalars(
            select(SedaPartRow).where(SedaPartRow.transfer_id == identity, SedaPartRow.object == "O1")
        ).one()
        record = session.get_one(RecordRow, part.record_id)
    assert node.extent == {"medium": "physique", "place": "12 J 4"}
    assert record.file is not None
    assert len(record.file.split(";")) == 2
    assert count(system, PlanNodeRow, PlanNodeRow.title == "Plan") == 2


def test_a_hold_comes_with_its_unit_and_is_placed_once(system: System) -> None:
    held = rules("HoldRule", ("HOL-1", ""), then="").replace(
        "<Rule>HOL-1</Rule>", "<Rule>HOL-1</Rule><HoldEndDate>2090-01-01</HoldEndDate><HoldReason>Procès</HoldReason>"
    )
    made = manifest(
        unit("U1", level="Item", title="Gelé", refers="G1", management=held), grouped("G1", binary("O1")), version="2.2"
    )
    content = package(made.replace(b"VERSEMENT-1", b"VERSEMENT-H"), {"content/O1.txt": LETTER})
    identity = taken(system, content, "k6")
    assert row_of(system, identity).state == "taken"
    with system.database.read() as session:
        (hold,) = session.scalars(select(HoldRow).where(HoldRow.tenant_id == "demo")).all()
    assert (hold.reason, str(hold.until)) == ("Procès", "2089-12-31")


def test_a_date_to_come_is_refused_on_its_unit(system: System) -> None:
    made = one_letter("VERSEMENT-F").replace(b"2001-06-02", b"2098-06-02")
    made = package(
        manifest(
            unit("U1", level="Item", refers="G1", content="<TransactedDate>2098-06-02</TransactedDate>"),
            grouped("G1", binary("O1")),
        ).replace(b"VERSEMENT-1", b"VERSEMENT-F"),
        {"content/O1.txt": LETTER},
    )
    identity = taken(system, made, "k7")
    assert codes_of(system, identity)["seda_description_refused"] == ("KO", "ArchiveUnit[U1]/Content")


class Cut(BaseException):
    """The power goes."""


def test_whatever_is_cut_is_made_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes when some parts are deposited."""
    left = 3
    files = {f"content/O{n}.txt": LETTER + bytes([65 + n]) for n in range(1, 3)}
    inside = [unit(f"U{n}", level="Item", refers=f"G{n}") for n in range(1, 3)]
    objects = "".join(grouped(f"G{n}", binary(f"O{n}", files[f"content/O{n}.txt"])) for n in range(1, 3))
    made = manifest(unit("U0", *inside, title=f"Coupé {left}"), objects)
    identity = sent(system, package(made.replace(b"VERSEMENT-1", f"COUPE-{left}".encode()), files), f"cut{left}")
    records = count(system, RecordRow)
    calls, real = [0], type(system.intake).accept

    def cut(self: Any, *args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == left:
            raise Cut
        return real(self, *args, **more)

    monkeypatch.setattr(type(system.intake), "accept", cut)
    with pytest.raises(Cut):
        advance(system, identity)
    monkeypatch.undo()
    with system.database.write() as session:  # the lease of the dead worker has run out
        session.get_one(DepositRow, identity).lease_owner = None
    settle(system)
    assert row_of(system, identity).state == "taken"
    assert count(system, RecordRow) == records + 3
    assert count(system, PlanNodeRow, PlanNodeRow.title == f"Coupé {left}") == 1
    assert len(set(answered(system, identity).units.values())) == 3


def test_a_package_waits_for_a_part_that_is_not_a_record_yet(system: System) -> None:
    identity = sent(system, one_letter("VERSEMENT-W"), "k8")
    advance(system, identity)
    assert row_of(system, identity).state == "taking"
    with system.database.read() as session:
        assert session.get_one(DepositRow, identity).attempts == 0
    settle(system)
    assert row_of(system, identity).state == "taken"
