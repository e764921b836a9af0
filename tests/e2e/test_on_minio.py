"""The real service on a real MinIO, everything else embedded: what it claims is what the store
does.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.retention import Retention

from archive.model.settings import S3Store
from tests.servers.buckets import S3Server
from tests.servers.service import Service, deposit

pytestmark = pytest.mark.services

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
DEPOSITED = ("deliberations.pdf", "photo-telephone.jpg")


def service_on(home: Path, settings: S3Store) -> Service:
    made = Service(
        home,
        CHARTRIER_S3_ENDPOINT=settings.endpoint,
        CHARTRIER_S3_BUCKET=settings.bucket,
        CHARTRIER_S3_ACCESS_KEY=settings.access_key.get_secret_value(),
        CHARTRIER_S3_SECRET_KEY=settings.secret_key.get_secret_value(),
    )
    made.chartrier("tenant", "create", "demo", "--name", "Commune de démonstration")
    return made


@pytest.fixture(scope="module")
def bucket(minio: S3Server) -> S3Store:
    return minio.settings()


@pytest.fixture(scope="module")
def on_minio(bucket: S3Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = service_on(tmp_path_factory.mktemp("minio") / "home", bucket)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def caller(on_minio: Service) -> Iterator[httpx2.Client]:
    with on_minio.client(on_minio.key()) as client:
        yield client


@pytest.fixture(scope="module")
def records(caller: httpx2.Client) -> list[dict[str, Any]]:
    views = [deposit(caller, SAMPLES / name, key=name) for name in DEPOSITED]
    assert [view["state"] for view in views] == ["kept", "kept"]
    return [caller.get(f"/api/v1/records/{view['record_id']}").json() for view in views]


def doctor(service: Service) -> dict[str, dict[str, Any]]:
    lines = service.chartrier("doctor", "--json", check=False).stdout.splitlines()
    return {one["part"]: one for one in map(json.loads, lines)}


def test_what_was_deposited_is_served_as_it_was(caller: httpx2.Client, records: list[dict[str, Any]]) -> None:
    for name, record in zip(DEPOSITED, records, strict=True):
        answer = caller.get(f"/api/v1/records/{record['id']}/representations/original")
        assert answer.content == (SAMPLES / name).read_bytes()


def test_each_form_is_locked_and_the_lock_is_enforced(records: list[dict[str, Any]]) -> None:
    for record in records:
        for form in record["representations"]:
            assert form["store"]["assurance"] == "enforced", form
            assert form["store"]["locked_until"] > datetime.now(UTC).date().isoformat()


def test_the_owner_of_the_server_himself_is_refused(
    minio: S3Server, bucket: S3Store, records: list[dict[str, Any]]
) -> None:
    client = minio.client()
    for form in (form for record in records for form in record["representations"]):
        key, version = form["store"]["key"], form["store"]["version"]
        before = client.get_object_retention(bucket.bucket, key, version_id=version)
        assert before is not None
        assert before.mode == COMPLIANCE
        soon = datetime.now(UTC) + timedelta(days=1)
        with pytest.raises(S3Error, match="WORM"):
            client.remove_object(bucket.bucket, key, version_id=version)
        with pytest.raises(S3Error, match="WORM"):
            client.set_object_retention(bucket.bucket, key, Retention(COMPLIANCE, soon), version_id=version)
        with pytest.raises(S3Error, match="WORM"):
            client.set_object_retention(
                bucket.bucket, key, Retention(GOVERNANCE, before.retain_until_date), version_id=version
            )
        refused = client.remove_objects(bucket.bucket, [DeleteObject(key, version)], bypass_governance_mode=True)
        assert [error.code for error in refused] == ["InvalidRequest"]
        assert client.get_object_retention(bucket.bucket, key, version_id=version) == before


def test_nothing_of_the_records_lies_on_this_machine(on_minio: Service, records: list[dict[str, Any]]) -> None:
    assert not (on_minio.home / "store").exists()


def test_a_check_reads_everything_again(caller: httpx2.Client, records: list[dict[str, Any]]) -> None:
    for record in records:
        answer = caller.post(f"/api/v1/records/{record['id']}/verifications")
        assert answer.is_success, answer.text
        assert answer.json()["verdict"] == "intact", answer.json()


def test_evidence_says_what_the_store_enforces(caller: httpx2.Client, records: list[dict[str, Any]]) -> None:
    answer = caller.get(f"/api/v1/records/{records[0]['id']}/evidence")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert json.loads(bundle.read("manifest.json"))["store"] == {"assurance": "enforced"}


def test_the_probe_is_shown_where_people_look(on_minio: Service, caller: httpx2.Client) -> None:
    ready = caller.get("/health/ready").json()
    assert ready["probe"]["assurance"] == "enforced"
    assert "imposés" in ready["components"]["store"]["detail"]
    found = doctor(on_minio)
    assert found["Magasin"]["state"] == "ok"
    assert "verrous imposés" in found["Magasin"]["detail"]
    attempts = found["Épreuve"]["facts"]["attempts"]
    assert len(attempts) == 9
    assert {attempt["outcome"] for attempt in attempts} == {"refused"}
    said = on_minio.chartrier("doctor", check=False).stdout
    assert "détruire la version" in said
    metrics = caller.get("/metrics").text
    assert "chartrier_store_enforced 1.0" in metrics
    assert "chartrier_locks_overdue 0.0" in metrics


def test_what_is_held_is_held_by_the_store_itself(
    on_minio: Service, minio: S3Server, bucket: S3Store, records: list[dict[str, Any]]
) -> None:
    client = minio.client()
    record, other = records
    root = record["representations"][0]["store"]["key"].rpartition("/v1/")[0]

    def states(prefix: str) -> list[bool]:
        listed = client.list_objects(bucket.bucket, f"{prefix}/", recursive=True, include_version=True)
        return [
            client.is_object_legal_hold_enabled(bucket.bucket, one.object_name, version_id=one.version_id)
            for one in listed
        ]

    with on_minio.client(on_minio.key("demo", "record:read,record:describe,hold:write")) as caller:
        hold = caller.post("/api/v1/holds", json={"reason": "Contentieux", "records": [record["id"]]}).json()
        assert hold["in_step"] is True, hold
        described = caller.patch(
            f"/api/v1/records/{record['id']}", json={"description": "Pendant le gel"}, headers={"If-Match": "*"}
        )
        assert described.status_code == 200, described.text
        assert {form["store"]["legal_hold"] for form in described.json()["representations"]} == {True}
        assert len(states(root)) > 10
        assert set(states(root)) == {True}, "what was added since as well"
        for form in other["representations"]:
            assert set(states(form["store"]["key"].rpartition("/")[0])) == {False}
        assert caller.post(f"/api/v1/records/{record['id']}/verifications").json()["verdict"] == "intact"
        form = record["representations"][0]["store"]
        client.disable_object_legal_hold(bucket.bucket, form["key"], version_id=form["version"])
        found = caller.post(f"/api/v1/records/{record['id']}/verifications").json()
        assert (found["verdict"], found["custody"], found["hold"]) == ("intact", "intact", "missing")
        assert "Le gel manque dans le magasin" in " ".join(check["detail"] for check in found["checks"])
        client.enable_object_legal_hold(bucket.bucket, form["key"], version_id=form["version"])
        released = caller.post(f"/api/v1/holds/{hold['id']}/release", json={"reason": "Jugé"}).json()
        assert (released["state"], released["in_step"]) == ("released", True)
        assert set(states(root)) == {False}
        assert caller.post(f"/api/v1/records/{record['id']}/verifications").json()["verdict"] == "intact"


def test_a_bucket_made_without_lock_is_used_and_never_called_enforced(minio: S3Server, tmp_path: Path) -> None:
    settings = minio.settings()
    minio.client().make_bucket(settings.bucket)
    running = service_on(tmp_path / "home", settings)
    running.start()
    try:
        with running.client(running.key()) as client:
            view = deposit(client, SAMPLES / "photo-telephone.jpg", key="1")
            record = client.get(f"/api/v1/records/{view['record_id']}").json()
            assert {form["store"]["assurance"] for form in record["representations"]} == {"advisory"}
            assert client.get("/health/ready").json()["probe"]["assurance"] == "advisory"
        found = doctor(running)
        assert found["Épreuve"]["state"] == "optional"
        assert "sans verrouillage" in found["Épreuve"]["detail"]
    finally:
        running.stop()
