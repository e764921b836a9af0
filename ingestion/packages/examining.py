"""Examine a package of SEDA: in the sandbox, then against what its tenant knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import Finding, Outcome, Step, found_ko
from archive.exchange.seda.json_form import read, written
from archive.exchange.seda.known import check_known
from archive.exchange.seda.ours import InOurWords, in_our_words
from archive.exchange.seda.transfer import Transfer
from archive.objects.layout import DepositFolder
from archive.objects.port import found
from archive.retention.schedule import admit
from ingestion.packages.answers import with_findings
from ingestion.packages.placing import description_fields, require_placeable, unit_place
from ingestion.packages.registers import known_to
from ingestion.processing.packaging import describe
from ingestion.processing.workspace import Output, Workspace
from ingestion.tables import DepositRow
from ingestion.tools.seda import ExaminedPackage, examine_package
from signing.ground.clock import Clock
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from archive.database.engine import Database
    from archive.objects.port import ObjectStore
    from ingestion.tools.sandbox import Sandbox

_STEP: Final = "seda"


@dataclass(frozen=True)
class Examiner:
    """Examines packages.

    Attributes:
        work: Folder of workspaces.
        most_bytes: Largest deposit accepted.
    """

    database: Database
    store: ObjectStore
    sandbox: Callable[[], Sandbox]
    work: Path
    clock: Clock
    most_bytes: int

    def workspace(self) -> Workspace:
        """Make the folder in which one claim works."""
        return Workspace(self.work, self.store)

    def opened(self, deposit: DepositRow, workspace: Workspace) -> ExaminedPackage:
        """Examine a package in the sandbox, with the bytes of its objects.

        Raises:
            Corrupt: The package is not the one that was received.
        """
        received = Output(deposit.sha256, deposit.sha512, deposit.size, deposit.staging_key, deposit.staging_version)
        return examine_package(self.sandbox(), workspace.fetch(received), workspace.room(_STEP), unknown_formats=True)

    def judged(self, deposit: DepositRow, files: ExaminedPackage) -> tuple[Examination, InOurWords | None]:
        """Return what was found, with the registers asked as well, and the package in our words."""
        examination = files.examination
        transfer = examination.transfer
        if transfer is None or examination.outcome is Outcome.KO:
            return examination, None
        words = in_our_words(transfer)
        with self.database.read() as session:
            known = known_to(session, deposit.tenant_id, transfer, self.clock())
            more = [*check_known(transfer, known), *require_placeable(transfer, words)]
            more += self._inadmissible(session, deposit.tenant_id, transfer, words)
        more += [_too_large(transfer, name) for name, one in examination.received.items() if one.size > self.most_bytes]
        return with_findings(examination, more, Step.AGENCIES, Step.UNITS, Step.RULES), words

    def _inadmissible(self, session: Session, tenant: str, transfer: Transfer, words: InOurWords) -> list[Finding]:
        """Return the units whose description no record may have, such as a date to come."""
        findings = []
        for record in words.records:
            told = description_fields(record)
            try:
                admit(session, tenant, describe(told, record.original), told, self.clock(), kept="")
            except Refused as error:
                findings.append(
                    found_ko(
                        "seda_description_refused",
                        Step.UNITS,
                        "La description de l’unité « {unit} » n’est pas possible : {why}",
                        unit_place(transfer, record.unit, "Content"),
                        unit=record.unit,
                        why=str(error),
                    )
                )
        return findings

    # -- beside the package

    def keep(self, deposit: DepositRow, examination: Examination) -> None:
        """Put what was found beside the package, for whoever goes on after this claim."""
        content = json.dumps(written(examination), ensure_ascii=False).encode("utf-8", "surrogatepass")
        self.store.put(_key(deposit), content, sha256=hashlib.sha256(content).hexdigest())

    def recall(self, deposit: DepositRow) -> Examination | None:
        """Return what was found under an earlier claim; None where it is not there."""
        content = found(self.store, _key(deposit))
        try:
            return read(Examination, json.loads(content)) if content is not None else None
        except ValueError:
            return None


def _key(deposit: DepositRow) -> str:
    return DepositFolder(deposit.tenant_id, deposit.id).step(_STEP, deposit.sha256)


def _too_large(transfer: Transfer, name: str) -> Finding:
    return found_ko(
        "seda_object_too_large",
        Step.SIZES,
        "Le fichier de l’objet « {object} » dépasse la taille acceptée.",
        transfer.objects[name].place,
        object=name,
    )
