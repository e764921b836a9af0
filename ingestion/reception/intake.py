"""Receive a deposit: hash while reading, make it durable, acknowledge by one commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.catalogue.file_door import admit_to_files
from archive.database.engine import Database
from archive.database.tables import TenantRow
from archive.journal.receipts import Names, Stated
from archive.journal.sequencer import Ledger
from archive.journal.types import EntryType
from archive.model.identifiers import new_id
from archive.model.records import Digests
from archive.objects.fixity import altered
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore, StoredObject
from archive.retention.schedule import admit
from ingestion.deposits import outbox
from ingestion.deposits.states import DepositState
from ingestion.processing.packaging import describe
from ingestion.reception.agreed import Agreed, FormatFinder, agree, require_still, terms_of
from ingestion.reception.spool import Spool
from ingestion.reception.submission import ALONE, Submission, check_bytes, request_digest, statement
from ingestion.tables import DepositRow
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Refused, Unavailable


@dataclass(frozen=True)
class Received:
    """Answer to a deposit.

    Attributes:
        deposit: The row as committed; None after a dry run.
        replayed: Whether the same key and content were received before; then this is that answer.
        plan: What would happen; only after a dry run.
    """

    deposit: DepositRow | None
    replayed: bool
    plan: dict[str, Any] | None = None


DryRunner = Callable[[Path, Submission, Digests], dict[str, Any]]
"""Function that answers a dry run: what would become of these bytes."""


@dataclass(frozen=True)
class _Arrival:
    """Submission with its bytes, and the names chosen for it."""

    deposit_id: str
    record_id: str
    received_at: datetime
    submission: Submission
    size: int
    digests: Digests
    request: str
    """Digest that is equal for equal requests."""
    names: Names
    agreed: Agreed

    @property
    def stated(self) -> Stated:
        """What receipt and journal say of it."""
        digests = self.digests
        at = stamp(self.received_at)
        return Stated(self.deposit_id, self.size, digests.sha256, digests.sha512, at, self.names, self.agreed.code)


class Intake:
    """Intake: the only way in for deposits.

    Args:
        spool: Folder for files being received.
        max_bytes: Largest file accepted.
        notify: Called after each commit, to wake the relay.
        dry_runner: Answers dry runs.
        identify: Finds the format of bytes, for a deposit agreement that limits formats; without
            it no format is recognised.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        store: ObjectStore,
        spool: Path,
        clock: Clock,
        max_bytes: int,
        *,
        notify: Callable[[], None] = lambda: None,
        dry_runner: DryRunner | None = None,
        identify: FormatFinder = lambda *_: {},
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._spool = spool
        self._clock = clock
        self._max_bytes = max_bytes
        self._notify = notify
        self._dry_run = dry_runner
        self._identify = identify

    def open_spool(self) -> Spool:
        """Open a spool; the caller writes to it, then gives it to ``accept`` or discards it.

        Raises:
            Unavailable: ``spool_full``.
        """
        return Spool(self._spool / f"{new_id()}.part", self._max_bytes)

    def receive(
        self,
        chunks: Iterable[bytes],
        *,
        tenant: str,
        agent: str,
        idempotency_key: str,
        filename: str,
        media_type: str,
        fields: Mapping[str, str],
        expected_sha256: str | None = None,
        priority: int = 0,
        dry_run: bool = False,
    ) -> Received:
        """Receive chunks: ``open_spool``, ``write``, ``accept`` in one call."""
        submission = Submission(tenant, agent, idempotency_key, filename, media_type, fields, expected_sha256, priority)
        with self.open_spool() as spool:
            for chunk in chunks:
                spool.write(chunk)
            return self.accept(spool, submission, dry_run=dry_run)

    def accept(self, spool: Spool, submission: Submission, *, dry_run: bool = False) -> Received:
        """Acknowledge a spooled deposit; the spool is removed in any case.

        Raises:
            Refused: ``empty_file``, ``digest_mismatch``, ``idempotency_key_reused``,
                ``tenant_unknown``, ``bad_field``, or what a deposit agreement says against it.
            Unavailable: Nothing was acknowledged.
        """
        with spool:
            check_bytes(spool.size, spool.digests, submission)
            if dry_run:
                agreed = self._check_new(spool, submission)
                return self._planned(spool, submission, agreed)
            spool.sync()
            return self._acknowledged(spool, submission)

    def _planned(self, spool: Spool, submission: Submission, agreed: Agreed) -> Received:
        digests = spool.digests
        plan = self._dry_run(spool.path, _with(submission, agreed), digests) if self._dry_run else {}
        told = {"size": spool.size, "digests": digests.as_json(), "agreement": agreed.code}
        return Received(None, replayed=False, plan=told | plan)

    def _acknowledged(self, spool: Spool, submission: Submission) -> Received:
        size, digests = spool.size, spool.digests
        request = request_digest(submission.filename, submission.fields, size, digests)
        with self._database.read() as session:
            tenant_name = _tenant_name(session, submission.tenant)
            known = self._replay(session, submission, request)
        if known is not None:
            return Received(known, replayed=True)
        agreed = self._check_new(spool, submission)
        names = Names.salted(submission.filename, tenant_name)
        part = submission.part_of
        ids = (part.deposit_id, part.record_id) if part is not None else (new_id(), new_id())
        arrival = _Arrival(*ids, self._clock(), submission, size, digests, request, names, agreed)
        staged = self._stage(spool.path, arrival)
        try:
            received = self._commit(arrival, staged[0])
        except _NotAgreed as error:
            self._unstage(staged)
            raise error.why from None
        except IntegrityError as error:  # another process was faster (PostgreSQL)
            with self._database.read() as session:
                known = self._replay(session, submission, request)
            if known is None:
                raise Unavailable("database_away", "La base de données ne répond pas.", action="Réessayez.") from error
            received = Received(known, replayed=True)
        if received.replayed:
            self._unstage(staged)
        else:
            self._notify()
        return received

    def _unstage(self, staged: Iterable[StoredObject]) -> None:
        for item in staged:
            with suppress(Refused):
                self._store.delete(item.key, item.version)

    def _check_new(self, spool: Spool, submission: Submission) -> Agreed:
        """Refuse what no new deposit may be; one received already keeps its answer.

        A package is judged when it is examined, with each of its parts.

        Returns:
            The deposit agreement under which it is received.

        Raises:
            Refused: ``bad_field``, ``file_closed``, or what a deposit agreement says against it.
        """
        if submission.part_of is not None:
            return Agreed()
        submission.check_fields()
        if submission.is_package:
            return Agreed()
        with self._database.read() as session:
            terms = terms_of(session, submission.tenant, self._clock())
        # outside any transaction: a format is found in the sandbox
        agreed = agree(terms, submission, spool.size, lambda: self._identify(spool.path, submission, spool.digests))
        fields = _with(submission, agreed).fields
        described = describe(fields, submission.filename)
        with self._database.read() as session:
            admit(session, submission.tenant, described, fields, self._clock(), kept=ALONE)
            admit_to_files(session, submission.tenant, described, None, kept=ALONE)
        return agreed

    def _replay(self, session: Session, submission: Submission, request: str) -> DepositRow | None:
        part = submission.part_of
        if part is not None and (there := session.get(DepositRow, part.deposit_id)) is not None:
            return there  # a rebuild forgets keys, never identifiers
        known = session.scalar(
            select(DepositRow).where(
                DepositRow.tenant_id == submission.tenant, DepositRow.idempotency_key == submission.idempotency_key
            )
        )
        if known is not None and known.request_digest != request:
            raise Refused(
                "idempotency_key_reused",
                "Cette clé d’idempotence a déjà servi pour un autre dépôt.",
                kept="Le premier dépôt est inchangé ; celui-ci n’a pas été conservé.",
                action="Choisissez une nouvelle clé pour un nouveau dépôt.",
                pointer="Idempotency-Key",
            )
        return known

    def _stage(self, path: Path, arrival: _Arrival) -> tuple[StoredObject, StoredObject]:
        folder = DepositFolder(arrival.submission.tenant, arrival.deposit_id)
        content = self._store.put(folder.content, path, sha256=arrival.digests.sha256)
        _read_back(self._store, content, arrival.digests.sha256, arrival.size)
        text = statement(arrival.submission, arrival.stated, arrival.record_id, arrival.agreed.fields)
        described = self._store.put(folder.statement, text, sha256=hashlib.sha256(text).hexdigest())
        return content, described

    def _commit(self, arrival: _Arrival, staged: StoredObject) -> Received:
        submission, digests, received_at = arrival.submission, arrival.digests, arrival.received_at
        with self._database.write() as session:
            known = self._replay(session, submission, arrival.request)
            if known is not None:
                return Received(known, replayed=True)
            try:
                require_still(session, submission.tenant, arrival.agreed, received_at)
            except (Refused, Unavailable) as error:
                raise _NotAgreed(error) from None
            entry = self._ledger.append(
                session,
                type=EntryType.DEPOSIT_RECEIVED,
                tenant=submission.tenant,
                subject=f"deposit:{arrival.deposit_id}",
                agent=submission.agent,
                facts=arrival.stated.facts(),
            )
            row = DepositRow(
                id=arrival.deposit_id,
                tenant_id=submission.tenant,
                idempotency_key=submission.idempotency_key,
                request_digest=arrival.request,
                state=DepositState.RECEIVED,
                version=1,
                agent=submission.agent,
                filename=submission.filename,
                media_type=submission.media_type,
                size=arrival.size,
                sha256=digests.sha256,
                sha512=digests.sha512,
                fields=dict(submission.fields),
                agreement=arrival.agreed.code,
                agreed=dict(arrival.agreed.fields) or None,
                tenant_name=arrival.names.tenant_name,
                salts=dict(arrival.names.salts),
                received_at=received_at,
                updated_at=received_at,
                staging_key=staged.key,
                staging_version=staged.version,
                entry=entry.n,
                leaf_hash=entry.leaf_hash,
                record_id=arrival.record_id,
                problem=None,
                priority=submission.priority,
                lease_owner=None,
                lease_until=None,
                fence=0,
                attempts=0,
            )
            session.add(row)
            outbox.add(session, outbox.ADVANCE, arrival.deposit_id, submission.priority, at=received_at)
        return Received(row, replayed=False)


class _NotAgreed(Exception):
    """The agreement no longer admits a deposit that is staged already."""

    def __init__(self, why: Refused | Unavailable) -> None:
        super().__init__(why.code)
        self.why = why


def _with(submission: Submission, agreed: Agreed) -> Submission:
    """Return a submission with the fields that its agreement gives."""
    return replace(submission, fields={**submission.fields, **agreed.fields})


def _read_back(store: ObjectStore, content: StoredObject, sha256: str, size: int) -> None:
    """Check that the store holds what we hashed; read in small pieces."""
    digest = hashlib.sha256()
    for chunk in store.read(content.key, content.version):
        digest.update(chunk)
    if content.size != size or digest.hexdigest() != sha256:
        raise altered(content.key)


def _tenant_name(session: Session, tenant: str) -> str:
    row = session.get(TenantRow, tenant)
    if row is None:
        raise Refused(
            "tenant_unknown",
            "Le service d’archives « {tenant} » n’existe pas.",
            kept=ALONE,
            action="",
            tenant=tenant,
        )
    return row.name
