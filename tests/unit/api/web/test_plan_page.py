"""The filing plan's pages, without scripts: tree, node, acts whose effect is shown first."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.tables import UserRow
from archive.database.retention_tables import PlanNodeRow
from archive.database.tables import RecordRow
from ingestion.assembly import System
from tests.holdings import keep

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}


@pytest.fixture
def archivist(client: TestClient, person: Person) -> TestClient:
    _, token = person("a", "archivist")
    client.post(f"/connexion/{token}", headers=OURS)
    return client


def send(client: TestClient, path: str, form: dict[str, Any] | None = None, **more: Any) -> Any:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/plan").text)
    assert found
    data = {"csrf": found[1]} | (form or {})
    return client.post(path, data=data, headers=OURS, follow_redirects=False, **more)


def plain(answer: Any) -> str:
    return str(answer.text).replace("\u202f", " ").replace("\xa0", " ")


def created(client: TestClient, kind: str, code: str, parent: str = "") -> str:
    answer = send(client, "/plan/creer", {"kind": kind, "code": code, "title": f"Titre {code}", "parent_id": parent})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def node(system: System, path: str) -> PlanNodeRow:
    with system.database.read() as session:
        return session.get_one(PlanNodeRow, path.rsplit("/", 1)[1])


def test_a_plan_is_built_and_read_as_a_tree(archivist: TestClient) -> None:
    assert "Le plan est vide" in archivist.get("/plan").text
    above = created(archivist, "class", "2")
    below = created(archivist, "class", "2.3", above.rsplit("/", 1)[1])
    file = created(archivist, "file", "MAR-1", below.rsplit("/", 1)[1])
    tree = archivist.get("/plan").text
    assert '<details><summary><strong class="mono">2</strong> Titre 2</summary>' in tree
    assert f'href="{below}"' in tree
    assert file not in tree  # files stand on the page of their class
    assert f'href="{file}"' in archivist.get(below).text
    shown = archivist.get(file).text
    assert "Ce dossier est ouvert" in shown
    assert re.findall(r'<nav class="crumbs".*?</nav>', shown, re.DOTALL)[0].count("href") == 3
    found = archivist.get("/plan", params={"q": "mar", "etat": "ouverts"}).text
    assert file in found
    assert file not in archivist.get("/plan", params={"etat": "clos"}).text
    refused = send(archivist, "/plan/creer", {"kind": "class", "code": "2", "title": "Encore"})
    assert refused.status_code == 422
    assert "a déjà servi" in refused.text
    assert 'href="#creer-code"' in refused.text
    assert 'value="Encore"' in refused.text


def test_a_closing_shows_its_effect_before_it_is_made(
    archivist: TestClient, bare_system: System, tmp_path: Path
) -> None:
    file = created(archivist, "file", "MAR-1")
    record = keep(bare_system, tmp_path, 1, "a")
    assert f'value="{record}"' not in archivist.get(file, params={"mots": '"acte'}).text
    bare_system.follower.catch_up()
    shown = archivist.get(file, params={"mots": "acte"}).text
    for query in ({"type": "deliberation"}, {"mots": "acte", "type": "deliberation"}):
        assert f'name="record" value="{record}"' in archivist.get(file, params=query).text
    assert "Aucun document sans dossier" in archivist.get(file, params={"type": "facture"}).text
    assert f'name="record" value="{record}"' in shown
    assert send(archivist, f"{file}/documents", {"record": [record]}).status_code == 303
    assert f'href="/documents/{record}"' in archivist.get(file).text

    day = {"day": "12", "month": "3", "year": "2026", "number": "1"}
    for wrong, said in (
        ({"year": "2025"}, "est plus récent"),
        ({"month": "13"}, "n’existe pas"),
        ({"day": "", "month": "", "year": ""}, "manque"),
    ):
        refused = send(archivist, f"{file}/clore", day | wrong)
        assert (refused.status_code, said in refused.text) == (422, True), refused.text
    effect = send(archivist, f"{file}/clore", day)
    assert effect.status_code == 200
    assert "<strong>1 document</strong> sera recalculé" in plain(effect)
    assert node(bare_system, file).closed_on is None
    assert send(archivist, f"{file}/clore", day | {"confirme": "1"}).status_code == 303
    assert str(node(bare_system, file).closed_on) == "2026-03-12"
    closed = archivist.get(file).text
    assert "parce qu’il a été clos ce jour-là" in closed
    assert '/documents"' not in closed  # nothing more goes in
    stale = send(archivist, f"{file}/rouvrir", {"reason": "Une pièce", "number": "1", "confirme": "1"})
    assert (
        "a modifié entre-temps" in stale.text.replace("l’a", "a").replace("d’autre l", "") or stale.status_code == 422
    )
    again = send(archivist, f"{file}/rouvrir", {"reason": "Une pièce", "number": "2", "confirme": "1"})
    assert again.status_code == 303
    assert node(bare_system, file).closed_on is None


def test_a_node_is_changed_moved_and_removed(archivist: TestClient, bare_system: System) -> None:
    above, apart = created(archivist, "class", "2"), created(archivist, "class", "3")
    form = {"title": "Finances", "parent": "3", "rules": "R-1; R-2", "in_addition": "1", "number": "1"}
    form |= {"medium": "papier", "metres": "0,35", "place": "Travée 4"}
    assert send(archivist, f"{above}/changer", form).status_code == 303
    row = node(bare_system, above)
    assert (row.title, row.parent_id) == ("Finances", apart.rsplit("/", 1)[1])
    assert row.retention == {"rules": ["R-1", "R-2"], "in_addition": True}
    assert row.extent == {"medium": "papier", "metres": "0.35", "place": "Travée 4"}
    assert "0,35 m" in archivist.get(above).text.replace("\xa0", " ")
    wrong = send(archivist, f"{above}/changer", form | {"parent": "absent", "number": "2"})
    assert 'href="#changer-parent"' in wrong.text
    assert send(archivist, f"{apart}/retirer", {"reason": "Vide"}).status_code == 422
    gone = send(archivist, f"{above}/retirer", {"reason": "Vide"})
    assert gone.headers["location"] == apart
    assert archivist.get(above).status_code == 404


def test_who_may_read_may_not_change(client: TestClient, person: Person) -> None:
    _, token = person("a", "clerk")
    client.post(f"/connexion/{token}", headers=OURS)
    page = client.get("/plan")
    assert page.status_code == 200
    assert "/plan/creer" not in page.text


def test_a_plan_is_imported_once_its_effect_was_shown(archivist: TestClient, bare_system: System) -> None:
    content = "code;parent;kind;title\r\n2;;class;Deux\r\n2.1;2;file;Deux un\r\n"
    shown = send(archivist, "/plan/echange", files={"file": ("plan.csv", content.encode())})
    assert shown.status_code == 200, shown.text
    assert "2 éléments créés" in plain(shown)
    with bare_system.database.read() as session:
        assert session.query(PlanNodeRow).count() == 0
    waiting = re.search(r'<textarea name="content" hidden>(.*?)</textarea>', shown.text, re.DOTALL)
    assert waiting
    done = send(archivist, "/plan/echange", {"content": waiting[1], "confirme": "1"}, files={"x": b""})
    assert "Importé" in done.text
    export = archivist.get("/plan/export", params={"forme": "csv"})
    assert export.content.decode("utf-8-sig").splitlines()[1].startswith("2;;class;Deux")
    wrong = send(archivist, "/plan/echange", files={"file": ("plan.csv", b"code;title\r\n;Rien\r\n2.1;\r\n")})
    assert wrong.status_code == 422
    assert wrong.text.count("<li>") >= 3
    assert "Ligne 2" in wrong.text.replace("\xa0", " ")


def test_stale_dates_are_said_to_be_so(archivist: TestClient, bare_system: System, tmp_path: Path) -> None:
    file = created(archivist, "file", "F-1")
    record = keep(bare_system, tmp_path, 1, "a")
    send(archivist, f"{file}/documents", {"record": [record]})
    with bare_system.database.write() as session:
        session.get_one(RecordRow, record).stale_since = bare_system.clock()
    assert "dates en cours de calcul" in archivist.get(file).text


def test_a_form_with_a_sign_that_is_no_text_is_refused(archivist: TestClient) -> None:
    answer = send(archivist, "/plan/creer", {"kind": "class", "code": "2", "title": "a\0b"})
    assert answer.status_code == 422
    assert "pas du texte" in answer.text
    assert "Le plan est vide" in archivist.get("/plan").text
