"""Disposals as JSON: the bordereau, its groups, its lines, its visas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.views.history import name_of
from api.views.removal import removal_view
from archive.catalogue.disposals import supplements_of
from archive.catalogue.reading import Reader
from archive.database.disposal_tables import DisposalLineRow, DisposalRow, DisposalVisaRow
from archive.database.tables import RecordRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, listing, projection, visas
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.frozen import read_line
from archive.disposition.disposals.holds_now import stopped_among
from archive.disposition.disposals.listing import Group
from archive.disposition.disposals.population import bad_disposal
from archive.disposition.due_counts import NONE, Count
from archive.model.disposals import DisposalState, LineDecision, LineState, VisaMeans, VisaStep
from archive.retention.schedule import rule as rule_in_force
from archive.retention.states import DueState
from signing.ground.clock import iso, stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

SILENT: Final = "silent"
"""State of a visa that nobody gave in time, where the law lets silence agree."""


def view(act: Act, row: DisposalRow) -> dict[str, Any]:
    """Return a disposal as the API shows it, without its lines."""
    body, told = row.content, listing.tally(act.session, row.id)
    lines = {state: _sum(told, state) for state in LineState}
    return _short(act, row, {state: count.records for state, count in lines.items()}) | {
        "authority": body["authority"],
        "reason": body["reason"],
        "drafted_by": name_of(act.session, row.drafted_by),
        "drafted_on": body["drafted_on"],
        "submitted_by": name_of(act.session, body["submitted_by"]) if body["submitted_by"] else None,
        "confirmed_by": name_of(act.session, body["confirmed_by"]) if body["confirmed_by"] else None,
        "last_visa_on": iso(row.last_visa_on),
        "ended_on": body["ended_on"],
        "ended_reason": body["ended_reason"],
        "population": body["population"],
        "lines": {state.value: _count(count) for state, count in lines.items()},
        "blocked": _reasons(told, LineState.BLOCKED),
        "failed": _reasons(told, LineState.FAILED),
        **removal_view(act.session, row.action, row.state, body),
        "waiting_until": iso(listing.waiting_until(act.session, row.id)),
        "certificates": [
            {name: one[name] for name in ("number", "issued_at", "state", "totals")}
            for one in supplements_of(act.session, row.id)
        ],
    }


def steps(act: Act, row: DisposalRow) -> list[dict[str, Any]]:
    """Return the visas that a disposal needs, in order, each with what became of it."""
    given = {VisaStep(visa.step): visa for visa in projection.visas_of(act.session, row.id)}
    submitted = row.state == DisposalState.SUBMITTED
    missing = visas.missing(act, row)
    found = []
    for step in visas.steps(row):
        visa = given.get(step)
        state = "given" if visa is not None else SILENT if step not in missing else "to_come"
        if submitted and missing[:1] == [step]:
            state = "expected"
        found.append({"step": step.value, "state": state, "visa": visa.id if visa is not None else None})
    return found


def shorts(act: Act, rows: Sequence[DisposalRow]) -> list[dict[str, Any]]:
    """Return disposals as lists show them: their lines in number, without their size."""
    numbers = listing.numbers(act.session, [row.id for row in rows])
    return [_short(act, row, numbers[row.id]) for row in rows]


def _short(act: Act, row: DisposalRow, numbers: Mapping[LineState, int]) -> dict[str, Any]:
    left = (row.stop_until - act.today.day).days if row.stop_until is not None else None
    cooling = row.state == DisposalState.COOLING_OFF
    return {
        "id": row.id,
        **{name: getattr(row, name) for name in ("reference", "title", "action", "direction", "state", "producer")},
        "proposed_on": iso(row.proposed_on),
        "stop_until": iso(row.stop_until),
        "days_left": left if cooling and left is not None and left >= 0 else None,
        "executes_from": iso(row.stop_until + timedelta(days=1)) if row.stop_until is not None else None,
        "confirmed": row.content["confirmed_by"] is not None,
        "steps": steps(act, row),
        "records": {state.value: numbers.get(state, 0) for state in LineState},
        "number": row.number,
    }


def group_view(session: Session, tenant: str, group: Group) -> dict[str, Any]:
    """Return a group: a line as a reader of the bordereau sees it."""
    first = group.first
    code, version = first.rule
    rule = rule_in_force(session, tenant, code, version) if code and version else None
    return {
        "group": group.number,
        "rule": code,
        "rule_version": version,
        "rule_label": rule.label if rule is not None else None,
        "duration": rule.duration if rule is not None else None,
        "unit": rule.unit.value if rule is not None else None,
        "legal_text": rule.legal_text if rule is not None else None,
        "document_type": first.document_type,
        "file": first.file,
        "earliest": iso(group.earliest),
        "latest": iso(group.latest),
        "due_on": iso(group.due_on),
        **_count(group.total),
        "lines": {state.value: _count(group.of(state)) for state in LineState},
        "remarks": [
            {"state": state.value, "reason": word, **_count(count)}
            for (state, word), count in sorted(group.tally.items(), key=lambda one: (one[0][0], str(one[0][1])))
            if state is not LineState.INCLUDED
        ],
    }


def line_views(session: Session, reader: Reader, lines: Sequence[DisposalLineRow]) -> list[dict[str, Any]]:
    """Return lines, each with the title of its record if the reader may read it."""
    records = [line.record_id for line in lines]
    hidden = reader.hidden_among(session, records)
    titles = dict(_titles(session, set(records) - hidden))
    held_back = reader.held_among(session, hidden)
    by = {record: "hold" if record in held_back else "removal" for record in hidden}
    stopped = stopped_among(session, lines[0].disposal_id, records) if lines else set()
    held = {"state": LineState.BLOCKED.value, "reason": DueState.HELD.value, "waiting_until": None}
    return [
        _line(line, titles.get(line.record_id), by.get(line.record_id)) | (held if line.record_id in stopped else {})
        for line in lines
    ]


def signing(session: Session, caller: Caller, row: DisposalRow) -> Reader:
    """Return what somebody reads of a bordereau's lines: who is to give a visa reads titles."""
    gave = {row.drafted_by, row.content["submitted_by"], *(one.agent for one in projection.visas_of(session, row.id))}
    awaited = row.state == DisposalState.SUBMITTED and caller.may("disposal:visa") and caller.agent not in gave
    return replace(caller.reader, visas=row.id) if awaited else caller.reader


