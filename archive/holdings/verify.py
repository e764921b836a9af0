"""Verify one record end to end and report each check."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import description
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.database.tables import JournalEntryRow, RecordRow, VerificationRow
from archive.holdings.inclusion import Sequenced, check_inclusion
from archive.holdings.stores import Stores
from archive.journal.merkle import leaf_hash
from archive.journal.sequencer import Ledger
from archive.journal.types import CHANGES, KEPT, RESTORED, EntryType
from archive.model.records import Kind
from archive.model.states import RecordState
from archive.objects import fixity, ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import RecordFolder, record_folder
from archive.objects.port import Listed, ObjectStore, Unreadable, found
from signing.ground.errors import Corrupt

_NAMES: Final = {
    Kind.ORIGINAL.value: "Original",
    Kind.ARCHIVAL.value: "PDF/A",
    Kind.TEXT.value: "Texte lu",
    Kind.PREVIEW.value: "Aperçu",
}


@dataclass(frozen=True)
class Check:
    """One check; name and detail are French texts."""

    name: str
    verdict: Fixity
    detail: str

    def as_json(self) -> dict[str, str]:
        """Return the check as the API shows it."""
        return {"name": self.name, "verdict": self.verdict.value, "detail": self.detail}


UNREAD: Final = "Le magasin répond, mais n’a pas pu relire ce fichier : on ne sait pas si ses octets ont changé."
"""Detail of a file that could not be read: nothing is claimed (see ``port.Unreadable``)."""

SealCheck = Callable[[Path], Check]
"""Judges the seal of an archival PDF that was checked and copied to a file."""


@dataclass(frozen=True)
class Verification:
    """Result of one verification: every check, and the gravest verdict."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Fixity:
        """The gravest verdict of all checks."""
        return fixity.gravest([check.verdict for check in self.checks])

    def as_json(self) -> dict[str, Any]:
        """Return the verification as the API shows it."""
        return {"verdict": self.verdict.value, "checks": [check.as_json() for check in self.checks]}


@dataclass(frozen=True)
class Promise:
    """State of a record by database and journal, read in one transaction.

    Attributes:
        values: Columns of the catalogue's row.
        entries: Entries about the record: number, body, leaf hash.
        sequenced: The same with those about its deposit, to be found in the published journal.
    """

    record_id: str
    tenant: str
    values: Mapping[str, Any]
    objects: tuple[Placed, ...]
    entries: tuple[tuple[int, bytes, str], ...]
    sequenced: Sequenced

    @classmethod
    def load(cls, session: Session, row: RecordRow) -> Promise:
        """Read a record's row, objects and entries."""
        query = select(JournalEntryRow).where(JournalEntryRow.subject == f"record:{row.id}")
        entries = session.scalars(query.order_by(JournalEntryRow.n)).all()
        return cls(
            row.id,
            row.tenant_id,
            {column.key: getattr(row, column.key) for column in RecordRow.__table__.columns},
            tuple(catalogue.placed(session, row.id)),
            tuple((e.n, e.body, e.leaf_hash) for e in entries),
            Sequenced.load(session, row.id, row.deposit_id),
        )

    @property
    def folder(self) -> RecordFolder:
        """Folder of the record in the store."""
        return record_folder(self.tenant, self.record_id)


def verify(
    stores: Stores,
    tenant: str,
    record_id: str,
    *,
    validate_seal: SealCheck | None = None,
    agent: str | None = None,
    asked: bool = True,
) -> Verification:
    """Read everything again, compare it with catalogue and journal, and record the result.

    Args:
        tenant: The tenant that owns the record.
        record_id: The record.
        validate_seal: Judges the archival PDF's seal.
        agent: The agent that asked.
        asked: False for the routine: then only a result that is not intact goes into the journal.

    Raises:
        Refused: ``record_not_found``.
    """
    promise = _promised(stores, tenant, record_id)
    result = _run_checks(stores, promise, validate_seal)
    while result.verdict is not fixity.Fixity.INTACT and (now := _promised(stores, tenant, record_id)) != promise:
        promise = now  # described, held or released while it was read: a real fault shows again
        result = _run_checks(stores, promise, validate_seal)
    with stores.database.write() as session:
        _record_result(session, stores.ledger, promise, result, agent=agent, asked=asked)
    return result


def _promised(stores: Stores, tenant: str, record_id: str) -> Promise:
    with stores.database.read() as session:
        row = catalogue.get(session, tenant, record_id)
        if RecordState(row.state).gone:
            raise description.not_kept(row.state)
        return Promise.load(session, row)


