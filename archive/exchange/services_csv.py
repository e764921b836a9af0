"""Services of a tenant as CSV, in and out: a line for each name of each service. Pure.

UTF-8, semicolons or commas. The lines of one service stand one after the other; what does not
change with its name is on the first of them, and on the others the same or nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from archive.exchange.plan_csv import guarded, unguarded
from archive.model.services import UNCHANGED, Service, bad_service, read_day, read_service
from signing.ground.errors import Refused

COLUMNS: Final = (
    "code",
    "parent",
    "rank",
    "name",
    "valid_from",
    "valid_until",
    "opened_on",
    "closed_on",
    "successors",
    "former_places",
)
MOST_LINES: Final = 10_000
LARGEST: Final = 4 * 1024 * 1024
_REQUIRED: Final = ("code", "name")
_OF_NAME: Final = frozenset({"name", "valid_from", "valid_until"})
_BETWEEN_PLACES: Final = re.compile(r"(?<=\d{4}-\d\d-\d\d)\s*/\s*(?=[A-Za-z0-9._-]*\s*;)")
"""After a last day, before a code or none: a rank may have a slash of its own."""
_POINTED: Final = {"/names": "/name"}


def write_services(services: Iterable[Service]) -> bytes:
    """Return the file of these services, with a mark by which spreadsheets know UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for service in services:
        told = service.as_json()
        whole = {name: told[name] or "" for name in ("code", "parent", "rank", "opened_on", "closed_on")}
        whole["successors"] = "; ".join(service.successors)
        whole["former_places"] = write_places(told["former_places"], " / ")
        for one in told["names"]:
            line = whole | {name: one[name] or "" for name in _OF_NAME}
            writer.writerow([guarded(line[name]) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def read_services(
    content: bytes, there: Mapping[str, Service] | None = None
) -> tuple[list[tuple[int, Service]], list[Refused]]:
    """Read a file: each service with the number of its first line, and the error of each wrong one.

    Args:
        there: Services as they are: a column that the file lacks changes nothing of them.

    Raises:
        Refused: ``bad_service_file``: it has no such form.
    """
    blocks: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
    faults: list[tuple[int, Refused]] = []
    last = ""
    for number, told in _lines(content):
        code = told.get("code", "")
        if code in blocks and code != last:
            faults.append((number, _at(number, bad_service("code", "Ce code est deux fois dans le fichier."))))
            continue
        blocks.setdefault(code, []).append((number, told))
        last = code
    found: list[tuple[int, Service]] = []
    for block in blocks.values():
        try:
            found.append((block[0][0], _service(block, (there or {}).get(block[0][1]["code"]))))
        except _Wrong as wrong:
            faults.append((wrong.line, wrong.error))
    return found, [error for _, error in sorted(faults, key=lambda one: one[0])]


def write_places(places: Iterable[Mapping[str, Any]], between: str) -> str:
    """Write former places as text: service above, rank and last day of each."""
    return between.join(" ; ".join((one["parent"] or "", one["rank"], one["until"])).strip() for one in places)


def read_places(lines: Iterable[str]) -> list[dict[str, str | None]]:
    """Read former places from text, one a line: service above; rank; last day.

    Raises:
        Refused: ``bad_service``.
    """
    found = []
    for line in lines:
        if line.strip():
            parent, _, rest = line.partition(";")
            rank, between, until = rest.rpartition(";")  # no code and no day has one, a rank may
            if not between:
                raise bad_service("former_places", "Une place s’écrit : service au-dessus ; rang ; dernier jour.")
            parts = (part.strip() or None for part in (parent, rank, until))
            found.append(dict(zip(("parent", "rank", "until"), parts, strict=True)))
    return found


class _Wrong(Exception):
    """A line that can't be read."""

    def __init__(self, line: int, error: Refused) -> None:
        super().__init__(line)
        self.line, self.error = line, _at(line, error)


def _service(block: list[tuple[int, Mapping[str, str]]], there: Service | None) -> Service:
    first, told = block[0]
    for number, line in block[1:]:
        differing = next((c for c in COLUMNS if c not in _OF_NAME and line.get(c) not in {None, "", told.get(c)}), None)
        if differing is not None:
            error = bad_service(differing, "Le même service a deux valeurs : laissez vide, ou répétez la première.")
            raise _Wrong(number, error)
    given: dict[str, Any] = {name: told.get(name) or None for name in COLUMNS if name not in _OF_NAME}
    try:
        given["former_places"] = read_places(_BETWEEN_PLACES.split(told.get("former_places") or ""))
    except Refused as error:
        raise _Wrong(first, error) from None
    given["successors"] = [one.strip() for one in (told.get("successors") or "").split(";") if one.strip()]
    if there is not None:
        as_it_is = there.as_json()
        given |= {name: as_it_is[name] for name in given if name not in told}
    names = []
    for number, line in block:
        name = {one: line.get(one) or None for one in _OF_NAME}
        try:
            for day in ("valid_from", "valid_until"):
                read_day(day, name[day])
            read_service({"code": "X", "names": [name]})
        except Refused as error:
            raise _Wrong(number, error) from None
        names.append(name)
    try:
        return read_service(given | {"names": names})
    except Refused as error:
        raise _Wrong(first, error) from None


def _lines(content: bytes) -> list[tuple[int, dict[str, str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable("Le fichier n’est pas en UTF-8.") from error
    if "\0" in text or len(content) > LARGEST:
        raise _unreadable("Le fichier n’est pas du texte, ou il est trop grand.")
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",", strict=True)
    lines: list[tuple[int, dict[str, str]]] = []
    try:
        names = [name.strip() for name in next(rows, [])]
        if set(names) - set(COLUMNS) or set(_REQUIRED) - set(names) or len(set(names)) != len(names):
            raise _unreadable("L’en-tête n’est pas celui d’un fichier de services.")
        for row in rows:
            if any(cell.strip() for cell in row):
                if len(row) > len(names):
                    raise _unreadable("La ligne {line} a plus de colonnes que l’en-tête.", line=rows.line_num)
                lines.append((rows.line_num, dict(zip(names, map(unguarded, row), strict=False))))
    except csv.Error as error:
        raise _unreadable("La ligne {line} n’est pas du CSV lisible.", line=rows.line_num) from error
    if not 0 < len(lines) <= MOST_LINES:
        raise _unreadable("Le fichier n’a aucune ligne, ou en a plus de {most}.", most=MOST_LINES)
    return lines


def _unreadable(detail: str, **values: object) -> Refused:
    return Refused(
        "bad_service_file",
        detail,
        kept=UNCHANGED,
        action="Exportez les services pour voir la forme attendue, puis recommencez.",
        pointer=None,
        **values,
    )


def _at(line: int, error: Refused) -> Refused:
    """Return an error with the place of its line."""
    pointer = error.pointer or "/code"
    error.pointer = f"/lines/{line}{_POINTED.get(pointer, pointer)}"
    return error
