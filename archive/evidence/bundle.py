"""Evidence bundle: all files needed to check a record offline (docs/formats.md 4)."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.orm import Session

from archive.catalogue import rows as catalogue
from archive.catalogue.description import not_kept
from archive.catalogue.premis_xml import premis_xml
from archive.database.engine import Database
from archive.database.tables import RecordRow, TenantRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.evidence import verify
from archive.journal.effects import Subject
from archive.journal.merkle import root_hash
from archive.journal.opening import voucher
from archive.journal.publisher import Checkpoint, Publisher
from archive.journal.receipts import Stated, receipt_of, signed
from archive.journal.sequencer import Entry, Ledger, size
from archive.journal.tiles import StoredTree
from archive.journal.types import RECEIVED, EntryType
from archive.model.states import RecordState
from archive.objects import layout, ocfl
from archive.objects.fixity import Fixity, missing, verified
from archive.objects.port import ObjectStore
from signing.ground.canonical import canonical
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.note import LogKey
from signing.port import Signer, Timestamper

_HERE: Final = Path(__file__).parent
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MANY: Final = 100_000
_NAMES: Final = {
    1: "Liste des fichiers",
    2: "Clé du journal et cachet",
    3: "Journal",
    4: "Octets du document",
    5: "Horodatage",
    6: "Cachet du PDF",
    7: "Accusé de réception",
    8: "Élimination",
}
_SAID: Final = {
    Fixity.INTACT: "Contrôlé et intact.",
    Fixity.ALTERED: "Modifié ou incomplet ({detail}).",
    Fixity.UNVERIFIABLE: "Rien n’établit ici que ce soit l’œuvre de qui l’on attend ({detail}).",
}
_OF_TIME: Final = {
    Fixity.INTACT: "Écrit sous une horloge douteuse, ce qu’une ligne du journal dit ({detail}).",
    Fixity.UNVERIFIABLE: "Rien n’établit ici quand cela fut écrit ({detail}).",
}
"""Said instead where the moment is in question, not whose work it is."""


@dataclass
class _Contents:
    """Files of a bundle in the order in which they are written."""

    files: dict[str, Callable[[], Iterable[bytes]]] = field(default_factory=dict)
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        self.stream(name, lambda: [content], hashlib.sha256(content).hexdigest(), len(content))

    def stream(self, name: str, chunks: Callable[[], Iterable[bytes]], sha256: str, size: int) -> None:
        self.files[name] = chunks
        self.listed[name] = {"sha-256": sha256, "size": size}


@dataclass(frozen=True)
class _Known:
    """A record's rows and entries, read on one snapshot."""

    row: RecordRow
    tenant_name: str
    placed: dict[str, catalogue.Placed]
    entries: list[Entry]
    corrections: list[Entry]
    """Corrections of the clock that name one of these entries."""


