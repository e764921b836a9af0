"""Packages made, written, proven and answered: what the routes and pages of deliveries share."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

from sqlalchemy import select

from api.access.callers import Caller
from api.access.permissions import require_readable
from api.views.record import find_record
from api.views.seda_schemas import DeliveryGiven, RecordSent
from archive.database.seda_tables import SedaDeliveryRow
from archive.database.tables import RecordRow, RepresentationRow, TenantRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau
from archive.disposition.transfers import deliveries, outgoing
from archive.disposition.transfers.outgoing import Receiver, bad_delivery, bad_reply
from archive.exchange.seda.versions import Version
from archive.holdings import deliver
from archive.model.identifiers import new_id
from archive.model.states import DESTROYED
from ingestion.tools.sandbox import ToolFailed
from ingestion.tools.seda import examine_reply
from signing.ground.clock import stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ingestion.assembly import System
    from ingestion.reception.spool import Spool

_CHUNK: Final = 1 << 20
_COLUMNS: Final = (
    "paquet",
    "document",
    "titre",
    "date",
    "forme",
    "fichier",
    "taille",
    "sha-256",
    "sha-512",
    "remarque",
)


def made_delivery(system: System, caller: Caller, given: DeliveryGiven) -> SedaDeliveryRow:
    """Make the packages that somebody asks for, and state them.

    Raises:
        Refused: ``bad_delivery``, ``delivery_not_expected``, ``scope_missing``,
            ``reading_restricted``, and what SEDA can't tell.
    """
    asked = [given.disposal_id is not None, given.records is not None, given.everything]
    if sum(asked) != 1:
        raise bad_delivery("/disposal_id", "Donnez un bordereau, des documents, ou demandez tout : l’un des trois.")
    scope = "admin" if given.everything else "disposal:write"
    if not caller.may(scope):
        raise Refused(
            "scope_missing",
            "Vous n’avez pas le droit « {scope} ».",
            action="Demandez-le à votre administrateur.",
            scope=scope,
        )
    now = system.clock()
    with system.database.read() as session:
        records = _wanted(session, caller.tenant, given)
        tenant = session.get_one(TenantRow, caller.tenant)
        require_readable(session, caller, records)
        producer = _producer(session, caller.tenant, given) or tenant.name
        receiver = Receiver(
            archival_agency=given.archival_agency,
            transferring_agency=given.transferring_agency or tenant.id,
            originating_agency=producer[:200],
            version=Version(given.version),
            agreement=given.agreement,
            comment=given.comment,
        )
        identifier = f"{tenant.id}-{now:%Y%m%dT%H%M%S}-{new_id()[-12:]}"
        prepared = outgoing.prepare(
            session, caller.tenant, records, receiver, identifier, stamp(now), leave_out=given.everything
        )
    purpose = "exit" if given.everything else "transfer" if given.disposal_id else "copy"
    with system.database.write() as session:
        act = Act(session, system.ledger, caller.tenant, caller.agent, now)
        return outgoing.state_delivery(act, prepared, receiver, disposal_id=given.disposal_id, purpose=purpose)


def _wanted(session: Session, tenant: str, given: DeliveryGiven) -> list[str]:
    if given.disposal_id is not None:
        return outgoing.sendable(session, tenant, given.disposal_id)
    row = RecordRow
    asked = select(row.id).where(row.tenant_id == tenant, row.state.not_in(DESTROYED)).order_by(row.id)
    everything = list(session.scalars(asked))
    if given.records is None:
        return everything
    wanted = list(dict.fromkeys(given.records))
    if not set(wanted) <= set(everything):
        raise Refused(
            "record_not_found",
            "Un document n’existe pas.",
            kept=outgoing.NOTHING_SENT,
            action="Vérifiez les identifiants.",
            pointer="/records",
        )
    return wanted


def _producer(session: Session, tenant: str, given: DeliveryGiven) -> str | None:
    return bordereau.get(session, tenant, given.disposal_id).producer if given.disposal_id is not None else None


def record_alone(system: System, tenant: str, record_id: str, given: RecordSent, out: IO[bytes]) -> None:
    """Write one record as a package.

    Raises:
        Refused: ``record_not_found``, and what SEDA can't tell.
        Corrupt: ``altered``.
    """
    with system.database.read() as session:
        row = find_record(session, tenant, record_id)
        owner = session.get_one(TenantRow, tenant)
        receiver = Receiver(
            archival_agency=given.archival_agency,
            transferring_agency=owner.id,
            originating_agency=(row.producer or owner.name)[:200],
            version=Version(given.version),
        )
        prepared = outgoing.prepare(session, tenant, [record_id], receiver, record_id, stamp(system.clock()))
    deliver.write(system.stores, prepared.packages[0], cast("BinaryIO", out))


def written_package(system: System, caller: Caller, delivery_id: str, number: int, out: IO[bytes]) -> None:
    """Write a package of a delivery.

    Raises:
        Refused: ``delivery_not_found``, ``delivery_changed``, ``reading_restricted``.
        Corrupt: ``altered``.
    """
    with system.database.read() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        require_readable(session, caller, _carried(row))
    deliver.deliver(system.stores, row, number, cast("BinaryIO", out))


def written_proofs(system: System, caller: Caller, delivery_id: str, number: int, out: IO[bytes]) -> None:
    """Write an evidence bundle for each record of a package; whole for what SEDA can't tell.

    Raises:
        Refused: ``delivery_not_found``, ``reading_restricted``.
        Corrupt: ``altered``, ``evidence_contradicts``.
    """
    with system.database.read() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        require_readable(session, caller, _carried(row))
    told = deliveries.package_told(row, number)
    wanted = [(record, False) for record, _ in told["records"]]
    if number == row.content["packages"][-1]["number"]:
        wanted += [(record, True) for record, _ in row.content.get("left_out", ())]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr("liste.csv", written_listing(system, caller, delivery_id))
        for record, whole in wanted:
            with tempfile.NamedTemporaryFile(dir=_spool(system), suffix=".part") as made:
                system.evidence.checked_bundle(caller.tenant, record, Path(made.name), content=whole)
                archive.write(made.name, f"preuves/{record}.zip")


def written_listing(system: System, caller: Caller, delivery_id: str) -> bytes:
    """Return the list of a delivery: each record with its files, their sizes and digests.

    Raises:
        Refused: ``delivery_not_found``, ``reading_restricted``.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    with system.database.read() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        require_readable(session, caller, _carried(row))
        for package in row.content["packages"]:
            for record, _ in package["records"]:
                writer.writerows(_lines(session, package["identifier"], record, ""))
        for record, code in row.content.get("left_out", ()):
            writer.writerows(_lines(session, "", record, code))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _carried(row: SedaDeliveryRow) -> list[str]:
    """Return the records that a delivery carries, or tells of."""
    content = row.content
    carried = [record for package in content["packages"] for record, _ in package["records"]]
    return [*carried, *(record for record, _ in content.get("left_out", ()))]


