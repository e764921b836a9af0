"""Receive a deposit: hash while reading, make it durable, acknowledge by one commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.database.engine import Database
from archive.database.tables import TenantRow
from archive.journal.sequencer import Ledger
from archive.model.identifiers import new_id
from archive.model.records import Digests
from archive.objects.fixity import altered
from archive.objects.layout import DepositFolder
from archive.objects.port import ObjectStore, StoredObject
from ingestion.deposits import outbox
from ingestion.deposits.states import DepositState
from ingestion.reception.submission import ALONE, Submission, check, check_bytes, request_digest, statement
from ingestion.tables import DepositRow
from signing.ground.clock import Clock
from signing.ground.errors import Refused, Unavailable


@dataclass(frozen=True)
class Received:
    """The answer to a deposit.

    Attributes:
        deposit: The row as committed; None after a dry run.
        replayed: The same key and the same content had been received before: this is that answer again.
        plan: What would happen, after a dry run.
    """

    deposit: DepositRow | None
    replayed: bool
    plan: dict[str, Any] | None = None


DryRunner = Callable[[Path, Submission, Digests], dict[str, Any]]
"""What would become of these bytes, for a dry run."""


class Spool:
    """A file being received: written by us, named by us, gone when the deposit is acknowledged or refused."""

    def __init__(self, intake: Intake, path: Path) -> None:
        self._intake = intake
        self.path = path
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            Refused: ``too_large``.
            Unavailable: ``spool_full``.
        """
        self.size += len(chunk)
        if self.size > self._intake.max_bytes:
            raise Refused(
                "too_large",
                "Ce fichier dépasse la taille acceptée ({limit} octets).",
                kept=ALONE,
                action="Découpez le document ou demandez à l’administrateur de relever la limite.",
                limit=self._intake.max_bytes,
            )
        self._sha256.update(chunk)
        self._sha512.update(chunk)
        try:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _spool_full() from error

    @property
    def digests(self) -> Digests:
        """Of all bytes written so far."""
        return Digests(self._sha256.hexdigest(), self._sha512.hexdigest())

    def finish(self, submission: Submission, *, dry_run: bool = False) -> Received:
        """Acknowledge what was written; the spool is gone afterwards, whatever happens.

        Raises:
            Refused: ``empty_file``, ``digest_mismatch``, ``idempotency_key_reused``, ``bad_field`` …
            Unavailable: Nothing was acknowledged.
        """
        try:
            if not dry_run:
                self._sync()
            return self._intake.accept(self, submission, dry_run=dry_run)
        finally:
            self.discard()

    def discard(self) -> None:
        """Throw the spool away; harmless when it is gone already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self.path.unlink(missing_ok=True)

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _spool_full() from error


class Intake:
    """The only door for deposits.

    Args:
        spool: Folder for files being received.
        max_bytes: Largest file accepted.
        notify: Called after each commit, to wake the relay.
        dry_runner: Answers dry runs.
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
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._spool = spool
        self._clock = clock
        self.max_bytes = max_bytes
        self._notify = notify
        self._dry_run = dry_runner

    def open_spool(self) -> Spool:
        """Begin to receive; the caller writes, then finishes or discards."""
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
            return Spool(self, self._spool / f"{new_id()}.part")
        except OSError as error:
            raise _spool_full() from error

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
        """Receive from an iterable: ``open_spool``, ``write``, ``finish`` in one call."""
        submission = Submission(tenant, agent, idempotency_key, filename, media_type, fields, expected_sha256, priority)
        check(submission)
        spool = self.open_spool()
        try:
            for chunk in chunks:
                spool.write(chunk)
            return spool.finish(submission, dry_run=dry_run)
        finally:
            spool.discard()

    def accept(self, spool: Spool, submission: Submission, *, dry_run: bool) -> Received:
        """Acknowledge a spooled file (called by ``Spool.finish``)."""
        check(submission)
        digests = spool.digests
        check_bytes(spool.size, digests, submission)
        if dry_run:
            plan = self._dry_run(spool.path, submission, digests) if self._dry_run else {}
            return Received(None, replayed=False, plan={"size": spool.size, "digests": digests.as_json()} | plan)
        request = request_digest(submission, spool.size, digests)
        with self._database.read() as session:
            tenant_name = _tenant_name(session, submission.tenant)
            known = self._replay(session, submission, request)
        if known is not None:
            return Received(known, replayed=True)
        deposit_id, record_id, received_at = new_id(), new_id(), self._clock()
        described = statement(deposit_id, record_id, tenant_name, submission, spool.size, digests, received_at)
        staged = self._stage(spool, DepositFolder(submission.tenant, deposit_id), described, digests)
        try:
            received = self._commit(
                deposit_id, record_id, received_at, submission, request, spool.size, digests, staged[0]
            )
        except IntegrityError as error:  # another process was faster by an instant (PostgreSQL)
            with self._database.read() as session:
                known = self._replay(session, submission, request)
            if known is None:
                raise Unavailable("database_away", "La base de données ne répond pas.", action="Réessayez.") from error
            received = Received(known, replayed=True)
        if received.replayed:
            for item in staged:
                with suppress(Refused):
                    self._store.delete(item.key, item.version)
        else:
            self._notify()
        return received

    def _replay(self, session: Session, submission: Submission, request: str) -> DepositRow | None:
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

    def _stage(
        self, spool: Spool, folder: DepositFolder, text: bytes, digests: Digests
    ) -> tuple[StoredObject, StoredObject]:
        content = self._store.put(folder.content, spool.path, sha256=digests.sha256)
        _read_back(self._store, content, digests.sha256, spool.size)
        described = self._store.put(folder.statement, text, sha256=hashlib.sha256(text).hexdigest())
        return content, described

    def _commit(
        self,
        deposit_id: str,
        record_id: str,
        received_at: datetime,
        submission: Submission,
        request: str,
        size: int,
        digests: Digests,
        staged: StoredObject,
    ) -> Received:
        with self._database.write() as session:
            known = self._replay(session, submission, request)
            if known is not None:
                return Received(known, replayed=True)
            entry = self._ledger.append(
                session,
                type="DepositReceived",
                tenant=submission.tenant,
                subject=f"deposit:{deposit_id}",
                agent=submission.agent,
                facts={"sha-256": digests.sha256, "sha-512": digests.sha512, "size": size},
            )
            row = DepositRow(
                id=deposit_id,
                tenant_id=submission.tenant,
                idempotency_key=submission.idempotency_key,
                request_digest=request,
                state=DepositState.RECEIVED,
                version=1,
                agent=submission.agent,
                filename=submission.filename,
                media_type=submission.media_type,
                size=size,
                sha256=digests.sha256,
                sha512=digests.sha512,
                fields=dict(submission.fields),
                received_at=received_at,
                updated_at=received_at,
                staging_key=staged.key,
                staging_version=staged.version,
                entry=entry.n,
                leaf_hash=entry.leaf_hash,
                record_id=record_id,
                problem=None,
                priority=submission.priority,
                lease_owner=None,
                lease_until=None,
                fence=0,
                attempts=0,
            )
            session.add(row)
            outbox.add(session, outbox.ADVANCE, deposit_id, submission.priority, at=received_at)
        return Received(row, replayed=False)


def _read_back(store: ObjectStore, content: StoredObject, sha256: str, size: int) -> None:
    """What the store holds is what we hashed; read in small pieces, whatever the size."""
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


def _spool_full() -> Unavailable:
    return Unavailable(
        "spool_full",
        "Le disque de réception ne répond pas ou est plein.",
        kept=ALONE,
        action="Réessayez dans quelques minutes ; si cela dure, prévenez l’administrateur.",
    )
