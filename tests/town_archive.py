"""The archive of a town, as its archivist finds it: a plan with forty files, three hundred records
of twelve types, what happened in their affairs, holds, a sample, a derogation, a redacted copy.

Everything goes through the API of a running service, but for the bytes of most records: they are
kept beside it by the product's own verb, as reading three hundred documents takes minutes. The end
to end test and the pictures of the pages share it.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from archive.holdings import keep as holdings
from archive.model.description_fields import Description
from archive.model.records import Kind
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings
from tests.holdings import package
from tests.servers.service import Service, deposit
from tests.town_plan import CLASSES, EACH, SERIES, SUBJECTS, Series, file_code, plan_csv, small_pdf

TENANT: Final = "demo"
ARCHIVIST: Final = "deposit:write,record:read,record:describe,retention:write,hold:write,journal:read"
SECRET: Final = "Xylophonequadrature"
"""A word that stands in one document only, and is covered there."""


class Person:
    """Somebody who is logged in, and sends the forms of the pages."""

    def __init__(self, service: Service, role: str, name: str) -> None:
        wanted = ("user", "create", name, "--role", role, "--tenant", TENANT, "--json")
        link = urlsplit(json.loads(service.chartrier(*wanted).stdout)["link"]).path
        self.browser = service.client()
        self.browser.headers["Origin"] = service.address
        assert self.browser.post(link).status_code == 303

    def leave(self) -> None:
        """Close the connection."""
        self.browser.close()

    def read(self, page: str) -> str:
        """Return a page."""
        return self.browser.get(page).raise_for_status().text

    def send(self, page: str, action: str, **fields: str) -> httpx2.Response:
        """Fill in a form of a page, and send it with what the form has hidden."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}[#"].*?</form>', self.read(page), re.DOTALL)
        assert form is not None, f"{page} has no form for {action}"
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
        answer = self.browser.post(action, data=hidden | fields)
        assert answer.status_code in {200, 303}, answer.text
        return answer


