"""Civil days of a tenant: a day begins at midnight of its own time zone, not of UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from archive.database.tables import ClockRow, TenantRow
from archive.model.days import DEFAULT_ZONE, Today
from signing.ground.errors import Refused


@cache
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no time zone database on this machine
        return UTC


def civil_day(moment: datetime, zone: str) -> date:
    """Return the day of a moment in a time zone."""
    return moment.astimezone(_zone(zone)).date()


def zone_of(session: Session, tenant: str) -> str:
    """Return the time zone of a tenant."""
    row = session.get(TenantRow, tenant)
    return row.time_zone if row is not None else DEFAULT_ZONE


def today_of(session: Session, tenant: str, now: datetime) -> Today:
    """Return the present day of a tenant, and whether the clock that tells it is trusted."""
    clock = session.get(ClockRow, 1)
    return Today(civil_day(now, zone_of(session, tenant)), trusted=clock is None or clock.distrusted_at is None)


def local_time(session: Session, tenant: str, moment: datetime) -> datetime:
    """Return a moment as a tenant's clocks show it."""
    return moment.astimezone(_zone(zone_of(session, tenant)))


def known_zone(name: str) -> str:
    """Check the name of a time zone.

    Raises:
        Refused: ``bad_time_zone``.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(
            "bad_time_zone",
            "Le fuseau horaire « {zone} » n’est pas connu.",
            kept="Rien n’a été changé.",
            action="Par exemple : Europe/Paris, America/Guadeloupe, Indian/Reunion.",
            zone=name,
        ) from error
    return name
