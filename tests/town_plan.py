"""What a small town keeps: its filing plan, and the series of records that it fills."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Final

EACH: Final = 25
"""Records of one type."""
CLASSES: Final = {
    "1": ("", "Administration générale", ""),
    "1.1": ("1", "Conseil municipal", "Secrétariat général"),
    "1.2": ("1", "Affaires juridiques", "Secrétariat général"),
    "2": ("", "Finances et marchés", ""),
    "2.1": ("2", "Comptabilité", "Finances"),
    "2.2": ("2", "Subventions versées", "Finances"),
    "2.3": ("2", "Marchés publics", "Commande publique"),
    "3": ("", "Habitants", ""),
    "3.1": ("3", "Urbanisme", "Urbanisme"),
    "3.2": ("3", "Action sociale", "CCAS"),
    "4": ("", "Personnel", "Ressources humaines"),
}
"""Code -> (parent, title, producer)."""


@dataclass(frozen=True)
class Series:
    """Records of one type, in files or not.

    Attributes:
        files: Number of files.
        closed: Whether each file is closed, in its year.
        event: What happened in each affair, whose reference is the code of its file.
        first: Year of the oldest.
    """

    type: str
    noun: str
    class_code: str
    mark: str
    files: int = 0
    closed: bool = False
    event: str | None = None
    first: int = 2010


SERIES: Final = (
    Series("marche", "Marché", "2.3", "MAR", 8, event="final_payment", first=2009),
    Series("subvention", "Subvention à l’association", "2.2", "SUB", 10, closed=True, first=2006),
    Series("permis_construire", "Permis de construire", "3.1", "PC", 6, first=2008),
    Series("bail", "Bail de la salle", "1.2", "BAIL", 4, event="contract_end", first=2010),
    Series("dossier_agent", "Carrière de l’agent", "4", "AGT", 4, event="birth_date", first=1961),
    Series("contentieux", "Contentieux", "1.2", "CTX", 4, event="final_decision", first=2012),
    Series("dossier_aide", "Aide sociale", "3.2", "AIDE", 4, first=2011),
    Series("facture", "Facture", "2.1", "F", first=2009),
    Series("titre_recettes", "Titre de recettes", "2.1", "TR", first=2008),
    Series("deliberation", "Délibération", "1.1", "DEL", first=2003),
    Series("budget", "Budget primitif", "2.1", "BP", first=2002),
    Series("arrete_temporaire", "Arrêté temporaire de voirie", "1.1", "ARR", first=2014),
)
SUBJECTS: Final = ("école", "gymnase", "voirie", "cimetière", "crèche", "salle des fêtes", "pont", "mairie")


def small_pdf(lines: list[str]) -> bytes:
    """A page of text, and nothing that a reader would have to guess."""
    shown = b"".join(b"BT /F 18 Tf 60 %d Td (%s) Tj ET\n" % (720 - 60 * n, _latin(one)) for n, one in enumerate(lines))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
    page += b" /Resources << /Font << /F 5 0 R >> >> >>"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        font,
    )
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + end


def _latin(text: str) -> bytes:
    return text.replace("(", "").replace(")", "").encode("cp1252", "replace")


def plan_csv() -> str:
    """The plan as an archivist has it in her spreadsheet."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("code", "parent", "kind", "title", "producer", "opened_on"))
    for code, (parent, title, producer) in CLASSES.items():
        rows.writerow((code, parent, "class", title, producer, ""))
    for series in SERIES:
        for n in range(series.files):
            title = f"{series.noun}, {SUBJECTS[n % len(SUBJECTS)]}"
            producer = CLASSES[series.class_code][2]
            rows.writerow(
                (file_code(series, n), series.class_code, "file", title, producer, f"{series.first + n}-01-10")
            )
    return out.getvalue()


def file_code(series: Series, n: int) -> str:
    """Code of a file; its affair has the same."""
    return f"{series.mark}-{series.first + n}-{n + 1:02}"