@dataclass
class TownArchive:
    """The archive as it is being filled.

    Attributes:
        client: Of the archivist's key.
        second: Of a second archivist's, who validates what the first one made.
        records: Ids by type.
        files: Ids of the nodes by code.
    """

    service: Service
    client: httpx2.Client
    second: Person
    folder: Path
    records: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    today: str = ""

    def build(self) -> None:
        """Everything, in the order in which an archivist would do it."""
        self.import_plan()
        self.take_over_rules()
        self.declare_events()
        self.keep_records()
        self.correct_events()
        self.hold()
        self.file_papers()
        self.redact()
        self.freeze()
        self.draw()

    # -- plan and rules

    def import_plan(self) -> None:
        """Classes and files by one CSV."""
        answer = self.client.post(
            "/api/v1/classification/plan", content=plan_csv(), headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        self.made["plan"] = answer.json()
        for page in pages(self.client, "/api/v1/files", "files"):
            self.files |= {one["code"]: one["id"] for one in page}

    def take_over_rules(self) -> None:
        """One line of the other pack taken over, one set aside; the rules in use validated by the
        second person.
        """
        decisions = "/api/v1/retention/packs/fr-departement/decisions"
        lines = self.client.get("/api/v1/retention/packs/fr-departement").raise_for_status().json()["lines"]
        added = [line["code"] for line in lines if line["change"] == "added"]
        self.made["pack"] = {"taken": added[0], "left": added[1], "differences": len(lines)}
        self.client.post(decisions, json={"code": added[0], "accept": True}).raise_for_status()
        refused = {"code": added[1], "accept": False, "reason": "Sans objet pour une commune"}
        self.client.post(decisions, json=refused).raise_for_status()
        for code in sorted(self.rules_in_use() - {self.left_to_validate}):
            if self.client.get(f"/api/v1/retention/rules/{code}").json()["validated_at"] is None:
                self.validate(code)

    def validate(self, code: str) -> None:
        """The latest version of a rule validated, as by law by somebody else."""
        page = f"/regles/{code}"
        self.second.send(page, f"{page}/valider", basis="Avis des Archives départementales")

    left_to_validate: str = "COM-ADM-009"
    """A rule of the world that nobody has validated yet."""

    def rules_in_use(self) -> set[str]:
        """Codes of the rules of the twelve types."""
        types = self.client.get("/api/v1/document-types").raise_for_status().json()["document_types"]
        return {one["rule"] for one in types if one["code"] in {series.type for series in SERIES}}

    # -- records

    def keep_records(self) -> None:
        """Three hundred records, one of them through the door."""
        with_text = self.folder / "aide.pdf"
        lines = ["Commission permanente du CCAS", "La commission accorde une aide à", SECRET, "pour le loyer de mars."]
        with_text.write_bytes(small_pdf(lines))
        code = file_code(SERIES[6], 0)
        view = deposit(
            self.client,
            with_text,
            key="aide",
            title="Aide au loyer, décision de la commission",
            document_type="dossier_aide",
            document_date="2011-03-14",
            producer="CCAS",
            file=code,
        )
        assert view["state"] == "kept", view
        self.made["secret"] = view["record_id"]
        system = assemble(load_settings(self.service.environment_of_settings))
        try:
            wanted = [(series, n) for series in SERIES for n in range(EACH) if (series, n) != (SERIES[6], 0)]
            with ThreadPoolExecutor(4) as threads:  # a disk is waited for most of the time
                kept = list(threads.map(lambda one: keep_one(system, self.folder, *one), wanted))
            self.records = {series.type: [] for series in SERIES}
            self.records[SERIES[6].type].append(view["record_id"])
            for (series, _n), record in zip(wanted, kept, strict=True):
                self.records[series.type].append(record)
        finally:
            system.close()
        for series in SERIES:
            for n in range(series.files if series.closed else 0):
                code = file_code(series, n)
                tag = self.client.get(f"/api/v1/files/{self.files[code]}").raise_for_status().headers["etag"]
                closing = {"closed_on": f"{series.first + n + 1}-06-30"}
                closed = self.client.post(
                    f"/api/v1/files/{self.files[code]}/close", json=closing, headers={"If-Match": tag}
                )
                assert closed.status_code == 200, closed.text

    # -- what happened

    def declare_events(self) -> None:
        """One event an affair, before its records arrive."""
        events = "/api/v1/retention/events"
        for series in SERIES:
            for n in range(series.files if series.event else 0):
                code, year = file_code(series, n), series.first + n
                given = {"id": f"{code}:1", "event": series.event, "reference": code, "occurred_on": f"{year}-11-30"}
                self.client.post(events, json=given).raise_for_status()

    def correct_events(self) -> None:
        """Two that were not so: a date corrected, and an event that did not happen."""
        events = "/api/v1/retention/events"
        for code, change in (
            ("MAR-2009-01", {"occurred_on": "2010-02-28", "reason": "Le décompte général est de février"}),
            ("BAIL-2011-02", {"withdrawn": True, "reason": "Le bail a été prolongé"}),
        ):
            tag = self.client.get(f"{events}/{code}:1").raise_for_status().headers["etag"]
            self.client.patch(f"{events}/{code}:1", json=change, headers={"If-Match": tag}).raise_for_status()

    def hold(self) -> None:
        """A standing query, a file, a list; one of them is to be reviewed today."""
        self.today = self.client.get("/api/v1/retention/due", params={"limit": 1}).raise_for_status().json()["today"]
        for name, given in (
            ("query", {"query": {"document_type": ["marche"], "words": "gymnase"}, "authority": "judge"}),
            ("node", {"node": self.files["PC-2009-02"], "review_on": self.today}),
            ("list", {"records": self.records["facture"][:2], "until": "2031-12-31", "restricts_reading": True}),
        ):
            reason = {"query": "Contentieux du marché du gymnase", "node": "Recours d’un voisin"}
            wanted = {"reason": reason.get(name, "Contrôle de la chambre régionale des comptes"), **given}
            self.made[f"hold {name}"] = self.client.post("/api/v1/holds", json=wanted).raise_for_status().json()["id"]

    # -- readers

    def file_papers(self) -> None:
        """A derogation on its way, and an ordinary request that was refused."""
        for name, given, steps in (
            (
                "derogation",
                {"kind": "derogation", "requester": "Une chercheuse", "registered_on": "2026-03-31"},
                (
                    {"step": "send", "on": "2026-04-02", "text": "Au CCAS"},
                    {"step": "answer", "on": "2026-04-20", "agreed": True, "text": "Accord du CCAS"},
                    {"step": "grant", "on": "2026-05-04", "text": "Consultation sur place"},
                ),
            ),
            (
                "refused",
                {"kind": "communication", "requester": "Un voisin", "registered_on": "2026-06-01"},
                ({"step": "refuse", "on": "2026-06-03", "text": "Vie privée", "remedies": "CADA, puis tribunal"},),
            ),
        ):
            asked = given | {"subject": "Dossiers d’aide sociale de 2011", "records": [self.made["secret"]]}
            answer = self.client.post("/api/v1/access-requests", json=asked)
            assert answer.status_code == 201, answer.text
            self.made[name] = answer.json()["id"]
            for step in steps:
                tag = self.client.get(f"/api/v1/access-requests/{self.made[name]}").headers["etag"]
                taken = self.client.post(
                    f"/api/v1/access-requests/{self.made[name]}/steps", json=step, headers={"If-Match": tag}
                )
                assert taken.status_code == 200, taken.text

    def redact(self) -> None:
        """A copy without the name of who was helped, for that reader."""
        record = self.made["secret"]
        page = (
            self.client.get(
                f"/api/v1/records/{record}/text", params={"page": 1}, headers={"Accept": "application/json"}
            )
            .raise_for_status()
            .json()
        )
        boxes = [box_of(word, page, 900) for word in page["words"] if SECRET in word["text"]]
        assert boxes, page
        given = {"reason": "Vie privée d’un tiers", "boxes": boxes, "image_width": 900}
        self.client.post(f"/api/v1/records/{record}/redactions", json=given).raise_for_status()

    # -- sorting

    def freeze(self) -> None:
        """The files of grants frozen, to be drawn one in ten."""
        given = {
            "title": "Subventions 2006-2015",
            "unit": "file",
            "units": [self.files[code] for code in sorted(self.files) if code.startswith("SUB")],
            "criterion": {"method": "random", "rate": "1/10"},
        }
        answer = self.client.post("/api/v1/samples", json=given)
        assert answer.status_code == 201, answer.text
        self.made["sample"] = answer.json()["id"]

    def draw(self) -> None:
        """The sample, after a checkpoint that nobody could foresee."""
        self.service.chartrier("checkpoint")
        drawn = self.client.post(f"/api/v1/samples/{self.made['sample']}/draw")
        self.made["drawn"] = drawn.raise_for_status().json()


def keep_one(system: System, folder: Path, series: Series, n: int) -> str:
    """A record of a series."""
    subject = SUBJECTS[n % series.files % len(SUBJECTS)] if series.files else SUBJECTS[n % len(SUBJECTS)]
    year = series.first + (n % series.files if series.files else n // 2)
    title = f"{series.noun}, {subject}, pièce {n + 1}"
    content = small_pdf([title, f"Le {n % 27 + 1} mars {year}"])
    given = package(system, folder, n, TENANT, forms=(Kind.ORIGINAL, Kind.TEXT), received=content)
    code = file_code(series, n % series.files) if series.files else None
    description = Description(
        title,
        document_type=series.type,
        document_date=date(year, 3, n % 27 + 1),
        classification=None if code else series.class_code,
        producer=CLASSES[series.class_code][2],
        external_reference=code,
        file=code,
    )
    kept = holdings.keep(
        system.stores,
        replace(given, description=description),
        lambda _session, _kept: None,
    )
    for one in given.files:
        one.path.unlink()
    return kept.record_id


def box_of(word: dict[str, Any], page: dict[str, Any], width: int) -> dict[str, int]:
    """The place of a word on an image so many pixels wide, and a little around it."""
    scale = width / page["width"]
    x, y, wide, high = (round(word[name] * scale) for name in ("x", "y", "width", "height"))
    return {"page": 1, "x": x - 3, "y": y - 3, "width": wide + 6, "height": high + 6}


def pages(client: httpx2.Client, address: str, name: str, **asked: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list."""
    found, cursor = [], None
    while True:
        body = client.get(address, params={**asked, "limit": 200, **({"cursor": cursor} if cursor else {})})
        told = body.raise_for_status().json()
        found.append(told[name])
        cursor = told.get("next")
        if cursor is None:
            return found
