"""Recover deposits from the store: those that became records, and those in staging."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.custody.findings import LISTED, Kind
from archive.custody.rebuild.records import Found
from archive.custody.rebuild.run import Rebuilt
from archive.database.engine import Database
from archive.database.tables import JournalEntryRow, RecordRow, TenantRow
from archive.journal.receipts import Stated, differences
from archive.journal.sequencer import Entry, Ledger
from archive.journal.types import RECEIVED, EntryType
from archive.model.identifiers import new_id
from archive.model.records import Digests
from archive.model.states import RecordState
from archive.objects.layout import STAGING, DepositFolder, staging_key
from archive.objects.port import Listed, ObjectStore, Unreadable, read_all
from archive.retention.schedule import load_pack
from ingestion.deposits import outbox
from ingestion.deposits.states import UNFINISHED, DepositState
from ingestion.operations import refusals
from ingestion.processing.quarantine_decisions import LEAVING
from ingestion.reception.submission import request_digest
from ingestion.stages.registry import KEEP
from ingestion.tables import DepositRow, StageRunRow
from signing.ground.canonical import parse_canonical
from signing.ground.clock import Clock, parse_stamp
from signing.ground.errors import Refused

AGENT: Final = "service:inconnu"
"""Agent of a deposit when only a pseudonym is left."""


class Recovery:
    """Recovery: ingestion's part of a rebuild.

    Attributes:
        recovered: Subjects of entries that were made again, limited in number;
            ``recovered_count`` counts all.
    """

    def __init__(self, database: Database, ledger: Ledger, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self.recovered: list[str] = []
        self.recovered_count = 0

    # -- deposits that are records

    def of_record(self, session: Session, found: Found) -> None:
        """Recover the deposit of a record, so that its receipt can be asked for again."""
        record = found.record
        deposit_id = record["deposit"]["id"]
        original = next(form for form in record["representations"] if form["kind"] == "original")
        stated = Stated.of_record(record)
        received = _entry(session, deposit_id)
        if received is None:
            received = self._recover(session, found.tenant, stated)
        row = _row(
            id=deposit_id,
            tenant_id=found.tenant,
            idempotency_key=f"rebuilt:{deposit_id}",
            request_digest="",
            state=DepositState.KEPT,
            agent=AGENT,
            filename=record["filename"],
            media_type=original["media_type"],
            size=original["size"],
            sha256=original["digests"]["sha-256"],
            sha512=original["digests"]["sha-512"],
            tenant_name=stated.names.tenant_name or None,
            salts=dict(stated.names.salts) or None,
            fields={},
            agreement=_agreement(received),
            received_at=parse_stamp(record["deposit"]["received_at"]),
            updated_at=parse_stamp(record["kept_at"]),
            staging_key=DepositFolder(found.tenant, deposit_id).content,
            staging_version="",
            entry=received.n,
            leaf_hash=received.leaf_hash,
            record_id=found.record_id,
        )
        session.add(row)
        session.flush()
        for tool in record["tools"]:
            session.add(_stage(deposit_id, tool))
        kept = {"stage": KEEP.name, "state": "done", "started_at": None, "ended_at": record["kept_at"]}
        session.add(_stage(deposit_id, kept))

    # -- deposits that wait

    def staging(self, result: Rebuilt) -> int:
        """Resume every acknowledged deposit that is not a record yet; return their number.

        A request that was cut before its acknowledgement, and sent again under its key, left two
        deposits here: the one that the journal states was acknowledged, else rather the later one.
        """
        waiting, unstated, seen = 0, [], set[str]()
        listed = (item for item in self._store.list(STAGING) if not item.marker)
        staged = ((key.folder, item) for item in listed if (key := staging_key(item.key)))
        for folder, group in groupby(staged, key=lambda one: one[0]):
            items = {item.key: item for _, item in group}
            seen.add(f"deposit:{folder.deposit}")
            with self._database.read() as session:
                stated = _entry(session, folder.deposit) is not None
            if stated:
                waiting += self._deposit(result, folder, items)
            else:
                unstated.append((folder, items))
        for folder, items in reversed(unstated):  # ids are in the order of time
            waiting += self._deposit(result, folder, items)
        with self._database.write() as session:
            missed = refusals.enter_destroyed(session, self._ledger, self._clock())
            for subject in (one for one in missed if one not in seen):  # else its own check has told it
                result.findings.add(Kind.MISSING, "staging", subject, "bytes")
        return waiting

    def _deposit(self, result: Rebuilt, folder: DepositFolder, items: Mapping[str, Listed]) -> bool:
        described, content = items.get(folder.statement), items.get(folder.content)
        stated = self._statement(result, folder, described) if described is not None else None
        if stated is None:
            return False  # interrupted before it was acknowledged, or altered
        with self._database.write() as session:
            if _is_gone(session, folder.deposit):
                result.findings.add(Kind.UNTRACKED, "staging", folder.statement, RecordState.DISPOSED.value)
                return False
            known = session.get(DepositRow, stated["deposit"])
            if known is not None:
                if content is not None and known.staging_version == "":
                    known.staging_version = content.version
                    _as_given(session, known, stated)
                return known.state != DepositState.KEPT
            received = _entry(session, stated["deposit"])
            if (
                content is None
                and received is not None
                and refusals.is_leaving(session, stated["tenant"], stated["deposit"], self._clock())
            ):
                self._waiting(session, stated, received, folder.content, "", leaving=True)
                return True
            if not _agrees(result, folder, stated, received, content) or content is None or _twin(session, stated):
                return False  # the same request was received twice at once; only one was acknowledged
            self._require_tenant(session, result, stated)
            if received is None:
                received = self._recover(session, stated["tenant"], Stated.of(stated))
            row = self._waiting(session, stated, received, content.key, content.version)
            if row.state == DepositState.RECEIVED:
                outbox.add(session, outbox.ADVANCE, row.id, row.priority, at=self._clock())
        return True

    def _statement(self, result: Rebuilt, folder: DepositFolder, described: Listed) -> dict[str, Any] | None:
        try:
            stated: dict[str, Any] = parse_canonical(read_all(self._store, described.key, described.version))
            if DepositFolder(stated["tenant"], stated["deposit"]) == folder:
                return stated
        except Unreadable:
            result.findings.add(Kind.UNREADABLE, "staging", described.key, "deposit")
            return None
        except (ValueError, KeyError, Refused):
            pass
        result.findings.add(Kind.CHANGED, "staging", described.key, "deposit")
        return None

    def _waiting(
        self,
        session: Session,
        stated: Mapping[str, Any],
        received: Entry,
        key: str,
        version: str,
        *,
        leaving: bool = False,
    ) -> DepositRow:
        digests = Digests(stated["sha-256"], stated["sha-512"])
        aside = refusals.aside_of(session, stated["deposit"])
        if aside is not None and leaving:
            aside |= {"code": LEAVING}
        received_at = parse_stamp(stated["received_at"])
        row = _row(
            id=stated["deposit"],
            tenant_id=stated["tenant"],
            idempotency_key=stated["idempotency_key"],
            request_digest=_request_digest(stated),
            state=refusals.state_of(aside),
            agent=stated["agent"],
            filename=stated["filename"],
            media_type=stated["media_type"],
            size=stated["size"],
            sha256=digests.sha256,
            sha512=digests.sha512,
            tenant_name=stated["tenant_name"],
            salts=stated.get("salts"),
            fields=stated["fields"],
            agreement=_agreement(received),
            agreed=stated.get("agreed") or None,
            received_at=received_at,
            updated_at=self._clock(),
            staging_key=key,
            staging_version=version,
            entry=received.n,
            leaf_hash=received.leaf_hash,
            record_id=stated.get("record") or new_id(),
            priority=stated.get("priority", 0),
            problem=aside,
        )
        session.add(row)
        session.flush()
        return row

    def _recover(self, session: Session, tenant: str, stated: Stated) -> Entry:
        subject = f"deposit:{stated.deposit}"
        self.recovered_count += 1
        if len(self.recovered) < LISTED:
            self.recovered.append(subject)
        return self._ledger.append(
            session,
            type=EntryType.DEPOSIT_RECOVERED,
            tenant=tenant,
            subject=subject,
            agent=None,
            facts=stated.facts(),
        )

    def _require_tenant(self, session: Session, result: Rebuilt, stated: Mapping[str, Any]) -> None:
        """Make a tenant from its deposits alone: by name, with the bundled rules."""
        row = session.get(TenantRow, stated["tenant"])
        if row is None:
            session.add(TenantRow(id=stated["tenant"], name=stated["tenant_name"], created_at=self._clock()))
            session.flush()
            load_pack(session, stated["tenant"], at=self._clock())
            result.nameless.append(stated["tenant"])
        elif stated["tenant"] in result.nameless and row.name == row.id:
            row.name = stated["tenant_name"]


def _is_gone(session: Session, deposit_id: str) -> bool:
    """Whether the record that a deposit became is gone: it is not made once more."""
    asked = select(RecordRow.id).where(RecordRow.deposit_id == deposit_id, RecordRow.state == RecordState.DISPOSED)
    return session.scalar(asked.limit(1)) is not None


def in_progress(session: Session, record_id: str) -> bool:
    """Whether an unfinished deposit will become this record; then its objects are no strays."""
    query = select(DepositRow.id).where(DepositRow.record_id == record_id, DepositRow.state != DepositState.KEPT)
    return session.scalar(query.limit(1)) is not None


def require_none_waiting(session: Session) -> None:
    """Refuse to exchange stores while deposits wait: staging is in the first store only.

    Raises:
        Refused: ``deposits_waiting``.
    """
    query = select(DepositRow.id).where(DepositRow.state.in_((*UNFINISHED, DepositState.QUARANTINED)))
    if session.scalar(query.limit(1)) is not None:
        raise Refused(
            "deposits_waiting",
            "Des dépôts attendent encore leur traitement ou la décision d’un archiviste.",
            kept="Rien n’a été changé.",
            action="Laissez le service les achever, puis arrêtez-le et recommencez.",
        )


def _agrees(
    result: Rebuilt, folder: DepositFolder, stated: Mapping[str, Any], received: Entry | None, content: Listed | None
) -> bool:
    """Whether bytes, statement and journal agree on a deposit; differences become findings."""
    if received is not None and differences(json.loads(received.body), Stated.of(stated)):
        result.findings.add(Kind.CHANGED, "staging", folder.statement, "journal")
        return False
    if content is None:
        if received is not None:
            result.findings.add(Kind.MISSING, "staging", folder.content, "bytes")
        return False
    if content.size != stated["size"]:
        result.findings.add(Kind.CHANGED, "staging", content.key, "size")
    return True


def _row(**values: Any) -> DepositRow:
    """Make the row of a deposit that no worker has claimed."""
    free = {
        "version": 1,
        "agreed": None,
        "problem": None,
        "priority": 0,
        "lease_owner": None,
        "lease_until": None,
        "fence": 0,
        "attempts": 0,
    }
    return DepositRow(**(free | values))


def _stage(deposit_id: str, tool: Mapping[str, Any]) -> StageRunRow:
    """Make a stage run as ``record.json`` states it; its checkpoints were removed with staging."""

    def moment(name: str) -> datetime | None:
        return parse_stamp(tool[name]) if tool.get(name) else None

    return StageRunRow(
        deposit_id=deposit_id,
        name=tool["stage"],
        state=tool["state"],
        done=None,
        total=None,
        started_at=moment("started_at"),
        ended_at=moment("ended_at"),
        detail=None,
        tool=tool.get("tool"),
        tool_version=tool.get("version"),
        parameters=tool.get("parameters"),
        inputs=tool.get("inputs"),
        outputs=None,
        facts=None,
        remarks=None,
    )


def _as_given(session: Session, row: DepositRow, stated: Mapping[str, Any]) -> None:
    """Complete a kept deposit from its staging: idempotency key and fields."""
    if not _twin(session, stated):
        row.idempotency_key = stated["idempotency_key"]
        row.request_digest = _request_digest(stated)
    row.agent, row.fields, row.agreed = stated["agent"], stated["fields"], stated.get("agreed") or None
    session.flush()


def _agreement(received: Entry) -> str | None:
    """Return the deposit agreement that the entry of a deposit tells; None if it tells none."""
    told = json.loads(received.body)["facts"].get("agreement")
    return str(told) if told is not None else None


def _twin(session: Session, stated: Mapping[str, Any]) -> bool:
    query = select(DepositRow.id).where(
        DepositRow.tenant_id == stated["tenant"], DepositRow.idempotency_key == stated["idempotency_key"]
    )
    return session.scalar(query) is not None


def _request_digest(stated: Mapping[str, Any]) -> str:
    digests = Digests(stated["sha-256"], stated["sha-512"])
    return request_digest(stated["filename"], stated["fields"], stated["size"], digests)


def _entry(session: Session, deposit_id: str) -> Entry | None:
    query = select(JournalEntryRow).where(
        JournalEntryRow.subject == f"deposit:{deposit_id}", JournalEntryRow.type.in_(RECEIVED)
    )
    row = session.scalars(query.order_by(JournalEntryRow.n).limit(1)).first()
    if row is None:
        return None
    return Entry(row.n, row.at, row.type, row.tenant_id, row.subject, row.body, row.leaf_hash)