def _line(line: DisposalLineRow, title: str | None, hidden_by: str | None) -> dict[str, Any]:
    frozen = read_line(line.frozen)
    return {
        "record_id": line.record_id,
        "position": line.position,
        "group": line.group_no,
        "title": title,
        "restricted": hidden_by is not None,
        "restricted_by": hidden_by,
        "state": line.state,
        "reason": line.reason,
        "waiting_until": iso(line.waiting_until),
        "decision": line.decision,
        "not_before": iso(line.not_before),
        "opinion": line.opinion_told,
        "rules": list(frozen.rules),
        **{name: iso(getattr(frozen, name)) for name in ("starts_on", "ends_on", "due_on", "document_date")},
        **{name: getattr(frozen, name) for name in ("final_action", "sorted", "document_type", "file", "size")},
        "digests": {"record_json": frozen.record_json, "original": frozen.original},
        "done_at": stamp(line.done_at) if line.done_at is not None else None,
        "detached": list((line.result or {}).get("detached", ())),
    }


def visa_view(session: Session, visa: DisposalVisaRow) -> dict[str, Any]:
    """Return a visa as it was given, line by line."""
    body, paper = visa.content, visa.means == VisaMeans.PAPER
    names = ("step", "means", "state", "person", "quality", "identified_by", "given_on", "given_at", "reference")
    return {
        "id": visa.id,
        **{name: body[name] for name in (*names, "comment", "population", "evidence")},
        "attested": len(body.get("attested_by", ())),
        "entered_by": name_of(session, body["recorded_by"]) if paper else None,
        "confirmed_by": name_of(session, body["confirmed_by"]) if body["confirmed_by"] else None,
        "answers": {
            "whole": body["answers"]["whole"],
            "groups": [{"group": int(n), **one} for n, one in sorted(body["answers"]["groups"].items())],
            "lines": [{"record_id": record, **one} for record, one in sorted(body["answers"]["lines"].items())],
        },
    }


def visa_views(session: Session, disposal_id: str) -> list[dict[str, Any]]:
    """Return all visas of a disposal, those that wait to be confirmed too."""
    visa = DisposalVisaRow
    asked = select(visa).where(visa.disposal_id == disposal_id).order_by(visa.id)
    return [visa_view(session, one) for one in session.scalars(asked)]


