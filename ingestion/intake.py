"""Receive a deposit: hash while reading, make it durable, acknowledge by one commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from archive.database import Database
from archive.fixity import altered
from archive.identifiers import new_id
from archive.ledger import Ledger
from archive.objects.port import ObjectStore, StoredObject
from archive.records import Digests
from archive.tables import TenantRow
from ingestion import outbox
from ingestion.deposits import FIELD_LENGTHS, FIELDS, DepositState
from ingestion.tables import DepositRow
from signing.canonical import canonical
from signing.clock import Clock, stamp
from signing.errors import Refused, Unavailable

_ALONE = "Rien n’a été conservé."


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


@dataclass(frozen=True)
class Offer:
    """What a producer hands over, bytes apart.

    Attributes:
        idempotency_key: Chosen by the caller; the same key never makes two deposits.
        fields: Text fields by name, as given.
        expected_sha256: Hex digest the caller announced, if any.
        priority: 0 somebody waits, 5 a batch, 9 the night.
    """

    tenant: str
    agent: str
    idempotency_key: str
    filename: str
    media_type: str
    fields: Mapping[str, str]
    expected_sha256: str | None = None
    priority: int = 0


Foresee = Callable[[Path, Offer, Digests], dict[str, Any]]
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
                kept=_ALONE,
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

    def finish(self, offer: Offer, *, dry_run: bool = False) -> Received:
        """Acknowledge what was written; the spool is gone afterwards, whatever happens.

        Raises:
            Refused: ``empty_file``, ``digest_mismatch``, ``idempotency_key_reused``, ``bad_field`` …
            Unavailable: Nothing was acknowledged.
        """
        try:
            if not dry_run:
                self._sync()
            return self._intake.accept(self, offer, dry_run=dry_run)
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
        ring: Called after each commit, to wake the relay.
        foresee: Answers dry runs.
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
        ring: Callable[[], None] = lambda: None,
        foresee: Foresee | None = None,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._store = store
        self._spool = spool
        self._clock = clock
        self.max_bytes = max_bytes
        self._ring = ring
        self._foresee = foresee

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
        offer = Offer(tenant, agent, idempotency_key, filename, media_type, fields, expected_sha256, priority)
        check(offer)
        spool = self.open_spool()
        try:
            for chunk in chunks:
                spool.write(chunk)
            return spool.finish(offer, dry_run=dry_run)
        finally:
            spool.discard()

    def accept(self, spool: Spool, offer: Offer, *, dry_run: bool) -> Received:
        """Acknowledge a spooled file (called by ``Spool.finish``)."""
        check(offer)
        digests = spool.digests
        _check_bytes(spool.size, digests, offer)
        if dry_run:
            plan = self._foresee(spool.path, offer, digests) if self._foresee else {}
            return Received(None, replayed=False, plan={"size": spool.size, "digests": digests.as_json()} | plan)
        request = request_digest(offer, spool.size, digests)
        with self._database.read() as session:
            tenant_name = _tenant_name(session, offer.tenant)
            known = self._replay(session, offer, request)
        if known is not None:
            return Received(known, replayed=True)
        deposit_id, received_at = new_id(), self._clock()
        statement = _statement(deposit_id, tenant_name, offer, spool.size, digests, received_at)
        staged = self._stage(spool, f"staging/{offer.tenant}/{deposit_id}", statement, digests)
        try:
            received = self._commit(deposit_id, received_at, offer, request, spool.size, digests, staged[0])
        except IntegrityError as error:  # another process was faster by an instant (PostgreSQL)
            with self._database.read() as session:
                known = self._replay(session, offer, request)
            if known is None:
                raise Unavailable("database_away", "La base de données ne répond pas.", action="Réessayez.") from error
            received = Received(known, replayed=True)
        if received.replayed:
            for item in staged:
                with suppress(Refused):
                    self._store.delete(item.key, item.version)
        else:
            self._ring()
        return received

    def _replay(self, session: Session, offer: Offer, request: str) -> DepositRow | None:
        known = session.scalar(
            select(DepositRow).where(
                DepositRow.tenant_id == offer.tenant, DepositRow.idempotency_key == offer.idempotency_key
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
        self, spool: Spool, prefix: str, statement: bytes, digests: Digests
    ) -> tuple[StoredObject, StoredObject]:
        content = self._store.put(f"{prefix}/bytes", spool.path, sha256=digests.sha256)
        _read_back(self._store, content, digests.sha256, spool.size)
        described = self._store.put(f"{prefix}/deposit.json", statement, sha256=hashlib.sha256(statement).hexdigest())
        return content, described

    def _commit(
        self,
        deposit_id: str,
        received_at: datetime,
        offer: Offer,
        request: str,
        size: int,
        digests: Digests,
        staged: StoredObject,
    ) -> Received:
        with self._database.write() as session:
            known = self._replay(session, offer, request)
            if known is not None:
                return Received(known, replayed=True)
            entry = self._ledger.append(
                session,
                type="DepositReceived",
                tenant=offer.tenant,
                subject=f"deposit:{deposit_id}",
                agent=offer.agent,
                facts={"sha-256": digests.sha256, "sha-512": digests.sha512, "size": size},
            )
            row = DepositRow(
                id=deposit_id,
                tenant_id=offer.tenant,
                idempotency_key=offer.idempotency_key,
                request_digest=request,
                state=DepositState.RECEIVED,
                version=1,
                agent=offer.agent,
                filename=offer.filename,
                media_type=offer.media_type,
                size=size,
                sha256=digests.sha256,
                sha512=digests.sha512,
                fields=dict(offer.fields),
                received_at=received_at,
                updated_at=received_at,
                staging_key=staged.key,
                staging_version=staged.version,
                entry=entry.n,
                leaf_hash=entry.leaf_hash,
                record_id=new_id(),
                problem=None,
                priority=offer.priority,
                lease_owner=None,
                lease_until=None,
                fence=0,
                attempts=0,
            )
            session.add(row)
            outbox.add(session, outbox.ADVANCE, deposit_id, offer.priority, at=received_at)
        return Received(row, replayed=False)


def check(offer: Offer) -> None:
    """Refuse what can be refused before the first byte.

    Raises:
        Refused: ``bad_idempotency_key``, ``bad_filename``, ``bad_field``.
    """
    if not 1 <= len(offer.idempotency_key) <= 255 or not offer.idempotency_key.isprintable():
        raise Refused(
            "bad_idempotency_key",
            "La clé d’idempotence doit compter de 1 à 255 caractères imprimables.",
            kept=_ALONE,
            action="Donnez à chaque dépôt une clé nouvelle, par exemple un UUID.",
            pointer="Idempotency-Key",
        )
    if not offer.filename.strip() or len(offer.filename) > 1000 or not _is_text(offer.filename):
        raise Refused(
            "bad_filename",
            "Le nom du fichier manque ou n’est pas lisible.",
            kept=_ALONE,
            action="Donnez un nom au fichier.",
            pointer="file",
        )
    for name, value in offer.fields.items():
        _check_field(name, value)


def request_digest(offer: Offer, size: int, digests: Digests) -> str:
    """What makes two requests the same: content, name and fields."""
    request = {
        "v": 1,
        "filename": offer.filename,
        "size": size,
        "sha-256": digests.sha256,
        "fields": dict(offer.fields),
    }
    return hashlib.sha256(canonical(request)).hexdigest()


def _check_field(name: str, value: str) -> None:
    if name not in FIELDS:
        raise _bad_field(name, "Le champ « {name} » n’existe pas.", "Champs connus : {known}.", known=", ".join(FIELDS))
    if not _is_text(value):
        raise _bad_field(name, "Le champ « {name} » n’est pas du texte lisible.", "Envoyez-le en UTF-8.")
    if len(value) > FIELD_LENGTHS[name]:
        raise _bad_field(
            name,
            "Le champ « {name} » est trop long.",
            "Au plus {limit} caractères.",
            limit=FIELD_LENGTHS[name],
        )
    if name in {"document_date", "closed_on"} and value:
        try:
            date.fromisoformat(value)
        except ValueError as error:
            raise _bad_field(
                name, "Le champ « {name} » n’est pas une date.", "Écrivez la date ainsi : 2026-03-12."
            ) from error


def _is_text(value: str) -> bool:
    """No NUL and no half of a character: what every store and database can write."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _bad_field(name: str, detail: str, action: str, **values: object) -> Refused:
    return Refused("bad_field", detail, kept=_ALONE, action=action, pointer=f"/{name}", name=name, **values)


