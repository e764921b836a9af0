"""Rules of one field of a description: its kind, limit, places, and how a value is read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from archive.model.days import FIRST_DAY, LAST_DAY, iso_day, written_as_day
from signing.ground.errors import Refused

_YEAR: Final = re.compile("[1-8][0-9]{3}|9000", re.ASCII)
"""A year from 1000 to 9000."""

Value = str | date | None
"""Value of a field once it is kept."""


class FieldKind(StrEnum):
    """Kind of value in a field, hence the control of its form."""

    TEXT = "text"
    """A few words on one line."""
    PROSE = "prose"
    """Sentences on several lines."""
    REFERENCE = "reference"
    """A reference given by another system or by the filing plan."""
    CODE = "code"
    """One code of a list; a code that the list lacks is kept as given."""
    DATE = "date"
    """A day, ``YYYY-MM-DD``."""
    YEAR = "year"
    """A year, four digits."""


class CodeList(StrEnum):
    """Lists from which codes come."""

    DOCUMENT_TYPES = "document_types"
    """The tenant's own list."""
    ACCESS_RULES = "access_rules"
    """The national list (code du patrimoine, art. L213-2)."""
    LANGUAGES = "languages"
    """ISO 639-2."""


class Spot(StrEnum):
    """Places of the web pages where a field appears."""

    DEPOSIT_FORM = "deposit_form"
    RECORD_FORM = "record_form"
    RECORD_FACTS = "record_facts"
    """A line of its own among the facts of the record page."""


class Searched(StrEnum):
    """Ways in which the index searches a field."""

    NO = "no"
    TEXT = "text"
    """By the words of the field."""
    FACET = "facet"
    """Counted, and filtered by its exact value."""
    DATE_RANGE = "date_range"


class ChangedBy(StrEnum):
    """Right to change a field of a kept record: nobody, or any holder of the right to describe."""

    NOBODY = "nobody"
    """Given at deposit, never changed."""
    DESCRIBER = "describer"
    """Any holder of the right ``record:describe``."""


@dataclass(frozen=True, kw_only=True)
class DescriptionField:
    """One field of a description, with all its rules.

    Attributes:
        limit: Most characters, counted without the blanks around the text.
        label: French name of the box, a message id.
        short: French name on a line of facts or over a filter; the label where it is empty.
        hint: French sentence under the label, a message id.
        meaning: French description for users of the API or the command line.
        example: An example of a value, for the same users.
        codes: The list from which a code comes.
        spots: Places where it appears.
        searched: How the index searches it.
        index_name: Its name in the index, where it differs.
        changed_by: Those who may change it once the record is kept.
        required: Whether every record has a value.
        in_record: Whether the JSON of a record has it under its own name.
    """

    name: str
    kind: FieldKind
    limit: int
    label: str
    meaning: str
    short: str = ""
    hint: str = ""
    example: str = ""
    codes: CodeList | None = None
    spots: frozenset[Spot] = frozenset()
    searched: Searched = Searched.NO
    index_name: str = ""
    changed_by: ChangedBy = ChangedBy.DESCRIBER
    required: bool = False
    in_record: bool = True

    @property
    def heading(self) -> str:
        """The field's name on a line of facts or over a filter."""
        return self.short or self.label

    @property
    def indexed_as(self) -> str:
        """The field's name in the index."""
        return self.index_name or self.name

    def read(self, given: object, *, kept: str) -> Value:
        """Check a given value and return the value to keep; None when it is empty.

        Args:
            given: Text, a date, or None.
            kept: French sentence of the refusal about the state of the record or deposit.

        Raises:
            Refused: ``bad_field``, with the field as its pointer.
        """
        if given is None:
            return None
        if self.kind is FieldKind.DATE and isinstance(given, date) and not isinstance(given, datetime):
            given = given.isoformat()
        if not isinstance(given, str) or not is_text(given):
            raise bad_field(self.name, "Le champ « {name} » n’est pas du texte lisible.", "Envoyez-le en UTF-8.", kept)
        if self.kind is not FieldKind.DATE and len(given.strip()) > self.limit:
            raise bad_field(
                self.name, "Le champ « {name} » est trop long.", "Au plus {limit} caractères.", kept, limit=self.limit
            )
        if self.kind is FieldKind.DATE:
            return self._day(given.strip(), kept)
        if self.kind is FieldKind.YEAR and given.strip() and not _YEAR.fullmatch(given.strip()):
            raise bad_field(
                self.name, "Le champ « {name} » n’est pas une année.", "Quatre chiffres, par exemple 2024.", kept
            )
        return self.parsed(given)

    def _day(self, text: str, kept: str) -> date | None:
        """Read a day that a person or a program gives.

        Raises:
            Refused: ``bad_field``.
        """
        try:
            day = iso_day(text) if text else None
        except ValueError as error:
            if written_as_day(text):
                raise bad_field(
                    self.name,
                    "Le champ « {name} » porte un jour qui n’existe pas : {day}.",
                    "Corrigez le jour, le mois ou l’année.",
                    kept,
                    day=text,
                ) from error
            raise bad_field(
                self.name,
                "Le champ « {name} » n’est pas une date.",
                "Écrivez l’année, le mois et le jour en entier, ainsi : 2026-03-12.",
                kept,
            ) from error
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise bad_field(
                self.name,
                "L’année du champ « {name} » n’est pas entre 1000 et 9000.",
                "Écrivez l’année en entier, par exemple 2024.",
                kept,
            )
        return day

    def empty(self, *, kept: str) -> Refused:
        """Return the refusal of a required field left empty."""
        return bad_field(self.name, "Le champ « {name} » ne peut pas être vide.", "Écrivez quelques mots.", kept)

    def parsed(self, text: str | None) -> Value:
        """Convert text that was checked before, now or under an earlier limit, to the kept value.

        Raises:
            ValueError: The field holds a date and the text is none.
        """
        return self.from_json(text.strip() if text else None)

    def from_json(self, text: str | None) -> Value:
        """Read a value that ``as_json`` wrote, without checks of its limits.

        Raises:
            ValueError: The field holds a date and the text is none.
        """
        return date.fromisoformat(text) if text and self.kind is FieldKind.DATE else text or None

    def as_json(self, value: Value) -> str | None:
        """Write a kept value as JSON."""
        return value.isoformat() if isinstance(value, date) else value

    def unchanged(self, value: Value, given: object) -> bool:
        """Whether the given value equals the kept one, which is then not checked again."""
        return (given is None or isinstance(given, str | date)) and str(given or "").strip() == str(value or "")

    def cut(self, text: str) -> str:
        """Shorten text that nobody wrote for this field to the field's limit."""
        return text if len(text) <= self.limit else text[: self.limit - 1].rstrip() + "…"


def is_text(given: str) -> bool:
    """Whether a text has no NUL and no half of a character, so that any store can write it."""
    return "\0" not in given and not any("\ud800" <= sign <= "\udfff" for sign in given)


def bad_field(name: str, detail: str, action: str, kept: str, **values: object) -> Refused:
    """Return the refusal of one field, with its name."""
    return Refused("bad_field", detail, kept=kept, action=action, pointer=f"/{name}", name=name, **values)
