"""Certificates of disposals: issue one after each run that destroyed, and read them again.

The files are made and written first, without a lock; then the statement that has their digests is
committed with its entry ``CertificateIssued``, and they are locked like the journal. A program that
dies in between leaves files that nobody claims: the next run removes them and issues again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from archive.catalogue.disposals import next_supplement, supplements_of
from archive.database.disposal_tables import DisposalCertificateRow, DisposalLineRow, DisposalRow
from archive.disposition.act import Act
from archive.evidence import verify_certificate
from archive.evidence.certificate_facts import Facts, contradicts, facts_of
from archive.evidence.certificate_json import (
    LATER,
    Backups,
    Issue,
    Proof,
    certificate_json,
    described,
    sealed_json,
    to_seal,
    totals,
)
from archive.evidence.certificate_page import APART, certificate_page
from archive.evidence.verify import ALTERED, EXIT, Trust
from archive.evidence.verify_certificate import CertificateVerifier
from archive.holdings.stores import Stores
from archive.journal.opening import voucher
from archive.journal.publisher import Publisher
from archive.journal.tiles import StoredTree
from archive.journal.types import EntryType
from archive.model.disposals import DisposalAction, DisposalState
from archive.model.statement_kinds import StatementKind
from archive.objects.fixity import altered, missing
from archive.objects.layout import CertificateKey
from archive.objects.port import ObjectStore, read_all
from archive.retention.civil import today_of
from archive.retention.dates import farthest_lock
from signing.ground.clock import stamp
from signing.ground.errors import Corrupt, Refused, Unavailable
from signing.note import LogKey
from signing.pdf import seal_file
from signing.port import Signer, Timestamper, present
from signing.seal import detached

AGENT: Final = "service:disposal"
FORMS: Final = ("pdf", "json")
_STATES: Final = (DisposalState.EXECUTING.value, DisposalState.EXECUTED.value)


@dataclass
class Issued:
    """The result of one run.

    Attributes:
        issued: Disposal and supplement of each certificate.
        failed: Error code by disposal.
    """

    issued: list[tuple[str, int]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Certificates:
    """Issue certificates and read them.

    Attributes:
        copies: Further stores in which copies of records stood.
        backup_days: Days for which backups outside are kept; None: nobody told us.
    """

    stores: Stores
    copies: Sequence[ObjectStore]
    publisher: Publisher
    log_key: LogKey
    signer: Signer
    timestamper: Timestamper
    backup_days: int | None

    def issue(self) -> Issued:
        """Issue every certificate that is owed; one failure doesn't stop the rest.

        Raises:
            Unavailable: The store, the signer or the authority did not answer; call again.
        """
        done = Issued()
        for disposal, supplement in self._owed():
            try:
                with self.stores.database.turn(f"certificate:{disposal}"):
                    self._issue(disposal, supplement, done)
            except (Corrupt, Refused) as error:  # a file that is locked, of which no row tells
                done.failed[disposal] = error.code
        return done

    def _owed(self) -> list[tuple[str, int]]:
        """Return each run that destroyed something and has no certificate yet, in order."""
        row, certificate, line = DisposalRow, DisposalCertificateRow, DisposalLineRow
        with self.stores.database.read() as session:
            asked = select(row.id, func.coalesce(certificate.number, 0)).outerjoin(
                certificate, certificate.id == row.id
            )
            asked = asked.where(row.state.in_(_STATES), row.action != DisposalAction.TRANSFER)
            open_ = asked.where(or_(certificate.id.is_(None), certificate.state != DisposalState.EXECUTED))
            owed = []
            for disposal, issued in session.execute(open_.order_by(row.id)).all():
                last = session.scalar(select(func.max(line.supplement)).where(line.disposal_id == disposal)) or 0
                owed += [(disposal, number) for number in range(issued + 1, last + 1)]
            return owed

    def _issue(self, disposal: str, supplement: int, done: Issued) -> None:
        with self.stores.database.read() as session:
            if next_supplement(session, disposal) != supplement:
                return  # another program did it meanwhile, or the one before could not be issued
            facts = facts_of(session, disposal, supplement)
            day = today_of(session, facts.tenant, self.stores.clock()).day
            last = today_of(session, facts.tenant, facts.last_gone).day
        proof = self._proof(max(facts.entries))
        issue = Issue(
            self.stores.clock(),
            day,
            tuple(
                {"role": role, "assurance": store.assurance.value}
                for role, store in (("store", self.stores.store), *(("copy", copy) for copy in self.copies))
            ),
            Backups.after(self.backup_days, last),
            {"seal": self.signer.probative, "time": self.timestamper.probative},
        )
        files: dict[CertificateKey, bytes] = {}
        for public in (False, True):
            files |= self._files(facts, proof, issue, public=public)
        self._write(files)
        with self.stores.database.write() as session:
            self._claim(session, facts, issue.at, files)
        self._lock(files)
        done.issued.append((disposal, supplement))

    def _proof(self, last: int) -> Proof:
        """Return what shows entries up to this one: the published journal."""
        checkpoint = self.publisher.latest()
        if checkpoint is None or checkpoint.size <= last:
            checkpoint = self.publisher.publish()
        if checkpoint is None or checkpoint.size <= last:
            raise Unavailable(
                "not_published", "Le journal n’est pas encore scellé.", action="Réessayez dans une minute."
            )
        tree = StoredTree(self.stores.store, checkpoint.size)
        key, seal = self.log_key, voucher(self.stores.store, self.signer.certificate)
        return Proof(key.origin, key.vkey, checkpoint.note, checkpoint.size, tree.node, seal)

    def _files(self, facts: Facts, proof: Proof, issue: Issue, *, public: bool) -> dict[CertificateKey, bytes]:
        """Make one edition: the page, sealed; the JSON, sealed with the page's digest."""
        signer = present(self.signer)
        certificate = certificate_json(facts, proof, issue, public=public)
        page = certificate_page(facts, proof, issue, certificate, public=public)
        with tempfile.TemporaryDirectory(prefix="certificate-") as folder:
            plain, sealed, told = (Path(folder) / name for name in ("plain.pdf", "sealed.pdf", "certificate.json"))
            plain.write_bytes(page)
            seal_file(plain, sealed, signer, self.timestamper, clock=self.stores.clock)
            pdf = sealed.read_bytes()
            seal = detached(signer, to_seal(certificate, described(pdf)), self.timestamper, at=issue.at)
            known = (signer.certificate, *signer.chain, *self.timestamper.chain)
            content = sealed_json(certificate, described(pdf), seal, known)
            told.write_bytes(content)
            self._require_sound(told, sealed, facts)
        keys = {form: CertificateKey(facts.tenant, facts.disposal, facts.supplement, form, public) for form in FORMS}
        return {keys["pdf"]: pdf, keys["json"]: content}

    def _require_sound(self, told: Path, page: Path, facts: Facts) -> None:
        """Let the stranger's verifier judge a certificate before anybody gets it.

        Raises:
            Corrupt: ``certificate_contradicts``.
        """
        if len(facts.lines) > APART:
            command = [sys.executable, "-I", verify_certificate.__file__, str(told), "--pdf", str(page)]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            if ended.returncode not in {status for status, _ in EXIT.values()}:
                raise Unavailable(
                    "certificate_not_checked",
                    "Le contrôle du certificat n’a pas abouti.",
                    action="Réessayez ; si cela dure, donnez plus de mémoire à la machine.",
                )
            lines = ended.stdout.splitlines()
            wrong = [line for line in lines[:-1] if line.startswith(ALTERED.upper())]
        else:
            checks = CertificateVerifier(told, Trust(), self.stores.clock(), page).run()
            wrong = [f"{check.name} : {check.detail}" for check in checks if check.verdict == ALTERED]
        if wrong:
            raise contradicts(facts.disposal, " ; ".join(wrong))

    def _write(self, files: Mapping[CertificateKey, bytes]) -> None:
        """Write the files, in place of those of a run that died before it claimed them."""
        store = self.stores.store
        for place, content in files.items():
            for item in list(store.list(place.key)):
                if item.key == place.key:
                    store.delete(item.key, item.version)
            store.put(place.key, content, sha256=sha256(content).hexdigest())

    def _claim(self, session: Session, facts: Facts, at: datetime, files: Mapping[CertificateKey, bytes]) -> None:
        act = Act(session, self.stores.ledger, facts.tenant, AGENT, at)
        act.ledger.take_turn(session)
        line = DisposalLineRow
        asked = select(func.count()).where(line.disposal_id == facts.disposal, line.supplement == facts.supplement)
        if session.scalar(asked) != len(facts.destroyed):
            raise Unavailable("certificate_outrun", "Une destruction vient d’aboutir.", action="Réessayez.")
        before = session.get(DisposalCertificateRow, facts.disposal)
        counted = totals(facts)
        state = DisposalState.EXECUTING.value if counted[LATER] else facts.state  # one more is owed
        told = {
            "number": facts.supplement,
            "issued_at": stamp(at),
            "state": state,
            "totals": counted,
            "files": {place.name: described(content) for place, content in files.items()},
        }
        body = {
            "state": state,
            "reference": facts.bordereau.body["reference"],
            "supplements": [*(before.content["supplements"] if before is not None else []), told],
        }
        expected = before.number if before is not None else 0
        act.state(StatementKind.CERTIFICATE, facts.disposal, expected, "issued", body, EntryType.CERTIFICATE_ISSUED)

    def _lock(self, files: Mapping[CertificateKey, bytes]) -> None:
        """Lock the files like the journal; what a dying program leaves open the daily job locks."""
        store, until = self.stores.store, farthest_lock(self.stores.today, self.stores.horizon)
        for place in files:
            store.extend_lock(place.key, store.stat(place.key).version, until)

    # -- read

    def read(self, row: DisposalRow, supplement: int | None, form: str, *, public: bool) -> tuple[str, bytes]:
        """Return name and bytes of one file, checked; the first certificate unless told otherwise.

        Raises:
            Refused: ``certificate_not_found``.
            Corrupt: ``altered``.
        """
        with self.stores.database.read() as session:
            there = {one["number"]: one for one in supplements_of(session, row.id)}
        number = 1 if supplement is None else supplement
        if number not in there:
            raise certificate_not_found()
        place = CertificateKey(row.tenant_id, row.id, number, form, public)
        return place.name, promised(self.stores.store, place.key, there[number]["files"][place.name]["sha-256"])


def promised(store: ObjectStore, key: str, digest: str) -> bytes:
    """Return the bytes of a key that have the promised digest, whichever version has them.

    Raises:
        Corrupt: ``altered``, ``missing``.
    """
    found = False
    for item in list(store.list(key)):
        if item.key != key or item.marker:
            continue
        found, content = True, read_all(store, key, item.version)
        if sha256(content).hexdigest() == digest:
            return content
    raise altered(key) if found else missing(key)


def certificate_not_found() -> Refused:
    """Return the refusal of a certificate that was never issued, or of a file that it has not."""
    return Refused(
        "certificate_not_found",
        "Ce certificat n’existe pas (encore).",
        action="Il est délivré dans les minutes qui suivent une exécution : relisez le bordereau.",
    )
