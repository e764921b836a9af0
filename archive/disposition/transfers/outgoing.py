"""Deliveries: which records go to whom in which package, and what the receiver replied.

A delivery is stated with the digest of each manifest. Packages are not stored: the same records
give the same bytes, and a record that has changed since then gives none. What takes over is the
reply alone, package by package; silence says nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalLineRow
from archive.database.seda_tables import SedaDeliveryRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau
from archive.disposition.transfers.deliveries import of_disposal, package_told, taken_over
from archive.disposition.transfers.records import to_send
from archive.disposition.transfers.texts import packed
from archive.exchange.seda.findings import Outcome
from archive.exchange.seda.json_form import written
from archive.exchange.seda.replies import ReadReply, compare
from archive.exchange.seda.sending import PackageToSend, RecordToSend, Sending, packages, require_sendable
from archive.exchange.seda.versions import Version
from archive.exchange.seda.writer import write_manifest
from archive.journal.types import EntryType
from archive.model.disposals import FINAL_LINES, DisposalAction, DisposalState
from archive.model.identifiers import new_id
from archive.model.seda_states import DeliveryState
from archive.model.statement_kinds import StatementKind
from signing.ground.clock import stamp
from signing.ground.errors import Refused

NOTHING_SENT: Final = "Aucun paquet n’a été dressé."
_UNCHANGED: Final = "Rien n’a été changé."
_LONGEST: Final = 200
_SENT: Final = frozenset(
    {DisposalState.SUBMITTED, DisposalState.COOLING_OFF, DisposalState.APPROVED, DisposalState.EXECUTING}
)
"""States of a bordereau whose population is frozen and still open."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """To whom packages go, and how.

    Attributes:
        archival_agency: Identifier of the receiving archives.
        transferring_agency: Identifier under which the receiver knows us.
    """

    archival_agency: str
    transferring_agency: str
    originating_agency: str
    version: Version = Version.V2_2
    agreement: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Prepared:
    """Packages as they would be now, and what the statement says of each."""

    sending: Sending
    packages: tuple[PackageToSend, ...]
    told: tuple[dict[str, Any], ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Records that SEDA can't tell, with the code of the reason."""


def prepare(
    session: Session,
    tenant: str,
    records: Sequence[str],
    receiver: Receiver,
    identifier: str,
    sent_at: str,
    *,
    leave_out: bool = False,
) -> Prepared:
    """Return the packages of some records.

    Args:
        leave_out: Whether what SEDA can't tell is left out, and named, instead of refused.

    Raises:
        Refused: ``bad_delivery``; and as ``require_sendable``: unsorted, undecided, empty or too
            large.
    """
    for name in ("archival_agency", "transferring_agency", "originating_agency"):
        value = getattr(receiver, name).strip()
        if not value or len(value) > _LONGEST:
            raise bad_delivery(
                f"/{name}", "L’identifiant d’un service manque, ou dépasse {most} signes.", most=_LONGEST
            )
    sending = Sending(
        identifier,
        sent_at,
        receiver.version,
        receiver.archival_agency.strip(),
        receiver.transferring_agency.strip(),
        receiver.originating_agency.strip(),
        receiver.agreement,
        comment=receiver.comment,
    )
    given = to_send(session, tenant, records)
    told, left_out = _tellable(given.records) if leave_out else (given.records, ())
    if not told and not left_out:
        raise bad_delivery("/records", "Il n’y a aucun document à envoyer.")
    made = tuple(packages(sending, told, given.folders)) if told else ()
    return Prepared(sending, made, tuple(_of_package(n, one, given.stated) for n, one in enumerate(made, 1)), left_out)


def _tellable(
    records: Sequence[RecordToSend],
) -> tuple[tuple[RecordToSend, ...], tuple[tuple[str, str], ...]]:
    """Part the records that SEDA can tell from the others, each of these with the reason."""
    told: list[RecordToSend] = []
    left_out: list[tuple[str, str]] = []
    for one in records:
        try:
            require_sendable(one)
            told.append(one)
        except Refused as error:
            left_out.append((one.id, error.code))
    return tuple(told), tuple(left_out)


