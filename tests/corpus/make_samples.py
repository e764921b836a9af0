"""Writes ``samples/``: documents as a town hall receives them, with their text, and broken ones.

``python -m tests.corpus.make_samples [FOLDER]``. Everything is invented. What a sample says is
known (``truth/<name>.txt``, pages apart by a form feed), so that tests can ask for words of a page.
"""

from __future__ import annotations

import io
import json
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cv2
import img2pdf
import numpy as np
import pikepdf
import pypdfium2 as pdfium
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

from tests.corpus import make_pki, make_scans

SEED = 20260110
KINDS = {
    "arrete": make_scans.arrete,
    "deliberation": make_scans.deliberation,
    "courrier": make_scans.courrier,
    "facture": make_scans.facture,
    "formulaire": make_scans.formulaire,
    "proces_verbal": make_scans.proces_verbal,
}


@dataclass
class Typeset:
    """A born-digital document and what it says."""

    pdf: bytes
    pages: list[str] = field(default_factory=list)


def typeset(kinds: list[str], seed: int, title: str) -> Typeset:
    """Pages of these kinds."""
    buffer = io.BytesIO()
    paper = canvas.Canvas(buffer, pagesize=A4, invariant=1)
    paper.setTitle(title)
    paper.setAuthor("Service des archives")
    pages = []
    for number, kind in enumerate(kinds):
        rng = random.Random(seed * 1000 + number)
        page = make_scans.Page(paper, rng, rng.choice(["Serif", "Sans"]))
        KINDS[kind](page, make_scans.Words(rng))
        pages.append("\n".join(page.truth) + "\n")
        paper.showPage()
    paper.save()
    return Typeset(buffer.getvalue(), pages)


def picture(pdf: bytes, page: int, dpi: int) -> Image.Image:
    return pdfium.PdfDocument(pdf)[page].render(scale=dpi / 72).to_pil().convert("RGB")


def scanned(clean: Image.Image, dpi: int, mode: str, seed: int, quality: int, *, stamp: bool = False) -> bytes:
    """As an office scanner sees it."""
    rng, noise = random.Random(seed), np.random.default_rng(seed)
    seen, _ = make_scans.degrade(clean, None, rng, noise, dpi, mode, stamp, make_scans.Words(rng))
    content, _ = make_scans.encode(seen, mode, dpi, quality)
    return content


def photographed(clean: Image.Image, seed: int) -> bytes:
    """As a telephone sees a sheet on a desk: perspective, shadow, uneven light, no resolution worth
    the name.
    """
    rng = np.random.default_rng(seed)
    sheet = np.asarray(clean, np.uint8)
    high, wide = sheet.shape[:2]
    across, down = 1860, 2480
    corners = np.array([[170, 150], [1700, 210], [1800, 2330], [70, 2270]], np.float32)
    square = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, corners)
    grain = rng.normal(0, 5, (down, across, 1))
    stripes = np.sin(np.linspace(0, 60, down))[:, None, None] * 6
    desk = np.clip(np.array([96, 74, 58]) + grain + stripes, 0, 255)
    paper = cv2.warpPerspective(sheet, matrix, (across, down), flags=cv2.INTER_AREA).astype(np.float64)
    cover = cv2.warpPerspective(np.full((high, wide), 255, np.uint8), matrix, (across, down))[..., None] / 255.0
    photo = desk * (1 - cover) + (paper * 0.9 + 8) * cover
    y, x = np.mgrid[0:down, 0:across]
    light = 1.02 - 0.32 * (x / across) - 0.16 * (y / down)
    shadow = 1 - 0.38 / (1 + np.exp(-(x * 0.8 - y * 0.55 - 250) / 60))
    photo = photo * (light * shadow)[..., None] + rng.normal(0, 3.0, (down, across, 3))
    seen = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8), "RGB")
    out = io.BytesIO()
    seen.save(out, "JPEG", quality=62, dpi=(72, 72))
    return out.getvalue()


def pdf_of_images(images: list[bytes]) -> bytes:
    return bytes(img2pdf.convert(images, nodate=True, engine=img2pdf.Engine.internal))


def tiff_of(pages: list[bytes]) -> bytes:
    frames = [Image.open(io.BytesIO(page)) for page in pages]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression="group4", dpi=(300, 300))
    return out.getvalue()


def merged(parts: list[tuple[bytes, int]]) -> bytes:
    with pikepdf.new() as pdf:
        for content, page in parts:
            with pikepdf.open(io.BytesIO(content)) as source:
                pdf.pages.append(source.pages[page])
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


def locked(content: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="mairie", user="secret", R=6))
    return out.getvalue()


def program() -> bytes:
    """The head of a Windows program; runs nowhere."""
    head = bytearray(1024)
    head[0:2], head[60:64], head[128:132] = b"MZ", (128).to_bytes(4, "little"), b"PE\0\0"
    head[132:134] = (0x14C).to_bytes(2, "little")
    return bytes(head)


