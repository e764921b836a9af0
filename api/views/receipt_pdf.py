"""Typeset a receipt as one PDF/A page, with the signed text in a QR code."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import segno
import typst

from api.http.i18n import translate
from archive.retention.sentences import MONTHS
from signing.ground.clock import parse_stamp

_TEMPLATE = Path(__file__).with_name("receipt.typ")


def receipt_pdf(signed: dict[str, Any], *, public_url: str = "", language: str = "fr") -> bytes:
    """Typeset a receipt; return the PDF. The same facts give the same bytes.

    Args:
        signed: The signed receipt: ``{"receipt": {…}, "note": "…"}``.
        public_url: The address of the service, where a reader can verify a file; left out of the
            page when it is empty.
        language: Language of the page.
    """
    say: Callable[[str], str] = partial(translate, language=language)
    facts = json.dumps(_facts(signed, public_url, language, say), ensure_ascii=False)
    # Dated with the moment of receipt, so that the same receipt gives the same file at any time.
    moment = parse_stamp(signed["receipt"]["received_at"])
    made: bytes = typst.compile(
        str(_TEMPLATE),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"facts": facts},
        pdf_standards=["a-2a"],
        timestamp=int(moment.timestamp()),
    )
    return made


def _facts(signed: dict[str, Any], public_url: str, language: str, say: Callable[[str], str]) -> dict[str, Any]:
    receipt = signed["receipt"]
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
    notice = [
        say("Ce récépissé prouve que ce fichier, octet pour octet, nous a été remis à cette date. "
            "Il ne dit rien de ce que le document contient."),
        say("Le code ci-contre porte le même texte, signé ; il reste vérifiable sans notre service."),
    ]  # fmt: skip
    if public_url:
        notice.append(say("Pour vérifier un fichier : {address}").format(address=f"{public_url}/verifier"))
    return {
        "lang": language,
        "moment": list(parse_stamp(receipt["received_at"]).timetuple()[:6]),
        "title": say("Récépissé de dépôt"),
        "service": receipt["tenant_name"],
        "sentence": say("Nous avons reçu le fichier ci-dessous et nous en avons la garde."),
        "lines": lines,
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
    moment = parse_stamp(stamp)
    return say("{day} {month} {year} à {clock} (UTC)").format(
        day=moment.day, month=say(MONTHS[moment.month - 1]), year=moment.year, clock=f"{moment:%H:%M:%S}"
    )
