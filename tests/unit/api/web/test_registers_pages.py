"""The pages of registers and stocktakings, without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest

from archive.model.identifiers import new_id
from tests.bordereau_people import Office, office_of, plain
from tests.bordereaux import Town, Watch
from tests.holdings import opened
from tests.statements import state

FORM = {
    "election_day": "22",
    "election_month": "3",
    "election_year": "2026",
    "sortant": "Jeanne Morvan",
    "sortant_qualite": "maire",
    "entrant": "Yann Le Goff",
    "entrant_qualite": "maire",
    "archiviste": "Anne",
    "archiviste_qualite": "archiviste",
    "unite:9 S 1": "yes",
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    folder, watch = tmp_path_factory.mktemp("registres"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        unit = {"kind": "file", "code": "9 S 1", "title": "Plans", "extent": {"medium": "papier", "metres": "0.4"}}
        with system.database.write() as session:
            state(session, system, new_id(), unit)
        yield office_of(Town(system, folder, watch), bon=2)


def of_pdf(answer: Any) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    return "\n".join(page.get_textpage().get_text_bounded() for page in pdfium.PdfDocument(answer.content))


def test_each_number_of_the_year_leads_to_its_list(office: Office) -> None:
    page = office.anne.ask("GET", "/registres?annee=2026").text
    for name in ("accessions", "eliminations", "communications", "annual"):
        assert f'action="/registres/{name}"' in page
    links = re.findall(r'class="num" data-label="Nombre"><a href="([^"]+)">(\d+)', page)
    assert {number for _, number in links} == {"2"}, "two entries, two that are there"
    for href, _ in links:
        assert office.anne.ask("GET", href.replace("&amp;", "&")).status_code == 200
    assert "Néant" in plain(page)
    assert office.anne.ask("GET", "/registres?annee=12345678").status_code == 200


def test_a_register_is_issued_from_the_page_and_listed(office: Office) -> None:
    sent = office.anne.send("/registres/accessions", {"du": "2026-01-01", "au": "2026-12-31"})
    assert "Registre des entrées" in of_pdf(sent)
    assert ["Registre", "des", "entrées", "du", "1er", "janvier", "2026"][0] in office.anne.see("/registres")
    assert "2 lignes" in office.anne.see("/registres")
    table = office.anne.ask("GET", "/registres/accessions.csv?du=2026-01-01&au=2026-12-31")
    assert len(table.text.splitlines()) == 3
    assert office.anne.send("/registres/inconnu", {}).status_code == 404


def test_a_stocktaking_is_asked_on_a_form_that_keeps_what_was_typed(office: Office) -> None:
    assert "9 S 1, Plans" in office.anne.see("/recolements/nouveau")
    refused = office.anne.send("/recolements", FORM | {"sortant": "", "observation": "Toit refait"})
    assert (refused.status_code, 'href="#sortant"' in refused.text) == (422, True)
    assert all(text in refused.text for text in ("Yann Le Goff", "Toit refait", '<option value="yes" selected>'))
    asked = office.anne.send("/recolements", FORM)
    assert asked.status_code == 303
    path = asked.headers["location"]
    assert "On compte" in office.anne.see(path)
    assert office.town.system.stocktaker.run().issued == 1
    page = office.anne.see(path)
    assert all(text in page for text in ("Procès-verbal scellé", "0,4 ml", "Jamais vérifiés", "Jeanne Morvan, maire"))
    text = of_pdf(office.anne.ask("GET", f"{path}/proces-verbal.pdf"))
    assert "Les prend en charge : Yann Le Goff, maire" in text
    assert "Vues à leur place" in text
    assert "Récolement" in office.anne.see("/registres")


def test_who_stays_in_office_signs_alone(office: Office) -> None:
    asked = office.anne.send("/recolements", FORM | {"reste": "1", "entrant": "", "entrant_qualite": ""})
    assert asked.status_code == 303, plain(asked.text)
    office.town.system.stocktaker.run()
    text = of_pdf(office.anne.ask("GET", f"{asked.headers['location']}/proces-verbal.pdf")).replace("\r\n", " ")
    assert "reste en fonctions" in text
    assert "prend en charge :" not in text


def test_nobody_else_reads_or_asks(office: Office) -> None:
    for path in ("/registres", "/recolements/nouveau", f"/recolements/{new_id()}"):
        assert office.claire.ask("GET", path).status_code == 403
    assert office.anne.ask("GET", f"/recolements/{new_id()}").status_code == 404
