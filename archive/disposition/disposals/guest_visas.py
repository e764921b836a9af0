"""A guest's visa: decided page by page, kept as a draft in the database, then given once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from archive.database.batches import batches
from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.database.guest_tables import InvitationRow, VisaDraftRow
from archive.disposition.act import Act
from archive.disposition.disposals import invitations, visas
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.invitations import Standing, agent_of, note_use, standing
from archive.disposition.disposals.visas import VisaGiven
from archive.model.disposals import LineDecision, VisaMeans, VisaStep
from archive.retention.civil import civil_day, zone_of
from archive.retention.reasons import in_words
from signing.ground.errors import Refused

_TYPED: Final = ("reste", "qualite", "reference", "remarque")
"""What the draft keeps besides decisions, by the names of the form."""
_LONGEST: Final = 1000


@dataclass(frozen=True)
class Decided:
    """A decision about a group (``g3``) or a record (``r`` and its id)."""

    decision: LineDecision
    not_before: date | None = None


def decide(act: Act, row: InvitationRow, told: Mapping[str, Decided | None]) -> None:
    """Keep decisions of one page, and forget those that are None; foreign lines are left out.

    Raises:
        Refused: ``visa_link_not_found``: it was revoked or has ended meanwhile.
    """
    _require_open(act, row)
    mine = _of_disposal(act.session, row.disposal_id, told)
    for target in mine:
        decided = told[target]
        there = act.session.get(VisaDraftRow, (row.id, target))
        if decided is None:
            if there is not None:
                act.session.delete(there)
            continue
        act.session.merge(
            VisaDraftRow(
                invitation_id=row.id,
                target=target,
                decision=decided.decision.value,
                not_before=decided.not_before,
            )
        )
    act.session.flush()


def keep_typed(act: Act, row: InvitationRow, form: Mapping[str, str]) -> None:
    """Keep the rest of the visa as it was typed so far."""
    _require_open(act, row)
    row.draft = {name: form[name][:_LONGEST] for name in _TYPED if form.get(name)}
    act.session.flush()


def decided(session: Session, invitation: str, targets: Collection[str]) -> dict[str, Decided]:
    """Return what was decided about some groups and records."""
    draft = VisaDraftRow
    found: dict[str, Decided] = {}
    for some in batches(sorted(targets)):
        asked = select(draft).where(draft.invitation_id == invitation, draft.target.in_(some))
        found |= {one.target: Decided(LineDecision(one.decision), one.not_before) for one in session.scalars(asked)}
    return found


def number_decided(session: Session, invitation: str) -> int:
    """Return how many groups and records are decided apart."""
    draft = VisaDraftRow
    return session.scalar(select(func.count()).where(draft.invitation_id == invitation)) or 0


def give(
    act: Act,
    invitation: str,
    expected: int | None,
    *,
    whole: Answer | None,
    quality: str,
    reference: str,
    comment: str,
) -> DisposalRow:
    """Give the visa of a guest, with what the draft holds; the link has served.

    Args:
        whole: For every line that is not decided apart; None: those are not approved.

    Raises:
        Refused: ``visa_link_not_found``, ``visa_link_used``, and as ``visas.give``.
    """
    row = act.session.get_one(InvitationRow, invitation, with_for_update=True, populate_existing=True)
    _require_open(act, row)
    invitations.require_other_guest(act, row)
    told = list(act.session.scalars(select(VisaDraftRow).where(VisaDraftRow.invitation_id == row.id)))
    kept = {one.target: Answer(LineDecision(one.decision), one.not_before) for one in told}
    answers = Answers(
        whole,
        {int(target[1:]): one for target, one in kept.items() if target[0] == "g"},
        {target[1:]: one for target, one in kept.items() if target[0] == "r"},
    )
    given = VisaGiven(
        step=VisaStep(row.step),
        means=VisaMeans.GUEST,
        person=row.person,
        quality=quality.strip() or row.quality,
        identified_by=identified_by(act, row),
        answers=answers,
        reference=reference[:_LONGEST],
        comment=comment[:_LONGEST],
        heads=row.heads,
    )
    disposal = visas.give(act, row.disposal_id, expected, given)
    note_use(act, row)
    act.session.execute(delete(VisaDraftRow).where(VisaDraftRow.invitation_id == row.id))
    return disposal


def identified_by(act: Act, row: InvitationRow) -> str:
    """Return how a guest was known, as the visa says for ever."""
    day = in_words(civil_day(row.invited_at, zone_of(act.session, act.tenant)))
    way = f"lien envoyé à {row.mail} le {day}" if row.by_mail else f"lien remis par l’archiviste le {day} ({row.mail})"
    return f"{way}, et code de huit chiffres donné par une autre voie"


# -- parts


def _require_open(act: Act, row: InvitationRow) -> None:
    where = standing(row, act.now)
    if where is Standing.USED:
        raise Refused(
            "visa_link_used",
            "Ce lien a servi : le visa est donné.",
            kept="Le visa donné n’a pas changé.",
            action="Pour une question, répondez à la personne qui vous a écrit.",
        )
    if where is not Standing.OPEN or agent_of(row) != act.agent:
        raise link_not_found()


def link_not_found() -> Refused:
    """Return the one refusal of a link that is unknown, has ended, was revoked or was closed."""
    return Refused(
        "visa_link_not_found",
        "Ce lien n’existe pas, ou ne vaut plus.",
        action="Demandez-en un autre à la personne qui vous a écrit.",
    )


def _of_disposal(session: Session, disposal: str, targets: Collection[str]) -> Sequence[str]:
    """Return those of these groups and records that are in the bordereau."""
    line, wanted = DisposalLineRow, sorted(targets)
    groups = {int(one[1:]) for one in wanted if one[0] == "g" and one[1:].isdecimal() and len(one) < 9}
    records = [one[1:] for one in wanted if one[0] == "r"]
    asked = select(line.group_no).where(line.disposal_id == disposal, line.group_no.in_(groups)).distinct()
    found = {f"g{number}" for number in session.scalars(asked)}
    for some in batches(records):
        asked_records = select(line.record_id).where(line.disposal_id == disposal, line.record_id.in_(some))
        found |= {f"r{record}" for record in session.scalars(asked_records)}
    return [one for one in wanted if one in found]
