"""The contract over a real MinIO, in a bucket with Object Lock and in one without."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic

import pytest
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin
from pydantic import SecretStr

from archive.model.settings import S3Store
from archive.objects import probe
from archive.objects.challenges import REASONS, Challenge
from archive.objects.minio import MinioObjectStore
from archive.objects.port import Assurance, StoredObject, Unreadable, read_all
from signing.ground.clock import utc_now
from signing.ground.errors import Refused, Unavailable
from tests.contract.s3_objects import S3Contract
from tests.contract.suite_objects import Brief, ObjectStoreContract, refused, sha
from tests.servers import minio as minio_server
from tests.servers.buckets import ACCESS, SECRET, S3Server, rot
from tests.servers.gate import Answer, Gate
from tests.servers.presence import program

pytestmark = pytest.mark.services


class TestMinioObjects(S3Contract):
    @pytest.fixture
    def server(self, minio: S3Server) -> S3Server:
        return minio

    def test_a_version_that_its_disk_altered_is_not_waited_for(
        self, minio: S3Server, settings: S3Store, store: MinioObjectStore, today: date
    ) -> None:
        """The server finds it out, and asks to be left alone for a minute each time: a reader must
        not wait.
        """
        content = random.Random(1).randbytes(5000)
        stored = self.put(store, "a", content, retain_until=today + timedelta(3))
        rot(minio, settings.bucket, content)
        began = monotonic()
        with pytest.raises(Unreadable):
            read_all(store, "a", stored.version)
        assert monotonic() - began < 30


@pytest.fixture
def gate(minio: S3Server) -> Iterator[Gate]:
    door = Gate(minio.port, keep_host=True)
    yield door
    door.close()


def test_a_body_that_breaks_off_on_its_way_is_asked_for_again_from_there(minio: S3Server, gate: Gate) -> None:
    store = MinioObjectStore(minio.settings().model_copy(update={"endpoint": gate.url}), utc_now)
    content = random.Random(2).randbytes(3 << 20)
    stored = store.put("a", content, sha256=sha(content))
    for offset, length in ((0, None), (7, None), (7, 2 << 20)):
        gate.cut = (1 << 20) + 5
        read = b"".join(store.read("a", stored.version, offset=offset, length=length))
        assert gate.cut is None, "it was cut"
        assert read == content[offset:][:length]


def test_a_server_that_is_busy_as_a_whole_is_away_and_no_version_is_unreadable(minio: S3Server, gate: Gate) -> None:
    store = MinioObjectStore(minio.settings().model_copy(update={"endpoint": gate.url}), utc_now)
    stored = store.put("a", b"x", sha256=sha(b"x"))

    def busy(method: str, _path: str, answer: Answer) -> Answer:
        said = b"<Error><Code>SlowDownRead</Code><Message>busy</Message></Error>"
        return (503, {"Content-Type": "application/xml"}, said if method == "GET" else b"")

    gate.change = busy
    with pytest.raises(Unavailable, check=lambda error: error.code == "store_away"):
        read_all(store, "a", stored.version)


@pytest.mark.parametrize("ahead", [timedelta(hours=25), timedelta(days=365 * 20), -timedelta(days=3)])
def test_nothing_is_locked_by_a_clock_that_is_far_out(minio: S3Server, ahead: timedelta) -> None:
    """A lock in COMPLIANCE mode, decades away, could never be taken back."""
    settings = minio.settings()
    kept = MinioObjectStore(settings, utc_now).put("kept", b"k", sha256=sha(b"k"), retain_until=utc_now().date())
    wrong = MinioObjectStore(settings, lambda: utc_now() + ahead)
    later = utc_now().date() + timedelta(days=3650)
    for act in (
        lambda: wrong.put("a", b"x", sha256=sha(b"x"), retain_until=later),
        lambda: wrong.put("kept", b"k", sha256=sha(b"k"), retain_until=later),
        lambda: wrong.extend_lock("kept", kept.version, later),
        lambda: probe.run(wrong, utc_now),
    ):
        with pytest.raises(Unavailable, check=lambda error: error.code == "clock_differs"):
            act()
    assert wrong.stat("kept") == kept
    assert [item.key for item in wrong.list("")] == ["kept"]
    assert wrong.put("free", b"x", sha256=sha(b"x")).locked_until is None, "what has no lock can be taken back"
    right = MinioObjectStore(settings, lambda: utc_now() + timedelta(hours=23))
    assert right.put("a", b"x", sha256=sha(b"x"), retain_until=utc_now().date()).locked_until is not None


class _Watch:
    """A clock that a test moves: where the store guards nothing, our own clock says when a lock has
    ended.
    """

    def __init__(self) -> None:
        self.day = utc_now().date()

    def __call__(self) -> datetime:
        return datetime.combine(self.day, time(23, 59, 59), UTC)


class TestBucketWithoutLock(ObjectStoreContract):
    """The same promises, kept by us alone; nothing more than advisory can ever be claimed there."""

    @pytest.fixture
    def watch(self) -> _Watch:
        return _Watch()

    @pytest.fixture
    def settings(self, minio: S3Server) -> S3Store:
        settings = minio.settings()
        minio.client().make_bucket(settings.bucket)
        return settings

    @pytest.fixture
    def store(self, settings: S3Store, watch: _Watch) -> MinioObjectStore:
        return MinioObjectStore(settings, watch)

    @pytest.fixture
    def today(self, watch: _Watch) -> date:
        return watch.day

    def test_a_clock_ahead_frees_nothing_while_it_is_not_believed(self, settings: S3Store, watch: _Watch) -> None:
        believed = _Watch()
        ahead = MinioObjectStore(settings, watch, certain=believed)
        kept = ahead.put("a", b"k", sha256=sha(b"k"), retain_until=watch.day)
        watch.day += timedelta(400)
        with pytest.raises(Refused):
            ahead.delete("a", kept.version)
        believed.day += timedelta(400)
        ahead.delete("a", kept.version)

    @pytest.fixture
    def brief(self, store: MinioObjectStore, watch: _Watch) -> Brief:
        def put(key: str, content: bytes) -> tuple[StoredObject, Callable[[], None]]:
            stored = store.put(key, content, sha256=sha(content), retain_until=watch.day)

            def ended() -> None:
                watch.day += timedelta(1)

            return stored, ended

        return put

    def test_it_says_what_it_is(self, store: MinioObjectStore) -> None:
        assert store.weakness == REASONS["no_bucket_lock"]


def test_a_store_that_was_killed_is_away_and_comes_back_whole(tmp_path: Path) -> None:
    server = minio_server.server(tmp_path)
    server.process.start()
    try:
        store = MinioObjectStore(server.settings(), utc_now)
        until = utc_now().date() + timedelta(5)
        stored = store.put("a", b"x", sha256=sha(b"x"), retain_until=until)
        server.process.kill()
        for act in (
            lambda: store.stat("a"),
            lambda: list(store.read("a", stored.version)),
            lambda: store.put("b", b"y", sha256=sha(b"y")),
            lambda: list(store.list("")),
            lambda: store.delete("a", stored.version),
            lambda: store.extend_lock("a", stored.version, until + timedelta(1)),
            lambda: store.hold("a", stored.version, on=True),
        ):
            with pytest.raises(Unavailable) as caught:
                act()
            assert caught.value.code == "store_away"
        server.process.start()
        assert store.stat("a") == stored
        assert read_all(store, "a", stored.version) == b"x"
        assert [item.key for item in store.list("")] == ["a"]
    finally:
        server.process.kill()


RIGHTS = (
    *("ListBucket", "ListBucketVersions", "GetBucketVersioning", "GetBucketObjectLockConfiguration"),
    *("GetObject", "GetObjectVersion", "PutObject", "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"),
    *("GetObjectRetention", "PutObjectRetention", "GetObjectLegalHold", "PutObjectLegalHold"),
)
"""What docs/operations.md says that the service's key needs."""


