"""A report reads as it was given, on as many pages as it takes, and is PDF/A-2b with its seal."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
import segno
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from archive.exchange.reports.blocks import (
    Band,
    Bars,
    Column,
    Heading,
    Link,
    Paragraph,
    Picture,
    Report,
    SignaturePlace,
    Signatures,
    Table,
)
from archive.exchange.reports.pages import write
from signing.authority import ensure_generated
from signing.pdf import seal_file, validate
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.verdict import Verdict
from tests.servers.presence import verapdf

AT = datetime(2026, 3, 31, 8, 15, tzinfo=UTC)
COLUMNS = (Column("N°", 1, right=True), Column("Titre", 6), Column("Empreinte", 3))
BASE = Report("Registre des entrées", "Commune d’Ys", "31 mars 2026", AT, [], head="Journal scellé à 12 lignes")


def made(report: Report) -> bytes:
    out = io.BytesIO()
    written = write(report, out)
    assert written.size == len(out.getvalue())
    return out.getvalue()


def texts(content: bytes) -> list[str]:
    document = pdfium.PdfDocument(content)
    return [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in document]


def rows(number: int) -> Iterator[tuple[str, str, str] | Band]:
    for n in range(number):
        if n % 40 == 0:
            yield Band(f"Groupe {n // 40}")
        yield str(n), f"Délibération n° {n} sur l’œuvre « commune »", "ab" * 32


def test_every_row_is_there_once_in_order_with_head_and_number_on_each_page() -> None:
    told = texts(made(replace(BASE, blocks=[Table(COLUMNS, rows(200), ("", "Total", "200"))], subtitle=("Mars",))))
    assert len(told) > 3
    for at, page in enumerate(told):
        assert f"Page {at + 1} sur {len(told)}" in page
        assert "Commune d’Ys" in page
        assert "Journal scellé à 12 lignes" in page
        assert "Empreinte" in page, "the head of the table is on each page"
    whole = "\n".join(told)
    at = [whole.index(f"Délibération n° {n} sur l’œuvre « commune »") for n in range(200)]
    assert at == sorted(at)
    assert all(whole.count(f"Délibération n° {n} sur") == 1 for n in range(200))
    assert [whole.count(f"Groupe {n}\n") for n in range(5)] == [1] * 5


def test_equal_input_gives_equal_bytes() -> None:
    def one(at: datetime = AT) -> bytes:
        return made(replace(BASE, at=at, blocks=[Heading("Un"), Table(COLUMNS, rows(50))]))

    assert one() == one()
    assert one() != one(AT.replace(minute=16))


def test_pages_leave_as_they_are_full() -> None:
    out, sizes = io.BytesIO(), list[int]()

    def counted() -> Iterator[tuple[str, str, str]]:
        for n in range(2000):
            if n % 500 == 0:
                sizes.append(out.tell())
            yield str(n), f"Titre {n}", ""

    written = write(replace(BASE, blocks=[Table(COLUMNS, counted())]), out)
    assert written.rows == 2000
    assert all(before + 5000 < after for before, after in itertools.pairwise(sizes)), sizes


def test_a_cell_longer_than_a_page_goes_on_on_the_next() -> None:
    long = " ".join(f"mot{n}" for n in range(3000))
    told = "\n".join(texts(made(replace(BASE, blocks=[Table(COLUMNS, [("1", long, "fin"), ("2", "après", "")])]))))
    found = [word for word in told.split() if word.startswith("mot")]
    assert found == long.split()
    assert told.index("mot2999") < told.index("après")


def test_what_has_no_glyph_or_breaks_lines_is_replaced_and_nothing_else() -> None:
    blocks = [Paragraph("avant 日\x00\x1b après ﬁn"), Paragraph("e\u0301te\u0301 €")]
    (page,) = texts(made(replace(BASE, blocks=blocks)))
    assert "avant \ufffd" in page
    assert "après" in page
    assert "日" not in page
    assert "été €" in page, "accents are joined"


def test_a_cell_leads_to_its_address_on_its_own_page() -> None:
    def linked(number: int) -> Iterator[tuple[str, str, str]]:
        for n in range(number):
            yield str(n), Link(f"Titre {n}", f"https://archives.example/documents/{n}?a=é(b)"), ""

    with pikepdf.open(io.BytesIO(made(replace(BASE, blocks=[Table(COLUMNS, linked(120))])))) as pdf:
        found = [[str(one.A.URI) for one in page.Annots] for page in pdf.pages]
    assert len(found) > 1
    assert [one for page in found for one in page] == [
        f"https://archives.example/documents/{n}?a=%C3%A9%28b%29" for n in range(120)
    ]


def test_codes_on_the_page_are_read_back() -> None:
    def modules(text: str) -> list[list[bool]]:
        return [[bool(one) for one in row] for row in segno.make(text, micro=False).matrix]

    asked = list[tuple[int, int]]()

    def mark(page: int, pages: int) -> Bars:
        asked.append((page, pages))
        return Bars(modules(f"{page}/{pages}"), 11, 11)

    blocks = [Picture(Bars(modules("bordereau 0193"), 30, 30), "Référence"), Table(COLUMNS, rows(90))]
    document = pdfium.PdfDocument(made(replace(BASE, blocks=blocks, mark=mark, footers=("Un pied.",))))
    assert asked == [(at + 1, len(document)) for at in range(len(document))]
    picture = np.ascontiguousarray(document[0].render(scale=4, grayscale=True).to_numpy())
    picture = picture[:, :, 0] if picture.ndim == 3 else picture
    half = picture.shape[0] // 2
    assert cv2.QRCodeDetector().detectAndDecode(picture[:half])[0] == "bordereau 0193"
    assert cv2.QRCodeDetector().detectAndDecode(picture[half:])[0] == f"1/{len(document)}"


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    places = Signatures([SignaturePlace("Le maire sortant", ("Nom :", "Date :")), SignaturePlace("Le maire entrant")])
    path = tmp_path_factory.mktemp("report") / "report.pdf"
    led = Table(COLUMNS, [("1", Link("Un titre", "https://archives.example/1"), "")])
    blocks = [Paragraph("Été < & >"), Table(COLUMNS, rows(60)), led, places]
    path.write_bytes(made(replace(BASE, title="Procès-verbal (<&>) \u202fn° 1", blocks=blocks, landscape=True)))
    return path


def test_a_report_and_its_seal_are_pdfa(report_file: Path, tmp_path: Path) -> None:
    keys, sealed = tmp_path / "keys", tmp_path / "sealed.pdf"
    ensure_generated(keys, organisation="Commune d’Ys")
    seal_file(report_file, sealed, load_signer(SigningSettings(keys=keys)), None)
    root = x509.load_pem_x509_certificate((keys / "root.pem").read_bytes()).public_bytes(Encoding.DER)
    assert validate(sealed, [root], datetime.now(UTC)).verdict is Verdict.VALID
    for told in verapdf([report_file, sealed]):
        assert told["compliant"], told
