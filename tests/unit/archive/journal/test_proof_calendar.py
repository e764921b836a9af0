"""The calendar of proofs: what ends when, and when an alarm is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from archive.journal.proof_calendar import AUTHORITY, CHECKPOINTS, ROOT, SEAL, Deadline, calendar, due
from ingestion.assembly import System
from signing.validity import Validity

BORN = datetime(2026, 3, 12, tzinfo=UTC)
SPAN = Deadline(SEAL, Validity("Cachet", BORN, BORN + timedelta(days=3650)))


@pytest.mark.parametrize(
    ("left", "level"), [(3650, 0), (366, 0), (364, 1), (90, 1), (89, 2), (30, 2), (29, 3), (0, 3), (-1, 3), (3651, 3)]
)
def test_an_alarm_is_due_at_a_year_ninety_and_thirty_days(left: int, level: int) -> None:
    now = SPAN.validity.ends - timedelta(days=left)
    assert SPAN.level(now) == level
    assert list(due([SPAN], now)) == ([SPAN] if level else [])


def test_each_thing_that_ends_has_its_own_date(system: System) -> None:
    system.initialise()
    with system.database.read() as session:
        before = calendar(session, system.signer, system.timestamper)
    assert [one.what for one in before if one.what != CHECKPOINTS] == [SEAL, AUTHORITY, ROOT]
    system.publisher.publish(force_token=True)
    with system.database.read() as session:
        found = {one.what: one.validity for one in calendar(session, system.signer, system.timestamper)}
    assert found[SEAL] == Validity.of(system.signer.certificate)
    assert found[ROOT] == Validity.of(system.signer.chain[-1])
    assert found[CHECKPOINTS] == found[AUTHORITY] == Validity.of(system.timestamper.chain[0])
    assert found[SEAL].ends < found[AUTHORITY].ends < found[ROOT].ends