class Evidence:
    """Make evidence bundles.

    Args:
        publisher: Publishes a time-stamped checkpoint when the last one is older than the record's
            entries.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        ledger: Ledger,
        publisher: Publisher,
        log_key: LogKey,
        signer: Signer,
        timestamper: Timestamper,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._ledger = ledger
        self._publisher = publisher
        self._log_key = log_key
        self._signer = signer
        self._timestamper = timestamper
        self._clock = clock

    def bundle(
        self, tenant: str, record_id: str, target: IO[bytes], *, content: bool = True, since: int | None = None
    ) -> None:
        """Write the bundle of a record as a zip.

        Every byte is checked against its digest on the way: evidence is never made of altered
        bytes, and a target that was only partly written must be thrown away.

        Args:
            content: False leaves out the representations, and the manifest states it.
            since: Size of the journal in an older proof that the reader holds: the bundle then also
                proves that the journal extends that state.

        Raises:
            Refused: ``record_not_found``; ``bad_journal_size``: the journal was never of that size.
            Corrupt: ``altered``, ``missing``, ``journal_damaged``.
            Unavailable: The store, or the time-stamping authority when a token is needed.
        """
        with self._database.read() as session:
            known = self._known(session, tenant, record_id)
            _require_size(since, size(session))
        last = max(entry.n for entry in (*known.entries, *known.corrections))
        checkpoint = self._checkpoint(max(last, (since or 0) - 1))
        contents = self._contents(known, checkpoint, content=content, since=since)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, chunks in contents.files.items():
                item = zipfile.ZipInfo(name, _EPOCH)
                item.create_system, item.external_attr = 3, 0o644 << 16
                item.file_size = contents.listed.get(name, {"size": 0})["size"]
                with archive.open(item, "w") as member:
                    for chunk in chunks():
                        member.write(chunk)

    def checked_bundle(
        self, tenant: str, record_id: str, path: Path, *, content: bool = True, since: int | None = None
    ) -> None:
        """Write the bundle of a record to a file, and let ``verify.py`` judge it as a reader would.

        The chain of certificates is left to the reader, who alone knows whom to believe.

        Raises:
            Corrupt: ``evidence_contradicts``: our own verifier calls it altered; and as ``bundle``.
            Refused: As ``bundle``.
            Unavailable: As ``bundle``.
        """
        with path.open("wb") as target:
            self.bundle(tenant, record_id, target, content=content, since=since)
        checks = verify.Verifier(path, verify.Trust(), self._clock()).run()
        wrong = [check for check in checks if check.verdict == verify.ALTERED]
        if wrong:
            raise Corrupt(
                "evidence_contradicts",
                "Ce dossier de preuve se contredit ({what}) : il n’est pas délivré.",
                kept="Rien n’a été changé.",
                action="Prévenez l’administrateur : « chartrier verify » dit ce qui ne concorde pas.",
                record=record_id,
                what=" ; ".join(f"{_NAMES[check.number]} : {check.detail}" for check in wrong),
            )

    def _known(self, session: Session, tenant: str, record_id: str) -> _Known:
        row = catalogue.get(session, tenant, record_id)
        if RecordState(row.state).destroyed:
            raise not_kept(row.state)
        entries = list[Entry]()
        for subject in (f"deposit:{row.deposit_id}", f"record:{row.id}"):
            entries += self._ledger.entries(session, subject=subject, limit=_MANY)
        return _Known(
            row,
            session.get_one(TenantRow, tenant).name,
            {item.key: item for item in catalogue.placed(session, row.id)},
            sorted(entries, key=lambda entry: entry.n),
            self._corrections({entry.n for entry in entries}),
        )

    def _corrections(self, numbers: set[int]) -> list[Entry]:
        with acting_for(EVERYTHING), self._database.read() as session:  # they belong to no tenant
            told = self._ledger.entries(session, subject=Subject.LOG.value, limit=_MANY)
        ranges = {entry.n: json.loads(entry.body)["facts"] for entry in told if entry.type == EntryType.CLOCK_CORRECTED}
        return [one for one in told if one.n in ranges and any(verify.covers(ranges[one.n], n) for n in numbers)]

    def _checkpoint(self, entry: int) -> Checkpoint:
        """Return a time-stamped checkpoint over the entry."""
        found = self._publisher.latest(with_token=True)
        if found is None or found.size <= entry:
            found = self._publisher.publish(force_token=True)
        if found is None or found.size <= entry or found.token is None:
            raise Unavailable(
                "not_published", "Le journal n’est pas encore scellé.", action="Réessayez dans une minute."
            )
        return found

    def _contents(self, known: _Known, checkpoint: Checkpoint, *, content: bool, since: int | None) -> _Contents:
        folder = layout.record_folder(known.row.tenant_id, known.row.id)
        inventory = self._whole(known, folder.inventory)
        state = ocfl.contents_of(json.loads(inventory))
        record_json = self._whole(known, folder.key(state[ocfl.RECORD_JSON].path))
        record = json.loads(record_json)
        told = _Contents()
        told.add("record.json", record_json)
        premis_json = self._whole(known, folder.key(state[ocfl.PREMIS_JSON].path))
        told.add("premis.json", premis_json)
        told.add("premis.xml", premis_xml(record, json.loads(premis_json)))
        told.add("inventory.json", inventory)
        for name, pem in self._certificates().items():
            told.add(f"certificates/{name}.pem", pem)
        for logical in sorted(name for name in state if ocfl.report_of(name)):
            told.add(logical, self._whole(known, folder.key(state[logical].path)))
        if content:
            for form in record["representations"]:
                placed = self._placed(known, folder.key(state[form["name"]].path))
                name = verify.form_name(form["kind"], form["name"])
                told.stream(name, self._chunks(placed), placed.sha256, placed.size)
        tree = StoredTree(self._store, checkpoint.size)
        proof = partial(tree.proof_file, note=checkpoint.note)
        self._add_journal(told, known, checkpoint, proof)
        if since is not None and since < checkpoint.size:
            told.add(verify.EARLIER, canonical(_consistency(tree, since)))
        told.add("receipt.json", canonical(self._receipt(known, record, proof)))
        return self._with_manifest(told, known.row.id, content=content)

    def _add_journal(self, told: _Contents, known: _Known, checkpoint: Checkpoint, proof: Callable[[int], str]) -> None:
        for entry in sorted((*known.entries, *known.corrections), key=lambda entry: entry.n):
            told.add(f"journal/{entry.n}.json", entry.body)
            told.add(f"journal/{entry.n}.tlog-proof", proof(entry.n).encode())
        told.add("journal/checkpoint.tsr", checkpoint.token or b"")
        told.add("journal/log-key.p7s", voucher(self._store, self._signer.certificate))

    def _with_manifest(self, told: _Contents, record_id: str, *, content: bool) -> _Contents:
        """Add the leaflets, the verifier and the signed list before all other files."""
        first = _Contents()
        for name in ("LISEZMOI.txt", "README.txt"):
            first.add(name, (_HERE / "leaflets" / name).read_bytes())
        first.add("verify.py", (_HERE / "verify.py").read_bytes())
        manifest = canonical(
            {
                "v": 1,
                "type": "evidence",
                "record": record_id,
                "made_at": stamp(self._clock()),
                "content": content,
                "log": {"origin": self._log_key.origin, "vkey": self._log_key.vkey},
                "probative": {"seal": self._signer.probative, "time": self._timestamper.probative},
                "store": {"assurance": self._store.assurance.value},
                "files": first.listed | told.listed,
            }
        )
        statement = {
            "v": 1,
            "type": "evidence",
            "record": record_id,
            "sha-256": hashlib.sha256(manifest).hexdigest(),
        }
        note = self._log_key.sign_note(canonical(statement).decode() + "\n")
        first.add("manifest.json", manifest)
        first.add("manifest.note", note.encode())
        return _Contents(first.files | told.files, first.listed | told.listed)

    def _certificates(self) -> dict[str, bytes]:
        """Return seal and time-stamp certificates with their issuers, as PEM by file name."""
        ders = [
            self._signer.certificate,
            *self._signer.chain,
            *self._timestamper.chain,
        ]
        found: dict[str, bytes] = {}
        for number, der in enumerate(dict.fromkeys(ders)):
            certificate = x509.load_der_x509_certificate(der)
            own = certificate.issuer == certificate.subject
            role = "seal" if number == 0 else "root" if own else "issuer" if _is_authority(certificate) else "time"
            found[f"{number}-{role}"] = certificate.public_bytes(Encoding.PEM)
        return found

    def _receipt(self, known: _Known, record: dict[str, Any], proof: Callable[[int], str]) -> dict[str, Any]:
        told = [entry for entry in known.entries if entry.type in RECEIVED]
        received = next((entry for entry in told if entry.n == record["deposit"]["entry"]), told[-1])
        stated = Stated.of_record(record, tenant_name=known.tenant_name)
        return signed(self._log_key, receipt_of(received.body, stated), received.body, proof(received.n))

    def _placed(self, known: _Known, key: str) -> catalogue.Placed:
        if key not in known.placed:
            raise missing(key)
        return known.placed[key]

    def _chunks(self, placed: catalogue.Placed) -> Callable[[], Iterator[bytes]]:
        return lambda: verified(self._store, placed.key, placed.version, sha256=placed.sha256, size=placed.size)

    def _whole(self, known: _Known, key: str) -> bytes:
        return b"".join(self._chunks(self._placed(known, key))())


def _require_size(since: int | None, entries: int) -> None:
    if since is not None and not 0 < since <= entries:
        raise Refused(
            "bad_journal_size",
            "Le journal n’a jamais compté {size} lignes.",
            action="Donnez le nombre de lignes que la preuve plus ancienne annonce.",
            pointer="since",
            size=str(since),
        )


def _consistency(tree: StoredTree, old: int) -> dict[str, Any]:
    """State that the tree extends that of ``old`` entries, with the hashes that show it."""
    root = base64.b64encode(root_hash(old, tree.node)).decode()
    proof = [base64.b64encode(one).decode() for one in tree.consistency(old)]
    return {"v": 1, "type": "consistency", "from": old, "to": tree.size, "root": root, "proof": proof}


def looks_like_bundle(path: Path) -> bool:
    """Whether a file is a zip with a manifest like ours; its content is not checked."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"manifest.json", "manifest.note"} <= set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def verify_bundle(path: Path, *, trust: bytes) -> dict[str, Any]:
    """Run the checks of ``verify.py`` in this process.

    Args:
        path: A zip or a folder.
        trust: The trust file (``archive.evidence.trust``): who must have sealed and logged.

    Returns:
        ``{"verdict", "moment", "note", "checks": [{"name", "verdict", "detail"}]}`` in French;
            checks that found nothing to check are left out. ``moment`` is when the bundle's
            checkpoint was stamped; None if that is unknown. ``note`` is that checkpoint.

    Raises:
        Refused: ``bad_trust_file``.
    """
    try:
        expected = verify.read_trust(trust)
    except verify.FAULTS as error:
        raise Refused(
            "bad_trust_file",
            "Ce fichier de confiance n’est pas lisible.",
            action="Demandez-le de nouveau à l’administration : « chartrier trust export ».",
            pointer="trust",
        ) from error
    verifier = verify.Verifier(path, expected, datetime.now(UTC))
    checks = verifier.run()
    return {
        "verdict": verify.verdict_of(checks),
        "moment": stamp(verifier.stamped) if verifier.moment else None,
        "note": verifier.note,
        "checks": [
            {
                "name": _NAMES[check.number],
                "verdict": check.verdict,
                "detail": _sentence(check).format(detail=check.detail),
                "sentence": _sentence(check),
                "seen": check.detail,
            }
            for check in checks
            if check.verdict != verify.NOTHING
        ],
    }


def _sentence(check: verify.Check) -> str:
    """Return the French sentence about a check, with a place for what was seen."""
    said = _OF_TIME if check.name.startswith(("clock", "token")) else _SAID
    return said[Fixity(check.verdict)]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
