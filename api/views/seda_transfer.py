"""The JSON of a transfer that came in a package of SEDA, and of its units."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.reading import Reader
from archive.database.batches import batches
from archive.database.seda_tables import SedaPartRow, SedaTransferRow, SedaUnitRow
from archive.disposition.transfers import incoming
from archive.model.identifiers import is_id
from archive.model.seda_states import TransferState
from ingestion.deposits.states import DepositState
from ingestion.reception.submission import PACKAGE, SEDA
from ingestion.tables import DepositRow
from signing.ground.clock import stamp
from signing.ground.errors import Refused

Translate = Callable[[str], str]

_ABOUT: Final = re.compile(r"(ArchiveUnit|BinaryDataObject|PhysicalDataObject)\[([^\]]*)\]")
_TOLD: Final = ("reference", "archival_agency", "producer", "agreement", "version", "sent_at", "comment", "manifest")
_WAITING: Final = (DepositState.RECEIVED.value, DepositState.WORKING.value)
_NOT_EXAMINED: Final = (*_WAITING, DepositState.QUARANTINED.value)
"""States of a package that has no statement yet; what was examined has one."""


def package_of(session: Session, tenant: str, transfer_id: str) -> DepositRow:
    """Return the deposit of a package of this tenant.

    Raises:
        Refused: ``transfer_not_found``.
    """
    row = session.get(DepositRow, transfer_id) if is_id(transfer_id) else None
    if row is None or row.tenant_id != tenant or row.fields.get(PACKAGE.name) != SEDA:
        raise Refused("transfer_not_found", "Ce versement SEDA n’existe pas.", action="Vérifiez son identifiant.")
    return row


def view(session: Session, tenant: str, transfer_id: str, translate: Translate = str) -> dict[str, Any]:
    """Return a transfer: who sent it, how far it has come, what was found.

    Raises:
        Refused: ``transfer_not_found``.
    """
    row = incoming.get(session, tenant, transfer_id)
    deposit = session.get(DepositRow, transfer_id) if row is not None else package_of(session, tenant, transfer_id)
    return _view(session, row, deposit, translate)


def _view(
    session: Session, row: SedaTransferRow | None, deposit: DepositRow | None, translate: Translate
) -> dict[str, Any]:
    content: Mapping[str, Any] = row.content if row is not None else {}
    identity = row.id if row is not None else deposit.id if deposit is not None else ""
    findings = [finding_view(one, translate) for one in content.get("findings", ())]
    return {
        "id": identity,
        "state": state_of(row, deposit),
        "identifier": row.identifier if row is not None else None,
        "sender": row.sender if row is not None else None,
        **{name: content.get(name) for name in _TOLD},
        "filename": deposit.filename if deposit is not None else None,
        "size": deposit.size if deposit is not None else None,
        "sha256": content.get("package") or (deposit.sha256 if deposit is not None else None),
        "received_at": stamp(deposit.received_at) if deposit is not None else None,
        "outcome": row.outcome if row is not None else None,
        "steps": [{"step": step, "outcome": outcome} for step, outcome in content.get("steps", {}).items()],
        "findings": findings,
        "units": content.get("units", 0),
        "parts": _parts(session, row),
        "repeats": content.get("repeats"),
        "reply": f"/api/v1/seda/transfers/{identity}/reply" if _is_answered(row) else None,
        "receipt": f"/api/v1/deposits/{identity}/receipt" if deposit is not None else None,
        "problem": _problem(deposit.problem if deposit is not None else None, translate),
    }


def state_of(row: SedaTransferRow | None, deposit: DepositRow | None) -> str:
    """Return how far a transfer has come; before it is examined, the state of its deposit."""
    if row is not None and not (deposit is not None and deposit.state == DepositState.QUARANTINED):
        return row.state
    return deposit.state if deposit is not None else ""


def finding_view(told: Mapping[str, Any], translate: Translate) -> dict[str, Any]:
    """Return one finding in the reader's language, on its node."""
    return {
        "code": told["code"],
        "outcome": told["outcome"],
        "step": told["step"],
        "detail": translate(told["detail"]).format(**told.get("values", {})),
        "node": told.get("node", ""),
        "line": told.get("line"),
        "original": told.get("original", ""),
    }


def about(node: str) -> tuple[str, str] | None:
    """Return the element and id that a finding is about; None where it is about the whole."""
    found = _ABOUT.search(node)
    return (found[1], found[2]) if found is not None else None