# -- changes


def acting(system: System, tenant: str, agent: str, do: Callable[[Act], DisposalRow]) -> dict[str, Any]:
    """Do an act and return the disposal as it is then; the store follows by its own job.

    Raises:
        Refused: As the act.
    """
    with system.database.write() as session:
        act = Act(session, system.ledger, tenant, agent, system.clock())
        body = view(act, do(act))
    system.notifier.notify()
    return body


def reading(system: System, session: Session, tenant: str) -> Act:
    """Return the view of a tenant's day and disposals for somebody who only reads."""
    return Act(session, system.ledger, tenant, "", system.clock())


def with_both_views(error: Refused, system: System, tenant: str, disposal_id: str, sent: Mapping[str, Any]) -> Refused:
    """Add to a failed precondition the disposal as it is in place, and what was sent."""
    if error.code == "precondition_failed":
        with system.database.read() as session:
            act = reading(system, session, tenant)
            error.values |= {"current": view(act, bordereau.get(session, tenant, disposal_id)), "sent": dict(sent)}
    return error


def decide_lines(act: Act, disposal_id: str, expected: int | None, given: Iterable[Mapping[str, Any]]) -> DisposalRow:
    """Take lines out and put others back in one act.

    Args:
        given: ``record_id``, ``decision`` (``include`` or ``exclude``) and ``comment`` of each.

    Raises:
        Refused: As ``bordereau.exclude`` and ``bordereau.include``.
    """
    told = list(given)
    out = {one["record_id"]: one["comment"] or "" for one in told if one["decision"] == EXCLUDE}
    back = [one["record_id"] for one in told if one["decision"] == INCLUDE]
    if (not out and not back) or len({one["record_id"] for one in told}) < len(told):
        raise bad_disposal("/lines", "Nommez chaque ligne une fois.")
    row = bordereau.exclude(act, disposal_id, expected, out) if out else None
    if back:
        row = bordereau.include(act, disposal_id, expected if row is None else row.number, back)
    assert row is not None  # noqa: S101 - one of them was not empty
    return row


INCLUDE: Final = "include"
EXCLUDE: Final = "exclude"


def answers_of(
    decision: str,
    consequence: str | None,
    not_before: date | None,
    groups: Iterable[Mapping[str, Any]],
    lines: Iterable[Mapping[str, Any]],
) -> Answers:
    """Return the answers of a visa as a person gives them.

    Args:
        decision: ``approve`` or ``refuse``, of every line that is not named; ``by_line``: none.
        consequence: Of a refusal, where the person says one.

    Raises:
        Refused: ``bad_disposal``: a line is named twice.
    """
    told_groups, told_lines = list(groups), list(lines)
    by_group = {one["group"]: _answer(one) for one in told_groups}
    by_line = {one["record_id"]: _answer(one) for one in told_lines}
    if len(by_group) < len(told_groups) or len(by_line) < len(told_lines):
        raise bad_disposal("/lines", "Nommez chaque ligne une fois.")
    whole = None
    if decision == "approve":
        whole = Answer(LineDecision.APPROVE)
    elif decision == "refuse":
        whole = Answer(LineDecision(consequence or LineDecision.REFUSE), not_before)
    return Answers(whole, by_group, by_line)


def _answer(told: Mapping[str, Any]) -> Answer:
    return Answer(LineDecision(told["decision"]), told["not_before"], (told["comment"] or "").strip())


# -- parts


def _titles(session: Session, records: Iterable[str]) -> Iterable[tuple[str, str]]:
    asked = select(RecordRow.id, RecordRow.title).where(RecordRow.id.in_(list(records)))
    return [(record, title) for record, title in session.execute(asked)]


def _reasons(told: listing.Tally, wanted: LineState) -> list[dict[str, Any]]:
    found = sorted((str(word), count) for (state, word), count in told.items() if state is wanted)
    return [{"reason": word, **_count(count)} for word, count in found]


def _sum(told: listing.Tally, state: LineState) -> Count:
    return sum((count for (one, _), count in told.items() if one is state), NONE)


def _count(count: Count) -> dict[str, int]:
    return {"records": count.records, "bytes": count.bytes}