def test_a_key_with_the_documented_rights_and_no_other_is_enough(minio: S3Server, repository: Path) -> None:
    text = (repository / "docs/operations.md").read_text(encoding="utf-8")
    assert [right for right in RIGHTS if f"`{right}`" not in text] == []
    settings = minio.settings()
    minio.client().make_bucket(settings.bucket, object_lock=True)
    store = MinioObjectStore(_limited(minio, settings), utc_now)
    until = utc_now().date() + timedelta(2)
    stored = store.put("a", b"x", sha256=sha(b"x"), retain_until=until)
    assert store.hold("a", stored.version, on=True).legal_hold
    assert not store.hold("a", stored.version, on=False).legal_hold
    assert store.extend_lock("a", stored.version, until + timedelta(1)).locked_until == until + timedelta(1)
    free = store.put("free", b"x" * (65 << 20), sha256=sha(b"x" * (65 << 20)))
    store.delete("free", free.version)
    shown = probe.run(store, utc_now)
    assert shown.assurance is Assurance.ENFORCED, shown.as_json()
    answers = {attempt.challenge: attempt.answer for attempt in shown.attempts}
    assert answers[Challenge.SUSPEND] == answers[Challenge.UNCONFIGURE] == "AccessDenied"


def _limited(minio: S3Server, settings: S3Store) -> S3Store:
    """The same bucket under a key that has these rights on it and no other."""
    admin = MinioAdmin(
        endpoint=f"127.0.0.1:{minio.port}", credentials=StaticProvider(ACCESS, SECRET), region="us-east-1", secure=False
    )
    name, secret = settings.bucket[-20:], "a-secret-of-its-own"
    resources = [f"arn:aws:s3:::{settings.bucket}", f"arn:aws:s3:::{settings.bucket}/*"]
    actions = [f"s3:{right}" for right in RIGHTS]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]}
    admin.policy_add(name, policy=policy)
    admin.user_add(name, secret)
    admin.policy_set(name, user=name)
    return settings.model_copy(update={"access_key": SecretStr(name), "secret_key": SecretStr(secret)})


@pytest.mark.parametrize(
    "endpoint", ["minio:9000", "ftp://minio", "https://", "http://minio:9000/path", "http://m?x=1"]
)
def test_what_is_no_address_is_refused(minio: S3Server, endpoint: str) -> None:
    settings = minio.settings().model_copy(update={"endpoint": endpoint})
    with refused("bad_endpoint"):
        MinioObjectStore(settings, utc_now).stat("a")


def test_an_authority_that_is_not_trusted_is_an_absence(tmp_path: Path, keys_of_a_server: Path) -> None:
    server = minio_server.server(tmp_path / "minio", tls=keys_of_a_server)
    server.process.start()
    try:
        settings = server.settings()
        trusted = settings.model_copy(update={"ca": keys_of_a_server / "public.crt"})
        store = MinioObjectStore(trusted, utc_now)
        stored = store.put("a", b"x", sha256=sha(b"x"), retain_until=utc_now().date())
        assert read_all(store, "a", stored.version) == b"x"
        with pytest.raises((Unavailable, Refused)) as caught:
            MinioObjectStore(settings, utc_now).stat("a")
        assert caught.value.code == "store_away"
    finally:
        server.process.kill()


@pytest.fixture
def keys_of_a_server(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, under the names that MinIO wants."""
    folder = tmp_path / "tls"
    folder.mkdir()
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", folder / "private.key", "-out", folder / "public.crt", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return folder
