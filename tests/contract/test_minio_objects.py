"""The contract over a real MinIO, and what is particular to an S3."""

from __future__ import annotations

import pytest

from tests.contract.s3_objects import S3Contract
from tests.servers.buckets import S3Server

pytestmark = pytest.mark.services


class TestMinioObjects(S3Contract):
    @pytest.fixture
    def server(self, minio: S3Server) -> S3Server:
        return minio
