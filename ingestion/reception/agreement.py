"""Compare deposits with their entries, with the records made of them, and with staging."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from archive.custody.findings import Findings, Kind
from archive.custody.reconcile.leaves import Pseudonyms
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow
from archive.journal.pseudonyms import AGENT, TENANT
from archive.journal.receipts import Names, Stated, differences
from archive.journal.types import RECEIVED, EntryType
from archive.model.records import Digests
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore, Unreadable, found
from ingestion.deposits.states import DepositState
from ingestion.reception.submission import request_digest
from ingestion.tables import DepositRow
from signing.ground.canonical import parse_canonical
from signing.ground.clock import parse_stamp, stamp

_BLOCK: Final = 256
_REBUILT: Final = "rebuilt:"
"""Beginning of the idempotency key of a deposit that a rebuild took from its record."""
_COLUMNS: Final = {"sha-256": "sha256", "sha-512": "sha512", "deposit": "entry"}
_STATED: Final = (
    "agent",
    "idempotency_key",
    "filename",
    "media_type",
    "fields",
    "agreement",
    "agreed",
    "size",
    "priority",
    "tenant_name",
    "salts",
)
"""Columns that ``deposit.json`` states under their own names."""


class DepositReconciliation:
    """Compare every deposit with its ``DepositReceived`` entry."""

    def __init__(self, database: Database, store: ObjectStore, *, rest: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._store = store
        self._rest = rest

    def check(self, findings: Findings, *, since: int = 0) -> None:
        """Compare deposits; those that wait also with ``deposit.json`` in staging.

        Args:
            since: Of those kept, only deposits with entries from this number on; 0 = all.
        """
        with self._database.read() as session:
            names = Pseudonyms.load(session)
        last = ""
        while block := self._block(last, since):
            with self._database.read() as session:
                for deposit_id in block:
                    row = session.get(DepositRow, deposit_id)
                    if row is not None:
                        self._compare(findings, session, row, names)
            last = block[-1]
            self._rest()

    def _block(self, after: str, since: int) -> list[str]:
        entry = JournalEntryRow
        query = select(DepositRow.id).where(DepositRow.id > after).order_by(DepositRow.id).limit(_BLOCK)
        if since:
            told = select(entry.n).where(entry.subject == "deposit:" + DepositRow.id, entry.n >= since)
            query = query.where(or_(DepositRow.state != DepositState.KEPT, told.exists()))
        with self._database.read() as session:
            return list(session.scalars(query))

    def _compare(self, findings: Findings, session: Session, row: DepositRow, names: Pseudonyms) -> None:
        wrong = [*_of_entry(session, row, names), *_of_state(session, row)]
        if row.state != DepositState.KEPT:
            wrong += _of_statement(self._store, row)
        for detail in dict.fromkeys(wrong):
            findings.add(Kind.CHANGED, "database", f"deposit:{row.id}", detail)


def of_record(session: Session, record: Mapping[str, Any]) -> Iterator[str]:
    """Compare the deposit's row with the ``record.json`` of the record made of it."""
    row = session.get(DepositRow, record["deposit"]["id"])
    if row is None:
        return
    told = {
        "record_id": record["record"],
        "tenant_id": record["tenant"],
        "filename": record["filename"],
        "received_at": parse_stamp(record["deposit"]["received_at"]),
    } | {name: record["deposit"][name] for name in ("tenant_name", "salts") if name in record["deposit"]}
    for name, value in told.items():
        if getattr(row, name) != value:
            yield f"deposits.{name}"


def _of_entry(session: Session, row: DepositRow, names: Pseudonyms) -> Iterator[str]:
    entry = session.get(JournalEntryRow, row.entry)
    if entry is None or entry.subject != f"deposit:{row.id}" or entry.type not in RECEIVED:
        yield "deposits.entry"
        return
    try:
        body = json.loads(entry.body)
        wrong = differences(body, _stated(row))
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # the comparison of the journal's own rows tells this
    yield from (f"deposits.{_COLUMNS.get(one, one)}" for one in wrong)
    if body["facts"].get("agreement") != row.agreement:
        yield "deposits.agreement"
    if row.leaf_hash != entry.leaf_hash:
        yield "deposits.leaf_hash"
    if not names.agrees(body["tenant"], TENANT, row.tenant_id, row.tenant_id):
        yield "deposits.tenant_id"
    if body["agent"] is not None and not names.agrees(body["agent"], AGENT, row.agent, row.tenant_id):
        yield "deposits.agent"
    digest = request_digest(row.filename, row.fields, row.size, Digests(row.sha256, row.sha512))
    if row.request_digest != digest and not (row.request_digest == "" and row.idempotency_key.startswith(_REBUILT)):
        yield "deposits.request_digest"


def _stated(row: DepositRow) -> Stated:
    names = Names(row.filename, row.tenant_name or "", dict(row.salts or {}))
    return Stated(row.id, row.size, row.sha256, row.sha512, stamp(row.received_at), names)


def _of_state(session: Session, row: DepositRow) -> Iterator[str]:
    record = session.scalar(select(RecordRow.id).where(RecordRow.deposit_id == row.id))
    if (record is not None) != (row.state == DepositState.KEPT) and not _retried(session, row):
        yield "deposits.state"
    if record is not None and row.record_id != record:
        yield "deposits.record_id"


def _retried(session: Session, row: DepositRow) -> bool:
    """Whether a kept deposit is at work again, or set aside while at it: stages were asked for."""
    entry = JournalEntryRow
    asked = exists().where(entry.subject == f"deposit:{row.id}", entry.type == EntryType.DEPOSIT_RETRIED)
    return row.state in set(DepositState) and bool(session.scalar(select(asked)))


def _of_statement(store: ObjectStore, row: DepositRow) -> Iterator[str]:
    try:
        content = found(store, DepositFolder(row.tenant_id, row.id).statement)
        told = parse_canonical(content) if content is not None else None
    except (Unreadable, ValueError):
        told = None
    if told is None:
        return  # without it, and without a record: the comparison of staging misses the bytes
    is_so = {name: getattr(row, name) for name in _STATED}
    is_so["agreed"] = row.agreed or {}
    is_so |= {"record": row.record_id, "received_at": stamp(row.received_at)}
    for name, value in is_so.items():
        if name in told and told[name] != value:
            yield f"deposits.{'record_id' if name == 'record' else name}"
