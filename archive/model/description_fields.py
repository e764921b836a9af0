"""What may be said of a record: each field told once, with its rules. Pure.

Whoever receives, changes, stores, shows or searches a description reads ``DESCRIPTION_FIELDS``:
reception, the catalogue, the database's test, the API's schemas, the pages, the command line and
the index. A limit changed here is changed everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from signing.ground.errors import Refused

Value = str | date | None
"""What a field holds once it is kept."""

LAST_DAY: Final = date(9000, 12, 31)
"""Of any date that is given: the longest duration after it, 999 years, still ends within the
calendar.
"""


@dataclass(frozen=True)
class Description:
    """What people say about a record; every field may be completed later but the title."""

    title: str
    description: str | None = None
    document_type: str | None = None
    classification: str | None = None
    producer: str | None = None
    document_date: date | None = None
    closed_on: date | None = None
    external_reference: str | None = None
    language: str | None = None
    access_rule: str | None = None


class FieldKind(StrEnum):
    """What a field holds, hence the control that asks for it."""

    TEXT = "text"
    """A few words on one line."""
    PROSE = "prose"
    """Sentences on several lines."""
    REFERENCE = "reference"
    """A mark that another system or the filing plan gives."""
    CODE = "code"
    """One code of a list; a code that the list lacks is kept as given."""
    DATE = "date"
    """A day, ``YYYY-MM-DD``."""


class CodeList(StrEnum):
    """Lists that codes come from."""

    DOCUMENT_TYPES = "document_types"
    """The tenant's own."""
    ACCESS_RULES = "access_rules"
    """The national list (code du patrimoine, art. L213-2)."""
    LANGUAGES = "languages"
    """ISO 639-2."""


class Page(StrEnum):
    """Places of the web pages where a field appears."""

    DEPOSIT_FORM = "deposit_form"
    RECORD_FORM = "record_form"
    RECORD_FACTS = "record_facts"
    """A line of its own among the facts of the record page."""


class Searched(StrEnum):
    """How the index answers for a field."""

    NO = "no"
    TEXT = "text"
    """By its words."""
    FACET = "facet"
    """Counted, and filtered on by its exact value."""
    DATE_RANGE = "date_range"


class ChangedBy(StrEnum):
    """Who may change a field of a record that is kept."""

    NOBODY = "nobody"
    """Given at deposit, never changed."""
    DESCRIBER = "describer"
    """Whoever holds the right ``record:describe``."""


@dataclass(frozen=True, kw_only=True)
class DescriptionField:
    """One field of a description, and all that is told of it.

    Attributes:
        limit: Most characters, counted without the blanks around the text.
        label: French name of the box, a message id.
        short: French name on a line of facts or over a filter; the label where it is empty.
        hint: French sentence under the label, a message id.
        meaning: French description for those who call the API or the command line.
        example: A value, for the same.
        codes: The list that a code comes from.
        pages: Where it appears.
        searched: How the index answers for it.
        index_name: Its name in the index, where it differs.
        changed_by: Who may change it once the record is kept.
        required: A record always has one.
        in_record: It stands under its own name in the JSON of a record.
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
    pages: frozenset[Page] = frozenset()
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
        """Judge what somebody gave and return what is to be kept; None when it is empty.

        Args:
            given: Text, a date, or None.
            kept: French sentence of the refusal: what became of the rest.

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
        try:
            value = self.parsed(given)
        except ValueError as error:
            raise bad_field(
                self.name, "Le champ « {name} » n’est pas une date.", "Écrivez la date ainsi : 2026-03-12.", kept
            ) from error
        if isinstance(value, date) and value > LAST_DAY:
            raise bad_field(self.name, "Le champ « {name} » est trop loin dans l’avenir.", "Vérifiez l’année.", kept)
        return value

    def empty(self, *, kept: str) -> Refused:
        """The refusal of a required field left without anything."""
        return bad_field(self.name, "Le champ « {name} » ne peut pas être vide.", "Écrivez quelques mots.", kept)

    def parsed(self, text: str | None) -> Value:
        """Turn text that was judged already, now or under an earlier limit, into what is kept.

        Raises:
            ValueError: Not a date, where one is wanted.
        """
        return self.from_json(text.strip() if text else None)

    def from_json(self, text: str | None) -> Value:
        """Read what ``as_json`` wrote, as it stands."""
        return date.fromisoformat(text) if text and self.kind is FieldKind.DATE else text or None

    def as_json(self, value: Value) -> str | None:
        """Write a kept value as JSON carries it."""
        return value.isoformat() if isinstance(value, date) else value

    def unchanged(self, value: Value, given: object) -> bool:
        """Whether what was given is what is kept already: it is then not judged again."""
        return (given is None or isinstance(given, str | date)) and str(given or "").strip() == str(value or "")

    def cut(self, text: str) -> str:
        """Shorten text that nobody chose for this field, so that it keeps its limit."""
        return text if len(text) <= self.limit else text[: self.limit - 1].rstrip() + "…"


