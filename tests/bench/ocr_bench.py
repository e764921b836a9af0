"""Scans to searchable, validated PDF/A-2b beside OCRmyPDF, with what each of them read.

Two cores each, in turns, on the same files. Recall: multiset share of the known words in
``pdftotext -raw`` of the output. Ours are the product's own stages in the sandbox, warm as in a
running worker; sealing is not counted.
"""

from __future__ import annotations

import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from ingestion.settings import load_settings
from ingestion.stages.convert import Convert
from ingestion.stages.identify import Identify
from ingestion.stages.normalise import Normalise
from ingestion.stages.port import StageInput
from ingestion.stages.recognise import Recognise
from ingestion.stages.validate import Validate
from ingestion.tools.sandbox import Sandbox
from signing.ground.clock import utc_now
from tests.bench.results import add_row
from tests.corpus.corpus import recall

ROUNDS = 3
WORKERS = 2
PAGES = 16


def run(corpus: Path | None = None) -> None:
    """All rows of this part."""
    with tempfile.TemporaryDirectory(prefix="chartrier-bench-") as scratch:
        folder = corpus or _made(Path(scratch) / "corpus")
        out = Path(scratch) / "out"
        out.mkdir()
        line = Line()
        try:
            _scans(line, folder, out)
            _born_digital(line, out)
            _one_core(folder, out)
            _blank(folder)
        finally:
            line.close()


class Line:
    """Workers as a service has them: each with a sandbox of its own, pages shared
    out one by one.
    """

    def __init__(self, workers: int = WORKERS) -> None:
        self._sandboxes = [Sandbox(idle=3600) for _ in range(workers)]
        self._free: queue.Queue[Sandbox] = queue.Queue()
        for sandbox in self._sandboxes:
            self._free.put(sandbox)
        self._threads = ThreadPoolExecutor(workers)
        self._settings = load_settings({}).ingestion

    def close(self) -> None:
        for sandbox in self._sandboxes:
            sandbox.close()

    def archive(self, received: Path, folder: Path) -> Path:
        """Every stage but screening, sealing and keeping."""
        files: dict[str, Path] = {"received": received}
        facts: dict[str, dict[str, object]] = {"deposit": {"filename": received.name}}
        folder.mkdir(parents=True, exist_ok=True)
        given = StageInput(folder, files, facts)

        def borrowed(call: Callable[[Sandbox], object]) -> object:
            sandbox = self._free.get()
            try:
                return call(sandbox)
            finally:
                self._free.put(sandbox)

        def stage(make: Callable[[Sandbox], object]) -> None:
            def call(sandbox: Sandbox) -> None:
                one = make(sandbox)
                result = one.run(given)  # type: ignore[attr-defined]
                assert result.state == "done", result
                facts[one.spec.name] = result.facts  # type: ignore[attr-defined]
                files.update(result.files)

            borrowed(call)

        stage(Identify)
        stage(Normalise)
        plan = Recognise(self._sandboxes[0], self._settings).plan(given)

        def pages(chunk: tuple[int, int]) -> Path:
            first, last = chunk
            path = borrowed(lambda s: Recognise(s, self._settings).run_pages(given, first, last))
            assert isinstance(path, Path)
            return path

        for (first, _), path in zip(plan, self._threads.map(pages, plan), strict=True):
            files[f"pages/{first}"] = path
        stage(lambda s: Recognise(s, self._settings))
        stage(Convert)
        stage(lambda s: Validate(s, self._settings, utc_now))
        assert facts["validate"]["pdfa"]["verdict"] == "compliant"  # type: ignore[index]
        return files["archival.pdf"]


