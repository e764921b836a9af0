"""Typeset a bordereau to be signed on paper: PDF/A, a QR code, a barcode on each page.

In French alone: it is an act of a French administration. 100,000 records make booklets of at most
``BOOKLET`` lines each, so that no print is larger than a person can sign.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import segno
import typst

from archive.disposition.disposals.paper import Detail, Print, title_code
from archive.model.disposals import Direction, DisposalAction, LineState, VisaStep
from archive.retention.dates import Unit
from archive.retention.reasons import MONTHS

BOOKLET: Final = 1000
"""Most lines of one booklet: about fifty pages."""
_TEMPLATE: Final = Path(__file__).with_name("bordereau.typ")
_NARROW: Final = "\u202f"
_TITLES: Final = {
    DisposalAction.DESTROY: "Bordereau d’élimination",
    DisposalAction.TRANSFER: "Bordereau de transfert",
    DisposalAction.REMOVE: "Bordereau de retrait",
}
_CLOSED: Final = {"hold": "lecture réservée par un gel", "removal": "lecture fermée par un retrait"}
_STEPS: Final = {
    VisaStep.PRODUCER: "Visa du service producteur",
    VisaStep.AUTHORITY: "Visa du maire ou du président",
    VisaStep.CONTROLLER: "Visa du contrôle scientifique et technique",
}
_DIRECTIONS: Final = {
    Direction.SERVICE_ASKS: "à la demande du service : le silence ne vaut jamais accord",
    Direction.ARCHIVES_PROPOSE: "sur proposition des archives : trois mois pour s’y opposer",
}
_REMARKS: Final = {
    LineState.EXCLUDED: "à garder",
    LineState.REFUSED: "refusé",
    LineState.BLOCKED: "bloqué",
    LineState.WAITING: "attend un verrou",
    LineState.DESTROYED: "exécuté",
    LineState.FAILED: "n’a pas abouti",
}
_UNITS: Final = {Unit.YEAR: ("an", "ans"), Unit.MONTH: ("mois", "mois"), Unit.DAY: ("jour", "jours")}
_GROUPS: Final = ("N°", "Règle", "Typologie", "Dates extrêmes", "DUA", "Nombre", "Volume", "Observations", "Réponse")
_LINES: Final = ("N°", "Document", "Typologie", "Date", "Règle", "Échue le", "Volume", "Observations", "Réponse")
_SIGNED: Final = (
    "Nom :",
    "Qualité :",
    "par délégation de signature",
    "Date :",
    "accord pour tout ce qui n’est pas annoté",
    "seules les lignes annotées « A » sont accordées",
    "Signature et cachet :",
)
_NOTES: Final = (
    (
        "Pour répondre autrement à une ligne, cochez-y : A accord · R refus · C à conserver définitivement · "
        "P pas avant (écrivez la date) · T à trier. Une ligne sans réponse n’est pas approuvée."
    ),
    "Renvoyez le bordereau entier, toutes ses pages : chacune porte son numéro dans un code-barres.",
)
SYMBOLS: Final = (  # noqa: SIM905 - a table, read by line
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 "
    "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 "
    "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 "
    "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 "
    "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 "
    "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 "
    "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112"
).split()
"""Widths of bars and gaps of each symbol of Code 128 (ISO/IEC 15417)."""


@dataclass(frozen=True)
class ToSign:
    """A booklet of a bordereau, to be printed.

    Attributes:
        service: Name of the administration.
        shown: The disposal, as the API shows it.
        visas: Given ones, by step, as the API shows them.
        rows: Groups or lines, as the API shows them, those of this booklet.
        types: Labels of document types by code.
    """

    service: str
    shown: Mapping[str, Any]
    visas: Mapping[str, Mapping[str, Any]]
    detail: Detail
    part: int
    parts: int
    rows: Sequence[Mapping[str, Any]]
    types: Mapping[str, str]
    now: datetime


def paper_pdf(given: ToSign) -> bytes:
    """Typeset a booklet; the same booklet at the same moment gives the same bytes."""
    made: bytes = typst.compile(
        str(_TEMPLATE),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"facts": json.dumps(_facts(given), ensure_ascii=False)},
        pdf_standards=["a-2a"],
        timestamp=int(given.now.timestamp()),
    )
    return made


def _facts(given: ToSign) -> dict[str, Any]:
    shown = given.shown
    this = Print(shown["id"], shown["population"], given.detail, given.part, given.parts)
    booklet = f"cahier {given.part} sur {given.parts}, " if given.parts > 1 else ""
    grouped = given.detail is Detail.GROUPS
    steps = [one["step"] for one in shown["steps"]]
    return {
        "moment": list(given.now.timetuple()[:6]),
        "service": given.service,
        "title": f"{_TITLES[DisposalAction(shown['action'])]} n° {shown['reference']}",
        "head": _head(given, booklet),
        "notes": _NOTES,
        "visas": "Visas, dans l’ordre",
        "steps": [_step(step, given.visas.get(step)) for step in steps] if given.part == 1 else [],
        "sign": _SIGNED,
        "list": "Lignes du bordereau" if grouped else "Documents du bordereau",
        "columns": _GROUPS if grouped else _LINES,
        "widths": (0, 4, 4, 2.2, 1.2, 1.5, 1.8, 3, 0) if grouped else (0, 5.5, 3, 2, 2, 2, 1.6, 2.4, 0),
        "right": (5, 6) if grouped else (6,),
        "rows": [(_group if grouped else _line)(row, given.types) for row in given.rows],
        "letters": ("A", "R", "C", "P", "T"),
        "foot": f"Bordereau {shown['reference']}, {booklet}",
        "page": "page",
        "digits": this.digits,
        "symbols": SYMBOLS,
        "code": _code(title_code(shown["reference"], shown["population"])),
        "code_alt": "Code QR : le numéro du bordereau et l’empreinte de sa population.",
    }


def _head(given: ToSign, booklet: str) -> list[tuple[str, str]]:
    shown = given.shown
    lines = shown["lines"]
    goes = [lines[one.value] for one in (LineState.INCLUDED, LineState.WAITING, LineState.BLOCKED)]
    n, octets = sum(one["records"] for one in goes), sum(one["bytes"] for one in goes)
    told = [
        ("Objet", shown["title"]),
        ("Service producteur", shown["producer"] or "plusieurs, ou non dit"),
        ("Sens", _DIRECTIONS[Direction(shown["direction"])]),
        ("Soumis le", _day(shown["proposed_on"])),
        ("Contenu", f"{_number(n)} documents, {_size(octets)}"),
        ("Édité le", f"{_day(given.now.date().isoformat())}{', ' + booklet.rstrip(', ') if booklet else ''}"),
        ("Empreinte de la population (SHA-256)", shown["population"]),
    ]
    if shown["reason"]:
        told.insert(1, ("Motif", shown["reason"]))
    return told


def _step(step: str, visa: Mapping[str, Any] | None) -> dict[str, str]:
    given = f"Donné le {_day(visa['given_on'])} par {visa['person']}, {visa['quality']}" if visa is not None else ""
    return {"name": _STEPS[VisaStep(step)], "given": given}


def _group(told: Mapping[str, Any], types: Mapping[str, str]) -> list[str]:
    kind = types.get(told["document_type"] or "", told["document_type"] or "sans type")
    remarks = [f"{_REMARKS[LineState(one['state'])]} : {_number(one['records'])}" for one in told["remarks"]]
    return [
        str(told["group"]),
        " ".join(text for text in (told["rule"], told["rule_label"]) if text) or "aucune",
        f"{kind}, dossier {told['file']}" if told["file"] else kind,
        _years(told["earliest"], told["latest"]),
        _duration(told["duration"], told["unit"]) if told["rule"] else "",
        _number(told["records"]),
        _size(told["bytes"]),
        " ; ".join(remarks),
    ]


def _line(told: Mapping[str, Any], types: Mapping[str, str]) -> list[str]:
    kind = types.get(told["document_type"] or "", told["document_type"] or "sans type")
    state = LineState(told["state"])
    return [
        str(told["position"]),
        told["title"] or _CLOSED.get(told["restricted_by"] or "", told["record_id"]),
        f"{kind}, dossier {told['file']}" if told["file"] else kind,
        _day(told["document_date"]),
        ", ".join(told["rules"]) or "aucune",
        _day(told["due_on"]),
        _size(told["size"]),
        _REMARKS.get(state, ""),
    ]


def _code(text: str) -> str:
    written = io.BytesIO()
    segno.make(text, error="q", micro=False).save(
        written, kind="svg", xmldecl=False, svgns=True, border=3, dark="#000", light="#fff"
    )
    return written.getvalue().decode()


def _day(text: str | None) -> str:
    if not text:
        return "sans date"
    day = date.fromisoformat(text)
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]} {day.year}"


def _years(earliest: str | None, latest: str | None) -> str:
    if earliest is None or latest is None:
        return "sans date"
    return earliest[:4] if earliest[:4] == latest[:4] else f"{earliest[:4]}-{latest[:4]}"


def _duration(duration: int | None, unit: str | None) -> str:
    if duration is None or unit is None:
        return "sans limite"
    one, many = _UNITS[Unit(unit)]
    return f"{duration} {one if duration < 2 else many}"


def _number(n: int) -> str:
    return f"{n:,}".replace(",", _NARROW)


def _size(octets: int) -> str:
    value, unit = float(octets), "o"
    for unit in ("o", "Ko", "Mo", "Go"):
        if value < 1000 or unit == "Go":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "o" else f"{value:.1f} {unit}".replace(".", ",")
