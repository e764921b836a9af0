"""Visas that people give with an account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.access.callers import Caller
from api.views.disposal import answers_of
from archive.database.disposal_tables import DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, visas
from archive.disposition.disposals.visas import VisaGiven
from archive.model.disposals import VisaMeans, VisaStep

_BY_ACCOUNT: Final = "compte"
_CONTROLLER: Final = "Contrôleur"


def give_visa(act: Act, disposal_id: str, expected: int | None, person: Caller, told: Mapping[str, Any]) -> DisposalRow:
    """Give the visa of a person who is logged in.

    Args:
        told: As the API takes it.

    Raises:
        Refused: As ``visas.give``.
    """
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
        ),
    )
