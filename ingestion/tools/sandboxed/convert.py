"""Convert to PDF/A-2b: add the text layer, then the smallest repair that conforms."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO, Final

import pikepdf
from pikepdf import Name, pdfa

from ingestion.tools.alto import PageText, Word, pages_of
from ingestion.tools.sandboxed.fonts import forget_idle_fonts
from ingestion.tools.sandboxed.job import Job, Rejected, program, run_program
from ingestion.tools.sandboxed.layer import TextLayer
from ingestion.tools.sandboxed.render import shown

PROFILE: Final = "2b"

_SURVIVING: Final = 0.99
"""Share of the words that must be unchanged after a conversion by another program."""

_NOT_OF_THE_PAGE: Final = ("/Trans", "/Dur", "/AA", "/PieceInfo")
"""Keys of a page that are not visible: slide show transitions, data of other programs."""


def warm() -> None:
    """Convert one file of our own, so that PDF/A rules and font reader are loaded."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        TextLayer(pdf).add(page, PageText(1, 1000, 1000, "ocr", (((Word("a", 0, 0, 9, 9),),),)))
        with contextlib.suppress(pdfa.PdfaError):
            pdfa.save(pdf, io.BytesIO(), PROFILE)


def convert(job: Job) -> dict[str, Any]:
    """Convert ``source``, with ``alto`` if given, to ``archival``.

    Returns ``profile, way, tool_version, dropped_signatures``.
    """
    facts: dict[str, Any] = {"profile": PROFILE, "dropped_signatures": 0, "way": "pikepdf", "findings": []}
    with pikepdf.open(job.inputs["source"]) as pdf:
        facts["dropped_signatures"] = _forget_form(pdf)
        for page in pdf.pages:
            for key in _NOT_OF_THE_PAGE:
                if key in page.obj:
                    del page.obj[key]
        if "alto" in job.inputs:
            _add_text(pdf, job.inputs["alto"])
        with job.outputs["archival"].open("r+b") as out:
            forget_idle_fonts(pdf)
            findings = _saved(pdf, out)
            if not findings:
                return facts | {"tool": "pikepdf", "tool_version": pikepdf.__version__}
            facts["findings"] = findings
            layered = job.folder / "layered.pdf"
            pdf.save(layered)
    return facts | _with_ghostscript(job, layered, facts["findings"])


def pdfa_check(job: Job) -> dict[str, Any]:
    """Check ``archival`` with pikepdf: an approval counts, a denial may be a false alarm."""
    with job.inputs["archival"].open("rb") as file:
        report = pdfa.validate_written(file, PROFILE)
    return {
        "passed": bool(report.passed),
        "profile": PROFILE,
        "findings": _findings(report),
        "tool": "pikepdf",
        "tool_version": pikepdf.__version__,
    }


def _saved(pdf: pikepdf.Pdf, out: BinaryIO) -> list[dict[str, str]]:
    """Write it as PDF/A; if that is impossible, write nothing and return the findings."""
    if "/Version" in pdf.Root:
        del pdf.Root["/Version"]
    newest = "1.7"  # files marked as version 2.0 seldom use it; validation finds what PDF/A-2 does not allow
    settings: dict[str, Any] = {"force_version": newest} if pdf.pdf_version > newest else {}
    try:
        pdfa.save(pdf, out, PROFILE, **settings)
    except pdfa.PdfaError as error:
        return _findings(error.report) or [{"rule": "unknown", "detail": str(error)[:300]}]
    return []


def _add_text(pdf: pikepdf.Pdf, alto: Path) -> None:
    layer = TextLayer(pdf)
    with alto.open("rb") as file:
        for page in pages_of(file):
            if page.source == "ocr" and page.page <= len(pdf.pages):
                layer.add(pdf.pages[page.page - 1], page)


def _forget_form(pdf: pikepdf.Pdf) -> int:
    """Flatten forms; remove signatures, which a conversion breaks. Return their number."""
    form = pdf.Root.get("/AcroForm")
    if form is None:
        return 0
    signatures = 0
    for page in pdf.pages:
        for annotation in page.obj.get("/Annots", []):
            signatures += annotation.get("/Subtype") == Name.Widget and annotation.get("/FT") == Name.Sig
    if form.get("/NeedAppearances"):
        pdf.generate_appearance_streams()
    pdf.flatten_annotations("all")
    for page in pdf.pages:
        left = [one for one in page.obj.get("/Annots", []) if one.get("/Subtype") != Name.Widget]
        if "/Annots" in page.obj:
            page.obj.Annots = pikepdf.Array(left)  # an invisible field has no appearance to flatten
    for key in ("/AcroForm", "/Perms", "/DSS", "/Extensions"):
        if key in pdf.Root:
            del pdf.Root[key]
    return signatures


def _with_ghostscript(job: Job, layered: Path, findings: list[dict[str, str]]) -> dict[str, Any]:
    """Convert with Ghostscript what pikepdf can't repair (a missing font); then validate."""
    command = program("gs")
    if command is None:
        raise Rejected("not_convertible", _words(findings))
    remade = job.folder / "remade.pdf"
    run_program(
        [
            *(command, "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dQUIET", "-dPDFSTOPONERROR", "-sDEVICE=pdfwrite"),
            *("-dPDFA=2", "-dPDFACompatibilityPolicy=1", "-dPassThroughJPEGImages=true"),
            *("-sColorConversionStrategy=RGB", f"-sOutputFile={remade}", str(layered)),
        ],
        job,
    )
    if not _says_the_same(layered, remade):
        raise Rejected("not_convertible", f"Ghostscript would change the text; {_words(findings)}")
    with pikepdf.open(remade) as pdf, job.outputs["archival"].open("r+b") as out:
        try:
            pdfa.save(pdf, out, PROFILE)
        except pdfa.PdfaError as error:
            raise Rejected("not_convertible", _words(_findings(error.report))) from error
    version = run_program([command, "--version"], job).stdout.decode().strip()
    return {"way": "ghostscript", "tool": "ghostscript", "tool_version": version}


def _says_the_same(before: Path, after: Path) -> bool:
    """Whether almost all words are unchanged: subset fonts may lose their mapping to letters."""
    known, found = _words_of(before), _words_of(after)
    return (known & found).total() >= _SURVIVING * known.total()


def _words_of(path: Path) -> Counter[str]:
    counted: Counter[str] = Counter()
    with shown(path) as document:
        for index in range(len(document)):
            page = document[index]
            text = page.get_textpage()
            counted.update(text.get_text_range().replace("\ufffe", "").split())
            text.close()
            page.close()
    return counted


def _findings(report: Any) -> list[dict[str, str]]:
    return [{"rule": str(one.rule), "detail": str(one.message)[:300]} for one in report.findings[:20]]


def _words(findings: list[dict[str, str]]) -> str:
    return " ; ".join(f"{one['rule']}: {one['detail']}" for one in findings[:3]) or "no reason given"