def _run_checks(stores: Stores, promise: Promise, validate_seal: SealCheck | None) -> Verification:
    """Run every check, reading every byte of the record."""
    store, at = stores.store, stores.clock()
    checks = [_object(store, promise, item) for item in promise.objects]
    forms = [c for c, item in zip(checks, promise.objects, strict=True) if item.kind is not None]
    rest = [c for c, item in zip(checks, promise.objects, strict=True) if item.kind is None]
    result = [
        *forms,
        _together(rest),
        _inventory(store, promise),
        _catalogue(store, promise),
        _journal(promise),
        Check("Journal publié", *check_inclusion(store, stores.vkey, promise.sequenced, at)),
    ]
    archival = next((i for i in promise.objects if i.kind == Kind.ARCHIVAL.value), None)
    if validate_seal is not None and archival is not None:
        result.append(_seal(store, archival, validate_seal))
    return Verification(at, tuple(result))


def _record_result(
    session: Session,
    ledger: Ledger,
    promise: Promise,
    result: Verification,
    *,
    agent: str | None,
    asked: bool,
) -> None:
    """Store the result; journal it too when it was asked for or something is wrong."""
    session.add(
        VerificationRow(
            record_id=promise.record_id,
            at=result.at,
            verdict=result.verdict.value,
            checks=[check.as_json() for check in result.checks],
        )
    )
    if asked or result.verdict is not Fixity.INTACT:
        ledger.append(
            session,
            type=EntryType.FIXITY_CHECKED,
            tenant=promise.tenant,
            subject=f"record:{promise.record_id}",
            agent=agent,
            facts={"verdict": result.verdict.value, "checks": len(result.checks)},
        )


def _object(store: ObjectStore, promise: Promise, item: Placed) -> Check:
    name = _NAMES.get(item.kind or "", promise.folder.path(item.key))
    try:
        fixity.check(store, item.key, item.version, sha256=item.sha256, size=item.size)
        guard = store.stat(item.key, item.version)
    except Corrupt as error:
        verdict = Fixity(error.code)
        said = {
            Fixity.ALTERED: "Les octets ne sont plus ceux qui ont été gardés.",
            Fixity.MISSING: "Le fichier n’est plus dans le magasin.",
        }
        return Check(name, verdict, f"{said[verdict]} ({item.key})")
    except Unreadable:
        return Check(name, Fixity.UNVERIFIABLE, f"{UNREAD} ({item.key})")
    lock = guard.locked_until
    if item.locked_until is not None and (lock is None or lock < item.locked_until):
        return Check(name, Fixity.ALTERED, f"Le verrou a été raccourci. ({item.key})")
    if item.legal_hold and not guard.legal_hold:
        return Check(name, Fixity.ALTERED, f"Le gel a été levé dans le magasin. ({item.key})")
    return Check(name, Fixity.INTACT, f"SHA-256 {item.sha256}")


def _together(checks: list[Check]) -> Check:
    """Sum up the checks of the small files in one, naming those that fail."""
    verdict = fixity.gravest([check.verdict for check in checks])
    wrong = [f"{check.name} : {check.detail}" for check in checks if check.verdict is not Fixity.INTACT]
    return Check("Métadonnées et rapports", verdict, " ; ".join(wrong) or f"{len(checks)} fichiers relus")


def _inventory(store: ObjectStore, promise: Promise) -> Check:
    """Check that the folder holds exactly the files of the inventory."""
    name = "Inventaire"
    try:
        content = found(store, promise.folder.inventory)
    except Unreadable:
        return Check(name, Fixity.UNVERIFIABLE, UNREAD)
    if content is None:
        return Check(name, Fixity.MISSING, "L’inventaire n’est plus dans le magasin.")
    if ocfl.sha512(content) != promise.values["inventory_sha512"]:
        return Check(name, Fixity.ALTERED, "L’inventaire n’est pas celui que le catalogue connaît.")
    facts = json.loads(content)
    digests = {
        promise.folder.key(path): digest for digest, paths in facts["fixity"]["sha256"].items() for path in paths
    }
    pinned = {item.key: item.sha256 for item in promise.objects}
    listed = list(store.list(promise.folder.prefix))
    there = {item.key for item in listed}
    verdict, detail = Fixity.INTACT, f"{len(there)} fichiers, version {facts['head']}"
    beside = _beside(listed, promise)
    if beside:
        verdict = Fixity.ALTERED
        detail = f"Quelqu’un a écrit par-dessus des fichiers gardés, ou les a cachés : {_some(beside, promise)}."
    elif there - pinned.keys():
        verdict = Fixity.ALTERED
        detail = f"Des fichiers inconnus sont apparus : {_some(there - pinned.keys(), promise)}."
    elif any(pinned.get(key) != digest for key, digest in digests.items()):
        verdict, detail = Fixity.ALTERED, "L’inventaire et le catalogue ne disent pas les mêmes empreintes."
    elif pinned.keys() - there:
        verdict, detail = Fixity.MISSING, f"Il manque {_some(pinned.keys() - there, promise)}."
    return Check(name, verdict, detail)


