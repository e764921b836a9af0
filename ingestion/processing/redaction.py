"""Make a redacted copy of a record: pictures of its pages with boxes painted over, sealed.

The copy is made from pixels alone, in the sandbox; its text layer has the words of the record's own
text whose place touches no box. Nothing else of the document is in it: no attachment, annotation,
form, or metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from archive.catalogue import description as descriptions
from archive.catalogue import rows as catalogue
from archive.catalogue.record_json import plain
from archive.database.tables import RecordRow, RepresentationRow
from archive.holdings.redact import Redaction, report_of
from archive.holdings.redact import redact as keep_copy
from archive.holdings.stores import Stores
from archive.model.records import Kind, PackageFile
from ingestion.processing.packaging import PDF_A
from ingestion.processing.workspace import Output, Workspace
from ingestion.stages.port import Stage, StageInput
from ingestion.stages.registry import CONVERT, NORMALISE, SEAL, VALIDATE
from ingestion.tools.alto import AltoWriter, PageText, Word, pages_of
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from signing.ground.canonical import canonical
from signing.ground.clock import stamp
from signing.ground.errors import Refused

MOST_PAGES: Final = 200
MOST_BOXES: Final = 5000
LONGEST_REASON: Final = 2000
FILENAME: Final = "copie-occultee.pdf"
"""Name of every redacted copy: that of the original may tell what was to be hidden."""
_ROOM: Final = 0.1
"""Share of a word's height by which a box is taken to be larger, when words are left out."""
_STAGES: Final = (CONVERT, VALIDATE, SEAL)
_NOTHING_CHANGED: Final = "Rien n’a été changé."


@dataclass(frozen=True)
class RedactionBox:
    """A place to be painted over, in pixels of the page's image, from its top left corner."""

    page: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class RedactionOrder:
    """What is to be hidden, and why.

    Attributes:
        image_width: Width of the page images that the boxes were drawn on.
    """

    boxes: tuple[RedactionBox, ...]
    reason: str
    image_width: int = 900


@dataclass(frozen=True)
class Redactor:
    """Redactor of redacted copies, with the tools that it needs.

    Attributes:
        work: Folder of workspaces.
    """

    stores: Stores
    sandbox: Sandbox
    stages: Sequence[Stage]
    work: Path

    def redact(self, tenant: str, record_id: str, wanted: RedactionOrder, agent: str) -> RecordRow:
        """Make the copy and keep it as the record's redacted one.

        Raises:
            Refused: ``record_not_found``, ``record_not_kept``, ``bad_redaction``,
                ``nothing_to_redact``, ``redaction_too_long``, ``redaction_failed``,
                ``precondition_failed``.
            Unavailable: ``turn_taken``; the seal or the time-stamping authority does not answer.
        """
        with self.stores.database.read() as session:
            row = catalogue.get(session, tenant, record_id)
            descriptions.require_describable(row.state, row.revision, row.revision)
            forms = {form.kind: form for form in catalogue.representations(session, record_id)}
        before = report_of(self.stores, row)
        source = _source(forms)
        _admit(wanted, row.pages)
        with Workspace(self.work, self.stores.store) as workspace:
            folder = workspace.room("redaction")
            told: dict[str, Any] = {
                "v": 1,
                "number": (before["number"] if before is not None else 0) + 1,
                "made_at": stamp(self.stores.clock()),
                "reason": wanted.reason.strip(),
                "image_width": wanted.image_width,
                "boxes": [asdict(box) for box in wanted.boxes],
                "source": {"kind": source.kind, "sha-256": source.sha256},
            }
            text = forms.get(Kind.TEXT)
            pages = _left(self._read(workspace, text), wanted) if text is not None else []
            told["words_left_out"] = sum(hidden for _, hidden in pages)
            pictured = self._picture(folder, workspace.fetch(_output(source)), wanted, [page for page, _ in pages])
            made, facts = self._finish(folder, pictured, row.pages or len(pages))
            told["seal"], told["pdfa"] = facts[SEAL.name]["seal"], facts[VALIDATE.name]["pdfa"]
            output = Output.of(made)
            file = PackageFile(
                Kind.REDACTED, made, FILENAME, "application/pdf", PDF_A["2b"], output.size, output.digests
            )
            copy = Redaction(file, source.sha256, canonical(plain(told)), len(wanted.boxes))
            return keep_copy(self.stores, tenant, record_id, copy, agent=agent)

    def _read(self, workspace: Workspace, text: RepresentationRow) -> list[PageText]:
        return list(pages_of(workspace.fetch(_output(text))))

    def _picture(
        self, folder: Path, source: Path, wanted: RedactionOrder, pages: Sequence[PageText]
    ) -> dict[str, Path]:
        """Make ``normalised.pdf``, pictures alone, and ``alto.xml``, the words that are left."""
        files = {"normalised.pdf": folder / "normalised.pdf"}
        arguments = {
            "image_width": wanted.image_width,
            "boxes": [[box.page, box.x, box.y, box.width, box.height] for box in wanted.boxes],
            "sizes": {page.page: [page.width * 72 / 1200, page.height * 72 / 1200] for page in pages},
        }
        limits = Limits(cpu=60 + 4 * MOST_PAGES, wall=120 + 8 * MOST_PAGES)
        try:
            self.sandbox.call("redact", arguments, {"source": source}, {"target": files["normalised.pdf"]}, limits)
        except ToolFailed as error:
            if error.code in {"box_outside", "no_such_page"}:
                raise _bad_redaction("Un cadre est hors de sa page.", "/boxes") from error
            raise _failed(error.detail) from error
        if pages:
            files["alto.xml"] = folder / "alto.xml"
            with files["alto.xml"].open("wb") as out:
                writer = AltoWriter(out, ("chartrier", None))
                for page in pages:
                    writer.add(page)
                writer.end()
        return files

    def _finish(self, folder: Path, files: dict[str, Path], pages: int) -> tuple[Path, dict[str, dict[str, Any]]]:
        """Run the stages that make, check and seal a PDF/A, on the pictures."""
        facts: dict[str, dict[str, Any]] = {NORMALISE.name: {"pages": pages}}
        for stage in (one for one in self.stages if one.spec in _STAGES):
            result = stage.run(StageInput(folder, files, facts))
            if result.state != "done":
                raise _failed(str(result.detail or stage.spec.failing))
            files, facts = files | result.files, facts | {stage.spec.name: result.facts}
        return files["sealed.pdf"], facts


