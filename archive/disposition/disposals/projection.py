"""Lines of disposals and states of their records, as statements about disposals make them.

The same function follows a statement when it is made and when a rebuild reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from archive.catalogue import stale
from archive.catalogue.disposals import handed_over
from archive.catalogue.statements import Statement
from archive.database.batches import batches
from archive.database.disposal_tables import DisposalLineRow, DisposalRow, DisposalVisaRow, VisaRefusalRow
from archive.database.tables import RecordRow
from archive.disposition.disposals.decisions import outcome, read_answers
from archive.disposition.disposals.population import Candidate
from archive.model.disposals import DisposalState, LineDecision, LineState
from archive.model.statement_kinds import StatementKind
from archive.model.states import RecordState
from archive.retention.refusals import OVERRIDES
from signing.ground.errors import Refused

GIVEN = "given"
_DECIDED = frozenset({DisposalState.COOLING_OFF, DisposalState.REFUSED})
"""States in which all visas are known."""


def follow(session: Session, statement: Statement) -> None:
    """Bring lines and records in step with a statement about a disposal or a part of one."""
    if statement.kind is StatementKind.LINES:
        _enter_part(session, statement)
    elif statement.kind is StatementKind.OPINION:
        _enter_opinions(session, statement)
    elif statement.kind is StatementKind.DISPOSAL:
        row = session.get_one(DisposalRow, statement.subject)
        state = DisposalState(row.state)
        _exclude(session, row)
        if state in _DECIDED:
            decide(session, row, statement.at)
        if not state.is_open:
            free(session, row.id)


def _enter_part(session: Session, statement: Statement) -> None:
    """Enter the lines of a part of a population; those that are there are frozen anew."""
    body, line = statement.body, DisposalLineRow
    disposal = body["disposal_id"]
    told = {one["record"]: one for one in body["lines"]}
    asked = select(line).where(line.disposal_id == disposal, line.record_id.in_(list(told)))
    for row in session.scalars(asked).all():
        row.frozen = told.pop(row.record_id)
    values = [
        {
            "disposal_id": disposal,
            "record_id": record,
            "tenant_id": statement.tenant,
            "position": one["position"],
            "group_no": one["group"],
            "frozen": one,
            "state": LineState.INCLUDED.value,
        }
        for record, one in told.items()
    ]
    if values:
        session.connection().execute(insert(line), values)
        take(session, list(told))


def _enter_opinions(session: Session, statement: Statement) -> None:
    """Write what somebody thinks beside the lines that they named; the latest stands."""
    body, line = statement.body, DisposalLineRow
    who = {name: body[name] for name in ("person", "quality", "given_on")}
    for some in batches(sorted(body["lines"])):
        asked = select(line).where(line.disposal_id == body["disposal_id"], line.record_id.in_(some))
        for row in session.scalars(asked):
            told = body["lines"][row.record_id]
            row.opinion, row.opinion_told = told["decision"], {**who, **told}
    session.flush()


def judge(session: Session, disposal_id: str, made: Sequence[Candidate]) -> None:
    """Write what stands in the way of each line."""
    line = DisposalLineRow
    now = {one.line.record: one for one in made}
    for some in batches(list(now)):
        asked = select(line).where(line.disposal_id == disposal_id, line.record_id.in_(some))
        for row in session.scalars(asked):
            one = now[row.record_id]
            stand(row, one.blocked, one.locked_until)
    session.flush()


def stand(line: DisposalLineRow, blocked: str | None, locked_until: date | None) -> None:
    """Write what stands in the way of a line: a word of ours, else a lock, else nothing."""
    free = LineState.WAITING if locked_until is not None else LineState.INCLUDED
    line.state = (LineState.BLOCKED if blocked else free).value
    line.reason, line.waiting_until = blocked, None if blocked else locked_until


def as_before(session: Session, row: DisposalRow, made: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates under the numbers that they have in the bordereau, in that order."""
    line = DisposalLineRow
    asked = select(line.record_id, line.position, line.group_no).where(line.disposal_id == row.id)
    there = {record: (position, group) for record, position, group in session.execute(asked)}
    numbered = [
        replace(one, line=replace(one.line, position=there[one.line.record][0], group=there[one.line.record][1]))
        for one in made
    ]
    return sorted(numbered, key=lambda one: one.line.position)


def _exclude(session: Session, row: DisposalRow) -> None:
    """Take out the lines that the bordereau excludes, and put back those of a draft."""
    excluded, line = row.content["excluded"], DisposalLineRow
    asked = select(line).where(line.disposal_id == row.id)
    out = {one.record_id: one for one in session.scalars(asked.where(line.state == LineState.EXCLUDED))}
    back = [record for record in out if record not in excluded]
    for record in back:
        out[record].state, out[record].reason = LineState.INCLUDED.value, None
    new = [record for record in excluded if record not in out]
    for some in batches(new):
        for one in session.scalars(asked.where(line.record_id.in_(some))):
            one.state, one.reason, one.waiting_until = LineState.EXCLUDED.value, excluded[one.record_id], None
    session.flush()
    take(session, back)
    _release(session, new)


