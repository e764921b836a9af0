"""Mails: queued with their cause, sent by a real server of mails, tried again, given up, copied."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from archive.database.guest_tables import MailAddressRow, MailRow
from archive.disposition import mails
from archive.disposition.disposals import bordereau, guest_secrets, invitations, letters
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.invitations import Invited, Made
from archive.disposition.mails import ATTEMPTS, WAITS, Letter
from archive.model.disposals import Direction, LineDecision, VisaStep
from ingestion.mail_settings import mail_settings
from ingestion.operations import mailing
from ingestion.operations.mailing import Mailing
from ingestion.tools.smtp import Message, NotSent, send
from signing.ground.clock import utc_now
from tests.bordereaux import ANNE, BRUNO, Town, Watch
from tests.holdings import opened
from tests.servers.smtp import smtp

PRODUCER, AUTHORITY, CONTROLLER = VisaStep
SENDER = "Archives de la Vallée <archives@vallee.example>"
TO = "camille.durand@mairie.example"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Town]:
    """Made once: each test has records and a server of its own."""
    folder, watch = tmp_path_factory.mktemp("courriels"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        made = Town(system, folder, watch)
        made.rule("BON", 10)
        yield made


@pytest.fixture
def disposal(town: Town) -> Iterator[str]:
    """A bordereau that waits for its first visa; stopped afterwards."""
    (record,) = town.due(1)
    made = town.draft([record])
    town.submit(made)
    yield made
    with town.acting() as act:
        if town.row(made).state == "submitted":
            bordereau.withdraw(act, made, None, "Fin d’un essai")
        for row in act.session.scalars(select(MailRow)):
            row.state, row.next_at = "sent", None


@contextmanager
def sending(town: Town, url: str, ca: Path | None = None) -> Iterator[Mailing]:
    """The town with a server of mails."""
    system, before = town.system, town.system.settings
    mail = mail_settings(url, str(ca or ""), SENDER)
    system.settings = before.model_copy(update={"mail": mail})
    try:
        yield Mailing(system)
    finally:
        system.settings = before


def invite(town: Town, disposal: str, **told: Any) -> Made:
    asked: dict[str, Any] = {
        "step": PRODUCER,
        "person": "Camille Durand",
        "quality": "Directrice des marchés",
        "mail": TO,
        "by_mail": True,
        "address": "https://archives.vallee.example",
    }
    with town.acting() as act:
        made = invitations.invite(act, town.system.guest_secrets, disposal, Invited(**asked | told))
        act.session.expunge(made.row)
    return made


def mail(town: Town, mail_id: str) -> MailRow:
    with town.system.database.read() as session:
        return session.get_one(MailRow, mail_id)


def all_mails(town: Town, disposal: str) -> list[MailRow]:
    with town.system.database.read() as session:
        return list(session.scalars(select(MailRow).where(MailRow.disposal_id == disposal).order_by(MailRow.id)))


def test_an_invitation_goes_out_with_its_link_and_without_its_code(town: Town, disposal: str) -> None:
    made = invite(town, disposal)
    with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
        assert mailer.run().sent == 1
        assert mailer.run().sent == 0, "once"
    (one,) = box.taken
    text = one.get_content()
    link = town.system.guest_secrets.link(made.row)
    assert link in text
    assert made.code not in text
    assert link.rpartition("/")[2] not in mail(town, made.mail).body, "the queue holds no link"
    assert (one["To"], one["From"]) == (TO, "Archives de la Vallée <archives@vallee.example>")
    assert one["Subject"] == f"Visa demandé : bordereau {town.row(disposal).reference}"
    assert one["Message-ID"] == f"<{made.mail}@vallee.example>"
    assert (one.get_content_type(), one.get_content_charset()) == ("text/plain", "utf-8")
    assert "Bons de commande" not in text, "no title crosses the network"
    assert max(len(line) for line in box.raw[0].splitlines()) < 998
    assert mail(town, made.mail).state == "sent"


def test_a_server_that_is_away_is_tried_again_and_at_last_given_up(town: Town, disposal: str) -> None:
    made, start = invite(town, disposal, days=90), town.watch.now
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        closed = taken.getsockname()[1]
        try:
            with sending(town, f"smtp+plain://127.0.0.1:{closed}") as mailer:
                for n, wait in enumerate(WAITS, 1):
                    assert mailer.run().failed == 1
                    assert mailer.run().failed == 0, "not before its time"
                    row = mail(town, made.mail)
                    assert (row.state, row.attempts) == ("waiting", n)
                    assert "ne répond pas" in (row.problem or "")
                    town.watch.now += wait
                assert mailer.run().failed == 1
                row = mail(town, made.mail)
                assert (row.state, row.attempts, row.next_at) == ("failed", ATTEMPTS, None)
                with town.system.database.write() as session:
                    mails.send_again(session, "demo", made.mail, town.watch.now)
            with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
                assert mailer.run().sent == 1
            assert len(box.taken) == 1
        finally:
            town.watch.now = start


@pytest.mark.parametrize(
    ("answer", "state", "why"),
    [
        ("550 5.1.1 no such user", "failed", "adresse refusée : 550 5.1.1 no such user"),
        ("451 4.7.1 greylisted", "waiting", "adresse refusée : 451 4.7.1 greylisted"),
    ],
)
def test_what_a_server_refuses_is_told(town: Town, disposal: str, answer: str, state: str, why: str) -> None:
    made = invite(town, disposal)
    with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
        box.refuse = answer
        mailer.run()
    row = mail(town, made.mail)
    assert (row.state, row.problem) == (state, why)


def test_killed_after_the_server_took_it_a_mail_goes_twice_under_one_number(
    town: Town, disposal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, start = invite(town, disposal), town.watch.now

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
        with monkeypatch.context() as patched:
            patched.setattr(mailing.mails, "note_sent", die)
            with pytest.raises(KeyboardInterrupt):
                mailer.run()
        row = mail(town, made.mail)
        assert (row.state, row.attempts) == ("waiting", 1), "the attempt was counted before"
        town.watch.now += WAITS[0]
        try:
            assert Mailing(town.system).run().sent == 1
        finally:
            town.watch.now = start
    assert [one["Message-ID"] for one in box.taken] == [f"<{made.mail}@vallee.example>"] * 2


def test_a_slow_server_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = mail_settings("smtp+plain://127.0.0.1:1", "", SENDER)
    assert settings is not None
    with smtp() as (box, port):
        box.slow = 1.0
        began = utc_now()
        with pytest.raises(NotSent, match="ne répond pas"):
            send(settings.model_copy(update={"port": port}), letter(), timeout=0.2)
        assert utc_now() - began < timedelta(seconds=0.9)


def test_a_link_that_ended_before_its_mail_left_is_not_sent(town: Town, disposal: str) -> None:
    made = invite(town, disposal)
    with town.acting() as act:
        invitations.revoke(act, disposal, made.row.id)
    with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
        mailer.run()
    assert box.taken == []
    assert mail(town, made.mail).state == "failed"


def letter(**more: Any) -> Message:
    told = {"id": "0193b8a0", "recipient": TO, "subject": "Visa", "body": "Bonjour,\n.\n", "written_at": utc_now()}
    return Message(**(told | more))


@pytest.mark.parametrize("field", ["subject", "recipient"])
def test_no_header_holds_a_line_break(field: str) -> None:
    settings = mail_settings("smtp+plain://127.0.0.1:1", "", SENDER)
    assert settings is not None
    with smtp() as (box, port):
        there = settings.model_copy(update={"port": port})
        with pytest.raises(NotSent) as caught:
            send(there, letter(**{field: "a@b.example\r\nBcc: autre@exemple.fr"}))
        assert caught.value.for_good
        assert box.taken == []
        send(there, letter())
        assert box.taken[0].get_content() == "Bonjour,\r\n.\r\n", "a dot alone does not end it"


def test_a_cause_has_one_mail_and_is_undone_with_it(town: Town, disposal: str) -> None:
    told = Letter(cause="essai:1", recipient=TO, subject="Visa", body="Bonjour", by_server=True)
    with pytest.raises(ZeroDivisionError), town.acting() as act:
        mails.queue(act, told)
        raise ZeroDivisionError
    with town.acting() as act:
        assert mails.queue(act, told) is not None
        assert mails.queue(act, told) is None
    with pytest.raises(ValueError, match="one line"), town.acting() as act:
        mails.queue(act, replace(told, cause="essai:2", subject="a\nb"))


# -- the way to the server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utc_now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "serveur.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def by(url: str, ca: Path | None = None) -> Any:
    return mail_settings(url, str(ca or ""), SENDER)


def test_starttls_is_demanded_and_the_password_goes_only_behind_it(certificate: Path) -> None:
    with smtp(certificate, asks=True) as (box, port):
        send(by(f"smtp://vallee:s%3Acr%40t@127.0.0.1:{port}", certificate), letter())
        assert box.logins == [("vallee", "s:cr@t")]
        assert len(box.taken) == 1
        with pytest.raises(NotSent, match="nom ou mot de passe refusé"):
            send(by(f"smtp://vallee:faux@127.0.0.1:{port}", certificate), letter())
        with pytest.raises(NotSent, match="certificat du serveur refusé"):
            send(by(f"smtp://vallee:s%3Acr%40t@127.0.0.1:{port}"), letter())
        assert len(box.taken) == 1
    with smtp() as (box, port):
        with pytest.raises(NotSent, match="rien n’est envoyé en clair"):
            send(by(f"smtp://vallee:s%3Acr%40t@127.0.0.1:{port}", certificate), letter())
        assert (box.logins, box.taken) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://serveur.example",
        "smtp://",
        "smtp+plain://serveur.example",
        "smtp://serveur.example/chemin",
        "smtp://serveur.example:abc",
    ],
)
def test_a_url_that_would_say_secrets_in_the_open_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL"):
        mail_settings(url, "", SENDER)


@pytest.mark.parametrize("sender", ["", "Archives", "a@b.example\nBcc: c@d.example", "A <a@b.example>, <c@d.example>"])
def test_a_sender_is_one_address(sender: str) -> None:
    with pytest.raises(ValueError, match="MAIL_FROM"):
        mail_settings("smtp://serveur.example", "", sender)


# -- reminders


def test_v2_who_is_awaited_is_reminded_three_times_and_silence_changes_nothing(town: Town, disposal: str) -> None:
    made, start = invite(town, disposal, days=90), town.watch.now
    try:
        with sending(town, "smtp+plain://127.0.0.1:1"):
            told = []
            for day in range(0, 200, 5):
                town.watch.now = start + timedelta(days=day)
                told += [day] * Mailing(town.system).remind()
                assert Mailing(town.system).remind() == 0, "once"
    finally:
        town.watch.now = start
    assert told[:3] == [15, 30, 60]
    texts = [row.body for row in all_mails(town, disposal) if row.cause.startswith("reminder:")]
    assert mails.LINK in texts[0]
    assert made.code not in "".join(texts)
    assert town.row(disposal).state == "submitted"


def test_reminders_that_were_missed_are_not_made_up_for(town: Town, disposal: str) -> None:
    invite(town, disposal, days=90)
    start = town.watch.now
    try:
        town.watch.now = start + timedelta(days=45)
        assert Mailing(town.system).remind() == 1
        assert Mailing(town.system).remind() == 0
    finally:
        town.watch.now = start
    (row,) = [row for row in all_mails(town, disposal) if row.cause.startswith("reminder:")]
    assert row.cause.endswith(":30")
    assert row.state == "to_copy", "no server is set"


def test_people_with_an_account_are_reminded_when_their_turn_has_come(town: Town, disposal: str) -> None:
    start = town.watch.now
    with town.acting() as act:
        for agent in (ANNE, BRUNO, "user:claire"):
            act.session.merge(
                MailAddressRow(agent=agent, tenant_id="demo", mail=f"{agent[5:]}@vallee.example", gives_visas=True)
            )
    try:
        town.watch.now = start + timedelta(days=10)
        town.visa(disposal, PRODUCER, BRUNO)
        town.watch.now = start + timedelta(days=16)
        assert Mailing(town.system).remind() == 0, "the controller has been awaited for six days"
        town.watch.now = start + timedelta(days=25)
        assert Mailing(town.system).remind() == 1
    finally:
        town.watch.now = start
        with town.acting() as act:
            for row in act.session.scalars(select(MailAddressRow)):
                act.session.delete(row)
    (row,) = all_mails(town, disposal)
    assert row.recipient == "claire@vallee.example", "who drafted it or gave a visa is not asked again"


def test_who_asked_is_told_once_what_visas_refused(town: Town) -> None:
    one, other = town.due(2)
    disposal = town.draft([one, other])
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    with town.acting() as act:
        act.session.add(MailAddressRow(agent=ANNE, tenant_id="demo", mail="anne@vallee.example", gives_visas=False))
    answers = Answers(Answer(LineDecision.APPROVE), {}, {other: Answer(LineDecision.KEEP_DEFINITIVELY)})
    town.visa(disposal, CONTROLLER, "user:claire", answers)
    with smtp() as (box, port), sending(town, f"smtp+plain://127.0.0.1:{port}") as mailer:
        assert mailer.run().sent == 1
        assert Mailing(town.system).run().sent == 0, "once"
    with town.acting() as act:
        for row in act.session.scalars(select(MailAddressRow)):
            act.session.delete(row)
    (taken,) = box.taken
    assert (taken["To"], taken["Subject"]) == (
        "anne@vallee.example",
        f"Refus partiel : bordereau {town.row(disposal).reference}",
    )
    assert "à garder définitivement : 1" in taken.get_content()


def test_who_is_told_that_silence_counts_and_who_is_not(town: Town) -> None:
    (record,) = town.due(1)
    proposed = town.draft([record], direction=Direction.ARCHIVES_PROPOSE)
    town.submit(proposed)
    mayor = {"step": AUTHORITY, "person": "Dominique Petit", "mail": "autre@vallee.example"}
    origin, head = invite(town, proposed), invite(town, proposed, **mayor)
    with town.acting() as act:
        row = town.row(proposed)
        assert "trois mois" in letters.invitation(act, row, origin.row).body
        assert "silence ne vaut pas accord" in letters.invitation(act, row, head.row).body
        bordereau.withdraw(act, proposed, None, "Fin d’un essai")


def test_secrets_of_another_installation_open_nothing(town: Town, disposal: str) -> None:
    made = invite(town, disposal)
    other = guest_secrets.GuestSecrets(b"another key")
    assert town.system.guest_secrets.fits(made.row, made.code)
    assert not other.fits(made.row, made.code)
    assert other.token(made.row.id, made.row.nonce) != town.system.guest_secrets.token(made.row.id, made.row.nonce)
    assert len(town.system.guest_secrets.token(made.row.id, made.row.nonce)) == 43
