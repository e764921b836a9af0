"""Recognise every word with its place: page tasks read, ``run`` makes one ALTO file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from archive.model.records import Remark
from ingestion.settings import IngestionSettings
from ingestion.stages.port import Detail, StageInput, StageResult
from ingestion.stages.registry import IDENTIFY, RECOGNISE
from ingestion.stages.wording import no_pages, page_count, pdf_of
from ingestion.tools.alto import AltoWriter, PageText
from ingestion.tools.sandbox import Limits, Sandbox, ToolFailed
from signing.ground.errors import Refused

LANGUAGE = "fra"

_SINGLE = 16
"""Most pages of a document of which each page is a task of its own."""
_CHUNK = 4
_CHUNK_OF_TEXT = 50
"""Pages of a chunk when all hold their text already: reading them is a hundred times faster."""
_NICE = 5
"""Niceness for a register's pages, so that a letter is read at once although every core is busy."""
_DOUBTFUL = 700
"""Permille of confidence below which the record gets a remark."""

_VERSIONS: Final[dict[str, str]] = {}
"""Engine -> version."""


class Recognise:
    """Stage that recognises, in the sandbox, with an engine that stays loaded there."""

    spec = RECOGNISE

    def __init__(self, sandbox: Sandbox, settings: IngestionSettings) -> None:
        self._sandbox = sandbox
        self._engine = settings.ocr_engine

    def plan(self, given: StageInput) -> tuple[tuple[int, int], ...]:
        """Plan one page a chunk in a short document, a few in a long one, many with text."""
        pages = page_count(given) if pdf_of(given) is not None else 0
        with_fonts = int(given.facts.get(IDENTIFY.name, {}).get("pages_with_fonts") or 0)
        size = 1 if pages <= _SINGLE else _CHUNK
        if with_fonts == pages:
            size = _CHUNK_OF_TEXT
        return tuple((first, min(first + size - 1, pages)) for first in range(1, pages + 1, size))

    def run_pages(self, given: StageInput, first: int, last: int) -> Path:
        """Recognise these pages into ``words-<first>.jsonl``, one line a page.

        Raises:
            Refused: ``pages_unread``: the tool failed on them.
        """
        source = pdf_of(given)
        if source is None:
            raise Refused("pages_unread", "Il n’y a pas de pages à lire.")
        made = given.folder / f"words-{first}.jsonl"
        pages = last - first + 1
        nice = _NICE if page_count(given) > _SINGLE else 0
        try:
            self._sandbox.call(
                "recognise_pages",
                {"first": first, "last": last, "engine": self._engine},
                {"source": source},
                {"words": made},
                Limits(cpu=60 + 90 * pages, wall=120 + 180 * pages, nice=nice),
            )
        except ToolFailed as error:
            raise Refused(
                "pages_unread",
                "Les pages {first} à {last} n’ont pas pu être lues ({reason}).",
                first=first,
                last=last,
                reason=error.reason,
                tool_said=error.detail,
            ) from error
        return made

    def run(self, given: StageInput) -> StageResult:
        """Make ``alto.xml`` from the results of the page tasks."""
        wanted = self.plan(given)
        if not wanted:
            return no_pages()
        found = [given.files[f"pages/{first}"] for first, _ in wanted if f"pages/{first}" in given.files]
        missing = sum(last - first + 1 for first, last in wanted if f"pages/{first}" not in given.files)
        tool, version = self._tool()
        if not found:
            return StageResult("failed", tool=tool, tool_version=version, detail=_unread(missing))
        made = given.folder / "alto.xml"
        pages: list[dict[str, Any]] = []
        with made.open("wb") as out:
            writer = AltoWriter(out, (tool, version))
            for page in _pages(found):
                writer.add(page)
                pages.append(_facts(page))
            writer.end()
        facts = _summed(pages)
        return StageResult(
            "failed" if missing else "done",
            facts=facts,
            files={"alto.xml": made},
            tool=tool,
            tool_version=version,
            parameters={"model": "fra best_int 4.0.0", "segmentation": "auto"},
            detail=_unread(missing) if missing else None,
            remarks=_remarks(facts),
        )

    def _tool(self) -> tuple[str, str | None]:
        """Return engine and version; asked once a process, as the installed version stays.

        The version is None if the engine could not be asked: nothing else is one.
        """
        if self._engine not in _VERSIONS:
            try:
                said = self._sandbox.call("engine_version", {"engine": self._engine})
            except ToolFailed:
                return self._engine, None
            _VERSIONS[self._engine] = str(said["version"])
        return self._engine, _VERSIONS[self._engine]


def _pages(chunks: list[Path]) -> Iterator[PageText]:
    for chunk in chunks:
        with chunk.open(encoding="utf-8") as lines:
            for line in lines:
                yield PageText.from_line(line)


def _facts(page: PageText) -> dict[str, Any]:
    sure = [word.confidence for word in page.words if word.confidence is not None]
    return {
        "page": page.page,
        "width": page.width,
        "height": page.height,
        "words": sum(1 for word in page.words if word.part != 2),
        "confidence_permille": round(10 * sum(sure) / len(sure)) if sure else None,
        "source": page.source,
    }


def _summed(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up the pages; text that was in the file counts as certain."""
    words = sum(page["words"] for page in pages)
    weighed = sum(
        page["words"] * (1000 if page["confidence_permille"] is None else page["confidence_permille"]) for page in pages
    )
    return {
        "pages": pages,
        "words": words,
        "confidence_permille": round(weighed / words) if words else None,
        "language": LANGUAGE,
    }


def _remarks(facts: dict[str, Any]) -> tuple[Remark, ...]:
    confidence = facts["confidence_permille"]
    if confidence is None or confidence >= _DOUBTFUL:
        return ()
    text = f"Le texte lu est peu sûr ({round(confidence / 10)} %) : la recherche peut manquer des mots de ce document."
    return (Remark("low_confidence", text, RECOGNISE.name),)


def _unread(missing: int) -> Detail:
    return Detail("pages_unread", "{missing} page(s) n’ont pas pu être lues.", {"missing": missing})
