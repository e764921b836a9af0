"""Visas: who gives one, what it says line by line, and what follows when all are given.

Two people at least, neither of whom drafted the bordereau; the controller comes from outside. A
visa is a statement of its own: person, quality, moment, how the person was identified, answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from archive.database.disposal_tables import DisposalRow, DisposalVisaRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, projection, scans
from archive.disposition.disposals.bordereau import LONGEST, UNCHANGED
from archive.disposition.disposals.decisions import Answers, outcome, read_answers
from archive.disposition.disposals.population import bad_disposal
from archive.disposition.disposals.terms import last_day_to_stop, silence_agrees, steps_of
from archive.journal.types import EntryType
from archive.model.disposals import (
    Direction,
    DisposalState,
    LineDecision,
    VisaMeans,
    VisaStep,
)
from archive.model.identifiers import new_id
from archive.model.names import folded_name
from archive.model.statement_kinds import StatementKind
from signing.ground.clock import iso, stamp
from signing.ground.errors import Refused

ENTERED: Final = "entered"
"""State of a paper visa that a second person must confirm."""
WITHDRAWN: Final = "withdrawn"
"""State of a paper visa whose entry was undone before it was confirmed."""


@dataclass(frozen=True, kw_only=True)
class VisaGiven:
    """A visa as its person gives it.

    Attributes:
        person: Name, as signed.
        quality: Function, with « par délégation » where it is so.
        identified_by: How the person was known, in words of ours or of the archivist.
        heads: Name of the service that a controller heads; None: none of those served here.
        service: The service of their account, which they head too, whatever they say.
        given_on: Day of a paper visa; None: the present day.
        evidence: SHA-256 of the scan of a paper visa.
        attested: Whether who enters it says that the scan is whole and of this bordereau, where
            its codes could not be read.
    """

    step: VisaStep
    means: VisaMeans
    person: str
    quality: str
    identified_by: str
    answers: Answers
    reference: str = ""
    comment: str = ""
    heads: str | None = None
    service: str | None = None
    given_on: date | None = None
    evidence: str | None = None
    attested: bool = False


def give(act: Act, disposal_id: str, expected: int | None, given: VisaGiven) -> DisposalRow:
    """Give a visa; the last one decides every line and begins the cooling-off period.

    A visa on paper waits until a second person confirms what was entered.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``visa_not_expected``, ``visa_by_drafter``, ``visa_twice``,
            ``controller_heads_producer``, ``bad_disposal``; on paper: ``scan_not_attested``.
    """
    row = bordereau.changeable(act, disposal_id, expected)
    _require_submitted(row)
    _require_expected(act, row, given.step)
    is_paper = given.means is VisaMeans.PAPER
    if is_paper:
        _require_nothing_entered(act, row)
    else:
        _require_other_person(act, row, act.agent)
    require_signed_once(act, row, given.person)
    if is_paper and given.evidence:
        scans.require(act, row.id, given.evidence, attested=given.attested)
    require_outside(row, given.step, given.heads, given.service)
    body = _body(act, row, given, ENTERED if is_paper else projection.GIVEN)
    act.state(StatementKind.VISA, new_id(), 0, body["state"], body, EntryType.VISA_STATED)
    return row if is_paper else _conclude(act, row)


def confirm(act: Act, visa_id: str, *, attested: bool = False) -> DisposalRow:
    """Confirm a visa that somebody else entered from paper.

    Args:
        attested: Whether who confirms says of the scan what who entered said.

    Raises:
        Refused: ``visa_not_found``, ``disposal_closed``, ``visa_not_expected``,
            ``visa_same_person``, ``visa_scan_missing``, ``scan_not_attested``.
    """
    there, row = _entered(act, visa_id)
    _require_expected(act, row, VisaStep(there.step))
    if there.content["recorded_by"] == act.agent:
        raise Refused(
            "visa_same_person",
            "Celui qui a saisi un visa ne le confirme pas.",
            kept=UNCHANGED,
            action="Demandez à une seconde personne de comparer la saisie au papier, puis de confirmer.",
        )
    if not there.content["evidence"]:
        raise Refused(
            "visa_scan_missing",
            "La copie numérisée du bordereau visé manque.",
            kept=UNCHANGED,
            action="Joignez-la : elle prouve le visa.",
        )
    scans.require(act, row.id, there.content["evidence"], attested=attested)
    require_signed_once(act, row, there.person)
    by = [*there.content.get("attested_by", []), *([act.agent] if attested else [])]
    body = {**there.content, "state": projection.GIVEN, "confirmed_by": act.agent, "attested_by": by}
    act.state(StatementKind.VISA, there.id, there.number, "confirmed", body, EntryType.VISA_STATED)
    return _conclude(act, row)


def retract(act: Act, visa_id: str) -> DisposalRow:
    """Undo the entry of a paper visa that nobody has confirmed yet.

    Raises:
        Refused: ``visa_not_found``, ``disposal_closed``, ``visa_not_expected``.
    """
    there, row = _entered(act, visa_id)
    body = {**there.content, "state": WITHDRAWN}
    act.state(StatementKind.VISA, there.id, there.number, WITHDRAWN, body, EntryType.VISA_STATED)
    return row


def proceed(act: Act, disposal_id: str, expected: int | None) -> DisposalRow:
    """Go on without an answer to a proposal of the archives, its three months over.

    Raises:
        Refused: ``disposal_not_found``, ``precondition_failed``, ``disposal_closed``,
            ``visa_not_expected``.
    """
    row = bordereau.changeable(act, disposal_id, expected)
    _require_submitted(row)
    if missing(act, row):
        raise _not_expected("Un visa manque encore.")
    return _conclude(act, row)


def get(act: Act, visa_id: str) -> DisposalVisaRow:
    """Return a visa of this tenant.

    Raises:
        Refused: ``visa_not_found``.
    """
    row = act.session.get(DisposalVisaRow, visa_id)
    if row is None or row.tenant_id != act.tenant:
        raise Refused("visa_not_found", "Ce visa n’existe pas.", action="Vérifiez son identifiant.")
    return row


def steps(row: DisposalRow) -> tuple[VisaStep, ...]:
    """Return the visas that a disposal needs, in order."""
    return steps_of(Direction(row.direction), authority=bool(row.content["authority"]))


def missing(act: Act, row: DisposalRow) -> list[VisaStep]:
    """Return the visas still to be given, in order; silence counts where the law lets it."""
    there = {VisaStep(visa.step) for visa in projection.visas_of(act.session, row.id)}
    proposed, direction, today = row.proposed_on, Direction(row.direction), act.today
    return [
        step
        for step in steps(row)
        if step not in there
        and not (proposed is not None and today.trusted and silence_agrees(direction, step, proposed, today.day))
    ]


# -- parts


def _entered(act: Act, visa_id: str) -> tuple[DisposalVisaRow, DisposalRow]:
    """Return a visa that waits for its confirmation, and its bordereau, both as they are now."""
    there = get(act, visa_id)
    row = bordereau.changeable(act, there.disposal_id, None)
    act.session.refresh(there)
    _require_submitted(row)
    if there.state != ENTERED:
        raise _not_expected("Ce visa n’attend pas de confirmation.")
    return there, row


def _conclude(act: Act, row: DisposalRow) -> DisposalRow:
    """State what all visas come to, once none is missing."""
    if missing(act, row):
        return row
    given = projection.visas_of(act.session, row.id)
    last = max((visa.given_on for visa in given), default=act.today.day)
    answers = [read_answers(visa.content["answers"]) for visa in given]
    approved = any(
        outcome(answers, line.record_id, line.group_no).approved for line in projection.undecided(act.session, row.id)
    )
    body = dict(row.content)
    body |= {
        "state": (DisposalState.COOLING_OFF if approved else DisposalState.REFUSED).value,
        "last_visa_on": iso(last),
        "stop_until": iso(last_day_to_stop(max(last, act.today.day))) if approved else None,
        "ended_on": None if approved else iso(act.today.day),
    }
    return bordereau.state_disposal(act, row, "approved" if approved else "refused", body)


def _body(act: Act, row: DisposalRow, given: VisaGiven, state: str) -> dict[str, Any]:
    names = {"person": given.person, "quality": given.quality, "identified_by": given.identified_by}
    for name, text in names.items():
        if not text.strip() or len(text) > LONGEST or "\0" in text:
            raise bad_disposal(f"/{name}", "Le nom, la qualité ou la façon de l’identifier manque.")
    day = given.given_on or act.today.day
    if day > act.today.day or (row.proposed_on is not None and day < row.proposed_on):
        raise bad_disposal("/given_on", "Un visa est donné entre la soumission du bordereau et aujourd’hui.")
    _require_answers(act, row, given.answers)
    return {
        "disposal_id": row.id,
        "population": row.content["population"],
        "step": given.step.value,
        "means": given.means.value,
        "state": state,
        "given_on": iso(day),
        "given_at": stamp(act.now),
        **{name: text.strip() for name, text in names.items()},
        "agent": act.agent if given.means is not VisaMeans.PAPER else f"paper:{given.person.strip()}",
        "recorded_by": act.agent,
        "confirmed_by": None,
        "reference": given.reference.strip(),
        "comment": given.comment.strip(),
        "heads": given.heads,
        "evidence": given.evidence,
        "attested_by": [act.agent] if given.attested and given.evidence else [],
        "answers": given.answers.as_json(),
    }


def _require_answers(act: Act, row: DisposalRow, answers: Answers) -> None:
    groups, records = projection.named(act.session, row.id)
    if not set(answers.groups) <= groups or not set(answers.lines) <= records:
        raise bad_disposal("/answers", "Une réponse nomme une ligne qui n’est pas dans ce bordereau.")
    every = [one for one in (answers.whole, *answers.groups.values(), *answers.lines.values()) if one is not None]
    if not every:
        raise bad_disposal("/answers", "Ce visa ne répond à aucune ligne.")
    for one in every:
        if (one.decision is LineDecision.NOT_BEFORE) != (one.not_before is not None):
            raise bad_disposal("/answers", "« Pas avant » demande une date, et les autres réponses n’en ont pas.")


def _require_submitted(row: DisposalRow) -> None:
    if row.state != DisposalState.SUBMITTED:
        raise _not_expected("Ce bordereau n’attend pas de visa.")


def _require_expected(act: Act, row: DisposalRow, step: VisaStep) -> None:
    """Refuse a visa that is not the next one: each person sees what those before them said."""
    left = missing(act, row)
    if not left or left[0] is not step:
        raise _not_expected("Ce n’est pas le visa attendu maintenant.")


def _require_other_person(act: Act, row: DisposalRow, agent: str) -> None:
    if agent in {row.drafted_by, row.content["submitted_by"]}:
        raise Refused(
            "visa_by_drafter",
            "Celui qui a préparé un bordereau n’y donne pas de visa.",
            kept=UNCHANGED,
            action="Une autre personne le donne.",
        )
    if any(agent == visa.agent for visa in projection.visas_of(act.session, row.id)):
        raise _given_twice(
            "Vous avez déjà donné un visa à ce bordereau : les visas sont donnés par des personnes différentes."
        )


def _require_nothing_entered(act: Act, row: DisposalRow) -> None:
    visa = DisposalVisaRow
    waits = select(visa.id).where(visa.disposal_id == row.id, visa.state == ENTERED).limit(1)
    if act.session.scalar(waits) is not None:
        raise _not_expected("Une saisie attend déjà qu’une seconde personne la confirme, ou l’annule.")


def require_signed_once(act: Act, row: DisposalRow, person: str) -> None:
    """Refuse a second visa under one name, by whatever means: an account, a link or paper.

    Raises:
        Refused: ``visa_twice``.
    """
    name = folded_name(person)
    if any(folded_name(visa.person) == name for visa in projection.visas_of(act.session, row.id)):
        raise _given_twice("Cette personne a déjà donné un visa à ce bordereau.")


def require_outside(row: DisposalRow, step: VisaStep, *heads: str | None) -> None:
    """Refuse a controller who heads the producing service (code du patrimoine, R212-4, 4°).

    Args:
        heads: Each service that they are known to head, by whatever way.

    Raises:
        Refused: ``controller_heads_producer``.
    """
    producer = folded_name(row.producer or "")
    if step is VisaStep.CONTROLLER and producer and producer in {folded_name(one) for one in heads if one}:
        raise Refused(
            "controller_heads_producer",
            "Le contrôleur dirige le service qui a produit ces documents.",
            kept=UNCHANGED,
            action="Le visa revient à un contrôleur d’un autre département, ou de l’État.",
        )


def _given_twice(detail: str) -> Refused:
    return Refused("visa_twice", detail, kept=UNCHANGED, action="Une autre personne le donne.")


def _not_expected(detail: str) -> Refused:
    return Refused("visa_not_expected", detail, kept=UNCHANGED, action="Relisez le bordereau : il dit où il en est.")
