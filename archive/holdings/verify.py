"""Verify one record end to end and report each check."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from archive.catalogue import description
from archive.catalogue import record_json as metadata
from archive.catalogue import rows as catalogue
from archive.catalogue.rows import Placed
from archive.database.tables import RecordRow, VerificationRow
from archive.holdings.checks import Check, Verification
from archive.holdings.guards import check_guards
from archive.holdings.inclusion import Sequenced, check_inclusion
from archive.holdings.stores import Stores
from archive.journal.merkle import leaf_hash
from archive.journal.published import SharedLog
from archive.journal.sequencer import Ledger
from archive.journal.types import CHANGES, KEPT, RESTORED, EntryType
from archive.model.records import Kind
from archive.model.states import RecordState
from archive.objects import begun, fixity, ocfl
from archive.objects.fixity import Fixity
from archive.objects.layout import RecordFolder, record_folder
from archive.objects.port import Listed, ObjectStore, Unreadable, read_all
from signing.ground.errors import Corrupt, Refused

_NAMES: Final = {
    Kind.ORIGINAL.value: "Original",
    Kind.ARCHIVAL.value: "PDF/A",
    Kind.TEXT.value: "Texte lu",
    Kind.PREVIEW.value: "Aperçu",
    Kind.REDACTED.value: "Copie occultée",
}


UNREAD: Final = "Le magasin répond, mais n’a pas pu relire ce fichier : on ne sait pas si ses octets ont changé."
"""Detail of a file that could not be read: nothing is claimed (see ``port.Unreadable``)."""

FORBIDDEN: Final = "Le fichier est là, mais ses droits interdisent de le lire : rien n’est dit de ses octets."
"""Detail of a file that lost its right to be read, as in a copy without modes."""

INVENTORY: Final = "Inventaire"
"""Name of the check that the folder holds exactly the files of the inventory."""

BEGUN: Final = "Une modification commencée n’a jamais été confirmée : elle est sans effet."
"""What is said of files that are begun, not claimed (see ``objects.begun``)."""

SealCheck = Callable[[Path], Check]
"""Judges the seal of an archival PDF that was checked and copied to a file."""


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
        told, subject = Sequenced.load(session, row.id, row.deposit_id), f"record:{row.id}"
        return cls(
            row.id,
            row.tenant_id,
            {column.key: getattr(row, column.key) for column in RecordRow.__table__.columns},
            tuple(catalogue.placed(session, row.id)),
            tuple((line.n, line.body, line.leaf_hash) for line in told.lines if line.subject == subject),
            told,
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
    published: SharedLog | None = None,
) -> Verification:
    """Read everything again, compare it with catalogue and journal, and record the result.

    Args:
        tenant: The tenant that owns the record.
        record_id: The record.
        validate_seal: Judges the archival PDF's seal.
        agent: The agent that asked.
        published: The published journal, opened before, where many records are verified.

    Raises:
        Refused: ``record_not_found``.
    """
    promise, result = _settled(stores, tenant, record_id, validate_seal, published)
    with stores.database.write() as session:
        _record_result(session, stores.ledger, promise, result, agent=agent)
    return result


def look(stores: Stores, tenant: str, record_id: str) -> Verification:
    """Run the checks of ``verify`` without recording the result.

    Raises:
        Refused: ``record_not_found``.
    """
    return _settled(stores, tenant, record_id)[1]


def _settled(
    stores: Stores,
    tenant: str,
    record_id: str,
    validate_seal: SealCheck | None = None,
    published: SharedLog | None = None,
) -> tuple[Promise, Verification]:
    if published is None and stores.vkey is not None:
        published = SharedLog(stores.store, stores.vkey)
    promise = _promised(stores, tenant, record_id)
    result = _run_checks(stores, promise, validate_seal, published)
    while not result.is_whole and (now := _promised(stores, tenant, record_id)) != promise:
        promise = now  # described, held or released while it was read: a real fault shows again
        result = _run_checks(stores, promise, validate_seal, published)
    return promise, result


def _promised(stores: Stores, tenant: str, record_id: str) -> Promise:
    with stores.database.read() as session:
        row = catalogue.get(session, tenant, record_id)
        if RecordState(row.state).destroyed:
            raise description.not_kept(row.state)
        return Promise.load(session, row)


def _run_checks(
    stores: Stores, promise: Promise, validate_seal: SealCheck | None, published: SharedLog | None
) -> Verification:
    """Run every check, reading every byte of the record."""
    store, at = stores.store, stores.clock()
    checks = [_object(store, promise, item) for item in promise.objects]
    forms = [c for c, item in zip(checks, promise.objects, strict=True) if item.kind is not None]
    rest = [c for c, item in zip(checks, promise.objects, strict=True) if item.kind is None]
    result = [
        *forms,
        _together(rest),
        *check_guards(store, promise.folder, promise.objects, stores.today),
        _inventory(store, promise),
        _catalogue(store, promise),
        _journal(promise),
        check_inclusion(store, published, promise.sequenced, at),
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
) -> None:
    """Store the result and journal it."""
    session.add(
        VerificationRow(
            record_id=promise.record_id,
            at=result.at,
            verdict=result.verdict.value,
            checks=[check.as_json() for check in result.checks],
        )
    )
    ledger.append(
        session,
        type=EntryType.FIXITY_CHECKED,
        tenant=promise.tenant,
        subject=f"record:{promise.record_id}",
        agent=agent,
        facts=result.facts,
    )


def _object(store: ObjectStore, promise: Promise, item: Placed) -> Check:
    name = _NAMES.get(item.kind or "", promise.folder.path(item.key))
    try:
        fixity.check(store, item.key, item.version, sha256=item.sha256, size=item.size)
    except Corrupt as error:
        verdict = Fixity(error.code)
        said = {
            Fixity.ALTERED: "Les octets ne sont plus ceux qui ont été gardés.",
            Fixity.MISSING: "Le fichier n’est plus dans le magasin.",
        }
        return Check(name, verdict, f"{said[verdict]} ({item.key})")
    except Unreadable as error:
        why = FORBIDDEN if error.code == "object_forbidden" else UNREAD
        return Check(name, Fixity.UNVERIFIABLE, f"{why} ({item.key})")
    return Check(name, Fixity.INTACT, f"SHA-256 {item.sha256}")


def _together(checks: list[Check]) -> Check:
    """Sum up the checks of the small files in one, naming those that fail."""
    verdict = fixity.gravest([check.verdict for check in checks])
    wrong = [f"{check.name} : {check.detail}" for check in checks if check.verdict is not Fixity.INTACT]
    return Check("Métadonnées et rapports", verdict, " ; ".join(wrong) or f"{len(checks)} fichiers relus")


def _inventory(store: ObjectStore, promise: Promise) -> Check:
    """Check that the folder holds exactly the files of the inventory, and what was begun since."""
    name = INVENTORY
    try:
        content = _inventory_in_force(store, promise)
        if content is None:
            return Check(name, Fixity.MISSING, "L’inventaire n’est plus dans le magasin.")
        if ocfl.sha512(content) != promise.values["inventory_sha512"]:
            return Check(name, Fixity.ALTERED, "L’inventaire n’est pas celui que le catalogue connaît.")
        verdict, detail = _of_folder(store, promise, content)
    except Unreadable:
        return Check(name, Fixity.UNVERIFIABLE, UNREAD)
    return Check(name, verdict, detail)


def _inventory_in_force(store: ObjectStore, promise: Promise) -> bytes | None:
    """Read the root inventory as the catalogue pins it: a later one may never have been claimed."""
    item = next((one for one in promise.objects if one.key == promise.folder.inventory), None)
    try:
        return read_all(store, item.key, item.version) if item is not None else None
    except Refused as error:
        if error.code != "object_missing":
            raise
        return None


def _of_folder(store: ObjectStore, promise: Promise, content: bytes) -> tuple[Fixity, str]:
    facts = json.loads(content)
    digests = {
        promise.folder.key(path): digest for digest, paths in facts["fixity"]["sha256"].items() for path in paths
    }
    pinned = {item.key: item.sha256 for item in promise.objects}
    listed: dict[str, list[Listed]] = {}
    for item in store.list(promise.folder.prefix):
        listed.setdefault(item.key, []).append(item)
    left = begun.begun(promise.folder, promise.values["ocfl_version"], listed)
    there = listed.keys() - left.keys
    beside = _beside(listed, promise, left.further_heads)
    if beside:
        written_over = "Quelqu’un a écrit par-dessus des fichiers gardés, ou les a cachés"
        return Fixity.ALTERED, f"{written_over} : {_some(beside, promise)}."
    if there - pinned.keys():
        return Fixity.ALTERED, f"Des fichiers inconnus sont apparus : {_some(there - pinned.keys(), promise)}."
    if any(pinned.get(key) != digest for key, digest in digests.items()):
        return Fixity.ALTERED, "L’inventaire et le catalogue ne disent pas les mêmes empreintes."
    if pinned.keys() - there:
        return Fixity.MISSING, f"Il manque {_some(pinned.keys() - there, promise)}."
    if not begun.is_sound(left, content, listed, lambda item: read_all(store, item.key, item.version)):
        return Fixity.ALTERED, "Un inventaire qui ne prolonge pas celui du journal est apparu."
    detail = f"{len(there)} fichiers, version {facts['head']}"
    return Fixity.INTACT, f"{detail}. {BEGUN}" if left else detail


def _beside(listed: Mapping[str, list[Listed]], promise: Promise, further: int) -> set[str]:
    """Return keys with a version over the pinned one: a delete marker, or unannounced bytes.

    The heads of an object have one version for each of its OCFL versions, and no more; ``further``
    counts those begun and never claimed.
    """
    heads = {promise.folder.inventory, promise.folder.sidecar}
    pinned = {item.key: item.version for item in promise.objects}
    restored = put_back(json.loads(body) for _, body, _ in promise.entries)
    wrong = {key for key, versions in listed.items() if any(item.marker for item in versions)}
    for key in pinned.keys() & listed.keys():
        number = promise.values["ocfl_version"] + further if key in heads else 1
        over = further if key in heads else 0
        versions = [item.version for item in listed[key]]  # the newest comes last
        if len(versions) > number + restored[promise.folder.path(key)] or pinned[key] not in versions[-1 - over :]:
            wrong.add(key)
    return wrong


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
