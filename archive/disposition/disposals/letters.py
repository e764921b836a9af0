"""Texts of mails about a bordereau: who asks for what, until when. No content of records.

Nor the title of the bordereau: a mail crosses the network in the open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from archive.database.disposal_tables import DisposalRow
from archive.database.guest_tables import InvitationRow
from archive.database.tables import TenantRow
from archive.disposition.act import Act
from archive.disposition.mails import LINK
from archive.model.disposals import Direction, DisposalAction, DisposalState, LineDecision, VisaStep
from archive.retention.civil import civil_day, zone_of
from archive.retention.reasons import in_words

_ACTS: Final = {
    DisposalAction.DESTROY: "le bordereau d’élimination {reference}",
    DisposalAction.TRANSFER: "le bordereau de versement {reference}",
    DisposalAction.REMOVE: "le bordereau de retrait {reference}",
}
_SILENCE: Final = "Sans votre visa, rien ne part : votre silence ne vaut pas accord."
_OBJECTION: Final = (
    "Vous pouvez vous y opposer pendant trois mois à compter du {day} ; passé ce délai, les archives "
    "peuvent continuer sans réponse (code du patrimoine, R. 212-14)."
)


_REFUSED: Final = {
    LineDecision.KEEP_DEFINITIVELY.value: "à garder définitivement",
    LineDecision.SORT_NEEDED.value: "à trier",
    LineDecision.NOT_BEFORE.value: "pas avant une date",
    "unanswered": "sans réponse, donc non approuvés",
    "": "refusés",
}


@dataclass(frozen=True)
class Text:
    """A subject and a body, in French."""

    subject: str
    body: str


def invitation(act: Act, row: DisposalRow, guest: InvitationRow) -> Text:
    """Return the mail that brings a link."""
    town, what = _town(act), _what(row)
    until = in_words(_day(act, guest.expires_at))
    body = f"""Bonjour,

{town} demande votre visa sur {what}, en qualité de : {guest.quality}.

Pour le lire et pour répondre, depuis un téléphone ou un ordinateur :

{LINK}

La page demande un code de huit chiffres. Il vous est donné à part, par téléphone ou par SMS : il n’est jamais dans un courriel. Vous avez cinq essais.

Ce lien vaut jusqu’au {until}, et pour vous seul : ne transférez pas ce message.

{_silence(row, guest.step)}

{town}
"""  # noqa: E501 - paragraphs of a mail: its reader wraps them
    return Text(f"Visa demandé : {_short(row)}", body)


def reminder(act: Act, row: DisposalRow, step: VisaStep, asked_on: date, *, guest: InvitationRow | None) -> Text:
    """Return the mail that reminds of a visa."""
    town, what = _town(act), _what(row)
    if guest is not None:
        until = in_words(_day(act, guest.expires_at))
        how = (
            f"Pour répondre :\n\n{LINK}\n\nLe code de huit chiffres vous a été donné à part. "
            f"Ce lien vaut jusqu’au {until}."
        )
    else:
        how = "Pour répondre, connectez-vous à Chartrier : page « Bordereaux »."
    body = f"""Bonjour,

{town} attend depuis le {in_words(asked_on)} un visa sur {what}.

{how}

{_silence(row, step)}

{town}
"""
    return Text(f"Rappel, visa attendu : {_short(row)}", body)


def refusals(act: Act, row: DisposalRow, refused: Mapping[str, int]) -> Text:
    """Return the mail that tells who asked for a disposal what visas refused.

    Args:
        refused: Number of records by a decision, or another word of ours.
    """
    town, what = _town(act), _what(row)
    told = "\n".join(f"- {_REFUSED.get(word, _REFUSED[''])} : {n}" for word, n in sorted(refused.items()))
    body = f"""Bonjour,

Les visas demandés sur {what} sont donnés. Des documents ne partent pas :

{told}

Le détail, document par document, est dans Chartrier : page « Bordereaux ».

{town}
"""
    return Text(
        f"Refus partiel : {_short(row)}" if row.state != DisposalState.REFUSED else f"Refus : {_short(row)}", body
    )


def _short(row: DisposalRow) -> str:
    return f"bordereau {row.reference}"


def _what(row: DisposalRow) -> str:
    return _ACTS[DisposalAction(row.action)].format(reference=row.reference)


def _silence(row: DisposalRow, step: str) -> str:
    is_origin = row.direction == Direction.ARCHIVES_PROPOSE and step == VisaStep.PRODUCER
    if is_origin and row.proposed_on is not None:
        return _OBJECTION.format(day=in_words(row.proposed_on))
    return _SILENCE


def _day(act: Act, moment: datetime) -> date:
    return civil_day(moment, zone_of(act.session, act.tenant))


def _town(act: Act) -> str:
    """Return the name of the administration, on one line."""
    name = act.session.get_one(TenantRow, act.tenant).name
    return " ".join(name.split())
