"""For how long a probe is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archive.database.engine import Database
from archive.objects import assurance
from archive.objects.challenges import REASONS, Challenge
from archive.objects.port import Assurance
from archive.objects.probe import Attempt, Outcome, Probe

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
STORE = "https://s3.example.org/records"


def probed(database: Database, at: datetime, found: Assurance, store: str = STORE) -> None:
    attempts = (Attempt(Challenge.DELETE, "store", Outcome.REFUSED, "AccessDenied"),)
    reason = REASONS["refused" if found is Assurance.ENFORCED else "passed"]
    with database.write() as session:
        assurance.record(session, Probe(at, store, found, reason, attempts))


@pytest.mark.parametrize(
    ("age", "believed"),
    [
        (timedelta(0), Assurance.ENFORCED),
        (timedelta(hours=48), Assurance.ENFORCED),
        (timedelta(hours=48, seconds=1), Assurance.ADVISORY),
    ],
)
def test_a_probe_is_believed_for_two_days(database: Database, age: timedelta, believed: Assurance) -> None:
    probed(database, NOW - age, Assurance.ENFORCED)
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is believed


def test_a_probe_of_a_clock_that_ran_ahead_shows_nothing_and_is_made_again(database: Database) -> None:
    probed(database, NOW + timedelta(days=400), Assurance.ENFORCED)
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is Assurance.ADVISORY
        assert assurance.is_due(session, STORE, NOW)
        assert assurance.is_due(session, STORE, NOW, assurance.SETTLED)


def test_two_machines_need_not_agree_to_the_second(database: Database) -> None:
    probed(database, NOW + timedelta(minutes=1), Assurance.ENFORCED)
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is Assurance.ENFORCED
        assert not assurance.is_due(session, STORE, NOW)


def test_without_a_probe_nothing_is_claimed(database: Database) -> None:
    probed(database, NOW, Assurance.ENFORCED, store="https://s3.example.org/another")
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is Assurance.ADVISORY
        assert assurance.is_due(session, STORE, NOW)


def test_the_last_probe_counts(database: Database) -> None:
    probed(database, NOW - timedelta(hours=2), Assurance.ENFORCED)
    with database.read() as session:
        assert not assurance.was_lost(session, STORE)
    probed(database, NOW - timedelta(hours=1), Assurance.ADVISORY)
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is Assurance.ADVISORY
        assert assurance.was_lost(session, STORE)
    probed(database, NOW, Assurance.ENFORCED)
    with database.read() as session:
        assert assurance.proven(session, STORE, NOW) is Assurance.ENFORCED
        assert not assurance.was_lost(session, STORE)


def test_what_never_enforced_has_lost_nothing(database: Database) -> None:
    probed(database, NOW, Assurance.ADVISORY)
    with database.read() as session:
        assert not assurance.was_lost(session, STORE)


def test_a_probe_is_due_after_a_day(database: Database) -> None:
    probed(database, NOW - timedelta(hours=23), Assurance.ENFORCED)
    with database.read() as session:
        assert not assurance.is_due(session, STORE, NOW)
        assert assurance.is_due(session, STORE, NOW + timedelta(hours=1))
        assert assurance.is_due(session, STORE, NOW, assurance.SETTLED)


def test_what_was_tried_is_kept(database: Database) -> None:
    probed(database, NOW, Assurance.ENFORCED)
    with database.read() as session:
        row = assurance.latest(session, STORE)
        assert row is not None
        assert row.attempts == [
            {
                "attack": "delete",
                "said": "détruire la version",
                "credential": "store",
                "outcome": "refused",
                "answer": "AccessDenied",
            }
        ]
