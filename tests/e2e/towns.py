"""Two tenants with a record each on a running service, and every operation of
its OpenAPI document.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.access.callers import SCOPES
from archive.model.identifiers import new_id
from tests.servers.service import Service, deposit

PDF = Path(__file__).resolve().parents[2] / "samples" / "deliberations.pdf"
ALL = ",".join(SCOPES)

LISTS = (
    "comparePack",
    "exportRules",
    "listDocumentTypes",
    "listRules",
    "exportPlan",
    "exportServices",
    "getDueCalendar",
    "getMe",
    "listAccessions",
    "listAccessRequests",
    "listDepositAgreements",
    "listDeposits",
    "listDisposals",
    "listDue",
    "listFiles",
    "listHolds",
    "listJournalEntries",
    "listKeys",
    "listNodes",
    "exportRegister",
    "issueRegister",
    "listReports",
    "listRetentionEvents",
    "listSamples",
    "listServices",
    "listTransfers",
    "listDeliveries",
    "searchRecords",
)
"""Answer everybody about their own."""

OPEN = (
    "getCheckpoint",
    "getCheckpointToken",
    "getConsistencyProof",
    "getInclusionProof",
    "getLatestCheckpoint",
    "getLiveness",
    "getMetrics",
    "getReadiness",
)
"""Say the same to everybody: hashes and numbers of the installation."""

NAMING = ("placeHold", "freezePopulation", "sortUnits", "simulateChange", "draftDisposal", "createDelivery")
"""Name somebody's things in what is sent, not in the address."""

MAKES = (
    "createDocumentType",
    "createRule",
    "decidePackLine",
    "importRules",
    "createDeposit",
    "createTransfer",
    "createDepositAgreement",
    "createService",
    "importServices",
    "requireDepositAgreements",
    "createFile",
    "createKey",
    "createNode",
    "declareRetentionEvent",
    "importPlan",
    "verifyFile",
    "registerAccessRequest",
    "askStocktaking",
)
"""Name nothing of anybody's: tested below, each by itself."""


NODE_CHANGES: dict[str, dict[str, str]] = {
    "changeNode": {"title": "Autre"},
    "changeFile": {"title": "Encore"},
    "closeFile": {"closed_on": "2026-03-12"},
    "reopenFile": {"reason": "Une pièce"},
    "removeNode": {"reason": "Doublon"},
}
"""What is sent to change a node of the filing plan."""

DISPOSAL_CHANGES: dict[str, dict[str, str]] = {
    "decideDisposalLine": {"decision": "exclude", "comment": "À garder"},
    "decideDisposalLines": {},
    "submitDisposal": {"reason": "Dressé"},
    "withdrawDisposal": {"reason": "Erreur"},
    "confirmExecution": {"reason": "Visé"},
    "cancelExecution": {"reason": "Erreur"},
    "giveVisa": {"decision": "approve"},
    "giveOpinion": {"decision": "approve", "person": "Claire"},
}
"""What is sent to change a disposal; of several lines, the record of the town."""

COVERED = {"reason": "Vie privée", "boxes": [{"page": 1, "x": 100, "y": 100, "width": 200, "height": 50}]}
"""What is sent to make a redacted copy."""


TAKEN_OUT = {"decision": "exclude", "comment": "À garder"}
"""What is sent to take a record out of a disposal: no other may have it while it is in one."""


STOCKTAKING = {
    "elected_on": "2026-03-22",
    "outgoing": {"name": "Jeanne Morvan", "quality": "maire"},
    "archivist": {"name": "Anne Kerjean", "quality": "archiviste"},
}
"""What is sent to ask for a stocktaking."""

RULE = {
    "label": "Factures",
    "legal_text": "délibération",
    "duration": 10,
    "unit": "YEAR",
    "start_event": "fiscal_year_end",
    "final_action": "destroy",
}
"""A rule as it is given, but for its code."""


@dataclass
class Town:
    """A tenant with a record of its own, and words that are nobody else's."""

    tenant: str
    key: str
    content: bytes
    words: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    def shows_through(self, answer: httpx2.Response | str) -> list[str]:
        """What of this town can be read in an answer."""
        said = answer if isinstance(answer, str) else f"{answer.text} {dict(answer.headers)}"
        return [value for value in [*self.words.values(), *self.ids.values()] if value in said]


