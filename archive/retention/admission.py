"""Admission of dates: the days that a description may have when it is given. Pure.

One rule for every entrance: deposit, change, page, command line. Each field alone is judged by
``DescriptionField.read``; here the days are judged by today, by each other and by the retention
rule. What is stored already is never judged again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from archive.model.days import FIRST_DAY, LAST_DAY, Today
from archive.model.description_fields import DESCRIPTION_FIELDS, Description
from archive.model.field_rules import FieldKind, bad_field, is_text
from archive.model.records import Remark
from archive.retention.dates import EVENTS, START_EVENTS, StartField
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


# -- events


LONGEST_EVENT_ID: Final = 100
LONGEST_REFERENCE: Final = 200
_EVENT_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{LONGEST_EVENT_ID - 1}}}")


@dataclass(frozen=True)
class Occurrence:
    """An event of a business case, on its day.

    Attributes:
        event: A code of ``EVENTS``.
        reference: Of the business case, as in ``external_reference``.
    """

    event: str
    reference: str
    occurred_on: date


def admit_event(event_id: str, given: Occurrence, today: Today) -> None:
    """Refuse an event that can't be true, or that touches nobody knows what.

    Args:
        today: In the tenant's calendar; while its clock is distrusted, no day is too late.

    Raises:
        Refused: ``bad_event``, with the field as its pointer.
    """
    if not _EVENT_ID.fullmatch(event_id):
        raise _bad_event(
            "id",
            "Un identifiant a 1 à {most} signes : lettres sans accent, chiffres, « . », « _ », « : », « - ».",
            "Le même événement garde le même identifiant.",
            most=LONGEST_EVENT_ID,
        )
    if given.event not in EVENTS:
        raise _bad_event(
            "event",
            "« {event} » n’est pas un événement qui se déclare.",
            "Choisissez parmi : {known}.",
            event=given.event,
            known=", ".join(sorted(EVENTS)),
        )
    if not given.reference or given.reference != given.reference.strip() or not is_text(given.reference):
        raise _bad_event(
            "reference",
            "Un événement sans référence d’affaire toucherait tous les documents.",
            "Donnez la référence que portent les documents de l’affaire, par exemple MAR-2021-07.",
        )
    if len(given.reference) > LONGEST_REFERENCE:
        raise _bad_event(
            "reference", "La référence est trop longue.", "Au plus {limit} caractères.", limit=LONGEST_REFERENCE
        )
    if not FIRST_DAY <= given.occurred_on <= LAST_DAY:
        raise _bad_event(
            "occurred_on", "L’année n’est pas entre 1000 et 9000.", "Écrivez l’année en entier, par exemple 2024."
        )
    if today.trusted and given.occurred_on > today.day and not START_EVENTS[given.event].fixed_ahead:
        raise _bad_event(
            "occurred_on",
            "Cette date est dans l’avenir.",
            "Nous sommes le {today} : seule une fin fixée d’avance (contrat, autorisation, agrément, congé, validité "
            "d’une décision) peut être à venir.",
            today=today.day,
        )


def _bad_event(name: str, detail: str, action: str, **values: object) -> Refused:
    return Refused(
        "bad_event",
        detail,
        kept="Aucun événement n’a été déclaré ni changé.",
        action=action,
        pointer=f"/{name}",
        **values,
    )
