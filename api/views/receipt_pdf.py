"""Typeset a receipt as one PDF/A page: the signed text in a QR code, the whole receipt attached.

The same receipt and page give the same bytes, so that a page that somebody sends can be compared.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import segno
import typst

from api.http.i18n import translate
from archive.retention.reasons import MONTHS
from signing.ground.canonical import canonical
from signing.ground.clock import parse_stamp

_TEMPLATE = Path(__file__).with_name("receipt.typ")
ATTACHED: Final = "recepisse.json"
"""Name of the attached receipt."""
VERSION: Final = f"2 typst {version('typst')}"
"""Version of the page: another one gives other bytes for the same receipt."""
MEMBERS: Final = ("receipt", "note", "state", "key", "entry", "proof")
"""Members of a receipt as it is served."""


@dataclass(frozen=True)
class PrintedPage:
    """What a page says beside the receipt; none of it is signed.

    Attributes:
        title: As the depositor gave it.
        depositor: Who handed over.
        public_url: The address of the service, where a reader can verify a file; empty: left out.
        probative: Whether the seal of this installation is.
    """

    language: str = "fr"
    title: str | None = None
    depositor: str | None = None
    public_url: str = ""
    probative: bool = False


def receipt_pdf(signed: Mapping[str, Any], page: PrintedPage) -> bytes:
    """Typeset a receipt; return the PDF. The same receipt and page give the same bytes.

    Args:
        signed: The receipt as it is served.
    """
    say: Callable[[str], str] = partial(translate, language=page.language)
    facts = json.dumps(_facts(signed, page, say), ensure_ascii=False)
    carried = {name: signed[name] for name in MEMBERS} | {"page": asdict(page) | {"version": VERSION}}
    # Dated with the moment of receipt, so that the same receipt gives the same file at any time.
    moment = parse_stamp(signed["receipt"]["received_at"])
    made: bytes = typst.compile(
        str(_TEMPLATE),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"facts": facts, "carried": canonical(carried).decode(), "attached": ATTACHED},
        pdf_standards=["a-3a"],
        timestamp=int(moment.timestamp()),
    )
    return made


def _facts(signed: Mapping[str, Any], page: PrintedPage, say: Callable[[str], str]) -> dict[str, Any]:
    receipt = signed["receipt"]
    told = [(say("Document"), page.title, False), (say("Déposé par"), page.depositor, False)]
    lines = [
        (say("Fichier"), f"{receipt['filename']}", False),
        (say("Taille"), say("{size} octets").format(size=_grouped(receipt["size"])), False),
        (say("Reçu le"), _moment(receipt["received_at"], say), False),
        (say("Numéro"), receipt["deposit"], True),
        ("SHA-256", _spaced(receipt["sha-256"]), True),
        ("SHA-512", _spaced(receipt["sha-512"]), True),
        (say("Ligne du journal"), _grouped(receipt["entry"]), False),
        (say("Empreinte de la ligne"), _spaced(receipt["leaf"]), True),
    ]
    notice = []
    if not page.probative:
        notice.append(
            say("Sans valeur probante : cette installation signe avec une clé qu’elle a créée elle-même. "
                "Ce récépissé montre toute modification, mais un juge peut l’écarter.")
        )  # fmt: skip
    notice += [
        say("Ce récépissé prouve que ce fichier, octet pour octet, nous a été remis à cette date. "
            "Il ne dit rien de ce que le document contient."),
        say("Le code ci-contre porte le même texte, signé. "
            "Tout ce qui le vérifie sans nous est joint à ce PDF."),
    ]  # fmt: skip
    if page.public_url:
        notice.append(say("Pour vérifier un fichier : {address}").format(address=f"{page.public_url}/verifier"))
    return {
        "lang": page.language,
        "moment": list(parse_stamp(receipt["received_at"]).timetuple()[:6]),
        "title": say("Récépissé de dépôt"),
        "service": receipt["tenant_name"],
        "sentence": say("Nous avons reçu le fichier ci-dessous et nous en avons la garde."),
        "attached": say("Le récépissé signé, avec sa clé, sa ligne du journal et sa preuve"),
        "stamp": say("Reçu et relu"),
        "warning": "" if page.probative else say("Sans valeur probante"),
        "lines": lines,
        "told": [line for line in told if line[1]],
        "told_by": say("Le titre et le déposant sont ceux du dépôt ; ils ne font pas partie du texte signé."),
        "notice": notice,
        "code": _code(signed["note"]),
        "code_alt": say("Code QR : le texte signé de ce récépissé."),
    }


def _code(text: str) -> str:
    written = io.BytesIO()
    segno.make(text, error="l", micro=False, boost_error=False).save(
        written, kind="svg", xmldecl=False, svgns=True, border=2, dark="#000", light="#fff"
    )
    return written.getvalue().decode()


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _spaced(digest: str) -> str:
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))


def _moment(stamp: str, say: Callable[[str], str]) -> str:
    """Say a moment as the pages do, in the time of Paris, and in UTC for whoever is elsewhere."""
    utc = parse_stamp(stamp)
    try:
        moment, zone = utc.astimezone(ZoneInfo("Europe/Paris")), say("heure de Paris")
    except ZoneInfoNotFoundError:  # a machine without a time zone database shows UTC, as the pages do
        moment, zone = utc, say("temps universel")
    return say("{day} {month} {year} à {hour} h {minute} min {second} s, {zone} ({clock} UTC)").format(
        day=moment.day,
        month=say(MONTHS[moment.month - 1]),
        year=moment.year,
        hour=moment.hour,
        minute=f"{moment:%M}",
        second=f"{moment:%S}",
        zone=zone,
        clock=f"{utc:%H:%M:%S}",
    )
