"""The contract over an S3, and what is particular to one: shared by the servers it is run on."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from minio.commonconfig import COMPLIANCE
from minio.retention import Retention

from archive.objects.minio import MinioObjectStore
from archive.objects.port import StoredObject
from archive.settings import S3Store
from signing.clock import utc_now
from tests.contract.suite_objects import Brief, ObjectStoreContract
from tests.servers.buckets import S3Server

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
        """Our locks are days; the store's are seconds: one that we would not make ends while we wait."""

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