@pytest.fixture(scope="session")
def towns(service: Service, tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Town]:
    """The owner and the intruder, each with a kept record."""
    made = []
    for tenant in ("amont", "aval"):
        service.chartrier("tenant", "create", tenant, "--name", f"Commune d’{tenant}")
        mark = secrets.token_hex(4)
        words = {
            "title": f"Intitulé{mark}",
            "classification": f"9W{mark}",
            "producer": f"Service{mark}",
            "external_reference": f"REF{mark}",
        }
        town = Town(tenant, service.key(tenant, ALL), PDF.read_bytes() + f"\n% {mark}\n".encode(), words)
        path = tmp_path_factory.mktemp(tenant) / f"fichier{mark}.pdf"
        path.write_bytes(town.content)
        with service.client(town.key) as client:
            view = deposit(client, path, key=f"cle-{tenant}", document_type="deliberation", **words)
            assert view["state"] == "kept", view
            record = client.get(f"/api/v1/records/{view['record_id']}").json()
            key = client.post("/api/v1/keys", json={"name": f"outil{mark}", "scopes": ["record:read"]}).json()
            held = client.post("/api/v1/holds", json={"reason": f"Motif{mark}", "records": [record["id"]]}).json()
            wanted = {"title": f"Tri{mark}", "unit": "record", "units": [record["id"]]}
            wanted |= {"criterion": {"method": "years", "endings": [6]}}
            sample = client.post("/api/v1/samples", json=wanted).json()
            leaving = {"action": "destroy", "title": f"Bordereau{mark}", "records": [record["id"]]}
            disposal = client.post("/api/v1/disposals", json=leaving).json()
            lines = f"/api/v1/disposals/{disposal['id']}/lines/{record['id']}"
            assert client.patch(lines, json=TAKEN_OUT, headers={"If-Match": "*"}).status_code == 200
            package = {"content": f"<Rien{mark}/>".encode(), "headers": {"Content-Type": "application/zip"}}
            transfer = client.post("/api/v1/seda/transfers", **package).json()
            sent = {"records": [record["id"]], "archival_agency": f"Archives{mark}"}
            delivery = client.post("/api/v1/seda/deliveries", json=sent)
            assert delivery.status_code == 201, delivery.text
            file = client.post("/api/v1/files", json={"code": f"DOS{mark}", "title": f"Dossier{mark}"}).json()
            asked = {"kind": "communication", "requester": f"Chercheur{mark}", "subject": "Actes"}
            request = client.post("/api/v1/access-requests", json=asked | {"registered_on": "2026-03-01"}).json()
            granted = {"step": "grant", "on": "2026-03-02"}
            steps = f"/api/v1/access-requests/{request['id']}/steps"
            assert client.post(steps, json=granted, headers={"If-Match": "*"}).status_code == 200
            report = client.post("/api/v1/stocktakings", json=STOCKTAKING)
            assert report.status_code == 201, report.text
            early = {"kind": "early_opening", "requester": f"Archives{mark}", "subject": f"Fonds{mark}"}
            early["opening"] = {"producer": words["producer"], "opens_on": "2030-01-01"}
            opening = client.post("/api/v1/access-requests", json=early)
            assert opening.status_code == 201, opening.text
            copied = client.post(f"/api/v1/records/{record['id']}/redactions", json=COVERED)
            assert copied.status_code == 201, copied.text
            filing = client.post(f"/api/v1/files/{file['id']}/records", json={"records": [record["id"]]})
            assert filing.json()["records"][0]["filed"], filing.text
            event = {"event": "contract_end", "reference": words["external_reference"], "occurred_on": "2024-06-30"}
            stated = client.post("/api/v1/retention/events", json=event | {"id": f"fin-{mark}"}).json()
            rule = client.post("/api/v1/retention/rules", json=RULE | {"code": f"REG{mark.upper()}"})
            kind = client.post(
                "/api/v1/document-types",
                json={"code": f"type{mark}", "label": f"Type{mark}", "rule": rule.json()["code"]},
            )
            assert kind.status_code == 201, kind.text
            office = {"code": f"SRV{mark.upper()}", "names": [{"name": words["producer"]}]}
            assert client.post("/api/v1/services", json=office).status_code == 201
            terms = {"code": f"CONV{mark.upper()}", "title": f"Convention{mark}", "services": [office["code"]]}
            agreed = client.post("/api/v1/deposit-agreements", json=terms)
            assert agreed.status_code == 201, agreed.text
        town.words |= {
            "filename": path.stem,
            "key_name": f"outil{mark}",
            "requester": f"Chercheur{mark}",
            "hold_reason": f"Motif{mark}",
        }
        town.ids = {
            "deposit_id": view["id"],
            "record_id": view["record_id"],
            "key_id": key["id"],
            "hold_id": held["id"],
            "request_id": request["id"],
            "opening_id": opening.json()["id"],
            "sample_id": sample["id"],
            "disposal_id": disposal["id"],
            "transfer_id": transfer["id"],
            "delivery_id": delivery.json()["id"],
            "visa_id": new_id(),
            "scan_id": new_id(),
            "invitation_id": new_id(),
            "unit_id": record["id"],
            "node_id": file["id"],
            "event_id": stated["id"],
            "report_id": report.json()["id"],
            "rule_id": rule.json()["code"],
            "type_id": kind.json()["code"],
            "service_id": str(office["code"]),
            "agreement_id": str(terms["code"]),
            "sha256": record["representations"][0]["digests"]["sha-256"],
        }
        made.append(town)
    service.chartrier("checkpoint")
    return made[0], made[1]