def decide(session: Session, row: DisposalRow, now: datetime) -> None:
    """Write what the visas say together on every line, with the consequences of a refusal.

    A record that is kept or sorted by decision is marked as stale: its dates are told anew.
    """
    visas = [read_answers(visa.content["answers"]) for visa in visas_of(session, row.id)]
    refused: list[str] = []
    for one in undecided(session, row.id):
        said = outcome(visas, one.record_id, one.group_no)
        if said.approved:
            one.decision = LineDecision.APPROVE.value
            continue
        one.state, one.waiting_until = LineState.REFUSED.value, None
        one.decision = said.decision.value if said.decision is not None else None
        one.reason, one.not_before = one.decision or "unanswered", said.not_before
        refused.append(one.record_id)
        if said.decision is not None and said.decision is not LineDecision.REFUSE:
            _follow_refusal(session, row, one.record_id, said.decision, said.not_before)
    session.flush()
    _release(session, refused)
    overridden = select(VisaRefusalRow.record_id).where(
        VisaRefusalRow.disposal_id == row.id, VisaRefusalRow.decision.in_(list(OVERRIDES))
    )
    stale.mark(session, RecordRow.id.in_(overridden), now)


def _follow_refusal(
    session: Session, row: DisposalRow, record_id: str, decision: LineDecision, not_before: date | None
) -> None:
    session.merge(
        VisaRefusalRow(
            record_id=record_id,
            tenant_id=row.tenant_id,
            disposal_id=row.id,
            decision=decision.value,
            not_before=not_before,
            decided_on=row.last_visa_on or row.proposed_on,
        )
    )
    record = session.get(RecordRow, record_id)
    if record is not None:
        record.not_before = not_before


def visas_of(session: Session, disposal_id: str) -> Sequence[DisposalVisaRow]:
    """Return the visas that are given, in the order in which they were."""
    visa = DisposalVisaRow
    asked = select(visa).where(visa.disposal_id == disposal_id, visa.state == GIVEN)
    return session.scalars(asked.order_by(visa.id)).all()


def undecided(session: Session, disposal_id: str) -> Sequence[DisposalLineRow]:
    """Return the lines that are not taken out and about which the visas have not decided."""
    line = DisposalLineRow
    asked = select(line).where(line.disposal_id == disposal_id, line.state != LineState.EXCLUDED)
    return session.scalars(asked.where(line.decision.is_(None)).order_by(line.position)).all()


def named(session: Session, disposal_id: str) -> tuple[set[int], set[str]]:
    """Return the numbers of a disposal's groups, and its records."""
    line = DisposalLineRow
    asked = select(line.group_no, line.record_id).where(line.disposal_id == disposal_id)
    there = session.execute(asked).all()
    return {group for group, _ in there}, {record for _, record in there}


# -- records


def take(session: Session, records: Sequence[str]) -> None:
    """Mark records as being in a disposal."""
    _mark(session, records, (RecordState.KEPT, RecordState.TRANSFERRED), RecordState.IN_DISPOSAL)


def _release(session: Session, records: Sequence[str]) -> None:
    """Release records; one whose custody had ended before is not ours again."""
    _mark(session, records, (RecordState.IN_DISPOSAL,), RecordState.TRANSFERRED, handed_over())
    _mark(session, records, (RecordState.IN_DISPOSAL,), RecordState.KEPT)


def _mark(
    session: Session,
    records: Sequence[str],
    before: Sequence[RecordState],
    after: RecordState,
    *which: ColumnElement[bool],
) -> None:
    row = RecordRow
    for some in batches(records):
        wanted = (row.id.in_(some), row.state.in_([state.value for state in before]), *which)
        marked = update(row).where(*wanted).values(state=after.value)
        session.execute(marked, execution_options={"synchronize_session": "fetch"} if which else {})


def free(session: Session, disposal_id: str) -> None:
    """Release every record of a disposal that has ended, save those that are gone."""
    _release(session, records_in(session, disposal_id, *LineState))


def records_in(session: Session, disposal_id: str, *states: LineState) -> list[str]:
    """Return the records of the lines in these states, in order of their ids."""
    line = DisposalLineRow
    asked = select(line.record_id).where(line.disposal_id == disposal_id, line.state.in_(states))
    return list(session.scalars(asked.order_by(line.record_id)))


def lock_records(session: Session, disposal_id: str) -> None:
    """Lock the records of a disposal, in order of their ids, before the journal's turn is taken."""
    line = DisposalLineRow
    ours = select(line.record_id).where(line.disposal_id == disposal_id)
    session.scalars(select(RecordRow.id).where(RecordRow.id.in_(ours)).order_by(RecordRow.id).with_for_update()).all()


def require_free(session: Session, records: Iterable[str]) -> None:
    """Refuse a record that another disposal took meanwhile.

    Raises:
        Refused: ``record_in_disposal``.
    """
    row = RecordRow
    for some in batches(sorted(records)):
        asked = select(row.id).where(row.id.in_(some), row.state != RecordState.KEPT).limit(1)
        if session.scalar(asked) is not None:
            raise Refused(
                "record_in_disposal",
                "Un document est déjà dans un autre bordereau.",
                kept="Le bordereau n’a pas été changé.",
                action="Retirez-le d’abord de l’autre bordereau.",
                pointer="/records",
            )


def common_producer(session: Session, records: Sequence[str]) -> str | None:
    """Return the producer that all these records name; None where they don't agree."""
    found: set[str | None] = set()
    for some in batches(records):
        found |= set(session.scalars(select(RecordRow.producer).where(RecordRow.id.in_(some)).distinct()))
    return found.pop() if len(found) == 1 else None
