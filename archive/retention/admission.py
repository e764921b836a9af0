"""Admission of dates: the days that a description may have when it is given. Pure.

One rule for every entrance: deposit, change, page, command line. Each field alone is judged by
``DescriptionField.read``; here the days are judged by today, by each other and by the retention
rule. What is stored already is never judged again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from archive.model.days import Today
from archive.model.description_fields import DESCRIPTION_FIELDS, Description
from archive.model.field_rules import FieldKind, bad_field
from archive.model.records import Remark
from archive.retention.dates import START_EVENTS, StartField
from signing.ground.errors import Refused

_CLOSED = StartField.CLOSED_ON.value
_DATED = StartField.DOCUMENT_DATE.value
_DAYS = tuple(field.name for field in DESCRIPTION_FIELDS if field.kind is FieldKind.DATE)


def admit_dates(
    description: Description, given: Collection[str], start_event: str | None, today: Today, *, kept: str
) -> None:
    """Refuse days that can't be true.

    Args:
        description: As it would be kept.
        given: Names of the fields just given or changed.
        start_event: Of the rule in force for its document type; None without a rule.
        today: In the tenant's calendar; while its clock is distrusted, no day is too late.
        kept: French sentence of the refusal about the state of the record or deposit.

    Raises:
        Refused: ``bad_field``, with the field as its pointer.
    """
    judged = {*given, _CLOSED} if "document_type" in given else set(given)
    for name in days_ahead(description, start_event, today.day) if today.trusted else ():
        if name in judged:
            raise _ahead(name, today.day, kept)
    dated, closed = description.document_date, description.closed_on
    if dated is not None and closed is not None and closed < dated and {_CLOSED, _DATED} & set(given):
        raise _out_of_order(dated, closed, _CLOSED if _CLOSED in given else _DATED, kept)


def days_ahead(description: Description, start_event: str | None, today: date) -> list[str]:
    """Return the fields whose day is still to come and can't have been fixed in advance."""
    start = START_EVENTS.get(start_event) if start_event is not None else None
    planned = start is not None and start.fixed_ahead
    days: dict[str, date | None] = {name: getattr(description, name) for name in _DAYS}
    return [name for name, day in days.items() if day is not None and day > today and not (planned and name == _CLOSED)]


def ahead_remark(names: Collection[str]) -> Remark:
    """Return the remark on a description that names days still to come."""
    what = " et ".join({_DATED: "la date du document", _CLOSED: "la date de clôture"}.get(name, name) for name in names)
    return Remark("date_ahead", f"Pas encore passée le jour du calcul\u202f: {what}. À vérifier.")


def _ahead(name: str, today: date, kept: str) -> Refused:
    if name == _CLOSED:
        return bad_field(
            name,
            "La date du champ « {name} » est dans l’avenir.",
            "Vérifiez-la, ou le type du document : seule une fin fixée d’avance (contrat, autorisation, agrément, "
            "congé, validité d’une décision) peut être à venir.",
            kept,
        )
    return bad_field(
        name,
        "La date du champ « {name} » est dans l’avenir.",
        "Nous sommes le {today} : vérifiez l’année.",
        kept,
        today=today,
    )


def _out_of_order(dated: date, closed: date, name: str, kept: str) -> Refused:
    if name == _CLOSED:
        return bad_field(
            name,
            "La date du champ « {name} » précède celle du document, le {dated}.",
            "Une affaire ne finit pas avant son document : vérifiez les deux dates.",
            kept,
            dated=dated,
        )
    return bad_field(
        name,
        "La date du champ « {name} » suit la clôture, le {closed}.",
        "Une affaire ne finit pas avant son document : vérifiez les deux dates.",
        kept,
        closed=closed,
    )
