"""Guests: a link, a code by another way, one bordereau, one visa. V1: used, foreign, own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.access.people import create_user
from api.access.sessions import COOKIE, open_session
from archive.database.guest_tables import InvitationRow, VisaDraftRow
from archive.journal.types import EntryType
from ingestion.mail_settings import mail_settings
from tests.bordereau_people import API, Office, office_of, plain
from tests.bordereaux import Town, Watch
from tests.guests import MAIL, Phone, invited, token_of
from tests.holdings import opened
from tests.servers.postgres import Postgres

DOMINIQUE = {"step": "controller", "person": "Dominique Petit", "mail": "a@b.example"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("invites"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=19, person=1, quality=1, mail=1, heads=1)


@pytest.fixture(autouse=True)
def patience(office: Office) -> None:
    """Each test begins as an address that has tried nothing."""
    office.app.state.rates.__init__()


def journal(office: Office, disposal: str) -> list[tuple[str, dict[str, Any]]]:
    """What the journal tells of guests of this bordereau: agent's pseudonym, facts."""
    system = office.town.system
    with system.database.read() as session:
        entries = system.ledger.entries(session, subject=f"statement:disposal:{disposal}", limit=1000)
    told = [json.loads(entry.body) for entry in entries if entry.type == EntryType.GUEST_ACCESS]
    return [(one["agent"], one["facts"]) for one in told]


def test_a_guest_gives_a_visa_by_link_and_code(office: Office) -> None:
    one, other = office.due(2)
    disposal = office.submitted([one, other])
    made = invited(office, disposal)
    assert len(made["code"]) == 8
    assert made["code"] not in made["text"]["body"], "the code is in no mail"
    assert "Directrice des marchés" in made["text"]["body"]
    phone, token = Phone(office.app), token_of(made)
    asked = phone.get(f"/visa/{token}")
    assert (asked.status_code, asked.headers["cache-control"]) == (200, "no-store")
    assert asked.headers["referrer-policy"] == "same-origin"
    assert "Bons de commande" not in asked.text, "nothing is told before the code"
    entered = phone.enter(token, f"{made['code'][:4]} {made['code'][4:]}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/visa/bordereau")
    cookie = entered.headers["set-cookie"]
    assert all(part in cookie for part in ("Path=/visa", "HttpOnly", "SameSite=lax"))
    page = plain(phone.get("/visa/bordereau").text)
    assert "Bons de commande" in page
    assert "2 documents" in page
    kept = phone.send(**{f"r{other}": "keep_definitively"})
    assert kept.status_code == 303
    phone.client.cookies.clear()  # the phone was away for a night
    assert phone.get("/visa/bordereau").status_code == 403
    assert phone.enter(token, made["code"]).status_code == 303
    assert "1 décision à part est gardée" in plain(phone.get("/visa/bordereau").text)
    unsaid = phone.send(suite="donner", qualite="Directrice")
    assert unsaid.status_code == 422
    assert "ce qu’il en est du reste" in plain(unsaid.text)
    given = phone.send(suite="donner", reste="approve", qualite="Directrice, par délégation", remarque="Vu")
    assert given.status_code == 200, given.text
    assert "Votre visa est donné" in plain(given.text)
    (visa,) = office.anne.ask("GET", f"{API}/{disposal}/visas").json()["visas"]
    assert (visa["means"], visa["person"], visa["quality"]) == (
        "guest",
        "Camille Durand",
        "Directrice, par délégation",
    )
    assert plain(visa["identified_by"]).startswith("lien remis par l’archiviste le 1er juin 2026")
    assert visa["comment"] == "Vu"
    assert visa["answers"]["whole"]["decision"] == "approve"
    assert [line["decision"] for line in visa["answers"]["lines"]] == ["keep_definitively"]
    again = phone.get(f"/visa/{token}")
    assert again.status_code == 410
    assert phone.enter(token, made["code"]).status_code == 410
    assert phone.get("/visa/bordereau").status_code == 403
    told = journal(office, disposal)
    assert [facts["change"] for _agent, facts in told] == [
        *("invited", "entered", "entered", "used", "after_use", "after_use"),
    ]
    assert {agent[:2] for agent, _facts in told} == {"a:"}
    assert all(MAIL not in str(one) and "Camille" not in str(one) for one in told), "nobody's name"
    office.claire.change("POST", f"{API}/{disposal}/visas", None, decision="approve")
    assert office.states(disposal) == {one: "included", other: "refused"}


