"""Lines of a draft as a list that spreadsheets edit, and the opinions written in it. Pure.

Semicolons, UTF-8 with its mark; what comes back may be of Windows, or have commas or tabs. A line
is known by its bordereau, its number and its document together: one that was moved is still itself,
one that was copied over another is not.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from archive.exchange.plan_csv import guarded, unguarded
from signing.ground.errors import Refused

COLUMNS: Final = (
    "bordereau",
    "ligne",
    "document",
    "titre",
    "type",
    "dossier",
    "date",
    "regle",
    "echeance",
    "octets",
    "etat",
    "avis",
    "pas_avant",
    "remarque",
)
_REQUIRED: Final = ("bordereau", "ligne", "document", "avis", "pas_avant", "remarque")
MOST_LINES: Final = 100_000
LARGEST: Final = 64 * 1024 * 1024
UNCHANGED: Final = "Aucun avis n’a été enregistré."
WORDS: Final[Mapping[str, str]] = {
    "accord": "approve",
    "refus": "refuse",
    "conserver": "keep_definitively",
    "pas avant": "not_before",
    "trier": "sort_needed",
}
"""What is written in the column « avis », and the decision that it is."""
_FRENCH_DAY: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True)
class WrittenOpinion:
    """What one line of a list says.

    Attributes:
        line: Number of the line in the file.
        decision: A decision by its word of ours; None: a remark alone.
    """

    line: int
    position: int
    record: str
    decision: str | None
    not_before: date | None
    remark: str


def write_head() -> str:
    """Return the first line of a list, with the mark by which spreadsheets know UTF-8."""
    return "\ufeff" + write_line(dict(zip(COLUMNS, COLUMNS, strict=True)))


def write_line(told: Mapping[str, Any]) -> str:
    """Return one line of a list."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([guarded("" if told.get(name) is None else str(told[name])) for name in COLUMNS])
    return out.getvalue()


def read_list(content: bytes, reference: str) -> tuple[list[WrittenOpinion], list[Refused]]:
    """Read a list that came back: each opinion, and the error of each wrong line.

    A line without an opinion and without a remark says nothing, and is passed over.

    Args:
        reference: Number of the bordereau that it must be of.

    Raises:
        Refused: ``bad_opinion_list``: it has no such form.
    """
    found: list[WrittenOpinion] = []
    faults: list[Refused] = []
    seen: dict[str, int] = {}
    for number, told in _lines(content):
        try:
            one = _opinion(number, told, reference)
        except Refused as error:
            faults.append(error)
            continue
        if one is None:
            continue
        if one.record in seen:
            faults.append(
                _wrong(number, "document", "Ce document est déjà à la ligne {first}.", first=seen[one.record])
            )
            continue
        seen[one.record] = number
        found.append(one)
    return found, faults


def wrong_lines(faults: Iterable[Refused]) -> Refused:
    """Return the refusal of a list by its wrong lines, each with its error."""
    told = tuple(faults)
    return Refused(
        "bad_opinions",
        "Des lignes de cette liste sont fausses : {n}.",
        kept=UNCHANGED,
        action="Corrigez chacune, puis envoyez la liste de nouveau.",
        n=len(told),
        faults=told,
    )


def wrong_line(number: int, column: str, detail: str, **values: Any) -> Refused:
    """Return the error of one line."""
    return _wrong(number, column, detail, **values)


def _opinion(number: int, told: Mapping[str, str], reference: str) -> WrittenOpinion | None:
    said, day, remark = (told.get(name, "").strip() for name in ("avis", "pas_avant", "remarque"))
    if not said and not day and not remark:
        return None
    if told.get("bordereau", "").strip() != reference:
        raise _wrong(number, "bordereau", "Cette ligne est d’un autre bordereau.")
    position = told.get("ligne", "").strip()
    if not position.isdecimal() or len(position) > 6:
        raise _wrong(number, "ligne", "Ce n’est pas un numéro de ligne.")
    decision = WORDS.get(" ".join(said.casefold().replace("_", " ").split())) if said else None
    if said and decision is None:
        raise _wrong(number, "avis", "Cet avis n’est pas connu : écrivez {words}.", words=", ".join(WORDS))
    not_before = _day(number, day)
    if (decision == WORDS["pas avant"]) != (not_before is not None):
        raise _wrong(number, "pas_avant", "« Pas avant » demande une date, et les autres avis n’en ont pas.")
    if len(remark) > 1000:
        raise _wrong(number, "remarque", "Cette remarque est trop longue.")
    return WrittenOpinion(number, int(position), told.get("document", "").strip(), decision, not_before, remark)


def _day(number: int, text: str) -> date | None:
    if not text:
        return None
    french = _FRENCH_DAY.fullmatch(text)
    try:
        return date(*(int(french[n]) for n in (3, 2, 1))) if french is not None else date.fromisoformat(text)
    except ValueError as error:
        raise _wrong(number, "pas_avant", "Ce n’est pas une date : écrivez 31/12/2034.") from error


def _lines(content: bytes) -> list[tuple[int, dict[str, str]]]:
    text = _text(content)
    head = text.split("\n", 1)[0]
    delimiter = max(";\t,", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().casefold() for name in next(rows, [])]
        if set(_REQUIRED) - set(names) or len(set(names) - {""}) != len([name for name in names if name]):
            raise _unreadable("L’en-tête n’est pas celui de la liste d’un bordereau.")
        lines = [
            (rows.line_num, dict(zip(names, map(unguarded, row), strict=False)))
            for row in rows
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise _unreadable("La ligne {line} n’est pas du CSV lisible.", line=rows.line_num) from error
    if not 0 < len(lines) <= MOST_LINES:
        raise _unreadable("Le fichier n’a aucune ligne, ou en a plus de {most}.", most=MOST_LINES)
    return lines


def _text(content: bytes) -> str:
    """Return the text of a list: UTF-8, or what a spreadsheet of Windows writes without asking."""
    if len(content) > LARGEST:
        raise _unreadable("Le fichier n’est pas du texte, ou il est trop grand.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text or "\ufffd" in text:
        raise _unreadable("Le fichier n’est pas du texte, ou il est trop grand.")
    return text


def _wrong(number: int, column: str, detail: str, **values: Any) -> Refused:
    return Refused("bad_opinions", detail, kept=UNCHANGED, pointer=f"/lines/{number}/{column}", **values)


def _unreadable(detail: str, **values: Any) -> Refused:
    return Refused(
        "bad_opinion_list",
        detail,
        kept=UNCHANGED,
        action="Exportez la liste du bordereau pour voir la forme attendue, puis recommencez.",
        **values,
    )
