"""A named lease, locked for as long as a transaction decides who holds it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from archive.database.tables import LeaseRow


def locked_lease(session: Session, name: str, now: datetime) -> LeaseRow:
    """Return the lease's row, locked for this transaction; made without a holder if absent.

    Args:
        session: A write transaction.
        name: Name of the lease.
        now: End of the new lease, where the lease was absent.
    """
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is not None:
        return row
    dialect: Any = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    nobody = dialect.insert(LeaseRow).values(name=name, holder="", until=now, fence=0)
    session.execute(nobody.on_conflict_do_nothing())
    return session.get_one(LeaseRow, name, with_for_update=True)


def runs(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether a lease still runs; one that ends later than any can was given by a wrong clock."""
    return now < until <= now + longest