def test_five_wrong_codes_close_a_link_for_ever(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal)
    phone, token = Phone(office.app), token_of(made)
    wrong = f"{(int(made['code']) + 1) % 10**8:08}"
    for left in (4, 3, 2, 1):
        tried = phone.enter(token, wrong)
        assert tried.status_code == 422
        assert f"Il reste {left} essai" in plain(tried.text)
    assert "Cinq codes faux" in plain(phone.enter(token, wrong).text)
    assert phone.enter(token, made["code"]).status_code == 404, "the right one comes too late"
    assert phone.get(f"/visa/{token}").status_code == 404
    assert [facts["change"] for _agent, facts in journal(office, disposal)] == [
        *("invited", "wrong_code", "wrong_code", "wrong_code", "wrong_code", "closed"),
    ]
    listed = office.anne.ask("GET", f"{API}/{disposal}/invitations").json()["invitations"]
    assert [(one["standing"], one["wrong_codes"]) for one in listed] == [("closed", 5)]


def test_unknown_expired_and_revoked_links_answer_alike(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal, days=1)
    phone, token = Phone(office.app), token_of(made)
    unknown = phone.get(f"/visa/{'x' * 43}")
    assert unknown.status_code == 404
    revoked = office.anne.change("POST", f"{API}/{disposal}/invitations/{made['id']}/revoke")
    assert (revoked.status_code, revoked.json()["standing"]) == (200, "revoked")
    assert plain(phone.get(f"/visa/{token}").text) == plain(unknown.text)
    assert phone.enter(token, made["code"]).status_code == 404
    again = office.anne.change("POST", f"{API}/{disposal}/invitations/{made['id']}/revoke")
    assert (again.status_code, again.json()["code"]) == (409, "invitation_over")
    later = invited(office, disposal, days=1)
    assert phone.enter(token_of(later), later["code"]).status_code == 303
    day = office.town.watch.now
    office.town.watch.now = day + timedelta(days=1)
    try:
        assert plain(phone.get(f"/visa/{token_of(later)}").text) == plain(unknown.text)
    finally:
        office.town.watch.now = day
    assert phone.get("/visa/bordereau").status_code == 200
    office.anne.change("POST", f"{API}/{disposal}/invitations/{later['id']}/revoke")
    assert phone.get("/visa/bordereau").status_code == 403, "an open session ends with its invitation"


def test_guesses_are_slowed_whatever_the_token(office: Office) -> None:
    phone = Phone(office.app)
    answers = [phone.enter(f"{n:043}", "00000000").status_code for n in range(12)]
    assert answers.count(429) >= 2
    assert phone.get(f"/visa/{'y' * 43}").status_code == 429


