"""Engines of recognition: Tesseract with the bundled French model, called in two ways."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from ingestion.tools.sandboxed.job import Rejected
from ingestion.tools.sandboxed.sheet import Grey

MODELS: Final = Path(__file__).resolve().parents[1] / "models"
LANGUAGE: Final = "fra"
MODEL: Final = "fra best_int 4.0.0"


@dataclass(frozen=True)
class Bitmap:
    """Bitmap of black and white pixels (0 and 255) to be read."""

    pixels: Grey
    dpi: int


@dataclass(frozen=True)
class Seen:
    """Word that was read, in pixels of the bitmap.

    Attributes:
        line: Its block, paragraph and line.
        confidence: From 0 to 100.
    """

    line: tuple[int, int, int]
    x: int
    y: int
    width: int
    height: int
    text: str
    confidence: int


class Engine(Protocol):
    """Engine: reads bitmaps."""

    @property
    def version(self) -> str:
        """Version of the program and of its wrapper."""

    def read(self, bitmaps: Sequence[Bitmap], folder: Path) -> list[list[Seen]]:
        """Return the words of each bitmap, in reading order; MUST NOT write outside ``folder``."""


class Tesserocr:
    """Tesseract in this process, its model loaded once."""

    def __init__(self) -> None:
        import tesserocr

        self._api: Any = tesserocr.PyTessBaseAPI(
            path=str(MODELS), lang=LANGUAGE, oem=tesserocr.OEM.LSTM_ONLY, psm=tesserocr.PSM.AUTO
        )
        self._version = f"{importlib.metadata.version('tesserocr')} (tesseract {tesserocr.PyTessBaseAPI.Version()})"

    @property
    def version(self) -> str:
        """Version of wheel and library."""
        return self._version

    def read(self, bitmaps: Sequence[Bitmap], folder: Path) -> list[list[Seen]]:  # noqa: ARG002 - needs no files
        """Read one page after the other."""
        return [self._read(bitmap) for bitmap in bitmaps]

    def _read(self, bitmap: Bitmap) -> list[Seen]:
        high, wide = bitmap.pixels.shape
        # One bit a pixel: Tesseract compresses every line that it crops, and this form costs least.
        packed = np.packbits(bitmap.pixels >= 128, axis=1)
        self._api.SetImageBytes(packed.tobytes(), wide, high, 0, packed.shape[1])
        self._api.SetSourceResolution(bitmap.dpi)
        self._api.Recognize()
        words = list(_words(self._api.GetTSVText(0), 1))
        self._api.Clear()
        return words


class Pytesseract:
    """The ``tesseract`` program, with a list of pages in each call."""

    def __init__(self) -> None:
        import pytesseract

        try:
            self._version = (
                f"{importlib.metadata.version('pytesseract')} (tesseract {pytesseract.get_tesseract_version()})"
            )
        except pytesseract.TesseractNotFoundError as error:
            raise Rejected("engine_missing", "the program tesseract is not installed") from error
        self._command: str = pytesseract.pytesseract.tesseract_cmd

    @property
    def version(self) -> str:
        """Version of package and program."""
        return self._version

    def read(self, bitmaps: Sequence[Bitmap], folder: Path) -> list[list[Seen]]:
        """Read all pages in one run of the program."""
        if not bitmaps:
            return []
        names = []
        for number, bitmap in enumerate(bitmaps):
            names.append(folder / f"bitmap-{number}.tif")
            picture = Image.fromarray(bitmap.pixels).convert("1", dither=Image.Dither.NONE)
            picture.save(names[-1], compression="group4", dpi=(bitmap.dpi, bitmap.dpi))
        listed = folder / "bitmaps.txt"
        listed.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        command = [self._command, str(listed), "-", "--tessdata-dir", str(MODELS), "-l", LANGUAGE]
        ended = subprocess.run(
            [*command, "--oem", "1", "--psm", "3", "-c", "tessedit_create_tsv=1"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if ended.returncode != 0:
            raise Rejected("engine_failed", ended.stderr[-300:].decode("utf-8", "replace"))
        text = ended.stdout.decode("utf-8")
        return [list(_words(text, number + 1)) for number in range(len(bitmaps))]


@cache
def engine(name: str) -> Engine:
    """Return the engine of that name, made once a process."""
    return Pytesseract() if name == "pytesseract" else Tesserocr()


def _words(text: str, page: int) -> Iterable[Seen]:
    """Return the words of one page of Tesseract's TSV; pages count from 1."""
    for row in csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE):
        if len(row) < 12 or row[0] != "5" or int(row[1]) != page or not row[11].strip():
            continue
        block, paragraph, line, _, x, y, width, height = (int(cell) for cell in row[2:10])
        confidence = min(100, max(0, round(float(row[10]))))
        yield Seen((block, paragraph, line), x, y, width, height, row[11].strip(), confidence)
