"""Bordereau: draft one, take lines out, submit it, stop it.

Each act states the bordereau whole, and the parts of its population where they change, in one
transaction with the rows that repeat them. Until it is submitted a line may be put back; after
that, only taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.disposal_tables import DisposalChunkRow, DisposalLineRow, DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import projection
from archive.disposition.disposals.frozen import CHUNK, FrozenLine, lines_digest, population_digest
from archive.disposition.disposals.population import bad_disposal, candidates, chosen
from archive.disposition.due_query import DueQuery
from archive.journal.types import EntryType
from archive.model.disposals import Direction, DisposalAction, DisposalState, LineState
from archive.model.identifiers import is_id, new_id
from archive.model.statement_kinds import StatementKind
from signing.ground.clock import iso
from signing.ground.errors import Refused

LONGEST: Final = 1000
"""Signs of a title or a reason."""
_READERS: Final = 2
"""People who still read what a removal takes."""
UNCHANGED: Final = "Le bordereau n’a pas été changé."


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a person asks for.

    Attributes:
        authority: Whether the mayor or president signs as well.
        producer: Exact name of the producing service; None: as the records say, if they agree.
        records: These; None: all that are ready and that ``query`` finds.
        reason: Why, where something is removed that no rule lets go.
        readers: The two people who alone read what is removed, from its submission.
    """

    action: DisposalAction
    direction: Direction
    title: str
    producer: str | None = None
    authority: bool = False
    records: Sequence[str] | None = None
    query: DueQuery | None = None
    reason: str | None = None
    readers: Sequence[str] = ()


def draft(act: Act, asked: Draft) -> DisposalRow:
    """Draft a bordereau; its records are in no other one from then on.

    Raises:
        Refused: ``bad_disposal``, ``record_not_found``, ``record_not_kept``,
            ``record_in_disposal``.
    """
    title, reason = _text("/title", asked.title), asked.reason
    if asked.action is DisposalAction.REMOVE:
        reason = _text("/reason", asked.reason or "")
        if asked.records is None:
            raise bad_disposal("/records", "Un retrait nomme ses documents un à un.")
        if len(asked.readers) != _READERS or len(set(asked.readers)) < _READERS:
            raise bad_disposal("/readers", "Un retrait nomme les deux personnes qui le lisent encore.")
    elif asked.readers:
        raise bad_disposal("/readers", "Seul un retrait ferme la lecture.")
    records = chosen(act, asked.action, records=asked.records, query=asked.query, direction=asked.direction)
    made = candidates(act, asked.action, records)
    disposal = new_id()
    parts = _parts([one.line for one in made])
    body: dict[str, Any] = {
        "reference": next_reference(act),
        "title": title,
        "action": asked.action.value,
        "direction": asked.direction.value,
        "authority": asked.authority,
        "producer": asked.producer or projection.common_producer(act.session, records),
        "reason": reason,
        "state": DisposalState.DRAFT.value,
        "drafted_by": act.agent,
        "drafted_on": iso(act.today.day),
        "records": len(made),
        "population": population_digest(map(lines_digest, parts)),
        "excluded": {},
        "proposed_on": None,
        "submitted_by": None,
        "last_visa_on": None,
        "stop_until": None,
        "confirmed_by": None,
        "ended_on": None,
        "ended_reason": None,
    }
    if asked.action is DisposalAction.REMOVE:
        body["readers"] = sorted(asked.readers)
    row = _state(act, disposal, 0, "drafted", body)
    _state_parts(act, disposal, parts, {})
    projection.judge(act.session, disposal, made)
    return row


def exclude(act: Act, disposal_id: str, expected: int | None, records: Mapping[str, str]) -> DisposalRow:
    """Take lines out, each with its reason.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``line_not_found``, ``disposal_committed``, ``bad_disposal``.
    """
    row = changeable(act, disposal_id, expected)
    reasons = {record: _text("/comment", reason) for record, reason in records.items()}
    require_lines(act.session, row, reasons)
    body = dict(row.content)
    body["excluded"] = {**body["excluded"], **reasons}
    return _state(act, row.id, row.number, "lines_excluded", body)


