"""The record's page completes a description: every rule it can start, whoever may, nothing
overwritten.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.tables import UserRow
from archive.database.tables import DocumentTypeRow, RecordRow
from archive.model.description_fields import fields_on
from archive.model.field_rules import Spot
from archive.retention.access import access_rules
from archive.retention.dates import START_EVENTS
from archive.retention.packs import DEFAULT_PACK, pack_rules
from archive.retention.schedule import load_pack
from ingestion.assembly import System
from tests.holdings import keep

Person = Callable[[str, str], tuple[UserRow, str]]
OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
RULES = [rule for rule, _ in pack_rules(DEFAULT_PACK)]
NO_FIELD = {"contract_signature": 2, "contract_notification": 2, "birth_date": 1, "death_date": 1}
"""Starts that no field tells, and how many rules they start: the birth and death of a person, the
signature and the notification of a market are facts of other documents than the one described; they
come as events, never as a guess.
"""


SEVERAL = ["AR048 AR043", "AR048 AR054", "AR048 AR060"]
"""Rules of several codes that types of the bundled pack have."""


@pytest.fixture
def record(bare_system: System, tmp_path: Path) -> str:
    with bare_system.database.write() as session:
        load_pack(session, "a")
        for rule in RULES:
            session.add(DocumentTypeRow(tenant_id="a", code=rule.code, label=rule.label, rule_code=rule.code))
    return keep(bare_system, tmp_path, 1, "a")


@pytest.fixture
def page(client: TestClient, person: Person, record: str) -> DescribedPage:
    return DescribedPage(client, person, record)


class DescribedPage:
    """A person before the record's page."""

    def __init__(self, client: TestClient, person: Person, record: str) -> None:
        self.client = client
        self.person = person
        self.address = f"/documents/{record}"
        self.enter("archivist")

    def enter(self, role: str) -> None:
        self.client.cookies.clear()
        _, token = self.person("a", role)
        self.client.post(f"/connexion/{token}", headers=OURS)

    def text(self) -> str:
        return self.client.get(self.address).text

    def send(self, **form: str) -> Any:
        found = re.search(r'name="csrf" value="([^"]+)"', self.text())
        assert found
        form = {"csrf": found[1], "title": "Acte"} | {name.replace("__", "-"): value for name, value in form.items()}
        return self.client.post(f"{self.address}/decrire", data=form, headers=OURS, follow_redirects=False)


def row_of(system: System, page: DescribedPage) -> RecordRow:
    with system.database.read() as session:
        return session.get_one(RecordRow, page.address.rpartition("/")[2])


def dates(**given: str) -> dict[str, str]:
    """The boxes of both dates, empty but for those given as ``2024-06-30``."""
    boxes = {}
    for name, prefix in (("document_date", ""), ("closed_on", "closed_on-")):
        parts = given.get(name, "--").split("-")
        boxes |= dict(zip((f"{prefix}year", f"{prefix}month", f"{prefix}day"), parts, strict=True))
    return boxes


def test_every_rule_that_a_field_starts_is_completed_from_the_page(page: DescribedPage, bare_system: System) -> None:
    """55 of 61; the six others start with what no field of a document tells (``NO_FIELD``)."""
    completed = []
    for revision, rule in enumerate(RULES, start=1):
        start = START_EVENTS[rule.start_event]
        given = dates(**{start.known_by.value: "2024-02-29"} if start.known_by else {})
        sent = page.send(revision=str(revision), document_type=rule.code, **given)
        assert sent.status_code == 303, (rule.code, unescape(sent.text)[:300])
        row = row_of(bare_system, page)
        assert row.rule_code == rule.code
        starts = start.period.end(date(2024, 2, 29)) if start.period else date(2024, 2, 29)
        assert row.starts_on == (starts if start.known_by else None), rule.code
        missing = "start_missing" in {remark["code"] for remark in row.warnings}
        assert missing is (start.known_by is None and rule.duration is not None), rule.code
        unsure = "rule_unsure" in {remark["code"] for remark in row.warnings}
        assert unsure is (not rule.sure and rule.duration is not None), rule.code
        dated = start.known_by is not None and rule.duration is not None and rule.sure
        assert (row.ends_on is not None) is dated, rule.code
        completed += [rule] if start.known_by else []
    assert len(RULES) == 61
    assert len(completed) == 55
    assert len([rule for rule in completed if rule.sure]) == 27
    assert Counter(rule.start_event for rule in RULES if rule not in completed) == NO_FIELD
    assert {start.known_by for start in START_EVENTS.values() if start.known_by} <= {
        field.name for field in fields_on(Spot.RECORD_FORM)
    }


