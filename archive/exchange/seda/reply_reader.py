"""Reading of replies and acknowledgements that came for what was sent. Pure."""

from __future__ import annotations

from archive.exchange.seda.agents import events
from archive.exchange.seda.elements import Element, agency, child, children, token
from archive.exchange.seda.findings import Finding, Step, found_ko
from archive.exchange.seda.places import place_of
from archive.exchange.seda.reader import read_package
from archive.exchange.seda.replies import ACKNOWLEDGEMENT, REPLY, Acknowledgement, ReadAcknowledgement, ReadReply, Reply
from archive.exchange.seda.schema import message_name, read_message
from archive.exchange.seda.transfer import Agency
from archive.exchange.seda.versions import Version, version_of


def read_reply(content: bytes) -> ReadReply:
    """Read a reply; one that is not valid is read as far as it goes, with what is wrong with it."""
    root, findings = read_message(content)
    if root is None:
        return ReadReply(None, tuple(findings))
    if message_name(root) != REPLY:
        return ReadReply(None, (*findings, _other_message(root)))
    package = read_package(child(root, "DataObjectPackage"))
    operation = child(root, "Operation")
    to, of = child(root, "ArchivalAgency"), child(root, "TransferringAgency")
    reply = Reply(
        version_of(root.tag) or Version.V2_1,
        token(root, "MessageIdentifier") or "",
        token(root, "Date") or "",
        token(root, "MessageRequestIdentifier") or "",
        token(root, "ReplyCode") or "",
        agency(to) if to is not None else Agency(""),
        agency(of) if of is not None else Agency(""),
        token(root, "ArchivalAgreement"),
        token(root, "GrantDate"),
        {name: unit.content.system_ids[0] for name, unit in package.units.items() if unit.content.system_ids},
        package.objects,
        events(children(operation, "Event")) if operation is not None else (),
    )
    return ReadReply(reply, (*findings, *package.findings))


def _other_message(root: Element) -> Finding:
    return found_ko(
        "seda_message_not_reply",
        Step.MANIFEST,
        "Le message est « {message} » ; la réponse à un versement est un « ArchiveTransferReply ».",
        place_of(root),
        message=message_name(root),
    )


def read_acknowledgement(content: bytes) -> ReadAcknowledgement:
    """Read an acknowledgement."""
    root, findings = read_message(content)
    if root is None or findings:
        return ReadAcknowledgement(None, tuple(findings))
    if message_name(root) != ACKNOWLEDGEMENT:
        return ReadAcknowledgement(None, (_no_acknowledgement(root),))
    return ReadAcknowledgement(
        Acknowledgement(
            version_of(root.tag) or Version.V2_1,
            token(root, "MessageIdentifier") or "",
            token(root, "Date") or "",
            token(root, "MessageReceivedIdentifier") or "",
            agency(child(root, "Sender")),
            agency(child(root, "Receiver")),
        )
    )


def _no_acknowledgement(root: Element) -> Finding:
    return found_ko(
        "seda_message_not_acknowledgement",
        Step.MANIFEST,
        "Le message est « {message} », et non un accusé de réception (Acknowledgement).",
        place_of(root),
        message=message_name(root),
    )
