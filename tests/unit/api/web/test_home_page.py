"""The home page as a view-model: what it says, made without any request."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api.access.callers import Caller
from api.access.people import create_user
from api.access.sessions import login_link
from api.web.description_form import TypedDescription
from api.web.faults import Fault
from api.web.home_page import SHOWN, home_page
from archive.catalogue.producers import enter_agreement, enter_service
from archive.catalogue.reading import Reader
from archive.database.tables import DocumentTypeRow, RecordRow
from ingestion.assembly import System
from ingestion.deposits.queries import incomplete
from ingestion.tables import DepositRow
from tests.holdings import keep, receive

CLERK = Caller("key", "1", "Agent", "a", frozenset({"deposit:write", "record:read"}))


def test_an_empty_house_says_so_and_offers_a_new_key_each_time(bare_system: System) -> None:
    first, second = home_page(bare_system, CLERK), home_page(bare_system, CLERK)
    assert (first.lines, first.total, first.faults, first.received) == ((), 0, (), 0)
    assert (first.todo.incomplete, first.todo.aside, first.todo.refused) == (0, 0, 0)
    assert first.idempotency_key != second.idempotency_key


def test_only_my_own_newest_deposits_are_listed(bare_system: System) -> None:
    for number in range(SHOWN + 1):
        receive(bare_system, b"%d" % number, f"k{number}", "a", title=f"Acte {number}")
    receive(bare_system, b"autre", "k", "b")
    page = home_page(bare_system, CLERK, TypedDescription((Fault("#fichiers", "Vide."),)), 2)
    assert [line.title for line in page.lines] == [f"Acte {number}" for number in range(SHOWN, 0, -1)]
    assert (page.total, len(page.lines)) == (SHOWN + 1, SHOWN)
    assert (page.faults[0].text, page.received) == ("Vide.", 2)


def test_what_waits_is_counted(bare_system: System, tmp_path: Path) -> None:
    rows = [receive(bare_system, b"%d" % number, f"k{number}", "a") for number in range(5)]
    record = keep(bare_system, tmp_path, 1, "a")
    with bare_system.database.write() as session:
        session.execute(update(DepositRow).where(DepositRow.id == rows[0].id).values(state="quarantined"))
        session.execute(update(DepositRow).where(DepositRow.id.in_([r.id for r in rows[1:3]])).values(state="refused"))
        session.execute(update(DepositRow).where(DepositRow.id == rows[3].id).values(state="kept"))
        session.execute(
            update(RecordRow).where(RecordRow.id == record).values(deposit_id=rows[3].id, document_date=None)
        )
    todo = home_page(bare_system, CLERK).todo
    assert (todo.incomplete, todo.aside, todo.refused) == (1, 1, 2)
    with bare_system.database.write() as session:
        assert [row.id for row in incomplete(session, Reader("a", reads_all=True), limit=5)] == [rows[3].id]
        assert incomplete(session, Reader("a", reads_all=True), agent="key:2", limit=5) == []
        assert incomplete(session, Reader("b", reads_all=True), limit=5) == []
        assert incomplete(session, Reader("a", reads_all=True), before=rows[3].id, limit=5) == []
        session.execute(update(RecordRow).where(RecordRow.id == record).values(document_date=date(2020, 1, 2)))
    assert home_page(bare_system, CLERK).todo.incomplete == 0


def test_a_clerk_chooses_among_the_agreements_of_her_service(bare_system: System, client: TestClient) -> None:
    given = (
        {"code": "FIN-1", "title": "Factures", "services": ["FIN"], "defaults": {"document_type": "facture"}},
        {"code": "FIN-2", "title": "Budgets", "services": ["DIR"], "valid_from": "2020-01-01"},
        {"code": "FIN-3", "title": "Finie", "services": ["FIN"], "valid_until": "2020-01-01"},
        {"code": "RH-1", "title": "Paie", "services": ["RH"]},
    )
    with bare_system.database.write() as session:
        for code, parent in (("DIR", None), ("FIN", "DIR"), ("RH", None)):
            enter_service(session, "a", {"code": code, "names": [{"name": code}], "parent": parent, "number": 1})
        session.add(DocumentTypeRow(tenant_id="a", code="facture", label="Facture"))
        for line in given:
            enter_agreement(session, "a", {"depositors": [], "formats": [], "number": 1, **line})
        people = {}
        for service in ("FIN", "Autre"):
            now = bare_system.clock()
            row = create_user(session, tenant="a", name="Agent", role="clerk", now=now, service=service)
            people[service] = login_link(session, row, now)
    headers = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
    client.post(f"/connexion/{people['Autre']}", headers=headers)
    assert 'name="agreement"' not in client.get("/", headers=headers).text, "nothing to choose"
    client.cookies.clear()
    client.post(f"/connexion/{people['FIN']}", headers=headers)
    page = client.get("/", headers=headers).text
    box = re.search(r'<select id="agreement".*?</select>', page, re.DOTALL)
    assert box is not None
    assert re.findall(r'value="([^"]*)"', box[0]) == ["", "FIN-1", "FIN-2"]
    assert "type Facture" in page
    hidden = dict(re.findall(r'name="(csrf|idempotency_key)" value="([^"]+)"', page))

    def sent(code: str, content: bytes) -> Any:
        file = {"file": ("a.txt", content, "text/plain")}
        key = {"idempotency_key": hidden["idempotency_key"] + code}
        return client.post("/depots", data=hidden | key | {"agreement": code}, files=file, headers=headers)

    for code in ("FIN-1", "FIN-2", ""):
        assert sent(code, f"Contenu {code}".encode()).status_code == 200
    with bare_system.database.read() as session:
        rows = session.scalars(select(DepositRow).order_by(DepositRow.id)).all()
        told = [(row.agreement, dict(row.agreed or {}).get("document_type")) for row in rows]
    assert told == [("FIN-1", "facture"), ("FIN-2", None), ("FIN-1", "facture")]
    refused = sent("RH-1", b"Autre contenu")
    assert (refused.status_code, 'href="#agreement"' in refused.text) == (422, True)
