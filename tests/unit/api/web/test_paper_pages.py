"""Pages of a bordereau on paper, without scripts: scan, entry, confirmation, undoing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.bordereau_people import API, OURS, Office, Somebody, office_of, plain
from tests.bordereaux import Town, Watch
from tests.holdings import opened
from tests.paper import pages_of, scanned, spoiled

DAY = {"signeday": "1", "signemonth": "6", "signeyear": "2026"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("papier"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=4)


def brought(who: Somebody, disposal: str, content: bytes) -> Any:
    """Send the form with a scan, as a browser does."""
    client, csrf = who._logged_in()
    client_of: TestClient = client
    return client_of.post(
        f"/bordereaux/{disposal}/papier",
        data={"csrf": csrf},
        files={"file": ("copie.png", content, "image/png")},
        headers=OURS,
        follow_redirects=False,
    )


def test_a_visa_on_paper_is_entered_beside_its_scan_and_confirmed_by_another(office: Office) -> None:
    anne, denis = office.anne, office.denis
    first, second = office.due(2)
    disposal = office.submitted([first, second])
    assert "Imprimer pour signature" in anne.see(f"/bordereaux/{disposal}")
    page = anne.see(f"/bordereaux/{disposal}/papier")
    assert "Attendu maintenant : Visa du service producteur" in page
    (sheet,) = pages_of(anne.ask("GET", f"{API}/{disposal}/paper").content)
    wrong = brought(anne, disposal, b"rien")
    assert wrong.status_code == 422
    assert "La copie n’est pas gardée" in plain(wrong.text)
    address = brought(anne, disposal, scanned([spoiled(sheet)], "PNG")).headers["location"]
    form = anne.see(address)
    assert "Copie numérisée, page 1 sur 1" in form
    assert "Sans code lisible : page 1." in form
    typed = {"number": "2", "personne": "Hélène", "qualite": "Maire, par délégation", **DAY, "reste": "approve"}
    for faulty, words in (
        (typed | {"qualite": " "}, "dites qui a signé"),
        (typed | {"signeday": "31", "signemonth": "2"}, "n’existe pas"),
        (typed | {"reste": ""}, "ce qu’il en est du reste"),
        (typed, "une personne doit dire qu’elle est entière"),
        (typed | {"atteste": "1", "personne": "ANNE"}, "n’y donne pas de visa"),
    ):
        answer = anne.send(address, faulty | {"suite": "saisir"})
        assert (answer.status_code, words in plain(answer.text)) == (422, True), plain(answer.text)
        assert 'value="Maire, par délégation"' in answer.text or faulty["qualite"] == " "
    lines = anne.send(address, typed | {"vers": "lignes 1 0"})
    assert (lines.status_code, f'name="r{second}"' in lines.text, "Hélène" in lines.text) == (200, True, True)
    told = re.search(r'name="dit" value="([^"]*)"', anne.send(address, typed | {f"r{second}": "refuse"}).text)
    assert told is not None
    kept = typed | {"dit": told[1].replace("&#34;", '"'), "atteste": "1", "suite": "saisir"}
    assert anne.send(address, kept).headers["location"] == f"/bordereaux/{disposal}/papier"
    entry = re.search(rf"/bordereaux/{disposal}/saisie/[0-9a-f-]+", denis.ask("GET", address.rpartition("/")[0]).text)
    assert entry is not None
    assert "Vous avez fait cette saisie" in anne.see(entry[0])
    beside = denis.see(entry[0])
    assert "Hélène" in beside
    assert "Saisi par Anne" in beside
    assert re.search(r"Document \d : .* Refus, sans suite dite", beside)
    refused = denis.send(entry[0], {"suite": "confirmer"})
    assert (refused.status_code, "La saisie n’est pas confirmée" in plain(refused.text)) == (422, True)
    assert anne.send(entry[0], {"suite": "confirmer", "atteste": "1"}).status_code == 422
    done = denis.send(entry[0], {"suite": "confirmer", "atteste": "1"})
    assert done.headers["location"] == f"/bordereaux/{disposal}"
    assert "Hélène, Maire, par délégation" in denis.see(f"/bordereaux/{disposal}")
    assert "Cette saisie n’attend plus rien" in denis.see(entry[0])


def test_an_entry_that_is_undone_counts_for_nothing(office: Office) -> None:
    anne, denis = office.anne, office.denis
    disposal = office.submitted(office.due(1))
    sheets = pages_of(anne.ask("GET", f"{API}/{disposal}/paper").content)
    address = brought(anne, disposal, scanned(sheets, "PNG")).headers["location"]
    typed = {"number": "2", "personne": "Hélène", "qualite": "Maire", **DAY, "reste": "approve", "suite": "saisir"}
    assert anne.send(address, typed).status_code == 303
    entry = re.search(rf"/bordereaux/{disposal}/saisie/[0-9a-f-]+", denis.ask("GET", address.rpartition("/")[0]).text)
    assert entry is not None
    assert denis.send(entry[0], {"suite": "annuler"}).headers["location"] == f"/bordereaux/{disposal}/papier"
    assert denis.send(entry[0], {"suite": "confirmer"}).status_code == 422
    assert entry[0] not in denis.ask("GET", f"/bordereaux/{disposal}/papier").text
    states = [one["state"] for one in anne.ask("GET", f"{API}/{disposal}").json()["steps"]]
    assert states == ["expected", "to_come"]
    assert office.claire.ask("GET", address).status_code == 403
