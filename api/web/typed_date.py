"""A date typed as day, month and year: its three controls, and the reading of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from api.http.i18n import _
from archive.model.days import iso_day
from signing.ground.errors import Refused


@dataclass(frozen=True)
class DatePart:
    """One of the three controls of a date.

    Attributes:
        id: Id of the element.
        name: Name in the form that is sent.
        width: Largest number of digits.
    """

    id: str
    name: str
    label: Markup
    width: int
    value: str


def date_parts(
    *, ids: str = "", names: str = "", value: date | None = None, typed: Mapping[str, str] | None = None
) -> tuple[DatePart, ...]:
    """Return the controls of day, month and year.

    Args:
        ids: Prefix of the elements' ids, where a page holds several dates.
        names: Prefix of their names, where a form holds several dates.
        value: The date that is kept.
        typed: The form as it was sent, when it is shown again with an error.
    """
    kept = (value.day, value.month, f"{value.year:04}") if value is not None else ("", "", "")
    parts = (("day", _("Jour"), 2), ("month", _("Mois"), 2), ("year", _("Année"), 4))
    return tuple(
        DatePart(
            id=f"{ids}{name}",
            name=f"{names}{name}",
            label=label,
            width=width,
            value=typed.get(f"{names}{name}", "") if typed is not None else str(shown),
        )
        for (name, label, width), shown in zip(parts, kept, strict=True)
    )


def written_date(form: Mapping[str, str], names: str = "") -> str:
    """Return day, month and year as typed, such as ``2024-12-31``; empty when all three are.

    Nothing is checked here: the intake or the archive refuse, in words, a date that does not exist.
    So they do a year of two digits: no document is of the year 24.
    """
    day, month, year = (form.get(f"{names}{name}", "").strip() for name in ("day", "month", "year"))
    return f"{year}-{month:0>2}-{day:0>2}" if day or month or year else ""


def typed_date(form: Mapping[str, str], names: str = "", *, code: str, kept: str, pointer: str) -> date | None:
    """Return the date typed in a form; None when nothing was typed.

    Args:
        form: The form as it was sent.
        names: Prefix of the three names.
        code: Code of the refusal of a date that does not exist.
        kept: Sentence of that refusal on what stays unchanged.
        pointer: Pointer of that refusal to the field.

    Raises:
        Refused: ``code``.
    """
    written = written_date(form, names)
    typed = " ".join(part for name in ("day", "month", "year") if (part := form.get(f"{names}{name}", "").strip()))
    try:
        return iso_day(written) if written else None
    except ValueError as error:
        raise Refused(
            code,
            "La date « {written} » n’existe pas.",
            kept=kept,
            action="Écrivez le jour, le mois et l’année, par exemple 31 12 2024.",
            pointer=pointer,
            written=typed,
        ) from error
