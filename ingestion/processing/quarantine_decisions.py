"""Decide on a quarantined deposit: keep it as received, or refuse it; destroy what was refused.

What is kept so is not processed further: its bytes lie in the store as they came, and the verdict
that set them aside stays with the record. Refused bytes are kept for 30 days, in which the refusal
may be taken back; then the decision to destroy them is committed, they are destroyed, and the
journal says so. A crash in between is finished by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import RecordRow
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore
from archive.retention.civil import civil_day, zone_of
from ingestion.deposits import outbox
from ingestion.deposits.queries import find
from ingestion.deposits.states import DepositState, problem
from ingestion.processing.run import OVER
from ingestion.stages.port import Detail
from ingestion.stages.registry import STAGES
from ingestion.tables import DepositRow, PageTaskRow, StageRunRow
from signing.ground.clock import Clock
from signing.ground.errors import Refused

log = structlog.get_logger(__name__)

KEPT_DAYS: Final = 30
"""Days for which the bytes of a refused deposit are kept."""
LONGEST_REASON: Final = 2000
REFUSED, LEAVING, DESTROYED = "refused", "refused_leaving", "refused_destroyed"
"""Codes of the problem of a refused deposit, while its bytes are kept, go, and are gone."""
_AS_RECEIVED: Final = Detail(
    "kept_as_received", "Non fait : un archiviste a décidé de garder ce fichier tel qu’il a été reçu."
)


def accept(
    database: Database,
    ledger: Ledger,
    clock: Clock,
    notify: Callable[[], None],
    tenant: str,
    deposit_id: str,
    agent: str,
) -> None:
    """Keep a quarantined deposit, or one refused lately, as it was received.

    Raises:
        Refused: ``deposit_not_found``, ``deposit_not_quarantined``.
    """
    with database.write() as session:
        row = _waiting(session, tenant, deposit_id, or_refused=True)
        reason = _why(row)
        now = clock()
        _skip_the_rest(session, deposit_id)
        row.state = DepositState.KEPT if _is_record(session, deposit_id) else DepositState.WORKING
        _changed(row, now, None)
        _enter(ledger, session, EntryType.DEPOSIT_ACCEPTED, row, agent, reason)
        if row.state == DepositState.WORKING:
            outbox.add(session, outbox.ADVANCE, deposit_id, row.priority, at=now)
    notify()


def refuse(
    database: Database, ledger: Ledger, clock: Clock, tenant: str, deposit_id: str, agent: str, *, reason: str
) -> None:
    """Refuse a quarantined deposit: its bytes are kept for 30 days, its producer is told why.

    Args:
        reason: In words, shown to the producer; never in the journal.

    Raises:
        Refused: ``deposit_not_found``, ``deposit_not_quarantined``, ``bad_refusal``.
    """
    told = reason.strip()
    if not told or len(told) > LONGEST_REASON or "\0" in told:
        raise Refused(
            "bad_refusal",
            "Le motif du refus manque, ou dépasse {longest} signes.",
            kept="Rien n’a été changé.",
            action="Dites au producteur pourquoi ce dépôt n’est pas gardé.",
            pointer="/reason",
            longest=LONGEST_REASON,
        )
    with database.write() as session:
        row = _waiting(session, tenant, deposit_id)
        if _is_record(session, deposit_id):
            raise _not_quarantined()
        why, now = _why(row), clock()
        row.state = DepositState.REFUSED
        until = civil_day(now, zone_of(session, tenant)) + timedelta(days=KEPT_DAYS)
        _changed(row, now, _refusal(told, until.isoformat(), why))
        _enter(ledger, session, EntryType.DEPOSIT_REFUSED, row, agent, why, until=until.isoformat())


def destroy_refused(database: Database, ledger: Ledger, store: ObjectStore, certain: Clock) -> int:
    """Destroy the bytes of deposits that were refused more than 30 days ago; return their number.

    Args:
        certain: Gives the moment by which what can't be undone is judged.
    """
    now, done = certain(), 0
    with database.read() as session:
        query = select(DepositRow).where(DepositRow.state == DepositState.REFUSED).order_by(DepositRow.id)
        due = [row.id for row in session.scalars(query) if _is_over(session, row, now)]
    for deposit_id in due:
        with database.write() as session:  # the decision first: from here on nobody takes it back
            row = session.get_one(DepositRow, deposit_id, with_for_update=True)
            if not _is_over(session, row, now):
                continue
            row.problem = dict(row.problem or {}) | {"code": LEAVING}
            folder = DepositFolder(row.tenant_id, row.id)
        # the statement last: from it a rebuild knows that the bytes went as they should
        for item in sorted(store.list(folder.prefix), key=lambda one: one.key == folder.statement):
            store.delete(item.key, item.version)
        with database.write() as session:
            row = session.get_one(DepositRow, deposit_id, with_for_update=True)
            if (row.problem or {}).get("code") != LEAVING:
                continue
            told = dict(row.problem or {})
            told |= {"code": DESTROYED, "action": "Les octets reçus ont été détruits après le {until}."}
            _changed(row, now, told)
            _enter(ledger, session, EntryType.DEPOSIT_DESTROYED, row, None, told["values"].get("was", ""))
        done += 1
        log.info("refused_bytes_destroyed", deposit=deposit_id)
    return done


def keeps_bytes(row: DepositRow) -> bool:
    """Whether a deposit's bytes must lie in staging, unless it is a record."""
    if row.state == DepositState.UNPACKED:
        return False  # its parts have theirs
    return row.state != DepositState.REFUSED or (row.problem or {}).get("code") == REFUSED