def _check_bytes(size: int, digests: Digests, offer: Offer) -> None:
    if size == 0:
        raise Refused(
            "empty_file",
            "Ce fichier est vide.",
            kept=_ALONE,
            action="Vérifiez le fichier puis déposez-le à nouveau.",
            pointer="file",
        )
    if offer.expected_sha256 is not None and offer.expected_sha256.lower() != digests.sha256:
        raise Refused(
            "digest_mismatch",
            "Les octets reçus n’ont pas l’empreinte annoncée.",
            kept=_ALONE,
            action="Envoyez le fichier à nouveau ; s’il échoue encore, recalculez son empreinte.",
            pointer="Repr-Digest",
        )


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
            kept=_ALONE,
            action="",
            tenant=tenant,
        )
    return row.name


def _statement(
    deposit_id: str, tenant_name: str, offer: Offer, size: int, digests: Digests, received_at: datetime
) -> bytes:
    """``deposit.json``: with the bytes beside it, a lost database loses no acknowledged deposit."""
    return canonical(
        {
            "v": 1,
            "deposit": deposit_id,
            "tenant": offer.tenant,
            "tenant_name": tenant_name,
            "agent": offer.agent,
            "idempotency_key": offer.idempotency_key,
            "filename": offer.filename,
            "media_type": offer.media_type,
            "fields": dict(offer.fields),
            "size": size,
            "sha-256": digests.sha256,
            "sha-512": digests.sha512,
            "received_at": stamp(received_at),
        }
    )


def _spool_full() -> Unavailable:
    return Unavailable(
        "spool_full",
        "Le disque de réception ne répond pas ou est plein.",
        kept=_ALONE,
        action="Réessayez dans quelques minutes ; si cela dure, prévenez l’administrateur.",
    )
