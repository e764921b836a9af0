"""Invitations: a person without an account gives one visa, by a link and a code.

The link travels in a mail, the code never does: an archivist tells it by telephone or SMS. Five
wrong codes close an invitation; each try is in the journal. After the visa the link has served.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from archive.database.disposal_tables import DisposalRow
from archive.database.guest_tables import InvitationRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, letters, projection, visas
from archive.disposition.disposals.bordereau import UNCHANGED
from archive.disposition.disposals.guest_secrets import GuestSecrets, digest_of, new_code, new_nonce
from archive.disposition.disposals.population import bad_disposal
from archive.disposition.mails import Letter, queue
from archive.journal.effects import Subject
from archive.journal.types import EntryType
from archive.model.disposals import DisposalState, VisaStep
from archive.model.identifiers import is_id, new_id
from archive.model.mails import LONGEST_NAME, is_address, is_line
from archive.model.names import folded_name
from archive.model.statement_kinds import StatementKind
from signing.ground.errors import Refused

DAYS: Final = 30
"""For which a link holds unless told otherwise."""
MOST_DAYS: Final = 90
TRIES: Final = 5
"""Wrong codes that close an invitation."""
_KNOCKS: Final = 20
"""Openings of a link that has served which are journalled: nobody fills the journal with them."""
_INVITED: Final = "Personne n’est invité."


class Standing(StrEnum):
    """Where an invitation stands."""

    OPEN = "open"
    USED = "used"
    """The visa is given."""
    REVOKED = "revoked"
    CLOSED = "closed"
    """By wrong codes."""
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Invited:
    """Whom an archivist invites.

    Attributes:
        heads: Exact name of the service that they head; None: none of those served here.
        days: For which the link holds.
        by_mail: Whether the service sends the link; else the archivist copies it.
        address: Beginning of the link: scheme and host.
        drafters: Names of those who prepared the bordereau, as far as they are known.
    """

    step: VisaStep
    person: str
    quality: str
    mail: str
    by_mail: bool
    address: str
    heads: str | None = None
    days: int = DAYS
    drafters: Collection[str] = ()


@dataclass(frozen=True)
class Made:
    """An invitation just made.

    Attributes:
        code: Shown this once, and never kept.
        mail: Id of its mail.
    """

    row: InvitationRow
    code: str
    mail: str


def standing(row: InvitationRow, now: datetime) -> Standing:
    """Return where an invitation stands."""
    if row.used_at is not None:
        return Standing.USED
    if row.revoked_at is not None:
        return Standing.REVOKED
    if row.closed_at is not None or row.wrong >= TRIES:
        return Standing.CLOSED
    return Standing.OPEN if now < row.expires_at else Standing.EXPIRED


def may_only_mail(row: DisposalRow, agent: str) -> bool:
    """Whether somebody invites to a bordereau only by mails whose link they never see."""
    return agent in {row.drafted_by, row.content["submitted_by"]}


def copied_by(session: Session, disposal_id: str) -> set[str]:
    """Return who held link and code of a visa that a guest gave: they saw both."""
    return {one.invited_by for one in _of(session, disposal_id) if one.used_at is not None and not one.by_mail}


def agent_of(row: InvitationRow) -> str:
    """Return who is held for the giver of a guest's visa."""
    return f"guest:{row.id}"