def _beside(listed: list[Listed], promise: Promise) -> set[str]:
    """Return keys with a version over the pinned one: a delete marker, or unannounced bytes.

    The heads of an object have one version for each of its OCFL versions, and no more.
    """
    heads = {promise.folder.inventory, promise.folder.sidecar}
    versions = Counter(item.key for item in listed)
    pinned = {item.key: item.version for item in promise.objects}
    restored = put_back(json.loads(body) for _, body, _ in promise.entries)
    allowed = {
        key: (promise.values["ocfl_version"] if key in heads else 1) + restored[promise.folder.path(key)]
        for key in pinned
    }
    current = {item.key: item.version for item in listed}  # the newest comes last
    return {item.key for item in listed if item.marker} | {
        key for key in pinned.keys() & current.keys() if versions[key] > allowed[key] or current[key] != pinned[key]
    }


def put_back(entries: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count by path how often an object of a record was restored next to a damaged version.

    In either store: the two may have changed places since.
    """
    facts = (entry["facts"] for entry in entries if entry["type"] in RESTORED)
    return Counter(fact["path"] for fact in facts if fact["damaged"] is not None)


def _some(keys: Set[str], promise: Promise) -> str:
    names = sorted(promise.folder.path(key) for key in keys)
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _catalogue(store: ObjectStore, promise: Promise) -> Check:
    """Check that the catalogue's row agrees with ``record.json``."""
    name = "Catalogue"
    try:
        found = _record_json(store, promise)
    except Corrupt as error:
        return Check(name, Fixity(error.code), "La fiche gardée ne peut pas être relue.")
    except Unreadable:
        return Check(name, Fixity.UNVERIFIABLE, UNREAD)
    if found is None:
        return Check(name, Fixity.MISSING, "La fiche n’est plus dans le magasin.")
    expected = metadata.row_values(found) | {"state": promise.values["state"]}
    wrong = sorted(key for key, value in expected.items() if promise.values[key] != value)
    forms = {form["kind"]: form["sha256"] for form in metadata.representation_values(found)}
    pinned = {item.kind: item.sha256 for item in promise.objects if item.kind is not None}
    if forms != pinned:
        wrong.append("representations")
    if wrong:
        return Check(name, Fixity.ALTERED, f"Le catalogue diffère de la fiche gardée : {', '.join(wrong)}.")
    return Check(name, Fixity.INTACT, "Le catalogue dit ce que dit la fiche gardée.")


def _record_json(store: ObjectStore, promise: Promise) -> dict[str, Any] | None:
    wanted = promise.values["record_json_sha256"]
    item = next((i for i in promise.objects if i.kind is None and i.sha256 == wanted), None)
    if item is None:
        return None
    chunks = fixity.verified(store, item.key, item.version, sha256=item.sha256, size=item.size)
    found: dict[str, Any] = json.loads(b"".join(chunks))
    return found


def _journal(promise: Promise) -> Check:
    """Check that entries are as sequenced, and that they agree with the catalogue."""
    name = "Journal"
    for n, body, leaf in promise.entries:
        if leaf_hash(body).hex() != leaf:
            return Check(name, Fixity.ALTERED, f"L’entrée {n} n’est plus celle qui a été inscrite.")
    read = [(n, json.loads(body)) for n, body, _ in promise.entries]
    kept = next((entry for n, entry in read if n == promise.values["kept_entry"]), None)
    changes = [entry for _, entry in read if entry["type"] in CHANGES]
    if kept is None or kept["type"] not in KEPT:
        return Check(name, Fixity.MISSING, "L’entrée qui dit que le document est gardé manque.")
    facts = changes[-1]["facts"]
    pinned = {item.kind: item.sha256 for item in promise.objects if item.kind is not None}
    archival = [entry["facts"]["archival"] for entry in changes if "archival" in entry["facts"]][-1]
    says = (facts["record"], facts["inventory"], kept["facts"]["original"], archival)
    is_so = (
        promise.values["record_json_sha256"],
        promise.values["inventory_sha512"],
        pinned.get(Kind.ORIGINAL.value),
        pinned.get(Kind.ARCHIVAL.value),
    )
    if says != is_so:
        return Check(name, Fixity.ALTERED, "Le journal et le catalogue ne disent pas les mêmes empreintes.")
    return Check(name, Fixity.INTACT, f"{len(read)} entrées, d’accord avec le catalogue.")


def _seal(store: ObjectStore, archival: Placed, validate_seal: SealCheck) -> Check:
    with tempfile.NamedTemporaryFile(suffix=".pdf") as copy:
        try:
            for chunk in fixity.verified(
                store, archival.key, archival.version, sha256=archival.sha256, size=archival.size
            ):
                copy.write(chunk)
        except Corrupt as error:
            return Check("Cachet", Fixity(error.code), "Le PDF/A ne peut pas être relu.")
        except Unreadable:
            return Check("Cachet", Fixity.UNVERIFIABLE, UNREAD)
        copy.flush()
        return validate_seal(Path(copy.name))