def refused_again(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the problem of a refused deposit after its row was lost: its reason is not known."""
    return _refusal("le motif n’est plus connu.", str(facts["until"]), str(facts.get("reason", "")))


def _refusal(reason: str, until: str, was: str) -> dict[str, Any]:
    return problem(
        REFUSED,
        "Un archiviste a refusé ce dépôt : {reason}",
        action="Les octets reçus sont gardés jusqu’au {until}, puis détruits. D’ici là, il peut revenir sur sa "
        "décision.",
        values={"reason": reason, "until": until, "was": was},
    )


def _is_over(session: Session, row: DepositRow, now: datetime) -> bool:
    told = row.problem or {}
    if row.state != DepositState.REFUSED or told.get("code") == DESTROYED:
        return False
    until = date.fromisoformat(told["values"]["until"])
    return bool(told["code"] == LEAVING or civil_day(now, zone_of(session, row.tenant_id)) > until)


def _waiting(session: Session, tenant: str, deposit_id: str, *, or_refused: bool = False) -> DepositRow:
    row = find(session, tenant, deposit_id)
    session.refresh(row, with_for_update=True)
    refused = or_refused and row.state == DepositState.REFUSED and keeps_bytes(row)
    if row.state != DepositState.QUARANTINED and not refused:
        raise _not_quarantined()
    return row


def _why(row: DepositRow) -> str:
    """Return the code of what set a deposit aside."""
    told = row.problem or {}
    return str(told.get("values", {}).get("was") or told.get("code", ""))


def _is_record(session: Session, deposit_id: str) -> bool:
    return session.scalar(select(RecordRow.id).where(RecordRow.deposit_id == deposit_id)) is not None


def _skip_the_rest(session: Session, deposit_id: str) -> None:
    """Skip every stage that is not over: what was set aside is not opened again."""
    over = set(
        session.scalars(
            select(StageRunRow.name).where(StageRunRow.deposit_id == deposit_id, StageRunRow.state.in_(OVER))
        )
    )
    session.execute(delete(PageTaskRow).where(PageTaskRow.deposit_id == deposit_id))
    for stage in STAGES:
        if stage.name not in over:
            session.merge(_skipped(deposit_id, stage.name))
    session.flush()


def _skipped(deposit_id: str, name: str) -> StageRunRow:
    return StageRunRow(
        deposit_id=deposit_id,
        name=name,
        state="skipped",
        done=None,
        total=None,
        started_at=None,
        ended_at=None,
        detail=_AS_RECEIVED.as_json(),
        tool=None,
        tool_version=None,
        parameters=None,
        inputs=None,
        outputs=None,
        facts=None,
        remarks=None,
    )


def _changed(row: DepositRow, now: datetime, told: dict[str, Any] | None) -> None:
    row.problem = told
    row.attempts = 0
    row.fence += 1
    row.lease_owner = row.lease_until = None
    row.version += 1
    row.updated_at = now


def _enter(
    ledger: Ledger, session: Session, kind: EntryType, row: DepositRow, agent: str | None, reason: str, **facts: str
) -> None:
    ledger.append(
        session,
        type=kind,
        tenant=row.tenant_id,
        subject=f"deposit:{row.id}",
        agent=agent or "service:ingestion",
        facts={"reason": reason, **facts},
    )


def _not_quarantined() -> Refused:
    return Refused(
        "deposit_not_quarantined",
        "Ce dépôt n’attend pas de décision.",
        kept="Rien n’a été changé.",
        action="Consultez le dépôt : il dit où il en est.",
    )