def invite(act: Act, secrets: GuestSecrets, disposal_id: str, asked: Invited) -> Made:
    """Invite a person to give a visa; an earlier invitation to the same visa ends.

    Raises:
        Refused: ``disposal_not_found``, ``visa_not_expected``, ``bad_disposal``, ``visa_twice``,
            ``visa_by_drafter``, ``controller_heads_producer``, ``invitation_by_drafter``.
    """
    row = bordereau.get(act.session, act.tenant, disposal_id)
    act.ledger.take_turn(act.session)
    act.session.refresh(row)
    if row.state != DisposalState.SUBMITTED or asked.step not in visas.missing(act, row):
        raise Refused(
            "visa_not_expected",
            "Ce visa n’est pas attendu.",
            kept=_INVITED,
            action="Relisez le bordereau : il dit où il en est.",
        )
    told = _checked(asked)
    visas.require_outside(row, told.step, told.heads)
    others = _of(act.session, row.id)
    _require_other_person(act, row, others, told)
    for before in others:
        if before.step == told.step and standing(before, act.now) is Standing.OPEN:
            before.revoked_at = act.now
            _journal(act, before, "revoked")
    invitation, nonce, code = new_id(), new_nonce(), new_code()
    made = InvitationRow(
        id=invitation,
        tenant_id=act.tenant,
        disposal_id=row.id,
        step=told.step.value,
        **{name: getattr(told, name) for name in ("person", "quality", "mail", "heads", "by_mail", "address")},
        nonce=nonce,
        token_sha256=digest_of(secrets.token(invitation, nonce)),
        code_digest=secrets.code_digest(invitation, nonce, code),
        wrong=0,
        knocks=0,
        invited_by=act.agent,
        invited_at=act.now,
        expires_at=act.now + timedelta(days=told.days),
        draft={},
    )
    act.session.add(made)
    act.session.flush()
    _journal(act, made, "invited")
    text = letters.invitation(act, row, made)
    mail = queue(
        act,
        Letter(
            cause=f"invitation:{made.id}",
            recipient=made.mail,
            subject=text.subject,
            body=text.body,
            by_server=made.by_mail,
            disposal_id=row.id,
            invitation_id=made.id,
        ),
    )
    assert mail is not None  # noqa: S101 - its cause is new
    return Made(made, code, mail.id)


def revoke(act: Act, disposal_id: str, invitation_id: str) -> InvitationRow:
    """End an invitation at once; its link answers as one that never was.

    Raises:
        Refused: ``invitation_not_found``, ``invitation_over``.
    """
    row = get(act.session, act.tenant, disposal_id, invitation_id)
    act.session.refresh(row, with_for_update=True)
    if row.used_at is not None or row.revoked_at is not None:
        raise Refused(
            "invitation_over",
            "Cette invitation a déjà pris fin.",
            kept="Rien n’a été changé.",
            action="Relisez la liste des invitations.",
        )
    row.revoked_at = act.now
    _journal(act, row, "revoked")
    return row


def get(session: Session, tenant: str, disposal_id: str, invitation_id: str) -> InvitationRow:
    """Return an invitation to a visa on this bordereau.

    Raises:
        Refused: ``invitation_not_found``.
    """
    row = session.get(InvitationRow, invitation_id) if is_id(invitation_id) else None
    if row is None or (row.tenant_id, row.disposal_id) != (tenant, disposal_id):
        raise Refused("invitation_not_found", "Cette invitation n’existe pas.", action="Vérifiez son identifiant.")
    return row


def of_disposal(session: Session, disposal_id: str) -> Sequence[InvitationRow]:
    """Return every invitation of a bordereau, the last one first."""
    return list(reversed(_of(session, disposal_id)))


def by_token(session: Session, token: str) -> InvitationRow | None:
    """Return the invitation of a link, whatever became of it; None if there never was one."""
    return session.scalar(select(InvitationRow).where(InvitationRow.token_sha256 == digest_of(token)))


# -- a guest


def enter(act: Act, secrets: GuestSecrets, row: InvitationRow, code: str) -> bool:
    """Try a code, once; True where it opens the bordereau. A wrong one counts, whoever tries it.

    The caller commits in either case.
    """
    invitation = InvitationRow
    tried = act.session.execute(
        update(invitation)
        .where(
            invitation.id == row.id,
            invitation.used_at.is_(None),
            invitation.revoked_at.is_(None),
            invitation.closed_at.is_(None),
            invitation.expires_at > act.now,
            invitation.wrong < TRIES,
        )
        .values(wrong=invitation.wrong + 1)
    )
    act.session.refresh(row)
    if not tried.rowcount:  # type: ignore[attr-defined]  # closed by another try at the same time
        _journal(act, row, "refused")
        return False
    if secrets.fits(row, code):
        row.wrong, row.entered_at = row.wrong - 1, act.now
        _journal(act, row, "entered")
        return True
    if row.wrong >= TRIES:
        row.closed_at = act.now
    _journal(act, row, "closed" if row.closed_at is not None else "wrong_code")
    return False


def note_refused(act: Act, row: InvitationRow) -> None:
    """Note that link and code were tried by somebody who may not: the try is not even compared."""
    _journal(act, row, "refused")


