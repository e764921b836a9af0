"""A filing plan as CSV, in and out: UTF-8, semicolons or commas, one node a line. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Final

from archive.exchange.plan_lines import COLUMNS, REQUIRED, PlanLine, require_few, unreadable

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
"""Beginnings that a spreadsheet would compute; an apostrophe before them, as spreadsheets do."""


def write_csv(rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return the file of these nodes, with a mark by which spreadsheets know UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([guarded(row.get(name, "")) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def read_csv(content: bytes) -> list[PlanLine]:
    """Read a file as ``write_csv`` makes it; columns may be left out, empty lines are.

    Raises:
        Refused: ``bad_plan_file``: it has no such form.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable("Le fichier n’est pas en UTF-8.") from error
    if "\0" in text:
        raise unreadable("Le fichier n’est pas du texte.")
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    lines: list[PlanLine] = []
    try:
        names = [name.strip() for name in next(rows, [])]
        _require_columns(names)
        for row in rows:
            if any(cell.strip() for cell in row):
                if len(row) > len(names):
                    raise unreadable("La ligne {line} a plus de colonnes que l’en-tête.", line=rows.line_num)
                told = dict(zip(names, map(unguarded, row), strict=False))
                lines.append(PlanLine(rows.line_num, told))
    except csv.Error as error:
        raise unreadable("La ligne {line} n’est pas du CSV lisible.", line=rows.line_num) from error
    return require_few(lines)


def _require_columns(names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if unknown or missing or len(set(names)) != len(names):
        raise unreadable(
            "L’en-tête n’est pas celui d’un plan : {names}. Colonnes connues : {known}.",
            names=", ".join(unknown or missing or names)[:200],
            known=", ".join(COLUMNS),
        )


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def unguarded(cell: str) -> str:
    """Return a cell as it was before it was guarded."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