def _of_package(number: int, package: PackageToSend, stated: Mapping[str, str]) -> dict[str, Any]:
    units = package.transfer.units.values()
    ids = [unit.content.originating_system_ids[0] for unit in units if unit.content.originating_system_ids]
    return {
        "number": number,
        "identifier": package.transfer.identifier,
        "records": [[one, stated[one]] for one in ids],
        "units": len(package.transfer.units),
        "bytes": sum(file.size for file in package.files.values()),
        "manifest": manifest_digest(package),
        "state": DeliveryState.MADE.value,
        "reply": None,
    }


def manifest_digest(package: PackageToSend) -> str:
    """Return the SHA-256 of a package's manifest."""
    made = hashlib.sha256()
    with tempfile.TemporaryFile() as out:
        write_manifest(out, package.transfer)
        out.seek(0)
        while part := out.read(1 << 20):
            made.update(part)
    return made.hexdigest()


# -- acts


def sendable(session: Session, tenant: str, disposal_id: str) -> list[str]:
    """Return the records of a bordereau that no receiver has taken over yet, in order.

    Raises:
        Refused: ``disposal_not_found``, ``delivery_not_expected``.
    """
    row = bordereau.get(session, tenant, disposal_id)
    if row.action != DisposalAction.TRANSFER or DisposalState(row.state) not in _SENT:
        raise Refused(
            "delivery_not_expected",
            "Les paquets se dressent d’un bordereau de versement soumis aux visas.",
            kept=NOTHING_SENT,
            action="Relisez le bordereau : il dit où il en est.",
        )
    line = DisposalLineRow
    asked = select(line.record_id).where(line.disposal_id == row.id, line.state.not_in(FINAL_LINES))
    wanted = list(session.scalars(asked.order_by(line.position)))
    over = taken_over(of_disposal(session, row.id))
    return [record for record in wanted if record not in over]


def state_delivery(
    act: Act, prepared: Prepared, receiver: Receiver, *, disposal_id: str | None, purpose: str
) -> SedaDeliveryRow:
    """State packages that are made.

    Raises:
        Refused: ``delivery_not_expected``: the bordereau is no longer there for it.
    """
    if disposal_id is not None:
        bordereau.changeable(act, disposal_id, None)
        there = set(sendable(act.session, act.tenant, disposal_id))
        told = {record for one in prepared.told for record, _ in one["records"]}
        if not told <= there:
            raise bad_delivery("/disposal_id", "Le bordereau a changé entre-temps : recommencez.")
    body = {
        "disposal_id": disposal_id,
        "purpose": purpose,
        "identifier": prepared.sending.identifier,
        "sent_at": prepared.sending.sent_at,
        "version": prepared.sending.version.value,
        "archival_agency": prepared.sending.archival_agency,
        "transferring_agency": prepared.sending.transferring_agency,
        "originating_agency": prepared.sending.originating_agency,
        "agreement": receiver.agreement,
        "comment": receiver.comment,
        "made_by": act.agent,
        "packages": [dict(one) for one in prepared.told],
        "left_out": [list(one) for one in prepared.left_out],
    }
    return _state(act, new_id(), 0, "made", body)


def enter_reply(
    act: Act, row: SedaDeliveryRow, package: PackageToSend, number: int, read: ReadReply, content: bytes
) -> SedaDeliveryRow:
    """Enter what a receiver replied about one package.

    ``OK`` without any fault takes over; ``WARNING``, or an ``OK`` that does not fit what was sent,
    leaves it to a person; ``KO`` takes nothing over.

    Raises:
        Refused: ``bad_reply``: it says nothing that we know; ``delivery_answered``.
    """
    if read.reply is None or read.outcome is None:
        raise bad_reply("Cette réponse ne dit ni OK, ni WARNING, ni KO.")
    findings = [*read.findings, *compare(read.reply, package.transfer)]
    outcome = read.outcome
    if findings and outcome is Outcome.OK:
        outcome = Outcome.WARNING
    one = _package(row, number)
    if DeliveryState(one["state"]).takes_over:
        raise answered_already()
    state = {
        Outcome.OK: DeliveryState.ACCEPTED,
        Outcome.WARNING: DeliveryState.DOUBTFUL,
        Outcome.KO: DeliveryState.REFUSED,
    }[outcome]
    one |= {
        "state": state.value,
        "reply": {
            "outcome": outcome.value,
            "identifier": read.reply.identifier,
            "received_at": stamp(act.now),
            "findings": [written(finding) for finding in findings[:200]],
            "units": dict(read.reply.units) if len(read.reply.units) <= 100_000 else {},
            "message": packed(content),
            "decided_by": None,
            "reason": None,
        },
    }
    return _with(act, row, number, one, "replied")


