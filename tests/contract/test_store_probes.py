"""What the probe shows on each kind of store, the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from archive import probe
from archive.objects.local import LocalObjectStore
from archive.objects.minio import MinioObjectStore
from archive.objects.port import Assurance, StoredObject
from archive.objects.siege import REASONS, Attack, Attacker, Besieged
from archive.probe import Outcome
from archive.settings import S3Store
from signing.clock import utc_now
from signing.errors import Unavailable
from tests.servers.buckets import S3Server

services = pytest.mark.services


@pytest.fixture(params=[pytest.param("minio", marks=services), pytest.param("seaweedfs", marks=services)])
def server(request: pytest.FixtureRequest) -> S3Server:
    running: S3Server = request.getfixturevalue(request.param)
    return running


def without_lock(server: S3Server) -> S3Store:
    settings = server.settings()
    server.client().make_bucket(settings.bucket)
    return settings


def test_a_bucket_with_object_lock_enforces(server: S3Server) -> None:
    settings = server.settings()
    store = MinioObjectStore(settings, utc_now, credentials={"copy": settings})
    shown = probe.run(store, utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ENFORCED, REASONS["refused"])
    assert [(a.credential, a.attack) for a in shown.attempts] == [
        (credential, attack) for credential in ("store", "copy") for attack in Attack
    ]
    assert {a.outcome for a in shown.attempts} == {Outcome.REFUSED}
    assert shown.store == f"{server.endpoint}/{settings.bucket}"


def test_attacks_leave_nothing_but_the_locked_object(server: S3Server) -> None:
    settings = server.settings()
    store = MinioObjectStore(settings, utc_now)
    for number in (1, 2):
        probe.run(store, utc_now)
        assert [(item.key, item.marker) for item in store.list("")] == [(probe.KEY, False)] * number
    client = server.client()
    assert client.get_bucket_versioning(settings.bucket).status == "Enabled"
    client.get_object_lock_config(settings.bucket)  # raises when it is gone


def test_a_bucket_without_object_lock_is_advisory(server: S3Server) -> None:
    settings = without_lock(server)
    shown = probe.run(MinioObjectStore(settings, utc_now), utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["no_bucket_lock"])
    outcomes = {a.attack: a.outcome for a in shown.attempts}
    assert outcomes[Attack.DELETE] is Outcome.PASSED
    assert outcomes[Attack.SUSPEND] is Outcome.NOT_TRIED
    assert server.client().get_bucket_versioning(settings.bucket).status == "Enabled"


class _Claims(MinioObjectStore):
    """Says that its bucket locks, whatever it is."""

    weakness = None


def test_what_a_store_claims_counts_for_nothing(server: S3Server) -> None:
    shown = probe.run(_Claims(without_lock(server), utc_now), utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["passed"])


class _Traitor:
    """A credential whose attacks do something else than they say."""

    credential = "traitor"

    def __init__(self, attacks: Sequence[Attack], act: Callable[[StoredObject], None]) -> None:
        self.attacks = attacks
        self._act = act

    def attempt(self, attack: Attack, target: StoredObject, until: date) -> None:
        self._act(target)


class _Betrayed(MinioObjectStore):
    traitor: Attacker

    def attackers(self) -> Sequence[Attacker]:
        return [self.traitor]


def test_a_store_that_says_yes_is_not_believed(server: S3Server) -> None:
    """Even if nothing seems to have changed: the yes may come true later."""
    store = _Betrayed(server.settings(), utc_now)
    store.traitor = _Traitor([Attack.SHORTEN], lambda target: None)
    assert probe.run(store, utc_now).reason == REASONS["passed"]


def test_a_store_that_answers_half_of_the_way_shows_nothing(server: S3Server) -> None:
    def away(target: StoredObject) -> None:
        raise Unavailable("store_away", "Le magasin ne répond pas.")

    store = _Betrayed(server.settings(), utc_now)
    store.traitor = _Traitor([Attack.DELETE], away)
    with pytest.raises(Unavailable):
        probe.run(store, utc_now)


def test_a_store_where_nothing_was_tried_shows_nothing(server: S3Server) -> None:
    store = _Betrayed(server.settings(), utc_now)
    store.traitor = _Traitor([], lambda target: None)
    assert probe.run(store, utc_now).reason == REASONS["cut_short"]


def test_local_files_are_advisory_and_the_attacks_show_why(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "store", utc_now)
    shown = probe.run(store, utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["local"])
    assert {a.outcome for a in shown.attempts} == {Outcome.PASSED}
    assert len(shown.attempts) == 3


def test_earlier_probes_are_swept_when_their_lock_has_ended(tmp_path: Path) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def clock() -> datetime:
        return now

    class Unbroken(LocalObjectStore):
        def attackers(self) -> Sequence[Attacker]:
            return []

    store: Besieged = Unbroken(tmp_path / "store", clock)
    for _ in range(6):
        probe.run(store, clock)
        assert len(list(store.list("probe/"))) <= 3
        now += timedelta(days=1)
