"""Every route that changes something, found in the application itself: who may, and from where."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.access.callers import ROLES, SCOPES
from api.access.permissions import Public, permission_of
from api.access.sessions import COOKIE, Opened, use_login_link
from archive.model.identifiers import new_id
from ingestion.assembly import System

SAFE = {"GET", "HEAD", "OPTIONS"}
CHANGES = {
    "POST /api/v1/deposits": "deposit:write",
    "POST /api/v1/deposits/{deposit_id}/retry": "deposit:write",
    "POST /api/v1/deposits/{deposit_id}/accept": "record:describe",
    "POST /api/v1/deposits/{deposit_id}/refuse": "record:describe",
    "PATCH /api/v1/records/{record_id}": "record:describe",
    "POST /api/v1/records/{record_id}/redactions": "retention:write",
    "POST /api/v1/records/{record_id}/verifications": "record:read",
    "POST /api/v1/access-requests": "retention:write",
    "POST /api/v1/access-requests/{request_id}/steps": "retention:write",
    "POST /api/v1/classification/nodes": "retention:write",
    "PATCH /api/v1/classification/nodes/{node_id}": "retention:write",
    "POST /api/v1/classification/nodes/{node_id}/remove": "retention:write",
    "POST /api/v1/classification/plan": "retention:write",
    "POST /api/v1/files": "retention:write",
    "PATCH /api/v1/files/{node_id}": "retention:write",
    "POST /api/v1/files/{node_id}/close": "retention:write",
    "POST /api/v1/files/{node_id}/reopen": "retention:write",
    "POST /api/v1/files/{node_id}/records": "record:describe",
    "POST /api/v1/holds": "hold:write",
    "POST /api/v1/samples": "retention:write",
    "POST /api/v1/samples/{sample_id}/draw": "retention:write",
    "PUT /api/v1/sortings/{unit_id}": "retention:write",
    "DELETE /api/v1/sortings/{unit_id}": "retention:write",
    "POST /api/v1/sortings": "retention:write",
    "POST /api/v1/holds/{hold_id}/release": "hold:write",
    "POST /api/v1/holds/{hold_id}/reinstate": "hold:write",
    "POST /api/v1/holds/{hold_id}/reviews": "hold:write",
    "POST /api/v1/stocktakings": "retention:write",
    "POST /api/v1/registers/{register}/issues": "retention:write",
    "POST /api/v1/disposals": "disposal:write",
    "PATCH /api/v1/disposals/{disposal_id}/lines": "disposal:write",
    "PATCH /api/v1/disposals/{disposal_id}/lines/{record_id}": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/submit": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/withdraw": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/execute": "disposal:write",
    "DELETE /api/v1/disposals/{disposal_id}/execute": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/visas": "disposal:visa",
    "POST /api/v1/seda/transfers": "deposit:write",
    "POST /api/v1/seda/deliveries": "disposal:write",
    "POST /api/v1/seda/deliveries/{delivery_id}/replies": "disposal:write",
    "POST /api/v1/seda/deliveries/{delivery_id}/packages/{number}/decision": "disposal:write",
    "POST /api/v1/records/{record_id}/seda": "record:read",
    "POST /api/v1/disposals/{disposal_id}/scans": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/lines/{record_id}/decisions": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/lines.csv": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/visas/{visa_id}/confirm": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/visas/{visa_id}/withdraw": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/invitations": "disposal:write",
    "POST /api/v1/disposals/{disposal_id}/invitations/{invitation_id}/revoke": "disposal:write",
    "POST /api/v1/retention/events": "retention:write",
    "PATCH /api/v1/retention/events/{event_id}": "retention:write",
    "POST /api/v1/retention/rules": "retention:write",
    "POST /api/v1/retention/rules.csv": "retention:write",
    "PUT /api/v1/retention/rules/{rule_id}": "retention:write",
    "POST /api/v1/retention/rules/{rule_id}/validate": "retention:write",
    "POST /api/v1/retention/rules/{rule_id}/remove": "retention:write",
    "POST /api/v1/retention/simulations": "retention:write",
    "POST /api/v1/retention/packs/{pack}/decisions": "retention:write",
    "POST /api/v1/document-types": "retention:write",
    "PUT /api/v1/document-types/{type_id}": "retention:write",
    "POST /api/v1/services": "retention:write",
    "POST /api/v1/services.csv": "retention:write",
    "PUT /api/v1/services/{service_id}": "retention:write",
    "DELETE /api/v1/services/{service_id}": "retention:write",
    "PUT /api/v1/deposit-agreements": "retention:write",
    "POST /api/v1/deposit-agreements": "retention:write",
    "PUT /api/v1/deposit-agreements/{agreement_id}": "retention:write",
    "POST /api/v1/keys": "admin",
    "DELETE /api/v1/keys/{key_id}": "admin",
    "POST /communications": "retention:write",
    "POST /communications/{request_id}": "retention:write",
    "POST /deconnexion": None,
    "POST /depots": "deposit:write",
    "POST /depots/relancer": "record:describe",
    "POST /depots/{deposit_id}/relancer": "deposit:write",
    "POST /depots/{deposit_id}/garder": "record:describe",
    "POST /depots/{deposit_id}/refuser": "record:describe",
    "POST /documents/{record_id}/verifier": "record:read",
    "POST /documents/{record_id}/occulter": "retention:write",
    "POST /documents/{record_id}/decrire": "record:describe",
    "POST /documents/{record_id}/geler": "hold:write",
    "POST /gels": "hold:write",
    "POST /gels/{hold_id}/lever": "hold:write",
    "POST /gels/{hold_id}/retablir": "hold:write",
    "POST /gels/{hold_id}/revoir": "hold:write",
    "POST /documents/{record_id}/gels/{hold_id}/lever": "hold:write",
    "POST /evenements": "retention:write",
    "POST /evenements/{event_id}": "retention:write",
    "POST /echeances/geler": "hold:write",
    "POST /etat/horloge": "admin",
    "POST /echeances/calendrier": "record:read",
    "POST /echeances/calendrier/retirer": "record:read",
    "POST /versements": "deposit:write",
    "POST /bordereaux/{disposal_id}/paquets": "disposal:write",
    "POST /bordereaux/{disposal_id}/paquets/{delivery_id}/reponse": "disposal:write",
    "POST /bordereaux/{disposal_id}/paquets/{delivery_id}/{number}/decision": "disposal:write",
    "POST /bordereaux": "disposal:write",
    "POST /bordereaux/{disposal_id}/lignes": "disposal:write",
    "POST /bordereaux/{disposal_id}/soumettre": "disposal:write",
    "POST /bordereaux/{disposal_id}/arreter": "disposal:write",
    "POST /bordereaux/{disposal_id}/executer": "disposal:write",
    "POST /bordereaux/{disposal_id}/annuler": "disposal:write",
    "POST /retraits": "disposal:write",
    "POST /bordereaux/{disposal_id}/visa": "disposal:visa",
    "POST /bordereaux/{disposal_id}/avis": "disposal:write",
    "POST /bordereaux/{disposal_id}/papier": "disposal:write",
    "POST /bordereaux/{disposal_id}/papier/{scan_id}": "disposal:write",
    "POST /bordereaux/{disposal_id}/saisie/{visa_id}": "disposal:write",
    "POST /bordereaux/{disposal_id}/invitations": "disposal:write",
    "POST /bordereaux/{disposal_id}/invitations/retirer": "disposal:write",
    "POST /courriels": "disposal:write",
    "POST /registres/{register}": "retention:write",
    "POST /recolements": "retention:write",
    "POST /tri": "retention:write",
    "POST /tri/decider": "retention:write",
    "POST /tri/{sample_id}/tirer": "retention:write",
    "POST /tri/{sample_id}/decider": "retention:write",
    "POST /tri/{sample_id}/annuler": "retention:write",
    "POST /regles/nouvelle": "retention:write",
    "POST /regles/jeux/{pack}": "retention:write",
    "POST /regles/{code}/version": "retention:write",
    "POST /regles/{code}/valider": "retention:write",
    "POST /types": "retention:write",
    "POST /types/{code}": "retention:write",
    "POST /services": "retention:write",
    "POST /services/import": "retention:write",
    "POST /services/{code}": "retention:write",
    "POST /conventions": "retention:write",
    "POST /conventions/nouvelle": "retention:write",
    "POST /conventions/{code}": "retention:write",
    "POST /plan/creer": "retention:write",
    "POST /plan/echange": "retention:write",
    "POST /plan/{node_id}/changer": "retention:write",
    "POST /plan/{node_id}/clore": "retention:write",
    "POST /plan/{node_id}/rouvrir": "retention:write",
    "POST /plan/{node_id}/retirer": "retention:write",
    "POST /plan/{node_id}/documents": "record:describe",
}
"""Scope that each asks for; None: any person. A new one is written here on purpose, by hand."""
INSTEAD = {
    "POST /api/v1/disposals/{disposal_id}/visas": "disposal:write",  # of a person who enters one from paper
    "POST /api/v1/disposals/{disposal_id}/lines/{record_id}/decisions": "disposal:visa",
    "POST /api/v1/disposals/{disposal_id}/lines.csv": "disposal:visa",
    "POST /bordereaux/{disposal_id}/avis": "disposal:visa",
    "POST /api/v1/seda/deliveries": "admin",
}
"""Scope that will do as well."""
OPEN = {
    "POST /api/v1/verifications",
    "POST /connexion",
    "POST /connexion/{token}",
    "POST /langue",
    "POST /verifier",
    "POST /visa/bordereau",
    "POST /visa/quitter",
    "POST /visa/{token}",
}
"""Open to strangers: they change nothing of anybody's, or bring a secret of their own."""
FILES_ONLY = {"/depots", "/verifier", "/versements"}
"""Forms that come in parts alone, read as they stream in."""
API = sorted(name for name in CHANGES if "/api/" in name)
PAGES = sorted(CHANGES.keys() - set(API))
ORIGIN = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
SAID = {
    "scope_missing": "pas le droit",
    "csrf_refused": "La page a expiré avant",
    "cross_site": "ne vient pas d’une page de ce service",
}


