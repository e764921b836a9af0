"""Judge signatures of a PDF, prepare one for our seal. No key ever comes here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pyhanko.version import __version__

from ingestion.tools.sandboxed.job import Job, Rejected
from signing import pdf
from signing.ground.errors import Refused
from signing.revocation import Archived
from signing.trust import Trusted


def warm() -> None:
    """Load pyHanko, which is slow to import."""
    import pyhanko.sign.validation  # noqa: F401


def pdf_signatures(job: Job) -> dict[str, Any]:
    """Judge the signatures of ``received`` by ``trusted`` (DER, hex) at the moment ``at``."""
    trusted = Trusted.from_json(job.arguments["trusted"])
    report = pdf.validate(job.inputs["received"], trusted, datetime.fromisoformat(job.arguments["at"]))
    return {
        "verdict": report.verdict.value,
        "signatures": [
            {
                "field": finding.field,
                "signer": finding.signer,
                "verdict": finding.verdict.value,
                "reason": finding.reason,
                "detail": finding.detail,
                "intact": finding.intact,
                "covers_whole_file": finding.covers_whole_file,
                "signed_at": finding.signed_at.isoformat() if finding.signed_at else None,
                "level": finding.level,
                "certificate": finding.certificate,
            }
            for finding in report.findings
        ],
        "tool": "pyhanko",
        "tool_version": __version__,
    }


def pdf_prepare_seal(job: Job) -> dict[str, Any]:
    """Write ``source`` with an empty seal field to ``target``; return facts for ``complete``."""
    try:
        prepared = pdf.prepare(
            job.inputs["source"],
            job.outputs["target"],
            certificate=bytes.fromhex(job.arguments["certificate"]),
            chain=[bytes.fromhex(one) for one in job.arguments["chain"]],
            archived=Archived.from_json(job.arguments["archived"]),
            at=datetime.fromisoformat(job.arguments["at"]),
        )
    except Refused as error:
        raise Rejected(error.code, str(error)) from error
    return prepared.as_json()


def pdf_attachment(job: Job) -> dict[str, Any]:
    """Return the text of the attachment ``name`` of ``received``, else the words of its one page.

    Both are None where there is none, or none that short.
    """
    import pikepdf
    import pypdfium2

    longest = int(job.arguments["longest"])
    try:
        with pikepdf.open(job.inputs["received"]) as document:
            found = document.attachments.get(job.arguments["name"])
            content = found.get_file().read_bytes() if found is not None else b""
            alone = len(document.pages) == 1
    except (pikepdf.PdfError, ValueError, KeyError) as error:
        raise Rejected("unreadable", str(error)) from error
    text = content.decode(errors="replace") if 0 < len(content) <= longest else None
    if text is not None or not alone:
        return {"text": text, "words": None}
    try:
        page = pypdfium2.PdfDocument(job.inputs["received"].read_bytes())[0]
        return {"text": None, "words": page.get_textpage().get_text_range()[:longest]}
    except pypdfium2.PdfiumError:
        return {"text": None, "words": None}