def is_text(given: str) -> bool:
    """Whether a text has no NUL and no half of a character: what every store and database can
    write.
    """
    return "\0" not in given and not any("\ud800" <= sign <= "\udfff" for sign in given)


def bad_field(name: str, detail: str, action: str, kept: str, **values: object) -> Refused:
    """The refusal of one field, which it names."""
    return Refused("bad_field", detail, kept=kept, action=action, pointer=f"/{name}", name=name, **values)


_FORMS: Final = frozenset({Page.DEPOSIT_FORM, Page.RECORD_FORM})
_RECORD: Final = frozenset({Page.RECORD_FORM, Page.RECORD_FACTS})

DESCRIPTION_FIELDS: Final = (
    DescriptionField(
        name="title",
        kind=FieldKind.TEXT,
        limit=500,
        label="Titre",
        hint="Court et parlant : c’est lui qu’on lira dans 30 ans",
        meaning="Titre ; à défaut, le nom du fichier.",
        example="Arrêté de voirie n° 114",
        pages=_FORMS,
        searched=Searched.TEXT,
        required=True,
    ),
    DescriptionField(
        name="description",
        kind=FieldKind.PROSE,
        limit=10_000,
        label="Description",
        meaning="Ce que le titre ne dit pas.",
        pages=frozenset({Page.RECORD_FACTS}),
        searched=Searched.TEXT,
    ),
    DescriptionField(
        name="document_type",
        kind=FieldKind.CODE,
        limit=100,
        label="Type de document",
        short="Type",
        hint="Donne la durée de conservation",
        meaning="Code de la liste de la collectivité.",
        example="arrete",
        codes=CodeList.DOCUMENT_TYPES,
        pages=_FORMS,
        searched=Searched.FACET,
    ),
    DescriptionField(
        name="classification",
        kind=FieldKind.REFERENCE,
        limit=100,
        label="Cote",
        short="Classement",
        meaning="Cote dans le plan de classement.",
        pages=_RECORD,
        searched=Searched.FACET,
    ),
    DescriptionField(
        name="producer",
        kind=FieldKind.TEXT,
        limit=200,
        label="Service",
        meaning="Service producteur.",
        pages=_RECORD,
        searched=Searched.FACET,
    ),
    DescriptionField(
        name="document_date",
        kind=FieldKind.DATE,
        limit=10,
        label="Date du document",
        hint="Par exemple : 31 12 2024",
        meaning="Date du document, AAAA-MM-JJ.",
        example="2026-03-12",
        pages=_FORMS,
        searched=Searched.DATE_RANGE,
    ),
    DescriptionField(
        name="closed_on",
        kind=FieldKind.DATE,
        limit=10,
        label="Date de clôture",
        short="Clôture",
        hint=(
            "Le jour où l’affaire est finie : clôture du dossier, fin du contrat, solde du marché, départ de l’agent…"
            " Laissez vide tant qu’elle dure."
        ),
        meaning="Clôture du dossier ou autre fin de l’affaire, AAAA-MM-JJ.",
        example="2026-06-30",
        pages=_RECORD,
    ),
    DescriptionField(
        name="external_reference",
        kind=FieldKind.REFERENCE,
        limit=200,
        label="Référence de l’affaire",
        hint="Son numéro dans votre logiciel, par exemple MAR-2021-07. Le même pour tous les documents de l’affaire.",
        meaning="Numéro de l’affaire dans le logiciel qui l’a produite.",
        example="MAR-2021-07",
        pages=_RECORD,
        searched=Searched.TEXT,
        index_name="reference",
    ),
    DescriptionField(
        name="language",
        kind=FieldKind.CODE,
        limit=10,
        label="Langue",
        meaning="Code ISO 639-2 ; à défaut, la langue lue.",
        example="fra",
        codes=CodeList.LANGUAGES,
    ),
    DescriptionField(
        name="access_rule",
        kind=FieldKind.CODE,
        limit=20,
        label="Règle d’accès",
        hint="Dit à partir de quand le public peut lire ce document. Dans le doute, laissez celle du type.",
        meaning="Code de la liste nationale ; à défaut, celui du type de document.",
        example="AR048",
        codes=CodeList.ACCESS_RULES,
        pages=frozenset({Page.RECORD_FORM}),
        in_record=False,
    ),
)
"""In the order of ``Description``, of the forms and of the documentation."""

BY_NAME: Final[Mapping[str, DescriptionField]] = {field.name: field for field in DESCRIPTION_FIELDS}

KNOWN: Final = ", ".join(BY_NAME)
"""Their names, for those who gave another."""

SEARCHED: Final = tuple(field for field in DESCRIPTION_FIELDS if field.searched is not Searched.NO)

TITLE: Final = BY_NAME["title"]


def fields_on(page: Page) -> tuple[DescriptionField, ...]:
    """The fields that appear in one place of the pages, in order."""
    return tuple(field for field in DESCRIPTION_FIELDS if page in field.pages)


def values_of(described: Any) -> dict[str, Any]:
    """Every field of a description, or of a row that has its columns."""
    return {field.name: getattr(described, field.name) for field in DESCRIPTION_FIELDS}
