"""A date typed as day, month and year: its three controls, and what was typed into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from api.http.i18n import _
from signing.ground.errors import Refused


@dataclass(frozen=True)
class DatePart:
    """One of the three controls.

    Attributes:
        id: Of the element.
        name: In the form that is sent.
        width: Most digits.
    """

    id: str
    name: str
    label: Markup
    width: int
    value: str


def date_parts(
    *, ids: str = "", names: str = "", value: date | None = None, typed: Mapping[str, str] | None = None
) -> tuple[DatePart, ...]:
    """Day, month and year of a form.

    Args:
        ids: Beginning of the elements' ids, where a page holds several dates.
        names: Beginning of their names, where a form holds several dates.
        value: The date that is kept.
        typed: The form as it was sent, when it comes back with an error.
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
    """Day, month and year as typed, as ``2024-12-31``; empty when all three are.

    A date that does not exist is left to the intake or the archive, which refuse it in words. So is
    a year of two figures: no document is of the year 24.
    """
    day, month, year = (form.get(f"{names}{name}", "").strip() for name in ("day", "month", "year"))
    return f"{year}-{month:0>2}-{day:0>2}" if day or month or year else ""


def typed_date(
    form: Mapping[str, str], names: str = "", *, code: str, kept: str, pointer: str, name: str = ""
) -> date | None:
    """The date of a form, None when nothing was typed.

    Args:
        form: As it was sent.
        names: Beginning of the three names.
        code: Of the refusal of a date that does not exist.
        kept: What that refusal left as it was.
        pointer: The field it points to.
        name: The same in words, where a form holds several dates.

    Raises:
        Refused: ``code``.
    """
    written = written_date(form, names)
    try:
        return date.fromisoformat(written) if written else None
    except ValueError as error:
        raise Refused(
            code,
            "{name} : la date « {written} » n’existe pas." if name else "La date « {written} » n’existe pas.",
            kept=kept,
            action="Écrivez le jour, le mois et l’année, par exemple 31 12 2024.",
            pointer=pointer,
            written=written,
            name=name,
        ) from error
