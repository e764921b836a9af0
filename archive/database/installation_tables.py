"""Tables of the installation: probes, leases, the clock, copies, reports, alarms.

Read through ``tables``, which names them too.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.database.engine import Base


class StoreProbeRow(Base):
    """Result of one probe of the store (``archive.objects.probe``)."""

    __tablename__ = "store_probes"
    __table_args__ = (Index("ix_store_probes_store_id", "store", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    store: Mapped[str] = mapped_column(String(500))
    """The probed store: endpoint and bucket, or folder."""
    assurance: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    attempts: Mapped[list[Any]]
    """``[{"attack", "said", "credential", "outcome", "answer"}]``."""


class LeaseRow(Base):
    """A lease with at most one holder at a time: of the publisher, the follower, the sweeper."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime]
    fence: Mapped[int]


class ClockRow(Base):
    """The sense of time of the installation: one row (``archive.database.time_sense``)."""

    __tablename__ = "clock"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Always 1."""
    seen_at: Mapped[datetime]
    """Latest moment that fitted the entries and the looks before it."""
    certain_at: Mapped[datetime]
    """Latest moment by which what can't be undone may be judged."""
    gaps: Mapped[int]
    """Seconds that passed while nothing ran, since they were last made up for."""
    ran: Mapped[int]
    """Seconds of running since then."""
    distrusted_at: Mapped[datetime | None]
    """What the clock showed when it was first distrusted; None: it is trusted."""
    reason: Mapped[str | None] = mapped_column(String(20))
    difference: Mapped[int | None] = mapped_column(BigInteger)
    """Seconds by which the clock is ahead; negative: behind."""
    first_entry: Mapped[int | None]
    """First journal entry made under the distrusted clock."""
    witnessed_at: Mapped[datetime | None]
    """When an outside clock was last asked, by its own time."""


class CopyRow(Base):
    """One version of one object that the second store holds as well."""

    __tablename__ = "copies"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Version in the first store."""
    copy_version: Mapped[str] = mapped_column(String(200))
    """Version in the second store, which counts its versions in its own way."""
    record_id: Mapped[str | None] = mapped_column(String(36), index=True)
    """None for journal, register, layout and staging."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    locked_until: Mapped[date | None]
    legal_hold: Mapped[bool]
    copied_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    """When the copy was last read whole."""
    verdict: Mapped[str] = mapped_column(String(20))
    """Result of that reading, as a ``Fixity`` value.

    ``unverified``: it became the copy and was not read since.
    """


class CustodyReportRow(Base):
    """The latest run of each check of all holdings, for the page État, doctor and metrics."""

    __tablename__ = "custody_reports"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    """``rebuild``, ``reconcile``, ``copies``."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """None while the run goes on, or since it was killed."""
    verdict: Mapped[str] = mapped_column(String(20))
    """``running``, ``agreed`` or ``differs``."""
    facts: Mapped[dict[str, Any]]


class AlarmRow(Base):
    """Something that the journal contradicts: it stays until the contradiction is gone."""

    __tablename__ = "alarms"
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    """``deposit:<id>``, ``record:<id>``, ``entry:<n>`` …."""
    detail: Mapped[str] = mapped_column(Text)
    """Which facts differ: words of ours, never their values."""
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int]
    ended_at: Mapped[datetime | None]
    """When it was found put right."""