def include(act: Act, disposal_id: str, expected: int | None, records: Iterable[str]) -> DisposalRow:
    """Put lines back that were taken out of a draft; once it is submitted nothing is added.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``line_not_found``, ``record_in_disposal``.
    """
    row = changeable(act, disposal_id, expected)
    wanted = set(records)
    if row.state != DisposalState.DRAFT:
        raise _closed("Ce bordereau est soumis : une ligne retirée n’y revient pas.", row.state)
    require_lines(act.session, row, wanted)
    projection.require_free(act.session, wanted & row.content["excluded"].keys())
    body = dict(row.content)
    body["excluded"] = {record: why for record, why in body["excluded"].items() if record not in wanted}
    return _state(act, row.id, row.number, "lines_included", body)


def submit(act: Act, disposal_id: str, expected: int | None) -> DisposalRow:
    """Freeze the population as it is today, and ask for the visas.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``disposal_empty``.
    """
    row = changeable(act, disposal_id, expected)
    if row.state != DisposalState.DRAFT:
        raise _closed("Ce bordereau est déjà soumis.", row.state)
    taken = projection.records_in(act.session, row.id, LineState.INCLUDED, LineState.BLOCKED, LineState.WAITING)
    if not taken:
        raise Refused(
            "disposal_empty",
            "Ce bordereau n’a plus de ligne.",
            kept=UNCHANGED,
            action="Remettez une ligne, ou abandonnez-le.",
        )
    made = projection.as_before(act.session, row, candidates(act, DisposalAction(row.action), taken))
    chunks = {chunk.position: chunk for chunk in chunks_of(act.session, row.id)}
    parts = _parts([one.line for one in made])
    parts += [[] for _ in range(len(chunks) - len(parts))]  # fewer lines than were drafted
    body = dict(row.content)
    body |= {
        "state": DisposalState.SUBMITTED.value,
        "proposed_on": iso(act.today.day),
        "submitted_by": act.agent,
        "population": population_digest(map(lines_digest, parts)),
    }
    _state_parts(act, row.id, parts, chunks)
    row = _state(act, row.id, row.number, "submitted", body)
    projection.judge(act.session, row.id, made)
    return row


def withdraw(act: Act, disposal_id: str, expected: int | None, reason: str) -> DisposalRow:
    """Stop a whole bordereau: until the last day of its cooling-off period, or before it starts.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``bad_disposal``.
    """
    row = changeable(act, disposal_id, expected)
    if not DisposalState(row.state).may_be_stopped:
        raise _closed("Son exécution a commencé : elle ne s’arrête plus.", row.state)
    body = dict(row.content)
    body |= {
        "state": DisposalState.WITHDRAWN.value,
        "ended_on": iso(act.today.day),
        "ended_reason": _text("/reason", reason),
    }
    return _state(act, row.id, row.number, "withdrawn", body)


# -- what is there


def get(session: Session, tenant: str, disposal_id: str) -> DisposalRow:
    """Return a disposal of this tenant.

    Raises:
        Refused: ``disposal_not_found``.
    """
    row = session.get(DisposalRow, disposal_id) if is_id(disposal_id) else None
    if row is None or row.tenant_id != tenant:
        raise Refused("disposal_not_found", "Ce bordereau n’existe pas.", action="Vérifiez son identifiant.")
    return row


def changeable(act: Act, disposal_id: str, expected: int | None) -> DisposalRow:
    """Return a disposal that can still change, locked, in the journal's turn.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``.
    """
    row = get(act.session, act.tenant, disposal_id)
    projection.lock_records(act.session, row.id)
    act.ledger.take_turn(act.session)
    act.session.refresh(row)
    if expected is not None and expected != row.number:
        raise Refused(
            "precondition_failed",
            "Quelqu’un d’autre l’a modifié entre-temps.",
            kept="Votre modification n’a pas été enregistrée.",
            action="Relisez ce qui est en place, puis recommencez.",
        )
    if not DisposalState(row.state).is_open:
        raise _closed("Ce bordereau est clos : rien n’y change plus.", row.state)
    return row