class Samples:
    """Collects files, truths and the list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.list: list[dict[str, object]] = []
        (folder / "truth").mkdir(parents=True, exist_ok=True)

    def add(self, name: str, content: bytes, title: str, pages: list[str] | None = None, **more: object) -> None:
        (self.folder / name).write_bytes(content)
        fields = {"title": title}
        if "document_type" in more:
            fields["document_type"] = str(more.pop("document_type"))
        entry: dict[str, object] = {"file": name, "fields": fields, "pages": len(pages) if pages else None, **more}
        if pages is not None:
            truth = f"truth/{Path(name).stem}.txt"
            (self.folder / truth).write_text("\f".join(pages), encoding="utf-8")
            entry["truth"] = truth
        self.list.append(entry)

    def write_list(self) -> None:
        text = json.dumps({"samples": self.list}, ensure_ascii=False, indent=1)
        (self.folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def make(folder: Path) -> None:
    for name, face in make_scans.FACES.items():
        pdfmetrics.registerFont(TTFont(name, make_scans.find_font(face)))
    samples = Samples(folder)
    _whole(samples)
    _broken(samples)
    samples.write_list()


def _whole(samples: Samples) -> None:
    letter = typeset(["courrier"], SEED, "Courrier")
    scan = scanned(picture(letter.pdf, 0, 200), 200, "color", SEED, 62, stamp=True)
    samples.add("scan-couleur.jpg", scan, "Courrier numérisé en couleur", letter.pages, document_type="courrier")

    kinds = ["arrete", "deliberation", "", "facture", "proces_verbal", "formulaire"]
    minutes = typeset([kind for kind in kinds if kind], SEED + 1, "Registre")
    images, texts, page = [], [], 0
    for number, kind in enumerate(kinds):
        blank = Image.new("RGB", (1654, 2339), "white")
        clean = picture(minutes.pdf, page, 200) if kind else blank
        images.append(scanned(clean, 200, "gray", SEED + 10 + number, 50))
        texts.append(minutes.pages[page] if kind else "")
        page += bool(kind)
    samples.add(
        "scan-gris-6-pages.pdf",
        pdf_of_images(images),
        "Registre numérisé, verso blanc",
        texts,
        document_type="registre",
    )

    orders = typeset(["arrete", "arrete", "deliberation"], SEED + 2, "Arrêtés")
    frames = [scanned(picture(orders.pdf, n, 300), 300, "bilevel", SEED + 20 + n, 0) for n in range(3)]
    samples.add(
        "tiff-noir-et-blanc.tif",
        tiff_of(frames),
        "Arrêtés numérisés en noir et blanc",
        orders.pages,
        document_type="arrete",
    )

    photo = typeset(["deliberation"], SEED + 3, "Délibération")
    samples.add(
        "photo-telephone.jpg",
        photographed(picture(photo.pdf, 0, 220), SEED),
        "Délibération photographiée au téléphone",
        photo.pages,
        document_type="deliberation",
    )

    born = typeset(["deliberation", "proces_verbal", "arrete"], SEED + 4, "Délibérations du conseil")
    samples.add(
        "deliberations.pdf",
        born.pdf,
        "Délibérations produites par un traitement de texte",
        born.pages,
        document_type="deliberation",
    )

    file = typeset(["courrier", "facture", "courrier"], SEED + 5, "Dossier")
    second = pdf_of_images([scanned(picture(file.pdf, 1, 200), 200, "gray", SEED + 30, 50)])
    samples.add(
        "dossier-mixte.pdf",
        merged([(file.pdf, 0), (second, 0), (file.pdf, 2)]),
        "Dossier mêlant texte et numérisation",
        file.pages,
        document_type="facture",
    )

    contract = typeset(["arrete"], SEED + 6, "Convention")
    pki = make_pki.make_pki(datetime(2026, 1, 10, 9, 0, tzinfo=UTC), "Autorité de la commune voisine")
    samples.add(
        "convention-signee.pdf",
        make_pki.sign(contract.pdf, pki, stamped=True),
        "Convention signée par un tiers",
        contract.pages,
        document_type="contrat",
        signatures=1,
    )
    (samples.folder / "truth" / "autorite-du-tiers.pem").write_bytes(pki.root.pem)


def _broken(samples: Samples) -> None:
    good = (samples.folder / "deliberations.pdf").read_bytes()
    dot = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(dot, "PNG")
    samples.add("casse-tronque.pdf", good[: len(good) // 3], "PDF tronqué", broken="truncated")
    samples.add("casse-chiffre.pdf", locked(good), "PDF protégé par un mot de passe", broken="encrypted")
    samples.add("casse-vide.pdf", b"", "Fichier vide", broken="empty")
    samples.add("casse-programme.pdf", program(), "Programme déguisé en PDF", broken="program")
    samples.add("casse-un-point.png", dot.getvalue(), "Image d’un point", broken="dot")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "samples")
