"""The administrator's page as a view-model: what it says, made without any request."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from api.operations.health import Health
from api.web.state_page import state_page
from archive.database.tables import VerificationRow
from ingestion.assembly import System
from ingestion.tables import DepositRow
from signing.validity import Validity
from tests.holdings import keep, receive


@pytest.fixture
def house(bare_system: System) -> System:
    """With keys, as an installation has them."""
    bare_system.initialise()
    return bare_system


def test_an_empty_house_has_nothing_waiting_and_nothing_verified(house: System) -> None:
    page = state_page(house, Health(house), "a")
    assert [item.number for item in page.queue] == [0, 0, 0]
    assert (page.oldest, page.integrity.records, page.integrity.verified) == ("", 0, 0)
    assert (page.seal.badge.kind, page.seal.probative, page.enforced) == ("warn", False, False)
    assert {item.name for item in page.troubles} <= {item.name for item in page.components}


def test_what_waits_is_counted_by_who_waits(house: System) -> None:
    rows = [receive(house, b"%d" % number, f"k{number}", "a") for number in range(3)]
    receive(house, b"autre", "k", "b")
    with house.database.write() as session:
        session.execute(update(DepositRow).where(DepositRow.id == rows[0].id).values(priority=2))
        session.execute(update(DepositRow).where(DepositRow.id == rows[1].id).values(priority=9))
        session.execute(update(DepositRow).where(DepositRow.id == rows[2].id).values(priority=9, state="kept"))
    page = state_page(house, Health(house), "a")
    assert [item.number for item in page.queue] == [1, 0, 1]
    assert [item.age == "–" for item in page.queue] == [False, True, False]
    assert page.oldest != ""


def test_what_ends_is_said_with_its_days(house: System) -> None:
    page = state_page(house, Health(house), "a")
    assert [str(item.name) for item in page.deadlines] == ["Cachet", "Autorité d’horodatage", "Racine"]
    assert [item.badge.kind for item in page.deadlines] == ["ok"] * 3
    house.publisher.publish(force_token=True)
    names = [str(item.name) for item in state_page(house, Health(house), "a").deadlines]
    assert names[-1] == "Horodatage des scellements"
    end = Validity.of(house.signer.certificate).ends
    for days, kind in ((366, "ok"), (364, "none"), (89, "warn"), (29, "bad"), (-1, "bad")):
        house.clock = lambda days=days: end - timedelta(days=days)  # type: ignore[misc]
        seal = state_page(house, Health(house), "a").deadlines[0]
        assert seal.badge.kind == kind, days
        expected = f"{days} jours restants" if days > 0 else "Expiré"
        assert str(seal.left).replace("\u202f", " ").replace("\xa0", " ") == expected


def test_what_is_not_intact_is_named(house: System, tmp_path: Path) -> None:
    records = [keep(house, tmp_path, number, "a") for number in range(4)]
    keep(house, tmp_path, 9, "b")
    with house.database.write() as session:
        for record, verdict in zip(records, ("altered", "unverifiable", "intact"), strict=False):
            session.add(VerificationRow(record_id=record, at=house.clock(), verdict=verdict, checks=[]))
    integrity = state_page(house, Health(house), "a").integrity
    assert (integrity.records, integrity.verified) == (4, 3)
    assert [(item.href, str(item.word)) for item in integrity.damaged] == [(f"/documents/{records[0]}", "Altéré")]
    assert [item.href for item in integrity.doubtful] == [f"/documents/{records[1]}"]


def test_a_signer_that_is_away_is_said_and_hides_nothing_else(house: System) -> None:
    (house.settings.signing.keys / "seal.pem").unlink()
    vars(house).pop("signer", None)  # made once: what a process that starts now would find
    page = state_page(house, Health(house), "a")
    assert (page.seal.badge.kind, page.seal.until, page.seal.probative) == ("bad", "", False)
    assert len(page.queue) == 3