def _source(forms: Mapping[str, RepresentationRow]) -> RepresentationRow:
    source = forms.get(Kind.ARCHIVAL) or forms[Kind.ORIGINAL]
    if source.media_type != "application/pdf":
        raise Refused(
            "nothing_to_redact",
            "Ce document n’a pas de pages que l’on puisse montrer : rien ne peut y être occulté.",
            kept=_NOTHING_CHANGED,
            action="Occultez-le avec le logiciel qui l’ouvre, puis déposez cette copie à part.",
        )
    return source


def _admit(wanted: RedactionOrder, pages: int | None) -> None:
    if not wanted.reason.strip() or len(wanted.reason) > LONGEST_REASON:
        raise _bad_redaction("Dites pourquoi ces passages sont occultés, en 2 000 signes au plus.", "/reason")
    if not 0 < len(wanted.boxes) <= MOST_BOXES:
        raise _bad_redaction("Donnez de 1 à 5 000 cadres.", "/boxes")
    if pages is not None and pages > MOST_PAGES:
        raise Refused(
            "redaction_too_long",
            "Ce document a {pages} pages : une copie occultée en compte 200 au plus.",
            kept=_NOTHING_CHANGED,
            action="Extrayez les pages à communiquer, déposez-les à part, puis occultez ce dépôt.",
            pages=pages,
        )
    for number, box in enumerate(wanted.boxes):
        if box.width < 1 or box.height < 1 or box.page < 1 or (pages is not None and box.page > pages):
            raise _bad_redaction("Un cadre n’a pas de surface, ou sa page n’existe pas.", f"/boxes/{number}")


def _bad_redaction(detail: str, pointer: str) -> Refused:
    return Refused(
        "bad_redaction",
        detail,
        kept=_NOTHING_CHANGED,
        action="Corrigez la demande, puis recommencez.",
        pointer=pointer,
    )


def _failed(why: str) -> Refused:
    return Refused(
        "redaction_failed",
        "La copie occultée n’a pas pu être faite : {why}",
        kept=_NOTHING_CHANGED,
        action="Ouvrez le document pour vérifier qu’il se lit ; s’il se lit, prévenez l’administrateur.",
        why=why,
    )


def _output(row: RepresentationRow) -> Output:
    return Output(row.sha256, row.sha512, row.size, row.key, row.version)


def _left(pages: Sequence[PageText], wanted: RedactionOrder) -> list[tuple[PageText, int]]:
    """Return each page with the words that touch no box, and the number of those that do."""
    found = []
    for page in pages:
        scale = page.width / wanted.image_width
        boxes = [
            (one.x * scale, one.y * scale, (one.x + one.width) * scale, (one.y + one.height) * scale)
            for one in wanted.boxes
            if one.page == page.page
        ]
        blocks = tuple(
            tuple(tuple(_alone(word) for word in line if not _touches(word, boxes)) for line in block)
            for block in page.blocks
        )
        left = replace(page, source="ocr" if page.source == "text" else page.source, blocks=blocks)
        found.append((left, sum(1 for _ in page.words) - sum(1 for _ in left.words)))
    return found


def _touches(word: Word, boxes: Sequence[tuple[float, float, float, float]]) -> bool:
    room = _ROOM * word.height
    return any(
        word.x < right + room
        and word.x + word.width > left - room
        and word.y < bottom + room
        and word.y + word.height > top - room
        for left, top, right, bottom in boxes
    )


def _alone(word: Word) -> Word:
    """Return half a word without the other half, which may be hidden."""
    return replace(word, whole=word.text) if word.part else word