@pytest.fixture
def log_in(bare_system: System, person: Any) -> Callable[[str], Opened]:
    """Somebody of a role, logged in."""

    def make(role: str) -> Opened:
        _, token = person("a", role)
        with bare_system.database.write() as session:
            return use_login_link(session, token, bare_system.clock())

    return make


@pytest.fixture
def person_with(log_in: Callable[[str], Opened]) -> Callable[[str | None], Opened]:
    """Somebody logged in whose role holds a scope."""
    return cache(lambda scope: log_in(next(role for role, held in ROLES.items() if scope is None or scope in held)))


def ask(client: TestClient, name: str, headers: dict[str, str], opened: Opened | None = None, csrf: str = "") -> Any:
    """Send a request that would mean something, if it got as far as that."""
    method, _, pattern = name.partition(" ")
    path = re.sub(r"{\w+}", new_id(), pattern.replace("{number}", "1"))
    body: dict[str, Any] = {"json": {}} if "/api/" in path else {"data": {"csrf": csrf}}
    if path == "/versements":
        body["files"] = {"paquet": ("a.zip", b"PK", "application/zip")}
    if path.endswith("/reponse"):
        body["files"] = {"reponse": ("a.xml", b"<a/>", "application/xml")}
    if path == "/depots":
        body["files"] = {"file": ("a.pdf", b"%PDF", "application/pdf")}
    client.cookies.clear()
    if opened is not None:
        client.cookies.set(COOKIE, opened.token)
    return client.request(method, path, headers=headers, follow_redirects=False, **body)


