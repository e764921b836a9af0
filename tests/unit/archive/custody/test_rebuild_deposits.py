"""A rebuild resumes the deposit that was acknowledged, not one that was cut before it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from ingestion.operations.custody import Custody
from ingestion.tables import DepositRow
from tests.holdings import lose_database, opened, receive, system_at
from tests.steps import Steps


@pytest.mark.parametrize("published", [True, False])
def test_a_request_sent_again_after_a_cut_keeps_the_deposit_that_was_acknowledged(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, published: bool
) -> None:
    """The cut one lies in staging with the same key; its id comes first."""
    with opened(tmp_path / "home", keys) as system:
        assert Steps(monkeypatch).run(lambda: receive(system, b"the bytes", "k1"), "before commit")
        acknowledged = receive(system, b"the bytes", "k1")
        if published:
            system.publisher.publish(force_token=True)
        lose_database(system)
    after = system_at(tmp_path / "home")
    try:
        after.prepare_rebuild()
        report = Custody(after).rebuild()
        with after.database.read() as session:
            assert [row.id for row in session.scalars(select(DepositRow))] == [acknowledged.id]
        assert report["recovered"]["count"] == (0 if published else 1)
        assert receive(after, b"the bytes", "k1").id == acknowledged.id
    finally:
        after.close()