@pytest.fixture(scope="session")
def operations(service: Service) -> list[tuple[str, str, str]]:
    """(operation, method, path) of the whole document."""
    described = httpx2.get(f"{service.address}/openapi.json").json()
    return [
        (one["operationId"], method, path) for path, item in described["paths"].items() for method, one in item.items()
    ]


def ask(client: Any, operation: str, method: str, path: str, town: Town) -> Any:
    """A request about things of this town that its owner may make."""
    for name, value in {
        **town.ids,
        "kind": "original",
        "page": "1",
        "number": "1",
        "pack": "fr-commune",
        "register": "accessions",
    }.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"{operation} names something this test does not know"
    more = sent_with(operation, town.ids, town.words)
    return client.request(method.upper(), path, **more)


def sent_with(operation: str, ids: Mapping[str, str], words: Mapping[str, str]) -> dict[str, Any]:
    """What an operation is sent besides its address."""
    more: dict[str, Any] = {}
    if operation == "describeRecord":
        more = {"headers": {"If-Match": "*"}, "json": {"description": f"dit {secrets.token_hex(3)}"}}
    elif operation == "placeHold":
        more = {"json": {"reason": "Contentieux", "records": [ids["record_id"]]}}
    elif operation == "changeRetentionEvent":
        more = {"headers": {"If-Match": "*"}, "json": {"occurred_on": f"2024-07-{secrets.randbelow(28) + 1:02}"}}
    elif operation == "releaseHold":
        more = {"json": {"reason": "Jugé"}}
    elif operation == "simulateChange":
        more = {"json": {"rule": ids["rule_id"], "change": {"duration": 5}}}
    elif operation == "changeRule":
        more = {"headers": {"If-Match": "*"}, "json": RULE}
    elif operation in {"validateRule", "removeRule"}:
        more = {"headers": {"If-Match": "*"}, "json": {}}
    elif operation == "changeDocumentType":
        more = {"headers": {"If-Match": "*"}, "json": {"label": "Autre", "rule": ids["rule_id"]}}
    elif operation == "changeService":
        more = {"headers": {"If-Match": "*"}, "json": {"names": [{"name": words["producer"]}], "rank": "bureau"}}
    elif operation == "removeService":
        more = {"headers": {"If-Match": "*"}}
    elif operation == "changeDepositAgreement":
        more = {"headers": {"If-Match": "*"}, "json": {"title": "Autre", "services": [ids["service_id"]]}}
    elif operation == "decidePackLine":
        more = {"json": {"code": "COM-1", "accept": True, "reason": "Lu"}}
    elif operation == "refuseDeposit":
        more = {"json": {"reason": "Piégé"}}
    elif operation == "reviewHold":
        more = {"json": {"comment": "Vu"}}
    elif operation == "takeAccessStep":
        more = {"headers": {"If-Match": "*"}, "json": {"step": "consult", "on": "2026-03-12", "text": "En salle"}}
    elif operation == "redactRecord":
        more = {"json": COVERED}
    elif operation == "freezePopulation":
        wanted = {"title": "Tri", "unit": "record", "units": [ids["record_id"]]}
        more = {"json": wanted | {"criterion": {"method": "years", "endings": [6]}}}
    elif operation == "sortUnit":
        more = {"json": {"unit": "record", "decision": "keep", "reason": "Rare"}}
    elif operation == "sortUnits":
        more = {"json": {"unit": "record", "units": [ids["record_id"]], "decision": "keep", "reason": "Rare"}}
    elif operation == "draftDisposal":
        more = {"json": {"action": "destroy", "title": "Bons", "records": [ids["record_id"]]}}
    elif operation == "readOpinions":
        empty = "bordereau;ligne;document;avis;pas_avant;remarque\n"
        more = {"params": {"person": "Claire"}, "headers": {"Content-Type": "text/csv"}, "content": empty}
    elif operation in DISPOSAL_CHANGES:
        lines = {"lines": [{"record_id": ids["record_id"], **TAKEN_OUT}]}
        more = {"headers": {"If-Match": "*"}, "json": DISPOSAL_CHANGES[operation] or lines}
    elif operation in NODE_CHANGES:
        more = {"headers": {"If-Match": "*"}, "json": NODE_CHANGES[operation]}
    elif operation == "createDelivery":
        more = {"json": {"records": [ids["record_id"]], "archival_agency": "AD"}}
    elif operation == "enterDeliveryReply":
        more = {"content": b"<Rien/>"}
    elif operation == "decideDeliveryPackage":
        more = {"json": {"accept": True, "reason": "Vu"}}
    elif operation == "exportRecord":
        more = {"json": {"version": "2.1"}}
    elif operation == "fileRecords":
        more = {"json": {"records": [ids["record_id"]]}}
    elif operation == "issueRegister":
        more = {"json": {}}
    elif operation == "getInclusionProof":
        more = {"params": {"entry": 1}}
    elif operation == "getConsistencyProof":
        more = {"params": {"from": 1, "to": 1}}
    elif operation == "searchRecords":
        more = {"params": {"q": words["title"]}}
    return more
