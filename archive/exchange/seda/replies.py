"""Replies to a transfer and acknowledgements: written for what came, judged for what was sent.

Pure. A reply takes nothing over by itself: ``OK`` lets the two visas end our custody, ``WARNING``
is a person's decision, ``KO``, an unknown code or silence leave everything ours. A reply that is
not valid, or not about what was sent, is never an ``OK``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from archive.exchange.seda.agents import add_events
from archive.exchange.seda.elements import Element, add, add_agency, made
from archive.exchange.seda.findings import Finding, Outcome, Place, Step, found_ko, gravest
from archive.exchange.seda.transfer import Agency, DataObject, Digest, Event, Transfer
from archive.exchange.seda.versions import Version
from archive.exchange.seda.writer import grouped, write_object

REPLY: Final = "ArchiveTransferReply"
UNKNOWN: Final = "INCONNU"
"""Stands in a reply for what a refused manifest does not say."""
ACKNOWLEDGEMENT: Final = "Acknowledgement"


@dataclass(frozen=True)
class Reply:
    """An ``ArchiveTransferReply``.

    Attributes:
        request: Identifier of the transfer that it answers.
        code: As it was written; ours are the words of ``Outcome``.
        units: System ids that the archive gave, by the unit's id in the transfer.
        objects: The same of objects, and the digests that the archive found.
        events: Steps, with outcomes and messages.
    """

    version: Version
    identifier: str
    sent_at: str
    request: str
    code: str
    archival_agency: Agency
    transferring_agency: Agency
    agreement: str | None = None
    granted_at: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, DataObject] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class ReadReply:
    """A reply as read, and what is wrong with it."""

    reply: Reply | None
    findings: tuple[Finding, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """What it says; None where it says nothing that we know. Never ``OK`` with a fault."""
        told = self.reply.code.upper() if self.reply is not None else ""
        if told not in set(Outcome):
            return None
        return max((Outcome(told), Outcome.WARNING if self.findings else Outcome.OK), key=lambda one: one.gravity)


def write_reply(reply: Reply) -> bytes:
    """Return the message."""
    version = reply.version
    root = _message(version, REPLY, reply.sent_at, reply.identifier)
    add(root, version, "ArchivalAgreement", reply.agreement)
    made(root, version, "CodeListVersions")
    if reply.units or reply.objects:
        package = made(root, version, "DataObjectPackage")
        for group, inside in grouped(reply.objects.values()).items():
            holder = package
            if len(inside) > 1 or inside[0].id != group:
                holder = made(package, version, "DataObjectGroup")
                holder.set("id", group)
            for one in inside:
                write_object(holder, version, one)
        described = made(package, version, "DescriptiveMetadata")
        for name, system_id in reply.units.items():
            unit = made(described, version, "ArchiveUnit")
            unit.set("id", name)
            add(made(unit, version, "Content"), version, "SystemId", system_id)
        made(package, version, "ManagementMetadata")
    add(root, version, "ReplyCode", reply.code)
    if reply.events:
        add_events(made(root, version, "Operation"), version, "Event", reply.events)
    add(root, version, "MessageRequestIdentifier", reply.request)
    add(root, version, "GrantDate", reply.granted_at)
    add_agency(root, version, "ArchivalAgency", reply.archival_agency)
    add_agency(root, version, "TransferringAgency", reply.transferring_agency)
    return _written(root)


def compare(reply: Reply, sent: Transfer) -> list[Finding]:
    """Return where a reply does not fit what was sent.

    It must be about that transfer, and where it takes it over name each unit, with the digests that
    were sent where it tells digests.
    """
    findings: list[Finding] = []
    if reply.request != sent.identifier:
        findings.append(
            found_ko(
                "seda_reply_other_request",
                Step.MANIFEST,
                "La réponse porte sur le versement « {told} », et non sur « {sent} ».",
                Place("MessageRequestIdentifier"),
                told=reply.request[:100],
                sent=sent.identifier,
            )
        )
    if reply.code.upper() == Outcome.KO:
        return findings
    findings += [
        found_ko(
            "seda_reply_unit_missing",
            Step.UNITS,
            "La réponse ne donne pas d’identifiant (SystemId) à l’unité « {unit} ».",
            Place(f"ArchiveUnit[{name}]/Content/SystemId"),
            unit=name,
        )
        for name in sent.units
        if name not in reply.units
    ]
    if len(set(reply.units.values())) < len(reply.units):
        findings.append(
            found_ko("seda_reply_same_id", Step.UNITS, "La réponse donne le même identifiant à deux unités.")
        )
    return findings + [one for name, told in reply.objects.items() for one in _digest(name, told, sent)]


def _digest(name: str, told: DataObject, sent: Transfer) -> list[Finding]:
    ours = sent.objects.get(name)
    if told.digest is None or (ours is not None and ours.digest == told.digest):
        return []
    return [
        found_ko(
            "seda_reply_digest_differs",
            Step.DIGESTS,
            "La réponse dit d’un objet « {object} » une autre empreinte que celle envoyée.",
            Place(f"BinaryDataObject[{name}]/MessageDigest"),
            object=name,
        )
    ]


def step_events(outcomes: Mapping[Step, Outcome], findings: tuple[Finding, ...], at: str) -> tuple[Event, ...]:
    """Return the events of a reply: each step that was come to, then what it found.

    Args:
        outcomes: Of the steps that were come to, in order.
        at: The instant, as ``xsd:dateTime``.
    """
    told: list[Event] = []
    for step, outcome in outcomes.items():
        told.append(
            Event(at, code=step.value, kind=step.value, outcome=outcome.value, outcome_detail=f"{step}.{outcome}")
        )
        told += [_event(one, at) for one in findings if one.step is step]
    return tuple(told)


def _event(one: Finding, at: str) -> Event:
    where = " ".join(part for part in (one.node, f"(ligne {one.line})" if one.line else "") if part)
    message = f"{where} : {one.french}" if where else one.french
    return Event(
        at,
        code=f"{one.step}.{one.code}",
        kind=one.code,
        outcome=one.outcome.value,
        outcome_detail=f"{one.step}.{one.code}.{one.outcome}",
        message=message,
    )


def reply_to(
    transfer: Transfer,
    *,
    identifier: str,
    at: str,
    outcomes: Mapping[Step, Outcome],
    findings: tuple[Finding, ...],
    units: Mapping[str, str] | None = None,
    objects: Mapping[str, tuple[str, Digest]] | None = None,
) -> Reply:
    """Return the reply to a transfer that came; there is one in every case.

    Args:
        transfer: As it was read, or the head of one that was refused by its schema; what it does
            not say is called unknown.
        units: System ids given, by unit; none where it is refused.
        objects: System id given and digest found, by object.
    """
    code = gravest(findings)
    given = objects or {}
    refused = code is Outcome.KO
    return Reply(
        transfer.version,
        identifier,
        at,
        transfer.identifier or UNKNOWN,
        code.value,
        transfer.archival_agency if transfer.archival_agency.identifier else Agency(UNKNOWN),
        transfer.transferring_agency if transfer.transferring_agency.identifier else Agency(UNKNOWN),
        transfer.agreement,
        None if refused else at,
        {} if refused else dict(units or {}),
        {} if refused else {name: _answered(transfer.objects[name], *told) for name, told in given.items()},
        step_events(outcomes, findings, at),
    )


def _answered(one: DataObject, system_id: str, digest: Digest) -> DataObject:
    return DataObject(
        one.id, one.group, one.physical, one.usage, one.number, system_id, digest=None if one.physical else digest
    )


@dataclass(frozen=True)
class Acknowledgement:
    """An ``Acknowledgement``: a message was received, and nothing more."""

    version: Version
    identifier: str
    sent_at: str
    received: str
    sender: Agency
    receiver: Agency


@dataclass(frozen=True)
class ReadAcknowledgement:
    """An acknowledgement as read; None where it is none, or not valid."""

    acknowledgement: Acknowledgement | None
    findings: tuple[Finding, ...] = ()


def write_acknowledgement(told: Acknowledgement) -> bytes:
    """Return the message."""
    version = told.version
    root = _message(version, ACKNOWLEDGEMENT, told.sent_at, told.identifier)
    add(root, version, "MessageReceivedIdentifier", told.received)
    add_agency(root, version, "Sender", told.sender)
    add_agency(root, version, "Receiver", told.receiver)
    return _written(root)


def _message(version: Version, name: str, sent_at: str, identifier: str) -> Element:
    root: Any = etree.Element(version.tag(name), nsmap={None: version.namespace})
    add(root, version, "Date", sent_at)
    add(root, version, "MessageIdentifier", identifier)
    return root


def _written(root: Element) -> bytes:
    out = io.BytesIO()
    root.getroottree().write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue()
