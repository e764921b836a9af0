"""A tenant's rows, objects and hits, tried from another tenant's key on every operation of the
OpenAPI document.

Each request is made with the owner's key too, so that a refusal to the other is not a refusal of a
bad request.
"""

from __future__ import annotations

import json

import pytest

from tests.e2e.towns import ALL, LISTS, MAKES, NAMING, OPEN, Town, ask
from tests.servers.service import Service

CODES = ("rule_id", "type_id", "service_id", "agreement_id")
"""Names that people choose: a refusal repeats what it was asked for."""
PROFILES = ("embedded", pytest.param("postgresql", marks=pytest.mark.services))


def test_every_operation_was_thought_of(operations: list[tuple[str, str, str]]) -> None:
    known = {*LISTS, *OPEN, *MAKES, *NAMING}
    assert [name for name, _, path in operations if name not in known and "_id}" not in path] == []
    assert known <= {name for name, _, _ in operations}


def test_nothing_of_a_tenant_is_had_with_another_tenants_key(
    service: Service, towns: tuple[Town, Town], operations: list[tuple[str, str, str]]
) -> None:
    owner, intruder = towns
    told, refused = [], 0
    with service.client(owner.key) as own, service.client(intruder.key) as other:
        for name, method, path in sorted(operations, key=lambda one: one[0] == "revokeKey"):
            if name in MAKES:
                continue
            answer = ask(other, name, method, path, owner)
            control = ask(own, name, method, path, owner)
            # a retry of what did not fail is refused, to its owner too, but in words of its own; so
            # is a second release
            fine = control.status_code < 300 or (name, control.json()["code"]) in {
                ("retryDeposit", "nothing_to_retry"),
                ("acceptDeposit", "deposit_not_quarantined"),
                ("refuseDeposit", "deposit_not_quarantined"),
                ("releaseHold", "hold_released"),
                ("reviewHold", "hold_released"),
                ("freezePopulation", "unit_in_a_population"),
                ("drawSample", "sample_drawn"),
                ("draftDisposal", "record_in_disposal"),
                ("sortUnit", "unit_in_disposal"),
                ("sortUnits", "unit_in_disposal"),
                ("withdrawSorting", "unit_in_disposal"),
                ("decideDisposalLine", "disposal_closed"),
                ("decideDisposalLines", "disposal_closed"),
                ("submitDisposal", "disposal_closed"),
                ("submitDisposal", "disposal_empty"),
                ("withdrawDisposal", "disposal_closed"),
                ("giveVisa", "person_needed"),
                ("getCertificate", "certificate_not_found"),
                ("confirmExecution", "person_needed"),
                ("cancelExecution", "person_needed"),
                ("inviteGuest", "person_needed"),
                ("revokeInvitation", "person_needed"),
                ("attachDisposalScan", "person_needed"),
                ("giveOpinion", "disposal_closed"),
                ("readOpinions", "disposal_closed"),
                ("confirmVisa", "person_needed"),
                ("withdrawVisa", "person_needed"),
                ("printDisposal", "visa_not_expected"),
                ("getDisposalScan", "scan_not_found"),  # a person attaches one, no key does
                ("getDisposalScanPage", "scan_not_found"),
                ("getSampleProof", "sample_not_ready"),
                ("getTransferReply", "transfer_not_answered"),
                ("getDeliveryPackage", "delivery_changed"),  # its record was described since
                ("enterDeliveryReply", "person_needed"),
                ("decideDeliveryPackage", "person_needed"),
                ("closeFile", "bad_closing"),
                ("reopenFile", "file_not_closed"),
                ("removeNode", "node_not_empty"),
                ("removeRule", "rule_used"),
                ("removeService", "service_used"),
                ("validateRule", "rule_own_validation"),  # a key is no second person
                ("reinstateHold", "hold_not_reinstatable"),
            }
            if not fine:
                told.append(f"{name}: not exercised, the owner got {control.status_code} {control.text[:200]}")
            if name in LISTS + OPEN:
                if answer.status_code != 200:
                    told.append(f"{name}: {answer.status_code}")
            elif answer.status_code in {403, 404}:
                refused += 1
            else:
                told.append(f"{name}: {answer.status_code} to the intruder")
            said = f"{answer.text} {dict(answer.headers)}"
            said = answer.text.replace(owner.words["title"], "") if name == "searchRecords" else said
            for asked in (owner.ids[one] for one in CODES) if answer.status_code == 404 else ():
                said = said.replace(asked, "")  # a refusal repeats the code that it was asked for
            if seen := owner.shows_through(said):
                told.append(f"{name}: shows {seen}")
    assert told == []
    named = [name for name, _, path in operations if "_id}" in path or name in NAMING]
    assert refused == len(named) >= 10
    print(f"{refused} of {len(named)} operations about a tenant's things refused; {len(operations)} tried")


