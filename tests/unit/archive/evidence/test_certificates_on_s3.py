"""Certificates in a bucket: written open, claimed, then locked; what nobody claimed is replaced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from archive.evidence.certificates import Certificates
from ingestion.operations.custody import Custody
from signing.ground.clock import utc_now
from tests.bordereaux import Town, Watch
from tests.certified import executed_on_paper, issue, judged, not_intact, publish, take, trust_in
from tests.holdings import opened
from tests.servers.minio import S3Server
from tests.unit.archive.custody.test_on_s3 import names

pytestmark = pytest.mark.services


class PowerCut(BaseException):
    """The power goes."""


def day_of(distance: int) -> str:
    return (utc_now() + timedelta(days=distance)).date().isoformat()


def _cut(*_args: object) -> None:
    raise PowerCut


def test_killed_before_its_claim_it_is_issued_once_and_locked(
    tmp_path: Path, keys: Path, minio: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    watch.now = utc_now()  # as the server: else nothing is locked
    with opened(tmp_path / "home", keys, clock=watch, **names(minio, "S3")) as system:
        town = Town(system, tmp_path, watch)
        town.rule("BON", 10)
        disposal = executed_on_paper(town, 3, day_of(-20), day_of(0))
        watch.now = utc_now()
        with monkeypatch.context() as power:
            power.setattr(Certificates, "_claim", _cut)
            with pytest.raises(PowerCut):
                issue(town)
        assert issue(town).issued == [(disposal, 1)]
        there = list(system.store.list("disposals/"))
        assert len({item.key for item in there}) == 4
        assert len([item for item in there if not item.marker]) == 4, "one version each"
        assert all(system.store.stat(item.key).locked_until for item in there)
        path, pdf = take(town, disposal, tmp_path)
        assert not_intact(judged(path, trust_in(system), pdf)) == {}
        publish(town)
        found = Custody(system).reconcile(pause=lambda _s: None)["findings"]
        assert [one for one in found if "disposals/" in one["what"]] == []
