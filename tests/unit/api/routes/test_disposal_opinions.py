"""Opinions about a draft, by API and page: they bind nobody, and no wrong line gets one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ingestion.operations.custody import Custody
from tests.bordereau_people import API, OURS, Office, Somebody, office_of, plain
from tests.bordereaux import Town, Watch
from tests.holdings import lose_database, opened, rows, system_at


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("avis"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=12)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def thought(who: Somebody, disposal: str, record: str, **told: Any) -> Any:
    return who.change("POST", f"{API}/{disposal}/lines/{record}/decisions", **told)


def listed(office: Office, disposal: str) -> list[dict[str, str]]:
    text = office.claire.ask("GET", f"{API}/{disposal}/lines.csv").content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def written(lines: list[dict[str, str]], encoding: str = "utf-8-sig", delimiter: str = ";") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(lines[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode(encoding)


def sent(who: Somebody, disposal: str, content: bytes, query: str = "") -> Any:
    headers = {"Content-Type": "text/csv"}
    return who.ask("POST", f"{API}/{disposal}/lines.csv{query}", content=content, headers=headers)


def test_a_controller_thinks_and_an_archivist_writes_on_their_behalf(office: Office) -> None:
    one, other = office.due(2)
    disposal = office.draft([one, other])["id"]
    said = thought(office.claire, disposal, one, decision="keep_definitively", comment="Seul témoin").json()
    assert (said["opinion"]["person"], said["opinion"]["decision"]) == ("Claire", "keep_definitively")
    assert said["state"] == "included", "it binds nobody"
    assert code(thought(office.anne, disposal, other, decision="approve")) == (422, "bad_disposal"), "of whom?"
    behalf = {"person": "Hélène Vaucressan", "quality": "Directrice"}
    assert code(thought(office.claire, disposal, other, decision="approve", **behalf)) == (403, "scope_missing")
    told = thought(office.anne, disposal, other, comment="À revoir", **behalf).json()["opinion"]
    assert (told["decision"], told["person"], told["quality"]) == ("remark", "Hélène Vaucressan", "Directrice")
    for faulty in ({}, {"decision": "not_before"}, {"decision": "approve", "not_before": "2034-01-01"}):
        assert code(thought(office.claire, disposal, one, **faulty)) == (422, "bad_disposal")
    outside = office.due(1)[0]
    assert code(thought(office.claire, disposal, outside, decision="approve")) == (404, "line_not_found")
    later = thought(office.claire, disposal, one, decision="approve").json()["opinion"]
    assert (later["decision"], later["comment"]) == ("approve", ""), "the latest stands"
    assert office.anne.change("POST", f"{API}/{disposal}/submit").status_code == 200
    assert code(thought(office.claire, disposal, one, decision="refuse")) == (409, "disposal_closed")


def test_a_list_goes_out_and_what_is_written_in_it_comes_back(office: Office) -> None:
    records = office.due(3)
    disposal = office.draft(records)["id"]
    lines = listed(office, disposal)
    assert [line["ligne"] for line in lines] == ["1", "2", "3"]
    lines[0] |= {"avis": "Conserver", "remarque": "Intérêt historique"}
    lines[1] |= {"avis": "pas avant", "pas_avant": "01/01/2034"}
    whose = "?person=H%C3%A9l%C3%A8ne&quality=Directrice"
    for encoding, delimiter in (("utf-8-sig", ";"), ("cp1252", ";"), ("utf-8", ",")):
        content = written(list(reversed(lines)), encoding, delimiter)
        assert sent(office.anne, disposal, content, whose + "&dry_run=true").json() == {"opinions": 2}
    assert all(line["opinion"] is None for line in lines_of(office, disposal)), "nothing was kept by a dry run"
    assert sent(office.anne, disposal, written(lines), whose).json() == {"opinions": 2}
    kept, later, none = lines_of(office, disposal)
    assert (kept["opinion"]["comment"], kept["opinion"]["person"]) == ("Intérêt historique", "Hélène")
    assert (later["opinion"]["not_before"], none["opinion"]) == ("2034-01-01", None)
    again = listed(office, disposal)
    assert (again[0]["avis"], again[1]["pas_avant"], again[2]["avis"]) == ("conserver", "2034-01-01", "")


def lines_of(office: Office, disposal: str) -> list[dict[str, Any]]:
    return list(office.anne.ask("GET", f"{API}/{disposal}/lines").json()["lines"])


def test_one_wrong_line_and_no_opinion_is_kept_each_with_its_error(office: Office) -> None:
    disposal, other = office.draft(office.due(2))["id"], office.draft(office.due(1))["id"]
    lines, foreign = listed(office, disposal), listed(office, other)
    good = lines[0] | {"avis": "accord"}
    wrong = {
        "bordereau": foreign[0] | {"avis": "accord"},
        "document": lines[1] | {"avis": "accord", "document": foreign[0]["document"]},
        "ligne": lines[1] | {"avis": "accord", "ligne": "1"},
        "avis": lines[1] | {"avis": "peut-être"},
        "pas_avant": lines[1] | {"avis": "pas avant", "pas_avant": "31/02/2034"},
    }
    for column, line in wrong.items():
        answer = sent(office.claire, disposal, written([good, line]))
        assert code(answer) == (422, "bad_opinions"), column
        assert [one["pointer"] for one in answer.json()["errors"]] == [f"/lines/3/{column}"]
    twice = sent(office.claire, disposal, written([good, good]))
    assert [one["pointer"] for one in twice.json()["errors"]] == ["/lines/3/document"]
    for content in (b"", b"a;b\n1;2\n", b"\0\0", "avis\n\ufffd".encode()):
        assert code(sent(office.claire, disposal, content)) == (422, "bad_opinion_list"), content
    assert [line["opinion"] for line in lines_of(office, disposal)] == [None, None]


def test_the_page_shows_filters_and_takes_opinions(office: Office) -> None:
    one, other = office.due(2)
    disposal = office.draft([one, other])["id"]
    path = f"/bordereaux/{disposal}/avis"
    assert "Avis préalables" in office.anne.see(f"/bordereaux/{disposal}")
    form = {f"a{one}": "keep_definitively", f"c{one}": "Rare", f"a{other}": ""}
    refused = office.anne.send(path, form)
    assert (refused.status_code, "Dites de qui est cet avis" in plain(refused.text)) == (422, True)
    assert 'value="Rare"' in refused.text, "what was typed is there"
    lacking = office.claire.send(path, {f"a{one}": "not_before"})
    assert (lacking.status_code, "demande une date" in plain(lacking.text)) == (422, True)
    kept = office.claire.send(path, form)
    assert kept.headers["location"] == f"{path}?lus=1"
    assert "1 avis enregistré." in office.claire.see(f"{path}?lus=1")
    shown = office.anne.see(f"{path}?avis=keep_definitively")
    assert "Refus : à garder définitivement Rare Claire" in shown
    assert one in office.anne.ask("GET", f"{path}?avis=any").text
    assert one not in office.anne.ask("GET", f"{path}?avis=none").text.split("<table")[1]
    assert "Avis préalable" in office.anne.see(f"/bordereaux/{disposal}?groupe=1")
    client, csrf = office.claire._logged_in()
    poster: TestClient = client
    lines = listed(office, disposal)
    for line, status in ((lines[1] | {"avis": "accord"}, 303), (lines[1] | {"avis": "oui"}, 422)):
        files = {"file": ("liste.csv", written([line]), "text/csv")}
        told = {"csrf": csrf, "suite": "liste"}
        answer = poster.post(path, data=told, files=files, headers=OURS, follow_redirects=False)
        assert answer.status_code == status
    assert "Ligne 2, colonne « avis »" in plain(answer.text)


def test_a_rebuild_brings_opinions_back(tmp_path: Path, keys: Path) -> None:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch) as system:
        office = office_of(Town(system, tmp_path, watch), bon=1)
        (record,) = office.due(1)
        disposal = office.draft([record])["id"]
        assert thought(office.claire, disposal, record, decision="refuse", comment="À voir").status_code == 200
        system.statements.settle()
        system.publisher.publish(force_token=True)
        system.follower.catch_up()
        assert Custody(system).reconcile(pause=lambda _s: None)["open"] == 0
        before = rows(system, "disposal_opinions", "disposal_lines")
        assert "refuse" in str(before)
        lose_database(system)
        again = system_at(system.settings.home, clock=watch)
        again.prepare_rebuild()
        Custody(again).rebuild()
        assert rows(again, "disposal_opinions", "disposal_lines") == before
        again.close()
