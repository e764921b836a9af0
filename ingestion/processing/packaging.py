"""Make the archival package from the results of the stages.

Reads files, writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from archive.model.description_fields import DESCRIPTION_FIELDS, TITLE, Description
from archive.model.records import ArchivalPackage, Digests, Format, Kind, PackageFile, Remark, ToolRun
from archive.objects.ocfl import report_of
from ingestion.processing.workspace import Files
from ingestion.stages.registry import CONVERT, IDENTIFY, NORMALISE, RECOGNISE, SCREEN, SEAL, VALIDATE
from ingestion.tables import DepositRow

PDF_A: Final = {"2b": Format("fmt/477", "Acrobat PDF/A - Portable Document Format 2b")}
ALTO: Final = Format(None, "ALTO 4.4")

Facts = Mapping[str, Mapping[str, Any]]


def pack(
    deposit: DepositRow, facts: Facts, files: Files, runs: Sequence[ToolRun], remarks: Sequence[Remark]
) -> ArchivalPackage:
    """Make the archival package of a deposit.

    Args:
        deposit: The row, with the record id that was chosen for it.
        facts: Facts by stage.
        files: Files that the stages left; ``received`` is the original.
        runs: The stages as they ran, in order.
        remarks: Become the record's warnings.
    """
    recognised = facts.get(RECOGNISE.name, {})
    read = recognised.get("words")
    confidence = recognised.get("confidence_permille")
    return ArchivalPackage(
        record_id=deposit.record_id or "",
        tenant=deposit.tenant_id,
        deposit_id=deposit.id,
        agent=deposit.agent,
        received_at=deposit.received_at,
        deposit_entry=deposit.entry,
        description=describe(told_of(deposit), deposit.filename, recognised.get("language")),
        files=tuple(_files(deposit, facts, files)),
        pages=_pages(facts),
        words=read,
        mean_confidence=confidence / 1000 if confidence is not None and read else None,
        verdicts=verdicts(facts),
        warnings=tuple(remarks),
        tools=tuple(runs),
        tenant_name=deposit.tenant_name,
        salts=dict(deposit.salts or {}),
        agreement=deposit.agreement,
        reports={report: path.read_bytes() for name, path in files.items() if (report := report_of(name))},
    )


def told_of(deposit: DepositRow) -> dict[str, str]:
    """Return the fields of a deposit: as given, and where none was, as its agreement says."""
    return dict(deposit.fields) | dict(deposit.agreed or {})


def describe(fields: Mapping[str, str], filename: str, language: str | None = None) -> Description:
    """Make the description from the producer's fields; the default title is the file's name."""
    # checked when it was received, perhaps under an earlier limit, so not checked again
    given: dict[str, Any] = {field.name: field.parsed(fields.get(field.name)) for field in DESCRIPTION_FIELDS}
    given["title"] = given["title"] or TITLE.cut(title_of(filename))
    given["language"] = given["language"] or language
    return Description(**given)


def title_of(filename: str) -> str:
    """Make a title from a file's name: no folder, no extension."""
    name = PurePath(filename.replace("\\", "/")).name
    return PurePath(name).stem.strip() or name or filename


def verdicts(facts: Facts) -> dict[str, Any]:
    """Return the four verdicts; what was not checked is never valid."""
    validated = facts.get(VALIDATE.name, {})
    return {
        "virus": facts.get(SCREEN.name, {}).get("virus") or {"verdict": "unverified", "tool": None, "at": None},
        "pdfa": validated.get("pdfa") or {"verdict": "unverified", "profile": None, "tool": None},
        "signature": validated.get("signature") or {"verdict": "indeterminate", "signatures": []},
        "seal": facts.get(SEAL.name, {}).get("seal") or {"verdict": "none", "level": None, "probative": False},
    }


def archival_name(files: Files) -> str | None:
    """Return the name of the best PDF/A: sealed, else as converted; None without one."""
    return next((name for name in ("sealed.pdf", "archival.pdf") if name in files), None)


def _files(deposit: DepositRow, facts: Facts, files: Files) -> list[PackageFile]:
    identified = facts.get(IDENTIFY.name, {})
    media_type = identified.get("media_type") or deposit.media_type or "application/octet-stream"
    made = [
        PackageFile(
            kind=Kind.ORIGINAL,
            path=files["received"],
            filename=deposit.filename,
            media_type=media_type,
            format=Format(identified.get("puid"), identified.get("format_name")),
            size=deposit.size,
            digests=Digests(deposit.sha256, deposit.sha512),
        )
    ]
    stem = title_of(deposit.filename)
    archival = archival_name(files)
    if archival is not None:
        profile = facts.get(CONVERT.name, {}).get("profile", "")
        made.append(_derived(files, archival, Kind.ARCHIVAL, f"{stem}.pdf", "application/pdf", PDF_A.get(profile)))
    if "alto.xml" in files:
        made.append(_derived(files, "alto.xml", Kind.TEXT, f"{stem}.xml", "application/xml", ALTO))
    return made


def _derived(files: Files, name: str, kind: Kind, filename: str, media_type: str, known: Format | None) -> PackageFile:
    path: Path = files[name]
    output = files.output(name)
    return PackageFile(kind, path, filename, media_type, known or Format(None, None), output.size, output.digests)


def _pages(facts: Facts) -> int | None:
    """Return how many pages were read, else prepared, else found; None when nobody counted."""
    read = facts.get(RECOGNISE.name, {}).get("pages")
    if read is not None:
        return len(read)
    for spec in (NORMALISE, IDENTIFY):
        counted = facts.get(spec.name, {}).get("pages")
        if counted is not None:
            return int(counted)
    return None