def test_an_archivist_can_not_be_their_own_guest(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    path = f"{API}/{disposal}/invitations"
    asked = {"step": "producer", "person": "  anne ", "quality": "Directrice", "mail": MAIL, "by_mail": False}
    own = office.denis.change("POST", path, **asked)
    assert (own.status_code, own.json()["code"]) == (403, "visa_by_drafter")
    made = invited(office, disposal)
    for known in (office.denis, office.anne):
        client, _csrf = known._logged_in()
        phone = Phone(office.app)
        phone.client.cookies.set(COOKIE, client.cookies[COOKIE])
        tried = phone.enter(token_of(made), made["code"])
        assert tried.status_code == 403
        assert "n’y donne pas de visa" in plain(tried.text)
    assert [facts["change"] for _agent, facts in journal(office, disposal)] == ["invited", "refused", "refused"]
    assert office.bruno.change("POST", path, **(asked | {"person": "Camille"})).status_code == 403, "no archivist"
    foreign = office.anne.change("POST", path, **(asked | {"person": "Camille", "by_mail": True}))
    assert (foreign.status_code, foreign.json()["code"]) == (409, "mail_not_set")


def test_who_prepared_a_bordereau_is_never_given_a_link_with_its_code(office: Office) -> None:
    made = office.draft(office.due(1))
    assert office.denis.change("POST", f"{API}/{made['id']}/submit", made["number"]).status_code == 200
    page, path = f"/bordereaux/{made['id']}/invitations", f"{API}/{made['id']}/invitations"
    asked = {"step": "producer", "person": "Paul Faux", "quality": "Directeur", "mail": MAIL, "by_mail": False}
    typed = {"etape": "producer", "personne": "Paul Faux", "fonction": "Directeur", "adresse": MAIL, "jours": "30"}
    for preparer in (office.anne, office.denis):
        refused = preparer.change("POST", path, **asked)
        assert (refused.status_code, refused.json()["code"]) == (403, "invitation_by_drafter")
        shown = preparer.see(page)
        assert "Demandez à un collègue d’inviter" in shown
        assert "Je l’envoie moi-même" not in shown
        sent = preparer.send(page, typed | {"voie": "copie"})
        assert (sent.status_code, "Voici le code" in sent.text) == (422, False)
    system, before = office.town.system, office.town.system.settings
    mail = mail_settings("smtp+plain://127.0.0.1:9", "", "archives@vallee.example")
    system.settings = before.model_copy(update={"mail": mail})
    try:
        shown = office.anne.see(page)
        assert "qui a préparé un bordereau ne le voit pas" in shown
        assert "Je l’envoie moi-même" not in shown
        sent = office.anne.change("POST", path, **(asked | {"by_mail": True}))
        assert (sent.status_code, sent.json()["text"]) == (201, None)
        assert "/visa/" not in office.anne.see("/courriels")
    finally:
        system.settings = before
    assert office.anne.ask("GET", path).json()["invitations"][0]["by_mail"] is True, "one alone was made"


def test_a_visa_is_not_given_in_the_browser_of_who_invited_even_after_the_code(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal)
    phone = Phone(office.app)
    assert phone.enter(token_of(made), made["code"]).status_code == 303
    for known in (office.denis, office.anne):
        client, _csrf = known._logged_in()
        phone.client.cookies.set(COOKIE, client.cookies[COOKIE])
        tried = phone.send(suite="donner", reste="approve")
        assert tried.status_code == 422
        assert "n’y donne pas de visa" in plain(tried.text)
    assert office.anne.ask("GET", f"{API}/{disposal}/visas").json()["visas"] == []


def test_one_address_gives_no_second_visa_even_if_it_was_invited(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made, later = invited(office, disposal), invited(office, disposal, **DOMINIQUE)
    phone, second = Phone(office.app), Phone(office.app)
    phone.enter(token_of(made), made["code"])
    assert phone.send(suite="donner", reste="approve").status_code == 200
    with office.town.system.database.write() as session:
        session.get_one(InvitationRow, later["id"]).mail = MAIL.upper()
    second.enter(token_of(later), later["code"])
    tried = second.send(suite="donner", reste="approve")
    assert tried.status_code == 422
    assert "donne déjà un autre visa" in plain(tried.text)


def test_who_had_link_and_code_of_a_visa_does_not_confirm_the_execution(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal)
    phone = Phone(office.app)
    phone.enter(token_of(made), made["code"])
    assert phone.send(suite="donner", reste="approve").status_code == 200
    assert office.claire.change("POST", f"{API}/{disposal}/visas", None, decision="approve").status_code == 200
    refused = office.denis.change("POST", f"{API}/{disposal}/execute")
    assert (refused.status_code, refused.json()["code"]) == (403, "confirmed_by_inviter")
    assert office.anne.change("POST", f"{API}/{disposal}/execute").status_code == 200


def test_nobody_gives_two_visas_as_a_guest(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal)
    path = f"{API}/{disposal}/invitations"
    other = {"step": "controller", "person": "Dominique Petit", "quality": "Directeur", "by_mail": False}
    twice = office.denis.change("POST", path, **other, mail=MAIL.upper().replace("MAIRIE", "mairie"))
    assert (twice.status_code, twice.json()["code"]) == (403, "visa_twice")
    named = office.denis.change("POST", path, **(other | {"person": "CAMILLE  Durand"}), mail="autre@mairie.example")
    assert (named.status_code, named.json()["code"]) == (403, "visa_twice"), "one name, by another address"
    phone = Phone(office.app)
    phone.enter(token_of(made), made["code"])
    assert phone.send(suite="donner", reste="approve").status_code == 200
    twice = office.denis.change("POST", path, **(other | {"person": "camille durand"}), mail="autre@mairie.example")
    assert (twice.status_code, twice.json()["code"]) == (403, "visa_twice")
    early = office.denis.change("POST", path, **(other | {"step": "producer"}), mail="autre@mairie.example")
    assert (early.status_code, early.json()["code"]) == (409, "visa_not_expected")


@pytest.mark.parametrize("name", ["person", "quality", "mail", "heads"])
def test_no_name_begins_another_line_of_a_mail(office: Office, name: str) -> None:
    disposal = office.submitted(office.due(1, name))
    asked = {"step": "producer", "person": "Camille", "quality": "Directrice", "mail": MAIL, "by_mail": False}
    sent = asked | {name: f"{asked.get(name, 'Voirie')}\r\nBcc: autre@exemple.fr"}
    answer = office.denis.change("POST", f"{API}/{disposal}/invitations", **sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_disposal")


def test_what_changed_or_stopped_meanwhile_is_said(office: Office) -> None:
    one, other = office.due(2)
    disposal = office.submitted([one, other])
    made, later = invited(office, disposal), invited(office, disposal, **DOMINIQUE)
    early = Phone(office.app)
    early.enter(token_of(later), later["code"])
    assert "Ce n’est pas encore votre tour" in plain(early.get("/visa/bordereau").text)
    assert early.send(suite="donner", reste="approve").status_code == 422
    phone = Phone(office.app)
    phone.enter(token_of(made), made["code"])
    seen = phone.csrf()
    taken = {"lines": [{"record_id": other, "decision": "exclude", "comment": "À garder"}]}
    office.anne.change("PATCH", f"{API}/{disposal}/lines", None, **taken)
    stale = phone.post("/visa/bordereau", **(seen | {"suite": "donner", "reste": "approve"}))
    assert stale.status_code == 409
    assert "1 document" in plain(stale.text)
    office.anne.change("POST", f"{API}/{disposal}/withdraw", None, reason="Erreur")
    assert "Ce bordereau a été arrêté" in plain(phone.get("/visa/bordereau").text)
    assert phone.send(suite="donner", reste="approve").status_code == 422
    assert office.anne.ask("GET", f"{API}/{disposal}/visas").json()["visas"] == []


def test_a_guest_decides_only_of_this_bordereau_and_only_from_its_page(office: Office) -> None:
    one, foreign = office.due(2)
    disposal = office.submitted([one])
    made = invited(office, disposal)
    phone = Phone(office.app)
    phone.enter(token_of(made), made["code"])
    assert phone.send(**{f"r{foreign}": "approve", f"r{one}": "not_before", "g7": "refuse"}).status_code == 422
    sent = {f"r{foreign}": "approve", f"r{one}": "not_before", "day": "1", "month": "1", "year": "2034"}
    assert phone.send(**sent).status_code == 303
    with office.town.system.database.read() as session:
        kept = session.scalars(select(VisaDraftRow).where(VisaDraftRow.invitation_id == made["id"])).all()
        assert [(row.target, row.decision, str(row.not_before)) for row in kept] == [
            (f"r{one}", "not_before", "2034-01-01")
        ]
    forged = phone.post("/visa/bordereau", **(phone.csrf() | {"csrf": "faux", "suite": "donner", "reste": "approve"}))
    assert forged.status_code == 403
    elsewhere = phone.client.post("/visa/bordereau", data=phone.csrf(), headers={"Origin": "http://ailleurs.example"})
    assert elsewhere.status_code == 403
    assert phone.get(f"/bordereaux/{disposal}").status_code == 303, "a guest is nobody elsewhere"
    assert phone.get(f"{API}/{disposal}").status_code == 401


def test_a_day_is_for_the_line_that_is_chosen_now_and_for_no_other(office: Office) -> None:
    records = office.due(3)
    disposal = office.submitted(records)
    made = invited(office, disposal)
    phone = Phone(office.app)
    phone.enter(token_of(made), made["code"])
    one, other, third = (f"r{record}" for record in records)

    def kept() -> dict[str, str]:
        with office.town.system.database.read() as session:
            rows = session.scalars(select(VisaDraftRow).where(VisaDraftRow.invitation_id == made["id"]))
            return {row.target: str(row.not_before) for row in rows}

    def day(year: str) -> dict[str, str]:
        return {"day": "1", "month": "1", "year": year}

    assert phone.send(**{one: "not_before"}, **day("2034")).status_code == 303
    assert phone.send(**{one: "not_before", other: "not_before"}, **day("2040")).status_code == 303
    assert kept() == {one: "2034-01-01", other: "2040-01-01"}, "the first keeps its day"
    assert phone.send(**{one: "not_before", other: "not_before", third: ""}).status_code == 303
    unclear = phone.send(**{one: "not_before", other: "not_before"}, **day("2050"))
    assert unclear.status_code == 422
    assert "toutes en ont déjà une" in plain(unclear.text)
    assert kept() == {one: "2034-01-01", other: "2040-01-01"}
    assert phone.send(**{one: "not_before", other: ""}, **day("2050")).status_code == 303
    assert kept() == {one: "2050-01-01"}, "alone, there is no doubt"


def test_a_dump_of_the_database_opens_nothing(office: Office) -> None:
    """Link and code are kept as digests that need the key of the installation."""
    disposal = office.submitted(office.due(1))
    made = invited(office, disposal)
    system = office.town.system
    with system.database.read() as session:
        row = session.get_one(InvitationRow, made["id"])
        told = " ".join(str(getattr(row, column.key)) for column in InvitationRow.__table__.columns)
    content = b"".join(path.read_bytes() for path in system.settings.home.glob("chartrier.db*"))
    for secret in (made["code"], token_of(made)):
        assert secret not in told
        assert secret.encode() not in content


@pytest.mark.services
def test_row_security_shows_a_guest_one_tenant_whoever_else_uses_the_browser(
    tmp_path: Path, keys: Path, postgres: Postgres
) -> None:
    watch = Watch()
    with opened(tmp_path / "home", keys, clock=watch, **postgres.fresh().settings) as system:
        there = office_of(Town(system, tmp_path, watch), bon=1)
        system.create_tenant("autre", "Autre Commune")
        disposal = there.submitted(there.due(1))
        made = invited(there, disposal)
        with system.database.write() as session:
            user = create_user(session, tenant="autre", name="Zoé", role="archivist", now=system.clock())
            stranger = open_session(session, user, system.clock())
        phone, token = Phone(there.app), token_of(made)
        phone.client.cookies.set(COOKIE, stranger.token)
        assert phone.get(f"/visa/{token}").status_code == 200
        assert phone.enter(token, "00000000" if made["code"] != "00000000" else "1").status_code == 422
        assert phone.enter(token, made["code"]).status_code == 303
        page = plain(phone.get("/visa/bordereau").text)
        assert "Commune de Démonstration" in page
        assert "Zoé" not in page, "the account stays out of it"
        assert phone.send(suite="donner", reste="approve").status_code == 200
        assert phone.get(f"/visa/{token}").status_code == 410
        (visa,) = there.anne.ask("GET", f"{API}/{disposal}/visas").json()["visas"]
        assert visa["means"] == "guest"
        assert phone.get("/bordereaux").status_code == 200, "and the account is itself elsewhere"
