"""Lines of a filing plan in an exchange file: one node, its columns as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signing.ground.errors import Refused

COLUMNS: Final = (
    "code",
    "parent",
    "kind",
    "title",
    "description",
    "producer",
    "rules",
    "rules_in_addition",
    "rules_block_all",
    "rules_blocked",
    "rules_starts",
    "access_rules",
    "access_in_addition",
    "access_block_all",
    "access_blocked",
    "opened_on",
    "closed_on",
    "medium",
    "metres",
    "from",
    "to",
    "place",
)
REQUIRED: Final = ("code", "title")
MOST_LINES: Final = 2000
"""Nodes of one import: all are stated in one transaction, for which other writers wait."""


@dataclass(frozen=True)
class PlanLine:
    """One node of an exchange file.

    Attributes:
        number: Of its line in a CSV, of its concept in a SKOS file; from 1.
        values: Text by column; a column that the file lacks is not there.
    """

    number: int
    values: Mapping[str, str]


def unreadable(detail: str, **values: object) -> Refused:
    """Return the refusal of a file that is no plan at all."""
    return Refused(
        "bad_plan_file",
        detail,
        kept="Rien n’a été importé.",
        action="Exportez le plan pour voir la forme attendue, puis recommencez.",
        pointer=None,
        **values,
    )


def require_few(lines: list[PlanLine]) -> list[PlanLine]:
    """Refuse a file with more lines than one transaction takes, or with none.

    Raises:
        Refused: ``bad_plan_file``.
    """
    if not lines:
        raise unreadable("Le fichier ne contient aucune ligne.")
    if len(lines) > MOST_LINES:
        raise unreadable("Le fichier a plus de {most} lignes : importez-le en plusieurs fois.", most=MOST_LINES)
    return lines
