"""The contract over an S3, and what is particular to one: shared by the servers it is run on."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import pytest
from minio.commonconfig import COMPLIANCE, GOVERNANCE
from minio.retention import Retention
from pydantic import SecretStr

from archive.model.settings import S3Store
from archive.objects import fixity
from archive.objects.minio import MinioObjectStore
from archive.objects.port import Assurance, StoredObject, Unreadable, read_all
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Unavailable
from tests.contract.suite_objects import Brief, ObjectStoreContract, refused, sha
from tests.servers.buckets import S3Server, rot

BRIEF_SECONDS = 3


class S3Contract(ObjectStoreContract):
    """A subclass gives ``server``."""

    @pytest.fixture
    def server(self) -> S3Server:
        raise NotImplementedError

    @pytest.fixture
    def settings(self, server: S3Server) -> S3Store:
        return server.settings()

    @pytest.fixture
    def store(self, settings: S3Store) -> MinioObjectStore:
        return MinioObjectStore(settings, utc_now)

    @pytest.fixture
    def today(self) -> date:
        return utc_now().date()

    @pytest.fixture
    def brief(self, server: S3Server, settings: S3Store, store: MinioObjectStore) -> Brief:
        """Our locks are days.

        The store's are seconds: one that we would not make ends while we wait.
        """

        def put(key: str, content: bytes) -> tuple[StoredObject, Callable[[], None]]:
            store.open()
            ends = datetime.now(UTC) + timedelta(seconds=BRIEF_SECONDS)
            made = server.client().put_object(
                settings.bucket, key, io.BytesIO(content), len(content), retention=Retention(COMPLIANCE, ends)
            )

            def ended() -> None:
                time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)

            return store.stat(key, made.version_id), ended

        return put

    def test_it_is_advisory_until_a_probe_shows_more(self, store: MinioObjectStore) -> None:
        assert store.assurance is Assurance.ADVISORY

    def test_the_bucket_is_made_with_object_lock(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore
    ) -> None:
        self.put(store, "a", b"x")
        server.client().get_object_lock_config(settings.bucket)  # raises where there is none
        assert store.weakness is None

    def test_a_lock_is_the_store_s_own_until_its_last_day_is_over_everywhere(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore, today: date
    ) -> None:
        until = today + timedelta(3)
        stored = self.put(store, "a", b"x", retain_until=until)
        kept = server.client().get_object_retention(settings.bucket, "a", version_id=stored.version)
        assert kept is not None
        assert kept.mode == COMPLIANCE
        assert kept.retain_until_date == datetime.combine(until, clock_time(12), UTC) + timedelta(1)

    def test_a_lock_that_a_right_can_lift_is_none(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore, today: date
    ) -> None:
        store.open()
        ends = datetime.now(UTC) + timedelta(days=10)
        server.client().put_object(settings.bucket, "weak", io.BytesIO(b"x"), 1, retention=Retention(GOVERNANCE, ends))
        assert store.stat("weak").locked_until is None

    def test_a_pinned_version_survives_what_is_laid_over_it(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore, today: date
    ) -> None:
        stored = self.put(store, "a", b"kept", retain_until=today + timedelta(3))
        other = server.client().put_object(settings.bucket, "a", io.BytesIO(b"other"), 5)
        server.client().remove_object(settings.bucket, "a")
        assert read_all(store, "a", stored.version) == b"kept"
        assert store.stat("a", stored.version) == stored
        with refused("object_missing"):
            store.stat("a")
        listed = list(store.list("a"))
        assert [(item.version, item.marker) for item in listed[:2]] == [
            (stored.version, False),
            (other.version_id, False),
        ]
        assert [item.marker for item in listed] == [False, False, True]
        with refused("object_missing"):
            store.stat("a", listed[2].version)
        store.delete("a", listed[2].version)
        assert store.stat("a").version == other.version_id

    def test_a_listing_of_many_pages_is_in_order_and_complete(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore
    ) -> None:
        """One key has versions on two pages of the server's, and its marker comes apart
        from them.
        """
        store.open()
        client = server.client()

        def write(key: str) -> str:
            return str(client.put_object(settings.bucket, key, io.BytesIO(b"x"), 1).version_id)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, [f"l/{n:04}" for n in range(990)]))
            list(pool.map(write, [f"l/z{n:04}" for n in range(120)]))
        versions = [write("l/many") for _ in range(20)]
        client.remove_object(settings.bucket, "l/many")
        listed = list(store.list("l/"))
        assert [item.key for item in listed] == sorted(item.key for item in listed)
        assert len(listed) == 990 + 120 + 21
        many = [item for item in listed if item.key == "l/many"]
        assert [item.version for item in many if not item.marker] == versions
        assert [item.marker for item in many] == [False] * 20 + [True]

    def test_an_object_larger_than_memory_should_be_takes_little_of_it(
        self, settings: S3Store, store: MinioObjectStore, today: date, tmp_path: Path
    ) -> None:
        source = tmp_path / "big"
        with source.open("wb") as target:
            for number in range(200):
                target.write(number.to_bytes(2, "big") * (1 << 19))
        store.open()
        program = _IN_LITTLE_MEMORY.format(
            source=str(source),
            until=(today + timedelta(2)).isoformat(),
        )
        shown = settings.model_dump(mode="json") | {
            "access_key": settings.access_key.get_secret_value(),
            "secret_key": settings.secret_key.get_secret_value(),
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(shown),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        grown = int(done.stdout)
        assert grown < 120 << 10, f"{grown} KiB for an object of 200 MiB"
        assert store.stat("big").locked_until == today + timedelta(2)

    def test_a_child_of_a_fork_uses_no_connection_of_its_parent(self, store: MinioObjectStore) -> None:
        self.put(store, "a", b"x")
        parent = store.open()[0]
        child = os.fork()
        if child == 0:
            fine = store.open()[0] is not parent and read_all(store, "a") == b"x"
            os._exit(0 if fine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store.open()[0] is parent
        assert read_all(store, "a") == b"x"

    @pytest.mark.parametrize("size", [5_000, 70 << 20], ids=["whole", "parts"])
    def test_what_rots_on_its_disks_is_unreadable_and_replaced_beside(
        self, server: S3Server, settings: S3Store, store: MinioObjectStore, today: date, size: int
    ) -> None:
        """It is never taken for what it was; others are read as ever.

        What breaks off is asked for again from there, and SeaweedFS checks no sums then: a digest
        tells.
        """
        content = random.Random(size).randbytes(size)
        kept = self.put(store, "kept", content[::-1], retain_until=today + timedelta(3))
        rotten = self.put(store, "rotten", content, retain_until=today + timedelta(3))
        rot(server, settings.bucket, content)
        assert store.stat("rotten", rotten.version) == rotten, "the server tells of it as if nothing were wrong"
        with pytest.raises((Unreadable, Corrupt)) as caught:
            fixity.check(store, "rotten", rotten.version, sha256=sha(content), size=size)
        assert caught.value.code in {"object_unreadable", "altered"}
        assert caught.value.values["key"] == "rotten"
        assert read_all(store, "kept", kept.version) == content[::-1]
        again = store.put("rotten", content, sha256=sha(content), retain_until=today + timedelta(3), replace=True)
        assert again.version != rotten.version
        assert read_all(store, "rotten") == content
        assert [item.version for item in store.list("rotten")] == [rotten.version, again.version]

    def test_a_wrong_credential_is_an_absence(self, settings: S3Store, store: MinioObjectStore) -> None:
        self.put(store, "a", b"x")
        wrong = settings.model_copy(update={"secret_key": SecretStr("not-the-secret-at-all")})
        with pytest.raises(Unavailable) as caught:
            MinioObjectStore(wrong, utc_now).stat("a")
        assert caught.value.code == "store_away"
        assert "not-the-secret" not in str(caught.value)


_IN_LITTLE_MEMORY = """
import hashlib, resource, sys
from datetime import date
from pathlib import Path
from archive.objects import fixity
from archive.objects.minio import MinioObjectStore
from archive.model.settings import S3Store
from signing.ground.clock import utc_now
from signing.ground.errors import Corrupt, Unavailable
told = S3Store.model_validate_json(sys.stdin.read())
store = MinioObjectStore(told, utc_now)
store.put("small", b"x", sha256=hashlib.sha256(b"x").hexdigest())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
digest = hashlib.sha256()
with open("{source}", "rb") as file:
    while chunk := file.read(1 << 20):
        digest.update(chunk)
stored = store.put("big", Path("{source}"), sha256=digest.hexdigest(), retain_until=date.fromisoformat("{until}"))
again = hashlib.sha256()
for chunk in store.read("big", stored.version):
    again.update(chunk)
assert again.hexdigest() == digest.hexdigest()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
