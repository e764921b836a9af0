"""Visas that people give with an account, or that an archivist enters from paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.access.callers import Caller
from api.views.disposal import answers_of
from api.views.history import name_of
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, scans, visas
from archive.disposition.disposals.population import bad_disposal
from archive.disposition.disposals.visas import VisaGiven
from archive.model.disposals import VisaMeans, VisaStep
from archive.model.names import folded_name
from signing.ground.errors import Refused

_BY_ACCOUNT: Final = "compte"
_ON_PAPER: Final = "signature sur le bordereau imprimé"
_CONTROLLER: Final = "Contrôleur"


def give_visa(act: Act, disposal_id: str, expected: int | None, person: Caller, told: Mapping[str, Any]) -> DisposalRow:
    """Give the visa of a person who is logged in, or enter one from paper.

    Args:
        told: As the API takes it.

    Raises:
        Refused: ``scope_missing``, and as ``visas.give``.
    """
    on_paper = told["means"] == VisaMeans.PAPER
    require_scope(person, "disposal:write" if on_paper else "disposal:visa")
    if on_paper:
        return _entered(act, disposal_id, expected, told)
    answers = answers_of(told["decision"], told["consequence"], told["not_before"], told["groups"], told["lines"])
    row = bordereau.get(act.session, act.tenant, disposal_id)
    step = told["step"] or next(iter(visas.missing(act, row)), visas.steps(row)[-1])
    return visas.give(
        act,
        disposal_id,
        expected,
        VisaGiven(
            step=VisaStep(step),
            means=VisaMeans.ACCOUNT,
            person=person.name,
            quality=(told["quality"] or "").strip() or person.service or _CONTROLLER,
            identified_by=_BY_ACCOUNT,
            answers=answers,
            reference=told["reference"],
            comment=told["comment"],
            heads=told["heads"] or person.service,
            service=person.service,
        ),
    )


def require_scope(person: Caller, scope: str) -> None:
    """Refuse a person without the right that this way of giving a visa asks for.

    Raises:
        Refused: ``scope_missing``.
    """
    if not person.may(scope):
        raise Refused(
            "scope_missing",
            "Vous n’avez pas le droit « {scope} ».",
            action="Demandez-le à votre administrateur.",
            scope=scope,
        )


def _entered(act: Act, disposal_id: str, expected: int | None, told: Mapping[str, Any]) -> DisposalRow:
    """Enter a visa as it was signed on paper."""
    row = bordereau.get(act.session, act.tenant, disposal_id)
    step = told["step"] or next(iter(visas.missing(act, row)), visas.steps(row)[-1])
    person = (told["person"] or "").strip()
    if not person or not (told["quality"] or "").strip() or told["given_on"] is None:
        raise bad_disposal("/person", "D’un visa sur papier, dites qui a signé, en quelle qualité, et quel jour.")
    drafters = {row.drafted_by, row.content["submitted_by"]} - {None}
    if any(folded_name(name_of(act.session, one) or "") == folded_name(person) for one in drafters):
        raise Refused(
            "visa_by_drafter",
            "Celui qui a préparé un bordereau n’y donne pas de visa.",
            kept=bordereau.UNCHANGED,
            action="Une autre personne le donne.",
        )
    scan = scans.get(act.session, row.id, told["scan"] or "") if told["scan"] else None
    return visas.give(
        act,
        disposal_id,
        expected,
        VisaGiven(
            step=VisaStep(step),
            means=VisaMeans.PAPER,
            person=person,
            quality=told["quality"],
            identified_by=_ON_PAPER,
            answers=answers_of(
                told["decision"], told["consequence"], told["not_before"], told["groups"], told["lines"]
            ),
            reference=told["reference"],
            comment=told["comment"],
            heads=told["heads"],
            given_on=told["given_on"],
            evidence=scan.sha256 if scan is not None else None,
            attested=told["attested"],
        ),
    )