def refusal(answer: Any) -> tuple[int, str]:
    """Status and code; a page says the same in words."""
    if answer.headers["content-type"] == "application/problem+json":
        return answer.status_code, answer.json()["code"]
    return answer.status_code, next((code for code, words in SAID.items() if words in answer.text), answer.text)


def test_every_route_that_changes_something_stands_here(bare_app: FastAPI) -> None:
    told: dict[str, str | None] = {}
    strangers, instead = set(), {}
    for route in iter_route_contexts(bare_app.routes):
        if not isinstance(route.original_route, APIRoute):
            continue
        permission = permission_of(route)
        for method in set(route.methods or ()) - SAFE:
            name = f"{method} {route.path}"
            if isinstance(permission, Public):
                strangers.add(name)
            else:
                told[name] = getattr(permission, "scope", None)
                instead[name] = getattr(permission, "enough", ())[1:]
    assert told == CHANGES
    assert {name: scopes for name, scopes in instead.items() if scopes} == {n: (one,) for n, one in INSTEAD.items()}
    assert strangers == OPEN


def test_a_program_needs_that_very_scope(client: TestClient, key_of: Any) -> None:
    key_without = cache(lambda *scopes: key_of("a", *(one for one in SCOPES if one not in scopes)))
    for name in API:
        scopes = {CHANGES[name]} | ({INSTEAD[name]} if name in INSTEAD and not name.endswith("/visas") else set())
        answer = ask(client, name, {"Authorization": f"Bearer {key_without(*sorted(map(str, scopes)))}"})
        assert refusal(answer) == (403, "scope_missing"), name
        assert refusal(ask(client, name, {})) == (401, "not_authenticated"), name


