"""Invitations of guests as JSON, and the acts on them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from api.views.history import name_of
from archive.database.guest_tables import InvitationRow, MailRow
from archive.disposition import mails
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, invitations
from archive.disposition.disposals.invitations import Invited, standing
from archive.model.disposals import VisaStep
from signing.ground.clock import stamp
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

_MOMENTS: Final = ("invited_at", "expires_at", "entered_at", "closed_at", "revoked_at", "used_at")


def view(session: Session, row: InvitationRow, now: datetime) -> dict[str, Any]:
    """Return an invitation as the API shows it: never its link, never its code."""
    moments = {name: getattr(row, name) for name in _MOMENTS}
    return {
        **{name: getattr(row, name) for name in ("id", "step", "person", "quality", "mail", "heads", "by_mail")},
        "standing": standing(row, now).value,
        "wrong_codes": row.wrong,
        "invited_by": name_of(session, row.invited_by),
        **{name: stamp(moment) if moment is not None else None for name, moment in moments.items()},
    }


def views(session: Session, tenant: str, disposal_id: str, now: datetime) -> list[dict[str, Any]]:
    """Return every invitation to a bordereau, the last one first.

    Raises:
        Refused: ``disposal_not_found``.
    """
    row = bordereau.get(session, tenant, disposal_id)
    return [view(session, one, now) for one in invitations.of_disposal(session, row.id)]


def invite(
    system: System, tenant: str, agent: str, disposal_id: str, told: dict[str, Any], address: str
) -> dict[str, Any]:
    """Invite a guest; the code is in this answer and nowhere else.

    Args:
        told: As the API takes it.
        address: Beginning of the link.

    Raises:
        Refused: ``mail_not_set``, and as ``invitations.invite``.
    """
    if told["by_mail"] and system.settings.mail is None:
        raise Refused(
            "mail_not_set",
            "Aucun serveur de courriels n’est réglé : ce service n’envoie rien.",
            kept="Personne n’est invité.",
            action="Un archiviste qui n’a pas préparé ce bordereau invite, et envoie le texte lui-même.",
        )
    with system.database.write() as session:
        act = Act(session, system.ledger, tenant, agent, system.clock())
        row = bordereau.get(session, tenant, disposal_id)
        drafters = {name_of(session, one) for one in (row.drafted_by, row.content["submitted_by"], agent) if one}
        asked = Invited(
            **(told | {"step": VisaStep(told["step"])}),
            address=system.settings.api.public_url or address,
            drafters={name for name in drafters if name},
        )
        made = invitations.invite(act, system.guest_secrets, disposal_id, asked)
        mail = session.get_one(MailRow, made.mail)
        body = view(session, made.row, act.now) | {"code": made.code, "text": None}
        if not made.row.by_mail:
            body["text"] = {"subject": mail.subject, "body": with_link(system, mail, made.row)}
    system.notifier.notify()
    return body


def revoke(system: System, tenant: str, agent: str, disposal_id: str, invitation_id: str) -> dict[str, Any]:
    """End an invitation.

    Raises:
        Refused: As ``invitations.revoke``.
    """
    with system.database.write() as session:
        act = Act(session, system.ledger, tenant, agent, system.clock())
        body = view(session, invitations.revoke(act, disposal_id, invitation_id), act.now)
    system.notifier.notify()
    return body


def with_link(system: System, mail: MailRow, guest: InvitationRow) -> str:
    """Return the text of a mail with the link of its guest."""
    return mail.body.replace(mails.LINK, system.guest_secrets.link(guest))
