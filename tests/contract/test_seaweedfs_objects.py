"""The contract over a real SeaweedFS."""

from __future__ import annotations

import pytest

from tests.contract.s3_objects import S3Contract
from tests.servers.buckets import S3Server

pytestmark = pytest.mark.services


class TestSeaweedfsObjects(S3Contract):
    @pytest.fixture
    def server(self, seaweedfs: S3Server) -> S3Server:
        return seaweedfs