def test_a_person_needs_that_very_scope(client: TestClient, log_in: Any) -> None:
    people = {role: log_in(role) for role in ROLES}
    for name in PAGES:
        for role, opened in people.items():
            if CHANGES[name] in {None, *ROLES[role]} or INSTEAD.get(name) in ROLES[role]:
                continue
            answer = ask(client, name, ORIGIN, opened, opened.caller.csrf)
            assert refusal(answer) == (403, "scope_missing"), (name, role)
        assert ask(client, name, ORIGIN).status_code == 303, name


def test_a_page_changes_nothing_without_its_own_token(client: TestClient, person_with: Any) -> None:
    for name in PAGES:
        opened = person_with(CHANGES[name])
        for csrf in ("", "faux", str(opened.caller.csrf)[:-1]):
            assert refusal(ask(client, name, ORIGIN, opened, csrf)) == (403, "csrf_refused"), (name, csrf)


def test_a_session_changes_nothing_by_the_api_without_its_token(client: TestClient, person_with: Any) -> None:
    for name in API:
        opened = person_with(CHANGES[name])
        for csrf in ({}, {"X-CSRF-Token": "faux"}):
            assert refusal(ask(client, name, ORIGIN | csrf, opened)) == (403, "csrf_refused"), (name, csrf)


@pytest.mark.parametrize("site", [{}, {"Origin": "http://elsewhere.test"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_no_other_site_changes_anything(client: TestClient, person_with: Any, site: dict[str, str]) -> None:
    for name in sorted([*CHANGES, *(OPEN - {"POST /api/v1/verifications"})]):
        opened = person_with(CHANGES.get(name))
        token = {"X-CSRF-Token": str(opened.caller.csrf)}
        answer = ask(client, name, token | site, opened, opened.caller.csrf)
        assert refusal(answer) == (403, "cross_site"), name


def in_parts(fields: dict[str, str], filename: str = "a.pdf") -> dict[str, Any]:
    """A form as a program may write it: names and values raw."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append(f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n%PDF\0')
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return {"content": body.encode(), "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def test_no_form_takes_a_sign_that_is_no_text(client: TestClient, person_with: Any) -> None:
    for name in sorted([*PAGES, *(OPEN - {"POST /api/v1/verifications", "POST /connexion/{token}"})]):
        opened = person_with(CHANGES.get(name))
        client.cookies.clear()
        client.cookies.set(COOKIE, opened.token)
        path = re.sub(r"{\w+}", new_id(), name.partition(" ")[2].replace("{number}", "1"))
        for field in ({"reason": "a\0b"}, {"a\0b": "reason"}):
            given = {"csrf": str(opened.caller.csrf), **field}
            answers = (
                []
                if path in FILES_ONLY or path.endswith("/reponse")
                else [client.post(path, data=given, headers=ORIGIN)]
            )
            asked = in_parts(given)
            answers.append(client.post(path, content=asked["content"], headers=ORIGIN | asked["headers"]))
            for answer in answers:
                assert (answer.status_code, "pas du texte" in answer.text) == (422, True), (name, field, answer.text)


@pytest.mark.parametrize(("charset", "value"), [("utf-7", "+2AA-"), ("unicode_escape", r"\ud800"), ("idna", "xn--")])
def test_no_charset_brings_a_form_half_a_character(
    client: TestClient, person_with: Any, charset: str, value: str
) -> None:
    opened = person_with("retention:write")
    client.cookies.set(COOKIE, opened.token)
    asked = in_parts({"csrf": str(opened.caller.csrf), "requester": value, "subject": "x"})
    headers = ORIGIN | {"Content-Type": f"multipart/form-data; charset={charset}; boundary=b"}
    answer = client.post("/communications", content=asked["content"], headers=headers)
    assert (answer.status_code, "pas du texte" in answer.text) == (422, True)


@pytest.mark.parametrize("path", ["/api/v1/deposits", "/api/v1/verifications"])
def test_no_upload_takes_a_sign_that_is_no_text(client: TestClient, key_of: Any, path: str) -> None:
    headers = {"Authorization": f"Bearer {key_of('a', 'deposit:write')}", "Idempotency-Key": "k"}
    for asked in (in_parts({"title": "a\0b"}), in_parts({"a\0b": "title"}), in_parts({}, "a\0b.pdf")):
        answer = client.post(path, content=asked["content"], headers=headers | asked["headers"])
        assert refusal(answer) == (422, "invalid_request"), asked
    raw = {"Content-Type": "application/pdf", "Content-Disposition": "attachment; filename*=UTF-8''a%00b.pdf"}
    assert refusal(client.post(path, content=b"%PDF", headers=headers | raw)) == (422, "invalid_request")