def _made(folder: Path) -> Path:
    script = Path(__file__).resolve().parents[1] / "corpus" / "make_scans.py"
    command = [sys.executable, str(script), str(folder), "--pages", str(PAGES), "--blank", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def _ocrmypdf(*arguments: str | Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_THREAD_LIMIT"}
    program = Path(sys.executable).with_name("ocrmypdf")
    command = [program, "-l", "fra", "-j", str(WORKERS), "-q", *arguments]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _in_turns(ours: Callable[[], None], peer: Callable[[], None], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """Median seconds of both, and the median of the rounds' ratios."""
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        pair = {}
        for call in (ours, peer) if number % 2 == 0 else (peer, ours):
            begun = time.perf_counter()
            call()
            pair[call] = time.perf_counter() - begun
        times.append((pair[ours], pair[peer]))
    mine, theirs = zip(*times, strict=True)
    return statistics.median(mine), statistics.median(theirs), statistics.median(t / m for m, t in times)


def _truth(folder: Path, pages: int) -> str:
    known = sorted((folder / "truth").glob("p*.txt"))[:pages]
    return "\n".join(path.read_text(encoding="utf-8") for path in known)


def _text(paths: list[Path]) -> str:
    said = []
    for path in paths:
        command = ["pdftotext", "-raw", str(path), "-"]
        said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return "\n".join(said)


def _page_count(documents: list[Path]) -> int:
    import pikepdf

    total = 0
    for document in documents:
        with pikepdf.open(document) as pdf:
            total += len(pdf.pages)
    return total


def _scans(line: Line, folder: Path, out: Path) -> None:
    documents = sorted((folder / "scans").glob("*.pdf"))
    pages = _page_count(documents)
    made: dict[str, list[Path]] = {"ours": [], "peer": []}
    line.archive(documents[0], out / "warm")

    def ours() -> None:
        made["ours"] = [line.archive(document, out / f"ours-{document.stem}") for document in documents]

    def peer() -> None:
        made["peer"] = [out / f"peer-{document.stem}.pdf" for document in documents]
        for document, target in zip(documents, made["peer"], strict=True):
            _ocrmypdf(document, target)

    mine, theirs, ratio = _in_turns(ours, peer)
    truth = _truth(folder, pages)
    add_row(
        "scans to PDF/A-2b, OCRmyPDF -l fra -j 2",
        pages / mine,
        pages / theirs,
        ratio,
        "pages/s",
        recall=recall(truth, _text(made["ours"])) / 100,
        peer_recall=recall(truth, _text(made["peer"])) / 100,
        rounds=ROUNDS,
    )
    grown = sum(p.stat().st_size for p in made["ours"]) / sum(d.stat().st_size for d in documents)
    add_row("archival size to source size", grown, None, None, "times", rounds=1)


def _born_digital(line: Line, out: Path) -> None:
    document = _typeset(out)
    made: dict[str, Path] = {}

    def ours() -> None:
        made["ours"] = line.archive(document, out / "ours-born")

    def peer() -> None:
        made["peer"] = out / "peer-born.pdf"
        _ocrmypdf("-s", document, made["peer"])

    mine, theirs, ratio = _in_turns(ours, peer)
    truth = _text([document])
    add_row(
        "born-digital to PDF/A-2b, OCRmyPDF -s",
        _page_count([document]) / mine,
        _page_count([document]) / theirs,
        ratio,
        "pages/s",
        recall=recall(truth, _text([made["ours"]])) / 100,
        peer_recall=recall(truth, _text([made["peer"]])) / 100,
        rounds=ROUNDS,
    )


def _typeset(out: Path) -> Path:
    """Eight pages of text.

    No invoices nor forms, whose fixed-width subsets no program here makes valid.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    from tests.corpus import make_scans
    from tests.corpus.make_samples import typeset

    for name, face in make_scans.FACES.items():
        pdfmetrics.registerFont(TTFont(name, make_scans.find_font(face)))
    kinds = ["arrete", "deliberation", "courrier", "proces_verbal"] * 2
    target = out / "born.pdf"
    target.write_bytes(typeset(kinds, 7, "Dossier").pdf)
    return target


def _one_core(folder: Path, out: Path) -> None:
    """Engine and preparation alone beside the bare program, one page after the other."""
    from ingestion.tools.sandboxed.engines import MODELS

    pages = sorted(p for p in (folder / "pages").iterdir() if p.suffix in {".jpg", ".tif"})[:8]
    line = Line(1)
    try:
        sources = []
        for page in pages:
            sources.append(out / f"core-{page.stem}.pdf")
            line._sandboxes[0].call("normalise", {}, {"received": page}, {"normalised": sources[-1]})

        def ours() -> None:
            for source in sources:
                line._sandboxes[0].call(
                    "recognise_pages",
                    {"first": 1, "last": 1, "engine": "tesserocr"},
                    {"source": source},
                    {"words": out / "words"},
                )

        def peer() -> None:
            for page in pages:
                command = ["tesseract", str(page), "-", "--tessdata-dir", str(MODELS), "-l", "fra"]
                environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
                subprocess.run(command, check=True, capture_output=True, env=environment)

        ours()
        mine, theirs, ratio = _in_turns(ours, peer, 1)
        add_row("one core, tesseract program, same model", len(pages) / mine, len(pages) / theirs, ratio, "pages/s")
    finally:
        line.close()


def _blank(folder: Path) -> None:
    from ingestion.tools.sandboxed.picture import blank

    page = max((folder / "pages").glob("*.jpg"))
    grey = np.asarray(Image.open(page).convert("L"))
    if not blank(grey):
        return
    rounds = 50
    begun = time.perf_counter()
    for _ in range(rounds):
        assert blank(grey)
    mine = (time.perf_counter() - begun) / rounds
    begun = time.perf_counter()
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    subprocess.run(["tesseract", str(page), "-", "-l", "fra"], check=True, capture_output=True, env=environment)
    theirs = time.perf_counter() - begun
    add_row("blank page, tesseract program", mine * 1000, theirs * 1000, theirs / mine, "ms")
