"""Certificates that are interrupted, copied, rebuilt, altered: each is found again, or told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.database.disposal_tables import DisposalCertificateRow, DisposalRow
from archive.disposition.disposals.decisions import Answer, Answers
from archive.evidence import certificate_page, certificates, typesetting
from archive.evidence.certificates import Certificates
from archive.holdings import dispose
from archive.model.disposals import LineDecision, VisaStep
from ingestion.operations.custody import Custody
from signing.ground.errors import Corrupt, Refused, Unavailable
from tests.bordereaux import BRUNO, CLAIRE, Town, Watch
from tests.certified import confirm, execute, issue, judged, not_intact, publish, take, trust_in
from tests.holdings import lose_database, opened, rows, system_at

KEPT, LATE, GO = (15, 5, 100) if os.environ.get("FAULT") == "long" else (2, 1, 2)


class PowerCut(BaseException):
    """The power goes."""


@pytest.fixture
def town(tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    environment = {"CHARTRIER_COPY_PATH": str(tmp_path / "copy"), "CHARTRIER_BACKUP_RETENTION_DAYS": "90"}
    with opened(tmp_path / "home", keys, clock=watch, **environment) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def destroyed(town: Town) -> str:
    """A bordereau of one record, executed; nothing is certified yet."""
    disposal = town.approved(town.due(1))
    confirm(town, disposal)
    assert execute(town) == 1
    return disposal


def files_of(home: Path) -> dict[str, Path]:
    found = (home / "store" / "disposals").rglob("*")
    return {path.name: path for path in found if path.is_file()}


NAMES = {"certificate.json", "certificate.pdf", "certificate-public.json", "certificate-public.pdf"}


@pytest.mark.parametrize("after", [2, 4])
def test_killed_at_any_file_the_next_run_issues_it_once(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    disposal = destroyed(town)
    store, done = town.system.store, []
    plain = type(store).put

    def put(self: Any, key: str, *args: Any, **named: Any) -> Any:
        if key.startswith("disposals/"):
            if len(done) == after:
                raise PowerCut
            done.append(key)
        return plain(self, key, *args, **named)

    with monkeypatch.context() as power:
        power.setattr(type(store), "put", put)
        if after == len(NAMES):
            power.setattr(Certificates, "_claim", lambda *_args: (_ for _ in ()).throw(PowerCut))
        with pytest.raises(PowerCut):
            issue(town)
    with pytest.raises(Refused, match="n’existe pas"):
        town.system.certificates.read(town.row(disposal), 1, "json", public=False)
    assert issue(town).issued == [(disposal, 1)]
    assert issue(town).issued == []
    assert files_of(tmp_path / "home").keys() == NAMES
    assert all(store.stat(item.key).locked_until for item in store.list("disposals/")), "locked like the journal"
    path, pdf = take(town, disposal, tmp_path)
    assert not_intact(judged(path, trust_in(town.system), pdf)) == {}
    publish(town)
    assert Custody(town.system).reconcile(pause=lambda _s: None)["findings"] == []


def test_a_row_that_lies_gets_no_certificate_and_a_certified_number_no_further_line(town: Town) -> None:
    disposal = destroyed(town)
    with town.system.database.write() as session:
        session.get_one(DisposalRow, disposal).state = "executing"
    done = issue(town)
    assert (done.issued, done.failed) == ([], {disposal: "certificate_contradicts"})
    with town.system.database.write() as session:
        session.get_one(DisposalRow, disposal).state = "executed"
    assert town.system.disposer._supplement(disposal) == 2
    issue(town)
    assert town.system.disposer._supplement(disposal) == 2
    with town.system.database.write() as session:
        session.get_one(DisposalCertificateRow, disposal).number = 5
    assert town.system.disposer._supplement(disposal) == 6


def test_copied_rebuilt_reconciled_and_checked_offline(town: Town, tmp_path: Path) -> None:
    disposal = destroyed(town)
    issue(town)
    publish(town)
    assert Custody(town.system).copy_everything()["open"] == 0
    home = tmp_path / "home"
    for name, path in files_of(home).items():
        copied = tmp_path / "copy" / path.relative_to(home / "store")
        assert copied.read_bytes() == path.read_bytes(), name
    path, _ = take(town, disposal, tmp_path)
    before = path.read_bytes(), rows(town.system, "disposal_certificates")
    lose_database(town.system)
    again = system_at(home, clock=town.watch)
    again.prepare_rebuild()
    assert Custody(again).rebuild()["findings"] == []
    town.system = again
    assert (take(town, disposal, tmp_path)[0].read_bytes(), rows(again, "disposal_certificates")) == before
    assert issue(town).issued == [], "a rebuild owes nothing"
    assert "jusqu’au 15/09/2026 inclus" in path.read_text(), "90 days after the 17th of June"
    faults = [one for one in check_store(home / "store", Anchors()) if one.verdict in {"altered", "missing"}]
    assert faults == [], "what is gone is not missing"
    _altered(town, disposal, files_of(home))
    again.close()


def _altered(town: Town, disposal: str, there: dict[str, Path]) -> None:
    """Change one file, remove another and add a third: each is told of, by each reader."""
    there["certificate.json"].chmod(0o600)
    there["certificate.json"].write_bytes(there["certificate.json"].read_bytes().replace(b"demo", b"dema", 1))
    there["certificate.pdf"].unlink()
    (there["certificate.json"].parent / "certificate-7.json").write_bytes(b"{}")
    with pytest.raises(Corrupt) as refused:
        town.system.certificates.read(town.row(disposal), 1, "json", public=False)
    assert refused.value.code == "altered"
    with pytest.raises(Corrupt) as refused:
        town.system.certificates.read(town.row(disposal), 1, "pdf", public=False)
    assert refused.value.code == "missing"
    found = Custody(town.system).reconcile(pause=lambda _s: None)["findings"]
    told = {(one["kind"], Path(one["what"]).name) for one in found if one["detail"] == "certificate"}
    assert told == {
        ("changed", "certificate.json"),
        ("missing", "certificate.pdf"),
        ("untracked", "certificate-7.json"),
    }
    store = there["certificate.json"].parents[3]
    offline = {Path(one.name).name: one.verdict for one in check_store(store, Anchors()) if "disposals/" in one.name}
    assert offline == {
        "certificate.json": "altered",
        "certificate.pdf": "missing",
        "certificate-7.json": "unverifiable",
    }


def test_v4_fifteen_kept_five_later_and_the_others_destroyed(town: Town, tmp_path: Path) -> None:
    records = town.due(KEPT + LATE + GO)
    kept, late = records[:KEPT], records[KEPT : KEPT + LATE]
    disposal = town.draft(records)
    town.submit(disposal)
    answers = dict.fromkeys(kept, Answer(LineDecision.KEEP_DEFINITIVELY, comment="Intérêt historique"))
    answers |= dict.fromkeys(late, Answer(LineDecision.NOT_BEFORE, date(2034, 1, 1)))
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, Answers(Answer(LineDecision.APPROVE), lines=answers))
    confirm(town, disposal)
    assert execute(town) == GO
    assert issue(town).failed == {}
    path, pdf = take(town, disposal, tmp_path)
    checks = judged(path, trust_in(town.system), pdf)
    assert not_intact(checks) == {}
    assert f"{GO} destroyed ({KEPT + LATE} refused)" in {one.detail for one in checks}
    import json

    lines = {one["record"]: one for one in json.loads(path.read_bytes())["certificate"]["lines"]}
    assert {lines[one]["reason"] for one in kept} == {"keep_definitively"}
    assert {(lines[one]["reason"], lines[one]["not_before"]) for one in late} == {("not_before", "2034-01-01")}


def test_many_lines_are_typeset_and_checked_in_processes_of_their_own(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disposal = destroyed(town)
    for module in (certificates, certificate_page):
        monkeypatch.setattr(module, "APART", 0)
    with monkeypatch.context() as broken:
        broken.setattr(certificates, "to_seal", lambda *_args: b"other bytes")
        done = issue(town)
        assert (done.issued, done.failed) == ([], {disposal: "certificate_contradicts"}), "nothing unsound is issued"
    assert files_of(tmp_path / "home") == {}
    with monkeypatch.context() as broken:
        broken.setattr(typesetting.sys, "executable", "/bin/false")
        with pytest.raises(Unavailable, match="mise en page"):
            issue(town)
    assert issue(town).issued == [(disposal, 1)]
    path, pdf = take(town, disposal, tmp_path)
    assert not_intact(judged(path, trust_in(town.system), pdf)) == {}


def test_a_run_ends_where_a_certificate_would_be_too_large(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispose, "MOST_OF_A_RUN", 1)
    monkeypatch.setattr(dispose, "BATCH", 1)
    disposal = town.approved(town.due(2))
    confirm(town, disposal)
    assert execute(town) == 1
    assert town.row(disposal).state == "executing"
    assert town.system.disposer.run().destroyed == 1
    assert town.row(disposal).state == "executed"
    _owed = Certificates._owed
    monkeypatch.setattr(Certificates, "_owed", lambda self: _owed(self)[:1])  # as if it died after the first
    assert issue(town).issued == [(disposal, 1)]
    assert issue(town).issued == [(disposal, 2)]
    assert issue(town).issued == []
    for number in (1, 2):
        path, pdf = take(town, disposal, tmp_path, number)
        assert not_intact(judged(path, trust_in(town.system), pdf)) == {}