def _lines(session: Session, package: str, record: str, remark: str) -> list[list[Any]]:
    row = session.get(RecordRow, record)
    title, day = (row.title, row.document_date) if row is not None else ("", None)
    form = RepresentationRow
    forms = session.scalars(select(form).where(form.record_id == record).order_by(form.kind)).all()
    return [
        [
            package,
            record,
            _safe(title),
            day or "",
            one.kind,
            _safe(one.filename),
            one.size,
            one.sha256,
            one.sha512,
            remark,
        ]
        for one in forms
    ] or [[package, record, _safe(title), day or "", "", "", "", "", "", remark]]


def _spool(system: System) -> Path:
    """Return the folder of files on their way: the machine's temporary one may be memory."""
    folder = system.settings.home / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _safe(text: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def replied(system: System, caller: Caller, delivery_id: str, spool: Spool) -> SedaDeliveryRow:
    """Enter what a receiver replied, read in the sandbox; the spool is gone afterwards.

    Raises:
        Refused: ``delivery_not_found``, ``bad_reply``, ``delivery_answered``, ``delivery_changed``.
    """
    with spool, tempfile.TemporaryDirectory(dir=_spool(system)) as folder:
        with system.database.read() as session:
            deliveries.get(session, caller.tenant, delivery_id)
        try:
            read = examine_reply(system.sandbox, spool.path, Path(folder))
        except ToolFailed as error:
            raise bad_reply("Ce message ne se lit pas.") from error
        content = spool.path.read_bytes()
    request = read.reply.request if read.reply is not None else ""
    with system.database.read() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        found = next((one for one in row.content["packages"] if one["identifier"] == request), None)
        if found is None:
            raise bad_reply("Cette réponse ne porte sur aucun paquet de cet envoi.")
        package = outgoing.again(session, row, found["number"])
    with system.database.write() as session:
        row = deliveries.get(session, caller.tenant, delivery_id)
        act = Act(session, system.ledger, caller.tenant, caller.agent, system.clock())
        return outgoing.enter_reply(act, row, package, found["number"], read, content)
