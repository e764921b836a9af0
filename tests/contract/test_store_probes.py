"""What the probe shows on each kind of store, the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from archive.model.settings import S3Store
from archive.objects import probe
from archive.objects.challenges import REASONS, Challenge, Credential, ProbedStore
from archive.objects.layout import PROBE
from archive.objects.local import LocalObjectStore
from archive.objects.minio import MinioObjectStore
from archive.objects.port import Assurance, StoredObject
from archive.objects.probe import Outcome
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Unavailable
from tests.servers.buckets import S3Server
from tests.servers.gate import Answer, Gate

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
    assert [(a.credential, a.challenge) for a in shown.attempts] == [
        (credential, attack) for credential in ("store", "copy") for attack in Challenge
    ]
    assert {a.outcome for a in shown.attempts} == {Outcome.REFUSED}
    assert shown.store == f"{server.endpoint}/{settings.bucket}"


def test_attacks_leave_nothing_but_the_locked_object(server: S3Server) -> None:
    settings = server.settings()
    store = MinioObjectStore(settings, utc_now)
    for number in (1, 2):
        probe.run(store, utc_now)
        assert [(item.key, item.marker) for item in store.list("")] == [(PROBE, False)] * number
    client = server.client()
    assert client.get_bucket_versioning(settings.bucket).status == "Enabled"
    client.get_object_lock_config(settings.bucket)  # raises when it is gone


def test_a_bucket_without_object_lock_is_advisory(server: S3Server) -> None:
    settings = without_lock(server)
    shown = probe.run(MinioObjectStore(settings, utc_now), utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["no_bucket_lock"])
    outcomes = {a.challenge: a.outcome for a in shown.attempts}
    assert outcomes[Challenge.DELETE] is Outcome.PASSED
    assert outcomes[Challenge.SUSPEND] is Outcome.NOT_TRIED
    assert server.client().get_bucket_versioning(settings.bucket).status == "Enabled"


class _Claims(MinioObjectStore):
    """Says that its bucket locks, whatever it is."""

    weakness = None


def test_what_a_store_claims_counts_for_nothing(server: S3Server) -> None:
    shown = probe.run(_Claims(without_lock(server), utc_now), utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["passed"])


@services
@pytest.mark.parametrize("outage", ["answer", "seconds", "long"])
def test_versions_are_never_left_suspended_by_a_probe_that_was_cut_off(
    minio: S3Server, outage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network fails just after the server did as it was told.

    Each time what it changed is put back.
    """
    direct = without_lock(minio)
    gate = Gate(minio.port, keep_host=True)
    store = MinioObjectStore(direct.model_copy(update={"endpoint": gate.url}), utc_now)
    target = store.put("probe/lock", b"x", sha256=hashlib.sha256(b"x").hexdigest())
    seen: list[str | None] = []

    def status() -> str | None:
        return str(minio.client().get_bucket_versioning(direct.bucket).status)

    def cut(method: str, path: str, answer: Answer) -> Answer:
        if method == "PUT" and "versioning" in path and not seen:
            seen.append(status())
            gate.shut = outage != "answer"
            raise ConnectionError
        return answer

    def open_again(_seconds: float) -> None:
        seen.append(status())
        gate.shut = outage == "long"

    gate.change = cut
    monkeypatch.setattr("archive.objects.minio_challenges.time.sleep", open_again)
    (credential,) = store.credentials()
    with pytest.raises(Unavailable):
        credential.attempt(Challenge.SUSPEND, target, utc_now().date())
    assert seen[0] == "Suspended", "the attack went through"
    assert status() == ("Suspended" if outage == "long" else "Enabled")
    gate.shut = False
    probe.run(store, utc_now)
    assert status() == "Enabled"
    gate.close()


class _Stubborn(MinioObjectStore):
    """A bucket whose settings can't be put back."""

    weakness = None

    def credentials(self) -> Sequence[Credential]:
        def leave(_target: StoredObject) -> None:
            raise Corrupt("bucket_left_open", "Le seau « {bucket} » reste ouvert.", bucket="b")

        return [*super().credentials(), _Traitor([Challenge.SUSPEND], leave)]


@services
def test_a_bucket_that_was_left_open_is_said_and_not_that_it_locks_nothing(minio: S3Server) -> None:
    shown = probe.run(_Stubborn(minio.settings(), utc_now), utc_now)
    assert (shown.assurance, shown.reason) == (Assurance.ADVISORY, REASONS["left_open"])
    assert [a.challenge for a in shown.attempts] == [*Challenge, Challenge.SUSPEND], "what was tried before is told too"
    assert (shown.attempts[-1].outcome, shown.attempts[-1].credential) == (Outcome.PASSED, "traitor")


class _Traitor:
    """A credential whose attacks do something else than they say."""

    credential = "traitor"

    def __init__(self, challenges: Sequence[Challenge], act: Callable[[StoredObject], None]) -> None:
        self.challenges = challenges
        self._act = act

    def attempt(self, attack: Challenge, target: StoredObject, until: date) -> None:
        self._act(target)


class _Betrayed(MinioObjectStore):
    traitor: Credential

    def credentials(self) -> Sequence[Credential]:
        return [self.traitor]


def test_a_store_that_says_yes_is_not_believed(server: S3Server) -> None:
    """Even if nothing seems to have changed: the yes may come true later."""
    store = _Betrayed(server.settings(), utc_now)
    store.traitor = _Traitor([Challenge.SHORTEN], lambda target: None)
    assert probe.run(store, utc_now).reason == REASONS["passed"]


def test_a_store_that_answers_half_of_the_way_shows_nothing(server: S3Server) -> None:
    def away(target: StoredObject) -> None:
        raise Unavailable("store_away", "Le magasin ne répond pas.")

    store = _Betrayed(server.settings(), utc_now)
    store.traitor = _Traitor([Challenge.DELETE], away)
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
        def credentials(self) -> Sequence[Credential]:
            return []

    store: ProbedStore = Unbroken(tmp_path / "store", clock)
    for _ in range(6):
        probe.run(store, clock)
        assert len(list(store.list("probe/"))) <= 3
        now += timedelta(days=1)