def note_knock(act: Act, row: InvitationRow) -> None:
    """Note that a link was opened which has served."""
    act.session.refresh(row, with_for_update=True)
    if row.knocks < _KNOCKS:
        row.knocks += 1
        _journal(act, row, "after_use")


def note_use(act: Act, row: InvitationRow) -> None:
    """Note that a guest's visa is given: the link has served."""
    row.used_at = act.now
    row.draft = {}
    _journal(act, row, "used")


def require_other_guest(act: Act, row: InvitationRow) -> None:
    """Refuse a visa by somebody who has given another one on the same bordereau as a guest.

    Raises:
        Refused: ``visa_twice``.
    """
    others = [one for one in _of(act.session, row.disposal_id) if one.id != row.id and one.used_at is not None]
    if any(_folded(one.mail) == _folded(row.mail) for one in others):
        raise _twice()


# -- parts


def _of(session: Session, disposal_id: str) -> list[InvitationRow]:
    row = InvitationRow
    return list(session.scalars(select(row).where(row.disposal_id == disposal_id).order_by(row.id)))


def _checked(asked: Invited) -> Invited:
    """Return what was typed without its margins; nothing of it begins another line of a mail."""
    person, quality, mail = (text.strip() for text in (asked.person, asked.quality, asked.mail))
    heads = (asked.heads or "").strip() or None
    for pointer, text, longest in (
        ("/person", person, LONGEST_NAME),
        ("/quality", quality, LONGEST_NAME),
        ("/heads", heads or "-", LONGEST_NAME),
    ):
        if not text or len(text) > longest or not is_line(text):
            raise bad_disposal(pointer, "Ce texte manque, est trop long, ou n’est pas d’une seule ligne.")
    if not is_address(mail):
        raise bad_disposal("/mail", "Ce n’est pas une adresse de courriel.")
    if not 1 <= asked.days <= MOST_DAYS:
        raise bad_disposal("/days", "Un lien vaut d’un à quatre-vingt-dix jours.")
    return Invited(
        step=asked.step,
        person=person,
        quality=quality,
        mail=mail,
        by_mail=asked.by_mail,
        address=asked.address.rstrip("/"),
        heads=heads,
        days=asked.days,
        drafters=asked.drafters,
    )


def _require_unseen(act: Act, row: DisposalRow, told: Invited) -> None:
    """Refuse to give who prepared a bordereau a link to copy: with the code it makes a visa."""
    if not told.by_mail and may_only_mail(row, act.agent):
        raise Refused(
            "invitation_by_drafter",
            "Vous avez préparé ce bordereau : vous ne recevez pas à la fois le lien et le code d’un visa.",
            kept=_INVITED,
            action="Demandez à un collègue d’inviter, faites régler l’envoi de courriels, ou faites signer sur papier.",
        )


def _require_other_person(act: Act, row: DisposalRow, others: Sequence[InvitationRow], told: Invited) -> None:
    """Refuse who prepared the bordereau, as far as names tell, and who gives another visa on it."""
    _require_unseen(act, row, told)
    if folded_name(told.person) in {folded_name(name) for name in told.drafters}:
        raise Refused(
            "visa_by_drafter",
            "Celui qui a préparé un bordereau n’y donne pas de visa.",
            kept=UNCHANGED,
            action="Une autre personne le donne.",
        )
    for one in others:
        gives = standing(one, act.now) in {Standing.OPEN, Standing.USED} and one.step != told.step
        if gives and (_folded(one.mail) == _folded(told.mail) or folded_name(one.person) == folded_name(told.person)):
            raise _twice()
    given = projection.visas_of(act.session, row.id)
    if any(folded_name(visa.person) == folded_name(told.person) for visa in given):
        raise _twice()


def _twice() -> Refused:
    return Refused(
        "visa_twice",
        "Cette personne donne déjà un autre visa sur ce bordereau : il y faut des personnes différentes.",
        kept=_INVITED,
        action="Invitez une autre personne.",
    )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _journal(act: Act, row: InvitationRow, change: str) -> None:
    facts: dict[str, Any] = {"change": change, "invitation": row.id, "step": row.step, "wrong": row.wrong}
    act.ledger.append(
        act.session,
        type=EntryType.GUEST_ACCESS,
        tenant=act.tenant,
        subject=f"{Subject.STATEMENT}:{StatementKind.DISPOSAL}:{row.disposal_id}",
        agent=act.agent,
        facts=facts,
    )