def chunks_of(session: Session, disposal_id: str) -> Sequence[DisposalChunkRow]:
    """Return the parts of a disposal's population, in order."""
    chunk = DisposalChunkRow
    return session.scalars(select(chunk).where(chunk.disposal_id == disposal_id).order_by(chunk.position)).all()


def next_reference(act: Act) -> str:
    """Return the next number of a tenant's bordereaux this year; asked in the journal's turn."""
    year, row = act.today.day.year, DisposalRow
    asked = select(func.count()).where(row.tenant_id == act.tenant, row.reference.like(f"{year}-%"))
    return f"{year}-{(act.session.scalar(asked) or 0) + 1:02d}"


def state_disposal(act: Act, row: DisposalRow, change: str, body: Mapping[str, Any]) -> DisposalRow:
    """State a disposal anew; its lines and records follow."""
    return _state(act, row.id, row.number, change, body)


# -- parts


def _state(act: Act, disposal_id: str, expected: int, change: str, body: Mapping[str, Any]) -> DisposalRow:
    statement = act.state(StatementKind.DISPOSAL, disposal_id, expected, change, body, EntryType.DISPOSAL_STATED)
    projection.follow(act.session, statement)
    return act.session.get_one(DisposalRow, disposal_id)


def _parts(lines: Sequence[FrozenLine]) -> list[Sequence[FrozenLine]]:
    return [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]


def _state_parts(
    act: Act, disposal_id: str, parts: Sequence[Sequence[FrozenLine]], there: Mapping[int, DisposalChunkRow]
) -> None:
    """State a population part by part; the lines follow."""
    for position, part in enumerate(parts, 1):
        before = there.get(position)
        body = {
            "disposal_id": disposal_id,
            "position": position,
            "records": len(part),
            "digest": lines_digest(part),
            "lines": [line.as_json() for line in part],
        }
        subject, expected = (before.id, before.number) if before is not None else (new_id(), 0)
        change = "frozen" if there else "drafted"
        statement = act.state(StatementKind.LINES, subject, expected, change, body, EntryType.DISPOSAL_STATED)
        projection.follow(act.session, statement)


def require_lines(session: Session, row: DisposalRow, records: Iterable[str]) -> None:
    """Refuse records that are no line of a bordereau, or whose destruction was decided.

    Raises:
        Refused: ``bad_disposal``, ``line_not_found``, ``disposal_committed``.
    """
    line, wanted = DisposalLineRow, sorted(records)
    if not wanted:
        raise bad_disposal("/lines", "Nommez au moins une ligne.")
    there: dict[str, datetime | None] = {}
    for some in batches(wanted):
        asked = select(line.record_id, line.committed_at).where(line.disposal_id == row.id, line.record_id.in_(some))
        there |= {record: at for record, at in session.execute(asked)}  # noqa: C416 - typed
    if len(there) < len(wanted):
        raise Refused(
            "line_not_found", "Ce document n’est pas dans ce bordereau.", kept=UNCHANGED, action="Vérifiez-le."
        )
    if any(at is not None for at in there.values()):
        raise Refused(
            "disposal_committed",
            "La destruction d’un de ces documents est engagée.",
            kept=UNCHANGED,
            action="Relisez le bordereau : il dit ce qui est fait.",
        )


def _text(pointer: str, text: str) -> str:
    clean = text.strip()
    if not clean or len(clean) > LONGEST or "\0" in clean:
        raise bad_disposal(pointer, "Ce texte manque, ou est trop long.")
    return clean


def _closed(detail: str, state: str) -> Refused:
    return Refused(
        "disposal_closed",
        detail,
        kept=UNCHANGED,
        action="Relisez le bordereau : il dit où il en est.",
        state=state,
    )
