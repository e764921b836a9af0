"""The pages of document types: effect first, then the change; both views on a lost race."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.access.sessions import Opened, use_login_link
from archive.database.tables import DocumentTypeRow, RecordRow
from ingestion.assembly import System
from tests.holdings import keep
from tests.servers.postgres import Databases
from tests.unit.api.web.test_rules_pages import FORM as RULE
from tests.unit.api.web.test_rules_pages import send, show


@pytest.fixture(scope="module")
def databases(migrated_file: Path) -> Databases:
    """SQLite alone: the pages ask what the API asks."""
    return Databases(None, migrated_file)


TYPE = {"code": "deliberation", "label": "Délibération", "rule": "", "access_rule": ""}


@pytest.fixture
def log_in(bare_system: System, person: Any) -> Callable[[str], Opened]:
    def make(role: str) -> Opened:
        _, token = person("a", role)
        with bare_system.database.write() as session:
            return use_login_link(session, token, bare_system.clock())

    return make


def tag_of(page: str) -> str:
    found = re.search(r'name="tag" value="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])


def plain(page: str) -> str:
    return re.sub("[\u202f\u00a0]", " ", page)


def held(system: System) -> tuple[str, str | None, str | None] | None:
    with system.database.read() as session:
        row = session.get(DocumentTypeRow, ("a", "deliberation"))
        return (row.label, row.rule_code, row.access_rule) if row is not None else None


def test_effect_first_then_the_type_then_its_change(
    client: TestClient, bare_system: System, log_in: Callable[[str], Opened], tmp_path: Path
) -> None:
    anne = log_in("archivist")
    send(client, anne, "/regles/nouvelle", **RULE, confirm="1")
    record = keep(bare_system, tmp_path, 1, "a")
    shown = send(client, anne, "/types", **TYPE)
    assert (shown.status_code, held(bare_system)) == (200, None), "shown, and nothing made"
    assert "1 document concerné." in plain(shown.text)
    made = send(client, anne, "/types", **TYPE, confirm="1")
    assert (made.status_code, made.headers["location"]) == (303, "/types/deliberation")
    assert "1 type sans règle" in plain(show(client, anne, "/types"))
    page = show(client, anne, "/types/deliberation")
    changed = TYPE | {"rule": "FIN-3", "access_rule": "AR048", "tag": tag_of(page)}
    effect = plain(send(client, anne, "/types/deliberation", **changed).text)
    assert "1 change d’échéance ou de sort final." in effect
    assert "1 échoit plus tôt." in effect
    assert "Les délais de communication de ces documents sont aussi recalculés." in effect
    assert "Une autre personne doit valider" not in effect, "a type follows at once"
    assert held(bare_system) == ("Délibération", None, None)
    assert send(client, anne, "/types/deliberation", **changed, confirm="1").status_code == 303
    assert held(bare_system) == ("Délibération", "FIN-3", "AR048")
    with bare_system.database.read() as session:
        assert session.get_one(RecordRow, record).stale_since is not None
    assert "Factures" in show(client, anne, "/types?mots=fin-3")
    assert "Aucun type ne répond." in show(client, anne, "/types?regle=sans")


def test_who_was_slower_sees_both_states_and_may_send_again(
    client: TestClient, bare_system: System, log_in: Callable[[str], Opened]
) -> None:
    anne, bruno = log_in("archivist"), log_in("archivist")
    send(client, anne, "/types", **TYPE, confirm="1")
    read = tag_of(show(client, bruno, "/types/deliberation"))
    first = send(client, anne, "/types/deliberation", **TYPE | {"label": "Délibérations"}, tag=read, confirm="1")
    assert first.status_code == 303
    for confirm in ({}, {"confirm": "1"}):
        late = send(client, bruno, "/types/deliberation", **TYPE | {"label": "Actes"}, tag=read, **confirm)
        assert late.status_code == 412
        cells = re.findall(r'data-label="(?:En place|Le vôtre)">([^<]+)<', late.text)
        assert cells[:2] == ["Délibérations", "Actes"]
        assert held(bare_system) == ("Délibérations", None, None)
    again = send(client, bruno, "/types/deliberation", **TYPE | {"label": "Actes"}, tag=tag_of(late.text), confirm="1")
    assert (again.status_code, held(bare_system)) == (303, ("Actes", None, None))


@pytest.mark.parametrize(
    ("wrong", "anchor"),
    [
        ({"code": "Pas Ça"}, "#code"),
        ({"label": "  "}, "#label"),
        ({"rule": "FIN-404"}, "#rule"),
        ({"access_rule": "AR999"}, "#access_rule"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(
    client: TestClient, bare_system: System, log_in: Callable[[str], Opened], wrong: dict[str, str], anchor: str
) -> None:
    for confirm in ({}, {"confirm": "1"}):
        refused = send(client, log_in("archivist"), "/types", **TYPE | {"label": "À garder"} | wrong, **confirm)
        assert refused.status_code == 422
        assert f'<li><a href="{anchor}">' in refused.text
        assert ('value="À garder"' in refused.text) == ("label" not in wrong)
        assert held(bare_system) is None


def test_a_code_that_is_taken_and_a_type_that_is_not_there(client: TestClient, log_in: Callable[[str], Opened]) -> None:
    anne = log_in("archivist")
    send(client, anne, "/types", **TYPE, confirm="1")
    assert "est déjà dans la liste" in plain(send(client, anne, "/types", **TYPE).text)
    assert send(client, anne, "/types/autre", **TYPE, tag="x").status_code == 404


def test_a_reader_sees_the_types_and_no_form(client: TestClient, log_in: Callable[[str], Opened]) -> None:
    send(client, log_in("archivist"), "/types", **TYPE, confirm="1")
    reader = log_in("clerk")
    for path in ("/types", "/types/deliberation"):
        page = show(client, reader, path)
        assert "Délibération" in page
        assert 'method="post" action="/types' not in page
