"""A stocktaking counts what is there, says what is not, and its minutes are kept with proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from sqlalchemy import select

from archive.custody.findings import Findings, Kind
from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.custody.rebuild.report_files import compare
from archive.database.report_tables import ReportRow
from archive.database.tables import JournalEntryRow, RecordRow, VerificationRow
from archive.disposition.act import Act
from archive.disposition.holds.terms import Terms, listed
from archive.disposition.reports import run
from archive.disposition.reports.figures import gaps
from archive.disposition.reports.stocktaking import Asked, Seen, Signatory, read_asked
from archive.holdings.describe import describe
from archive.model.identifiers import new_id
from archive.objects.fixity import Fixity
from archive.objects.layout import ReportKey
from archive.objects.port import read_all
from ingestion.assembly import System
from ingestion.operations.agreement import Agreement
from ingestion.operations.custody import Custody
from signing.authority import ensure_generated
from signing.chains import own_roots
from signing.ground.errors import Refused
from signing.pdf import validate
from signing.verdict import Verdict
from tests.holdings import PowerCut, alter, flipped, keep, lose_database, opened, system_at
from tests.statements import state

ASKED = Asked(
    date(2026, 3, 22),
    Signatory("Jeanne Morvan", "maire"),
    Signatory("Yann Le Goff", "maire"),
    Signatory("Anne Kerjean", "archiviste"),
    "Les registres paroissiaux sont en restauration.",
    {"1 FI": Seen.YES, "3 W 1": Seen.NO},
)


def node(system: System, code: str, parent: str | None = None, **more: Any) -> str:
    made = new_id()
    told = {"kind": "class", "code": code, "title": f"Intitulé {code}", "parent_id": parent} | more
    with system.database.write() as session:
        state(session, system, made, {name: value for name, value in told.items() if value is not None})
    return made


def place(system: System, record: str, **fields: Any) -> None:
    with system.database.read() as session:
        revision = session.get_one(RecordRow, record).revision
    describe(system.stores, "demo", record, fields, agent="user:1", expected_revision=revision)


def ask(system: System, asked: Asked = ASKED) -> str:
    with system.database.write() as session:
        return run.ask(Act(session, system.ledger, "demo", "user:anne", system.clock()), asked).id


def row(system: System, report: str) -> ReportRow:
    with system.database.read() as session:
        return session.get_one(ReportRow, report)


def text_of(content: bytes) -> str:
    document = pdfium.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document).replace("\u202f", " ")


def minutes_of(system: System, report: str) -> bytes:
    return read_all(system.store, ReportKey("demo", report).key)


def findings(system: System) -> list[tuple[str, str]]:
    found = Findings()
    Agreement(system).check(found, {}, routine=False)
    return [(one.what, one.detail) for one in found.listed]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys") / "keys"
    ensure_generated(made, organisation="Chartrier")
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[tuple[System, dict[str, str]]]:
    """Two series, six records, paper units, numbered files with gaps, two that are not intact."""
    folder = tmp_path_factory.mktemp("stock")
    with opened(folder / "home", keys) as system:
        first = node(system, "W")
        below = node(system, "3 W", first)
        second = node(system, "FI")
        for n in (1, 2, 5):
            node(
                system, f"3 W {n}", below, kind="file", extent={"medium": "papier", "metres": "0.35"} if n < 3 else None
            )
        node(system, "1 FI", second, kind="file", extent={"medium": "plans", "place": "Magasin 2"})
        records = [keep(system, folder, n) for n in range(1, 7)]
        place(system, records[0], file="3 W 5", document_date=date(1998, 5, 1))
        place(system, records[1], file="3 W 5;1 FI", document_date=date(2004, 1, 31))  # in two series, counted in each
        place(system, records[2], classification="3 W", document_date=date(2001, 1, 1))
        place(system, records[3], classification="9 Z")  # no such class
        with system.database.write() as session:
            for n, verdict in ((0, Fixity.INTACT), (1, Fixity.ALTERED), (1, Fixity.UNVERIFIABLE), (2, Fixity.ALTERED)):
                at = datetime(2026, 3, 1, tzinfo=UTC)
                session.add(VerificationRow(record_id=records[n], at=at, verdict=verdict.value, checks=[]))
        terms = Terms(restricts_reading=True)
        system.holds.place("demo", listed([records[1]]), reason="Enquête", agent="user:1", terms=terms)
        system.publisher.publish(force_token=True)
        report = ask(system)
        assert system.stocktaker.is_any_new()
        assert system.stocktaker.run().issued == 1
        yield system, {"report": report, "altered": records[2], "doubtful": records[1]}


def test_every_number_is_of_what_is_there(world: tuple[System, dict[str, str]]) -> None:
    system, made = world
    told = row(system, made["report"]).content["figures"]
    series = {one["code"]: one for one in told["series"]}
    assert list(series) == ["FI", "W", "3 W"]
    w, fi = series["W"], series["FI"]
    assert (w["records"], w["files"], w["units"], w["metres"]) == (3, 3, 2, "0.70")
    assert (w["first"], w["latest"]) == ("1998-05-01", "2004-01-31")
    assert (fi["records"], fi["units"], fi["metres"]) == (1, 1, "0")
    assert series["3 W"]["records"] == 3
    assert told["records"] == 6
    assert told["unfiled"]["records"] == 3, "of which one names a class that is not there"
    assert told["bytes"] > told["unfiled"]["bytes"] > 0
    assert told["paper"]["units"] == {"yes": 1, "no": 1, "not_looked": 1}
    assert told["paper"]["metres"] == {"yes": "0", "no": "0.35", "not_looked": "0.35"}
    assert told["paper"]["unmeasured"] == 1
    assert [one["code"] for one in told["gaps"]["listed"]] == ["3 W 3", "3 W 4"]
    assert told["empty_files"]["number"] == 0, "a unit on paper needs no bytes"


def test_fixity_is_told_in_three_values_and_never_more(world: tuple[System, dict[str, str]]) -> None:
    system, made = world
    told = row(system, made["report"]).content["figures"]["fixity"]
    assert told["verdicts"] == {"intact": 1, "altered": 1, "missing": 0, "unverifiable": 1}
    assert told["never"] == 3
    found = {one["record"]: one["verdict"] for one in told["doubtful"]["listed"]}
    assert found == {made["altered"]: "altered", made["doubtful"]: "unverifiable"}
    titles = {one["record"]: one["title"] for one in told["doubtful"]["listed"]}
    assert titles[made["altered"]]
    assert titles[made["doubtful"]] is None, "mayors read the minutes: what a hold restricts has no title in them"


def test_the_minutes_say_it_sealed_under_the_head_of_that_day(
    world: tuple[System, dict[str, str]], tmp_path: Path
) -> None:
    system, made = world
    body = row(system, made["report"]).content
    content = minutes_of(system, made["report"])
    text = text_of(content)
    for part in (
        "décharge",
        "Remet les archives : Jeanne Morvan, maire",
        "Les prend en charge : Yann Le Goff, maire",
        "trois exemplaires",
        "arrêté du 31 décembre 1926",
        "restauration",
        body["figures"]["head"]["root"],
        made["altered"],
        "Jamais vérifiés",
        "Lecture réservée",
        "3 W 4",
    ):
        assert part in text, part
    assert body["file"]["size"] == len(content)
    (tmp_path / "minutes.pdf").write_bytes(content)
    report = validate(tmp_path / "minutes.pdf", system.trust.own(), datetime.now(UTC))
    assert report.verdict is Verdict.VALID, report
    with system.database.read() as session:
        entries = session.scalars(select(JournalEntryRow).where(JournalEntryRow.type == "ReportIssued")).all()
    assert [f'"file":"{body["file"]["sha256"]}"'.encode() in one.body for one in entries] == [False, False, True]


def test_a_run_that_died_at_any_step_is_finished_by_the_next(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "home", keys) as system:
        keep(system, tmp_path, 1)
        report, taker = ask(system), system.stocktaker
        stating = taker._state
        for dies_at, then in (("counted", "asked"), ("issued", "counted")):

            def die(one: Any, expected: int, body: Any, change: str, more: Any = None, at: str = dies_at) -> None:
                if change == at:
                    raise PowerCut
                stating(one, expected, body, change, more)

            monkeypatch.setattr(taker, "_state", die)
            with pytest.raises(PowerCut):
                taker.run()
            assert row(system, report).state == then
        left = minutes_of(system, report)
        assert compare(system.store, system.database) == [], "a file whose issue is to be stated is no fault"
        monkeypatch.undo()
        assert taker.run().issued == 1
        assert minutes_of(system, report) == left, "the file that was there is the one that is claimed"
        assert row(system, report).state == "issued"
        assert not taker.is_any_new()


def test_a_file_of_somebody_else_is_never_claimed(tmp_path: Path, keys: Path) -> None:
    with opened(tmp_path / "home", keys) as system:
        report = ask(system)
        system.store.put(
            ReportKey("demo", report).key,
            b"%PDF",
            sha256=hashlib.sha256(b"%PDF").hexdigest(),
        )
        assert system.stocktaker.run().failed == {report: "report_contradicts"}
        assert row(system, report).state == "counted"


def test_it_comes_back_and_each_reader_agrees(tmp_path: Path, keys: Path) -> None:
    with opened(tmp_path / "home", keys) as system:
        keep(system, tmp_path, 1)
        report = ask(system)
        assert system.stocktaker.run().issued == 1
        assert system.statements.settle().settled == 3
        system.publisher.publish(force_token=True)
        assert findings(system) == []
        before = row(system, report).content
        root = system.settings.home / "store"
        anchors = Anchors(tuple(own_roots(system.settings.signing.keys)), ())
        offline = [one for one in check_store(root, anchors) if one.name.startswith("register")]
        assert [one.verdict for one in offline] == [Fixity.INTACT], offline
        lose_database(system)
    after = system_at(tmp_path / "home")
    after.prepare_rebuild()
    report_of = Custody(after).rebuild()
    assert sum(report_of["counts"].values()) == 0
    assert row(after, report).content == before
    assert findings(after) == []
    key = ReportKey("demo", report).key
    alter(root / key, flipped)
    assert compare(after.store, after.database) == [(Kind.CHANGED, key)]
    (root / key).unlink()
    assert compare(after.store, after.database) == [(Kind.MISSING, key)]
    assert [(one["what"], one["detail"]) for one in Custody(after).reconcile()["findings"]] == [(key, "report")]
    after.close()


def test_gaps_are_those_of_one_row_of_numbers() -> None:
    assert gaps({"a": ["X 008", "X 010", "X 011"]}) == ["X 009"]
    assert gaps({"a": ["X 1", "X 3"]}) == [], "two numbers are no row"
    assert gaps({"a": ["X 1", "X 2"], "b": ["X 4"]}) == [], "another class numbers by itself"
    assert gaps({"a": ["2019", "2024", "1789"]}) == [], "years far apart are no gap"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"elected_on": "2026-02-30"}, "/elected_on"),
        ({"elected_on": "2026-04-02"}, "/elected_on"),
        ({"outgoing": {"name": "A"}}, "/outgoing"),
        ({"incoming": {"name": "A\x00", "quality": "maire"}}, "/incoming"),
        ({"units": {"1": "maybe"}}, "/units"),
        ({"remark": "x" * 2001}, "/remark"),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_its_field(changed: dict[str, Any], pointer: str) -> None:
    given = ASKED.as_json()
    assert read_asked(given, date(2026, 4, 1)) == ASKED
    with pytest.raises(Refused) as refused:
        read_asked(given | changed, date(2026, 4, 1))
    assert (refused.value.code, refused.value.pointer) == ("bad_stocktaking", pointer)
