"""Fields of a record's description: each defined once, with its rules. Pure.

All code that receives, changes, stores, shows or searches a description reads
``DESCRIPTION_FIELDS``: reception, the catalogue, the database's test, the API's schemas, the pages,
the command line and the index. A limit changed here is changed everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from archive.model.field_rules import CodeList, DescriptionField, FieldKind, Searched, Spot


@dataclass(frozen=True)
class Description:
    """Description of a record, by people; every field but the title may be completed later."""

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
    file: str | None = None
    fiscal_year: str | None = None
    retention_rule: str | None = None


_FORMS: Final = frozenset({Spot.DEPOSIT_FORM, Spot.RECORD_FORM})
_RECORD: Final = frozenset({Spot.RECORD_FORM, Spot.RECORD_FACTS})

DESCRIPTION_FIELDS: Final = (
    DescriptionField(
        name="title",
        kind=FieldKind.TEXT,
        limit=500,
        label="Titre",
        hint="Court et parlant : c’est lui qu’on lira dans 30 ans",
        meaning="Titre ; à défaut, le nom du fichier.",
        example="Arrêté de voirie n° 114",
        spots=_FORMS,
        searched=Searched.TEXT,
        required=True,
    ),
    DescriptionField(
        name="description",
        kind=FieldKind.PROSE,
        limit=10_000,
        label="Description",
        meaning="Ce que le titre ne dit pas.",
        spots=frozenset({Spot.RECORD_FACTS}),
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
        spots=_FORMS,
        searched=Searched.FACET,
    ),
    DescriptionField(
        name="classification",
        kind=FieldKind.REFERENCE,
        limit=100,
        label="Cote",
        short="Classement",
        meaning="Cote dans le plan de classement.",
        spots=_RECORD,
        searched=Searched.FACET,
    ),
    DescriptionField(
        name="producer",
        kind=FieldKind.TEXT,
        limit=200,
        label="Service",
        meaning="Service producteur.",
        spots=_RECORD,
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
        spots=_FORMS,
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
        spots=_RECORD,
    ),
    DescriptionField(
        name="external_reference",
        kind=FieldKind.REFERENCE,
        limit=200,
        label="Référence de l’affaire",
        hint="Son numéro dans votre logiciel, par exemple MAR-2021-07. Le même pour tous les documents de l’affaire.",
        meaning="Numéro de l’affaire dans le logiciel qui l’a produite.",
        example="MAR-2021-07",
        spots=_RECORD,
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
        limit=100,
        label="Règle d’accès",
        hint="Dit à partir de quand le public peut lire ce document. Dans le doute, laissez celle du type.",
        meaning="Codes de la liste nationale, séparés par des blancs ; à défaut, ceux du type de document.",
        example="AR048",
        codes=CodeList.ACCESS_RULES,
        spots=frozenset({Spot.RECORD_FORM}),
        in_record=False,
    ),
    DescriptionField(
        name="file",
        kind=FieldKind.REFERENCE,
        limit=500,
        label="Dossier",
        hint="Le numéro du dossier dans le plan de classement. Plusieurs dossiers : séparez-les par « ; ».",
        meaning="Code du dossier ; plusieurs dossiers sont séparés par « ; ».",
        example="MAR-2021-07",
        spots=_RECORD,
    ),
    DescriptionField(
        name="fiscal_year",
        kind=FieldKind.YEAR,
        limit=4,
        label="Exercice budgétaire",
        short="Exercice",
        hint="L’année du budget, quand ce n’est pas celle du document.",
        meaning="Année de l’exercice budgétaire, AAAA ; elle passe avant les dates.",
        example="2025",
        spots=_RECORD,
    ),
    DescriptionField(
        name="retention_rule",
        kind=FieldKind.REFERENCE,
        limit=200,
        label="Règle de conservation propre à ce document",
        short="Règle propre",
        hint="Laissez vide : le dossier, la classe ou le type donnent la règle. « + » devant : en plus de celle-ci.",
        meaning="Code d’une règle déclarée pour ce document seul ; « + » devant : en plus des règles héritées.",
        example="DEP-FIN-001",
        spots=frozenset({Spot.RECORD_FORM}),
    ),
)
"""All fields, in the order of ``Description``, of the forms and of the documentation."""

BY_NAME: Final[Mapping[str, DescriptionField]] = {field.name: field for field in DESCRIPTION_FIELDS}

KNOWN: Final = ", ".join(BY_NAME)
"""Names of all fields, for the refusal of an unknown one."""

SEARCHED: Final = tuple(field for field in DESCRIPTION_FIELDS if field.searched is not Searched.NO)

TITLE: Final = BY_NAME["title"]


def fields_on(spot: Spot) -> tuple[DescriptionField, ...]:
    """Return the fields that appear in one place of the pages, in order."""
    return tuple(field for field in DESCRIPTION_FIELDS if spot in field.spots)


def values_of(described: Any) -> dict[str, Any]:
    """Return every field's value in a description, or in a row with these columns."""
    return {field.name: getattr(described, field.name) for field in DESCRIPTION_FIELDS}