def test_the_three_fields_are_typed_kept_and_shown(page: DescribedPage, bare_system: System) -> None:
    sent = page.send(
        revision="1",
        document_type="marche_travaux",
        external_reference="MAR-2021-07",
        access_rule="AR048",
        **dates(document_date="2021-03-12", closed_on="2024-6-3"),
    )
    assert sent.status_code == 303
    row = row_of(bare_system, page)
    assert (row.external_reference, row.access_rule, row.closed_on) == ("MAR-2021-07", "AR048", date(2024, 6, 3))
    assert row.ends_on == date(2034, 6, 3)
    text = unescape(page.text()).replace("\xa0", " ")
    for shown in ("<dt>Clôture</dt><dd>3 juin 2024</dd>", "<dt>Référence de l’affaire</dt><dd>MAR-2021-07</dd>"):
        assert shown in text
    assert page.send(revision="2", **dates(document_date="2021-03-12")).status_code == 303
    row = row_of(bare_system, page)
    assert (row.closed_on, row.ends_on, row.external_reference) == (None, None, "MAR-2021-07")


def test_an_access_rule_is_chosen_in_words_and_that_of_the_type_unless_chosen(
    page: DescribedPage, bare_system: System
) -> None:
    page.send(revision="1", document_type="dossier_rsa", access_rule="")
    assert row_of(bare_system, page).access_rule == "AR048"
    text = unescape(page.text()).replace("\u202f", " ").replace("\xa0", " ")
    (options,) = re.findall(r'<select id="access_rule".*?</select>', text, re.DOTALL)
    assert re.findall('<option value="([^"]*)"', options) == ["", *access_rules(), *SEVERAL]
    assert "Celle du type (AR048 – 50 ans : vie privée, sûreté ou secret)" in options
    assert " selected" in options.partition("</option>")[0]
    page.send(revision="2", document_type="dossier_rsa", access_rule="AR062")
    assert row_of(bare_system, page).access_rule == "AR062"
    page.send(revision="3", document_type="contrat", access_rule="")
    assert row_of(bare_system, page).access_rule == "AR038"


def test_a_rule_of_several_codes_is_offered_where_a_type_has_it(page: DescribedPage, bare_system: System) -> None:
    page.send(revision="1", document_type="conge_maladie", access_rule="")
    row = row_of(bare_system, page)
    assert row.access_rule == "AR048 AR043"
    assert "2 règles d’accès s’appliquent" in row.access_explanation.replace("\xa0", " ")
    text = unescape(page.text()).replace("\u202f", " ").replace("\xa0", " ")
    (options,) = re.findall(r'<select id="access_rule".*?</select>', text, re.DOTALL)
    assert re.findall('<option value="([^"]*)"', options) == ["", *access_rules(), *SEVERAL]
    assert "Celle du type (AR048 – 50 ans : vie privée, sûreté ou secret + AR043 – 25 ans après le décès" in options
    assert "AR048 – 50 ans : vie privée, sûreté ou secret + AR043 – 25 ans après le décès" in options
    page.send(revision="2", document_type="contrat", access_rule="AR048 AR043")
    assert row_of(bare_system, page).access_rule == "AR048 AR043"


def test_a_refused_form_keeps_what_was_typed_and_names_the_box(page: DescribedPage, bare_system: System) -> None:
    sent = page.send(
        revision="1", title="Tapé <b>", external_reference="MAR-1", **dates(closed_on="2024-02-30"), producer="Eau"
    )
    assert sent.status_code == 422
    text = unescape(sent.text)
    assert '<a href="#closed_on-day">Le champ «\u202fDate de clôture\u202f» porte un jour qui n’existe pas' in text
    assert 'value="Tapé <b>"' in text
    assert 'value="MAR-1"' in text
    for name, value in (("day", "30"), ("month", "02"), ("year", "2024")):
        (box,) = re.findall(f'<input [^>]*id="closed_on-{name}"[^>]*>', text)
        assert f'value="{value}"' in box
        assert 'aria-invalid="true"' in box
        assert "closed_on-date-erreur" in box
    assert 'id="closed_on-date-erreur"' in text
    assert row_of(bare_system, page).revision == 1


def test_somebody_elses_change_is_never_overwritten(page: DescribedPage, bare_system: System) -> None:
    assert page.send(revision="1", title="D’un autre").status_code == 303
    for revision in ("1", "", "x", "3"):
        sent = page.send(revision=revision, title="Le mien", producer="Eau")
        assert sent.status_code == 422
        text = unescape(sent.text)
        assert "a été modifié entre-temps" in text
        assert 'value="D’un autre"' in text
        assert 'name="revision" value="2"' in text
    row = row_of(bare_system, page)
    assert (row.title, row.producer, row.revision) == ("D’un autre", None, 2)


@pytest.mark.parametrize("role", ["clerk", "reader", "controller"])
def test_who_may_not_describe_sees_no_form_and_changes_nothing(
    page: DescribedPage, bare_system: System, role: str
) -> None:
    page.enter(role)
    assert "/decrire" not in page.text()
    assert page.send(revision="1", title="Non").status_code == 403
    assert row_of(bare_system, page).revision == 1


def test_a_form_without_its_token_changes_nothing(page: DescribedPage, bare_system: System) -> None:
    assert page.send(revision="1", title="Non", csrf="x").status_code == 403
    assert row_of(bare_system, page).revision == 1