def unit_views(
    session: Session, reader: Reader, row: SedaTransferRow, units: Sequence[SedaUnitRow], translate: Translate = str
) -> list[dict[str, Any]]:
    """Return units as the tree shows them: what each became, its parts, its errors.

    A unit has no title where its record is gone, or where this reader may not read it.
    """
    positions = [one.position for one in units]
    below = incoming.counts_below(session, row.id, positions)
    parts: dict[int, list[dict[str, Any]]] = {}
    for part, state in _with_states(session, incoming.parts_of(session, row.id, positions)):
        told = {"object": part.object, "deposit_id": part.deposit_id, "record_id": part.record_id, "state": state}
        parts.setdefault(part.unit, []).append(told)
    findings: dict[str, list[dict[str, Any]]] = {}
    for one in row.content["findings"]:
        target = about(one.get("node", ""))
        if target is not None and target[0] == "ArchiveUnit":
            findings.setdefault(target[1], []).append(finding_view(one, translate))
    hidden = reader.hidden_among(session, [one.system_id for one in units if one.system_id and not one.node])
    return [
        {
            "position": one.position,
            "unit": one.unit,
            "title": None if one.system_id in hidden else one.title or None,
            "level": one.level,
            "kind": None if one.system_id is None else "node" if one.node else "record",
            "system_id": one.system_id,
            "units": below.get(one.position, 0),
            "parts": parts.get(one.position, []),
            "findings": findings.get(one.unit, []),
        }
        for one in units
    ]


def page(
    session: Session, tenant: str, *, before: str | None, limit: int, translate: Translate = str
) -> tuple[list[dict[str, Any]], str | None]:
    """Return transfers, the last received first, and the id where the next page begins."""
    deposit, row = DepositRow, SedaTransferRow
    package = deposit.fields[PACKAGE.name].as_string() == SEDA
    mine = select(deposit.id).where(deposit.tenant_id == tenant, deposit.state.in_(_NOT_EXAMINED), package)
    stated = select(row.id).where(row.tenant_id == tenant)
    if before is not None:
        mine, stated = mine.where(deposit.id < before), stated.where(row.id < before)
    first = list(session.scalars(mine.order_by(deposit.id.desc()).limit(limit + 1)))
    second = list(session.scalars(stated.order_by(row.id.desc()).limit(limit + 1)))
    ids = sorted({*first, *second}, reverse=True)
    shown = [
        _view(session, session.get(row, one), session.get(deposit, one), translate) | {"findings": []}
        for one in ids[:limit]
    ]
    return shown, ids[limit - 1] if len(ids) > limit else None


def _parts(session: Session, row: SedaTransferRow | None) -> dict[str, int]:
    """Count the parts of a transfer: in all, kept, set aside."""
    if row is None:
        return {"total": 0, "kept": 0, "aside": 0}
    if row.state == TransferState.TAKEN:
        return {"total": row.content["parts"], "kept": row.content["parts"], "aside": 0}
    part, deposit = SedaPartRow, DepositRow
    asked = select(deposit.state, func.count()).join(part, part.deposit_id == deposit.id)
    found = session.execute(asked.where(part.transfer_id == row.id).group_by(deposit.state))
    states = {state: count for state, count in found}  # noqa: C416 - typed
    aside = states.get(DepositState.QUARANTINED.value, 0) + states.get(DepositState.REFUSED.value, 0)
    return {"total": row.content["parts"], "kept": states.get(DepositState.KEPT.value, 0), "aside": aside}


def _with_states(session: Session, parts: Sequence[SedaPartRow]) -> list[tuple[SedaPartRow, str | None]]:
    states: dict[str, str] = {}
    for some in batches([one.deposit_id for one in parts]):
        asked = select(DepositRow.id, DepositRow.state).where(DepositRow.id.in_(some))
        states |= {identity: state for identity, state in session.execute(asked)}  # noqa: C416 - typed
    return [(one, states.get(one.deposit_id)) for one in parts]


def _is_answered(row: SedaTransferRow | None) -> bool:
    return row is not None and (TransferState(row.state).has_reply or row.state == TransferState.REPEATED)


def _problem(told: Mapping[str, Any] | None, translate: Translate) -> dict[str, Any] | None:
    if told is None:
        return None
    values = told["values"]
    action = translate(told["action"]).format(**values) if told["action"] else ""
    return {"code": told["code"], "detail": translate(told["detail"]).format(**values), "action": action}


def is_waiting(session: Session, tenant: str) -> bool:
    """Whether a transfer of this tenant is still being examined or taken."""
    row, deposit = SedaTransferRow, DepositRow
    taking = select(row.id).where(row.tenant_id == tenant, row.state == TransferState.TAKING)
    package = deposit.fields[PACKAGE.name].as_string() == SEDA
    fresh = select(deposit.id).where(deposit.tenant_id == tenant, deposit.state.in_(_WAITING), package)
    return session.scalar(select(or_(taking.exists(), fresh.exists()))) is True