def decide(act: Act, row: SedaDeliveryRow, number: int, *, accept: bool, reason: str) -> SedaDeliveryRow:
    """Decide on a package that was taken over with reservations.

    Raises:
        Refused: ``delivery_not_doubtful``, ``bad_delivery``.
    """
    told = reason.strip()
    if not told or len(told) > 2000 or "\0" in told:
        raise bad_delivery("/reason", "Le motif manque, ou dépasse 2000 signes.")
    one = _package(row, number)
    if one["state"] != DeliveryState.DOUBTFUL:
        raise Refused(
            "delivery_not_doubtful",
            "Ce paquet n’attend pas de décision.",
            kept=_UNCHANGED,
            action="Relisez l’envoi : il dit où en est chaque paquet.",
        )
    state = DeliveryState.ACCEPTED if accept else DeliveryState.REFUSED
    one |= {"state": state.value, "reply": {**one["reply"], "decided_by": act.agent, "reason": told}}
    return _with(act, row, number, one, "decided")


def _with(act: Act, row: SedaDeliveryRow, number: int, one: dict[str, Any], change: str) -> SedaDeliveryRow:
    body = dict(row.content)
    body["packages"] = [one if each["number"] == number else each for each in body["packages"]]
    return _state(act, row.id, row.number, change, body)


def _package(row: SedaDeliveryRow, number: int) -> dict[str, Any]:
    return dict(package_told(row, number))


def _state(act: Act, delivery: str, expected: int, change: str, body: Mapping[str, Any]) -> SedaDeliveryRow:
    act.state(StatementKind.DELIVERY, delivery, expected, change, body, EntryType.DELIVERY_STATED)
    return act.session.get_one(SedaDeliveryRow, delivery)


# -- once more


def receiver_of(row: SedaDeliveryRow) -> Receiver:
    """Return to whom a delivery goes, and how."""
    told = row.content
    return Receiver(
        archival_agency=told["archival_agency"],
        transferring_agency=told["transferring_agency"],
        originating_agency=told["originating_agency"],
        version=Version(told["version"]),
        agreement=told["agreement"],
        comment=told["comment"],
    )


def again(session: Session, row: SedaDeliveryRow, number: int) -> PackageToSend:
    """Return a package as it was made.

    Raises:
        Refused: ``delivery_not_found``; ``delivery_changed``: a record of it has changed.
    """
    told = package_told(row, number)
    records = [record for one in row.content["packages"] for record, _ in one["records"]]
    made = prepare(session, row.tenant_id, records, receiver_of(row), row.content["identifier"], row.content["sent_at"])
    found = next((one for one in made.told if one["identifier"] == told["identifier"]), None)
    if found is None or found["manifest"] != told["manifest"]:
        raise Refused(
            "delivery_changed",
            "Un document de ce paquet, ou son dossier, a changé depuis qu’il a été dressé.",
            kept="Le paquet d’alors n’est pas refait autrement.",
            action="Dressez d’autres paquets de ce bordereau.",
        )
    return made.packages[number - 1]


def bad_delivery(pointer: str, detail: str, **values: Any) -> Refused:
    """Return the refusal of a value of a delivery."""
    return Refused(
        "bad_delivery", detail, kept=NOTHING_SENT, action="Corrigez-la, puis recommencez.", pointer=pointer, **values
    )


def bad_reply(detail: str) -> Refused:
    """Return the refusal of a message that is no reply to what was sent."""
    return Refused(
        "bad_reply",
        detail,
        kept="Aucune réponse n’a été inscrite : tout reste à nous.",
        action="Vérifiez le fichier reçu du destinataire.",
    )


def answered_already() -> Refused:
    """Return the refusal of a second reply to what was taken over."""
    return Refused(
        "delivery_answered",
        "Le destinataire a déjà pris ce paquet en charge.",
        kept="La première réponse est inchangée.",
        action="Relisez l’envoi : il dit où en est chaque paquet.",
    )