def test_counts_facets_and_pages_of_lists_tell_nothing(service: Service, towns: tuple[Town, Town]) -> None:
    owner, intruder = towns
    with service.client(intruder.key) as client:
        for question in (
            {"q": ""},
            {"q": owner.words["title"]},
            {"q": owner.words["title"][:6] + "*"},
            {"q": "", "classification": owner.words["classification"]},
            {"q": "", "producer": owner.words["producer"]},
            {"q": f'"{owner.words["title"]}"'},
        ):
            found = client.get("/api/v1/search", params=question).json()
            own = 1 if question == {"q": ""} or question["q"].endswith("*") else 0
            assert (len(found["hits"]), found["total"]["value"]) == (own, own), question
            assert owner.shows_through(json.dumps(found)) == []
        deposits = client.get("/api/v1/deposits", params={"limit": 200}).json()["deposits"]
        assert len(deposits) == 2  # a record, and a package
        entries = client.get("/api/v1/journal/entries", params={"limit": 1000}).json()["entries"]
        assert {entry["entry"]["tenant"] for entry in entries} == {entries[0]["entry"]["tenant"]}
        with service.client(owner.key) as own_client:
            cursor = own_client.get("/api/v1/search", params={"q": "", "limit": 1}).json()["next"]
        if cursor is not None:
            again = client.get("/api/v1/search", params={"q": "", "limit": 1, "cursor": cursor})
            assert owner.shows_through(again) == []


def test_what_is_made_is_made_for_whoever_makes_it(service: Service, towns: tuple[Town, Town]) -> None:
    owner, _ = towns
    service.chartrier("tenant", "create", "ailleurs", "--name", "Ailleurs")
    with service.client(service.key("ailleurs", ALL)) as client:
        again = client.post(
            "/api/v1/deposits",
            headers={"Idempotency-Key": f"cle-{owner.tenant}"},
            files={"file": ("a.pdf", owner.content)},
        )
        assert again.status_code == 202, again.text
        assert "Idempotent-Replayed" not in again.headers, "the same key of another tenant is another key"
        assert owner.shows_through(again) == [owner.ids["sha256"]], "of the bytes that were brought here"
        plan = client.post(
            "/api/v1/deposits",
            params={"dry_run": "true"},
            headers={"Idempotency-Key": "essai"},
            files={"file": ("a.pdf", owner.content)},
        )
        assert owner.shows_through(plan) == [owner.ids["sha256"]], plan.text
        made = client.post("/api/v1/keys", json={"name": "x", "scopes": ["record:read"], "tenant": owner.tenant})
        if made.status_code == 201:
            with service.client(made.json()["key"]) as new:
                assert new.get("/api/v1/me").json()["tenant"] == "ailleurs"
        else:
            assert made.status_code == 422


def test_who_holds_a_file_learns_that_it_is_kept_and_nothing_else(service: Service, towns: tuple[Town, Town]) -> None:
    owner, intruder = towns
    with service.client(intruder.key) as client:
        answer = client.post("/api/v1/verifications", files={"file": ("a.pdf", owner.content)})
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "intact"
    assert owner.shows_through(answer) == []


def test_no_page_shows_another_tenants_things(service: Service, towns: tuple[Town, Town]) -> None:
    owner, intruder = towns
    made = service.chartrier(
        "user", "create", "Curieux", "--role", "tenant_admin", "--tenant", intruder.tenant, "--json"
    )
    link = json.loads(made.stdout)["link"]
    with service.client() as client:
        assert client.post(link, headers={"Sec-Fetch-Site": "same-origin"}).status_code in {200, 303}
        for path in (
            "/depots/{deposit_id}",
            "/depots/{deposit_id}/recepisse",
            "/depots/{deposit_id}/recepisse.pdf",
            "/documents/{record_id}",
            "/documents/{record_id}/telecharger/original",
            "/documents/{record_id}/telecharger/preuve",
        ):
            answer = client.get(path.format(**owner.ids))
            assert answer.status_code == 404, path
        for path in ("/", "/depots", "/recherche", f"/recherche?q={owner.words['classification']}", "/etat"):
            answer = client.get(path, follow_redirects=True)
            assert answer.status_code == 200, path
            assert [w for w in owner.shows_through(answer.text) if w != owner.words["classification"]] == [], path
