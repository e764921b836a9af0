"""The pages of bordereaux, without scripts: drafted, lines kept, submitted, visas, stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from archive.disposition.holds.terms import Terms, listed
from tests.bordereau_people import API, Office, Somebody, office_of, plain
from tests.bordereaux import Town, Watch
from tests.holdings import opened


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("bordereaux"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=15, coupe=3, lot=2, pli=1)


def hidden(who: Somebody, path: str) -> dict[str, str]:
    """What the forms of a page carry."""
    return carried_by(who.ask("GET", path).text)


def carried_by(text: str) -> dict[str, str]:
    return {
        name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    }


def moved_to(answer: Any) -> str:
    assert answer.status_code == 303, plain(answer.text)
    return str(answer.headers["location"])


def test_a_bordereau_is_drafted_from_what_is_due(office: Office) -> None:
    anne = office.anne
    lot = office.due(2, "lot")
    page = anne.see("/bordereaux/nouveau?type=lot")
    assert "Dresser un bordereau de 2 documents" in page
    assert "Dresser un bordereau de" not in anne.see("/bordereaux/nouveau?regle=RIEN")
    form = {"type": "lot", "vu": "2", "titre": "Lots de 2016", "sens": "service_asks"}
    refused = anne.send("/bordereaux", form | {"titre": " "})
    assert (refused.status_code, 'href="#titre"' in refused.text) == (422, True)
    changed = anne.send("/bordereaux", form | {"vu": "3"})
    assert (changed.status_code, "a changé depuis" in plain(changed.text)) == (422, True)
    assert office.town.record(lot[0]).state == "kept", "nothing of a refused draft stays"
    path = moved_to(anne.send("/bordereaux", form))
    page = anne.see(path)
    assert all(text in page for text in ("Lots de 2016", "Brouillon", "2 documents à éliminer", "10 ans", "2016"))
    assert "Lots de 2016" in anne.see("/bordereaux?etat=draft")
    assert "Lots de 2016" not in anne.see("/bordereaux?etat=executed")
    assert "Dans un bordereau" in anne.see("/bordereaux/nouveau?type=lot"), "what is taken is said to be taken"


def test_lines_are_kept_with_a_motive_then_submitted(office: Office) -> None:
    anne, (one, other) = office.anne, office.due(2)
    path = f"/bordereaux/{office.draft([one, other])['id']}"
    lines = f"{path}?groupe=1"
    carried = hidden(anne, lines) | {f"d{one}": "exclude", f"m{one}": "", f"d{other}": "include"}
    carried.pop("csrf")
    refused = anne.send(f"{path}/lignes", carried)
    assert (refused.status_code, f'href="#m{one}"' in refused.text) == (422, True)
    assert moved_to(anne.send(f"{path}/lignes", carried | {f"m{one}": "Valeur historique"})) == f"{lines}#lignes"
    page = anne.see(lines)
    assert "Valeur historique" in page
    assert "1 document à éliminer" in page
    stale = anne.send(f"{path}/lignes", carried | {f"d{other}": "exclude", f"m{other}": "Erreur de règle"})
    assert (stale.status_code, "Quelqu’un d’autre" in plain(stale.text)) == (422, True)
    number = hidden(anne, path)["number"]
    moved_to(anne.send(f"{path}/soumettre", {"number": number}))
    page = anne.see(path)
    assert "Attendu maintenant : Visa du service producteur" in page
    assert "Soumettre aux visas" not in page
    assert "Donner mon visa" not in page, "an archivist gives none"
    assert f'name="d{one}"' not in anne.ask("GET", f"{path}?etat=excluded").text, "it does not come back"


def test_a_controller_decides_by_group_and_by_record(office: Office) -> None:
    bruno, claire = office.bruno, office.claire
    bons, (coupe,) = office.due(3), office.due(1, "coupe")
    disposal = office.submitted([*bons, coupe])
    path = f"/bordereaux/{disposal}"
    assert "Donner mon visa" in bruno.see(path)
    groups = {one["rule"]: one["group"] for one in bruno.ask("GET", f"{API}/{disposal}/groups").json()["groups"]}
    form = hidden(bruno, f"{path}/visa")
    form.pop("csrf")
    given = {"reste": "approve", "qualite": "Directeur", "suite": "donner"}
    for name, href in (("qualite", "#qualite"), ("reste", "#reste")):
        refused = bruno.send(f"{path}/visa", form | given | {name: ""})
        assert (refused.status_code, f'href="{href}"' in refused.text) == (422, True)
    assert moved_to(bruno.send(f"{path}/visa", form | given)) == path
    form["number"] = hidden(claire, f"{path}/visa")["number"]
    to_lines = form | {f"g{groups['COUPE']}": "sort_needed", "vers": f"lignes {groups['BON']} 0"}
    page = claire.send(f"{path}/visa", to_lines)
    assert (page.status_code, "1 décision à part est retenue." in plain(page.text)) == (200, True)
    carried = {name: value for name, value in carried_by(page.text).items() if name in {"number", "dit"}}
    late = carried | {f"r{bons[0]}": "not_before", f"r{bons[1]}": "keep_definitively", "vers": "groupes 0 0"}
    refused = claire.send(f"{path}/visa", late)
    assert (refused.status_code, 'href="#pas-avant"' in refused.text) == (422, True)
    page = claire.send(f"{path}/visa", late | {"day": "1", "month": "1", "year": "2034"})
    assert "3 décisions à part sont retenues." in plain(page.text)
    (told,) = re.findall(r'name="dit" value="([^"]*)"', page.text)
    final = {**carried, "dit": unescape(told), **given, "qualite": "Directrice", "reference": "AD-311"}
    moved_to(claire.send(f"{path}/visa", final))
    lines = {one["record_id"]: one for one in office.anne.ask("GET", f"{API}/{disposal}/lines").json()["lines"]}
    assert [lines[one]["decision"] for one in (*bons, coupe)] == [
        "not_before",
        "keep_definitively",
        "approve",
        "sort_needed",
    ]
    assert lines[bons[0]]["not_before"] == "2034-01-01"
    page = claire.see(path)
    assert all(text in page for text in ("encore 15 jours", "Claire, Directrice", "AD-311", "3 réponses à part"))


def test_it_is_stopped_with_a_reason(office: Office) -> None:
    anne, (one,) = office.anne, office.due(1)
    path = f"/bordereaux/{office.submitted([one])}"
    number = hidden(anne, path)["number"]
    refused = anne.send(f"{path}/arreter", {"number": number, "motif": " "})
    assert (refused.status_code, 'href="#motif"' in refused.text) == (422, True)
    moved_to(anne.send(f"{path}/arreter", {"number": number, "motif": "Contentieux possible"}))
    page = anne.see(path)
    assert "Contentieux possible" in page
    assert "Arrêter ce bordereau" not in page
    assert office.town.record(one).state == "kept"


def test_what_blocks_is_said_and_what_is_restricted_is_hidden(office: Office) -> None:
    town, (one, other) = office.town, office.due(2, "coupe")
    town.system.holds.place(
        "demo", listed([one]), reason="Enquête", agent="user:x", terms=Terms(restricts_reading=True)
    )
    path = f"/bordereaux/{office.submitted([one, other])}"
    page = office.claire.see(path)
    assert "1 ligne ne partira pas" in page
    assert "Un gel suspend toute élimination." in page
    title = town.record(one).title
    assert title in office.anne.see(f"{path}?etat=blocked")
    page = office.claire.see(f"{path}?etat=blocked")
    assert title not in page
    assert "Lecture réservée par un gel" in page


def test_who_sees_bordereaux(office: Office) -> None:
    assert "Bordereaux" in office.claire.see("/")
    assert office.claire.ask("GET", "/bordereaux/nouveau").status_code == 403
    assert office.anne.ask("GET", f"/bordereaux/{office.due(1)[0]}").status_code == 404


def test_homes_and_the_record_say_what_waits(office: Office) -> None:
    anne, (one, other) = office.anne, office.due(2)
    office.submitted([one], title="Attend un visa")
    approved = office.submitted([other], title="Se repent")
    for who in (office.bruno, office.claire):
        assert who.change("POST", f"{API}/{approved}/visas", decision="approve").status_code == 200
    reference = anne.ask("GET", f"{API}/{approved}").json()["reference"]
    assert f"Dans le bordereau {reference}" in anne.see(f"/documents/{other}")
    home = anne.see("/")
    assert "dans son délai de repentir" in home or "dans leur délai de repentir" in home
    assert re.search(r"\d+ bordereaux? atten", home)
    home = office.claire.see("/")
    assert all(
        text in home for text in ("Attend un visa", "Se repent", "Visa du service producteur", "Encore 15 jours")
    )
    anne.change("POST", f"{API}/{approved}/withdraw", reason="Erreur")
    assert "Dans le bordereau" not in anne.see(f"/documents/{other}")
    assert "Se repent" not in office.claire.see("/")


def test_the_due_list_leads_to_a_bordereau_of_the_same_records(office: Office) -> None:
    page = office.anne.ask("GET", "/echeances?liste=to_eliminate&type=pli").text
    (href,) = re.findall(r'href="(/bordereaux/nouveau[^"]*)"', page)
    assert "Dresser un bordereau de 1 document" in office.anne.see(unescape(href))
    assert "/bordereaux/nouveau" not in office.anne.ask("GET", "/echeances?liste=to_sort").text
    assert "/bordereaux/nouveau" not in office.claire.ask("GET", "/echeances?liste=to_eliminate").text
