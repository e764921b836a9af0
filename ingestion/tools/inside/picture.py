"""Pixels before recognition: even light, straight lines, black on white. The kept image is never touched."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ingestion.tools.inside.sheet import Grey

cv2.setNumThreads(1)

Affine = NDArray[np.float64]

_SPECK: Final = 0.0004
"""Share of ink on a quarter-size page below which it holds no text (the emptiest text page seen: 0.0193)."""
_LEAST_TURN: Final = 0.15


def even_light(grey: Grey) -> Grey:
    """Divide by the paper's own brightness: shadows and yellowed paper become white."""
    small = cv2.resize(grey, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((5, 5), np.uint8)), 9)
    paper = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(grey, paper, scale=255), np.uint8)


def black_and_white(grey: Grey) -> Grey:
    """Otsu: 0 for ink, 255 for paper."""
    return np.asarray(cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)


def blank(grey: Grey) -> bool:
    """Whether there is nothing to read, on a quarter-size copy with the scanner's edges cut off."""
    if min(grey.shape) < 64:
        return True
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    margin_y, margin_x = small.shape[0] // 40, small.shape[1] // 40
    small = small[margin_y : small.shape[0] - margin_y, margin_x : small.shape[1] - margin_x]
    paper = cv2.medianBlur(
        cv2.dilate(cv2.resize(small, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8)),
        9,
    )
    paper = cv2.resize(paper, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_LINEAR)
    # Ink is much darker than the paper around it; what shows through from the other side is not.
    ink = small < (paper * 0.6).astype(np.uint8)
    return float(np.count_nonzero(ink)) / ink.size < _SPECK


def skew(grey: Grey) -> float:
    """Degrees by which the lines rise or fall: the angle at which the rows of ink are sharpest."""
    small = cv2.resize(grey, None, fx=800 / max(grey.shape), fy=800 / max(grey.shape), interpolation=cv2.INTER_AREA)
    rows, columns = np.nonzero(black_and_white(np.asarray(small, np.uint8)) == 0)
    if rows.size < 50 or rows.size > small.size // 2:
        return 0.0

    def sharpness(angle: float) -> float:
        shifted = np.round(rows + columns * np.tan(np.radians(angle))).astype(np.int32)
        profile = np.bincount(shifted - shifted.min()).astype(np.float64)
        return float((np.diff(profile) ** 2).sum())

    coarse = max(np.arange(-3, 3.01, 0.25), key=sharpness)
    fine = float(max(np.arange(coarse - 0.25, coarse + 0.26, 0.05), key=sharpness))
    return fine if abs(fine) >= _LEAST_TURN else 0.0


def turn(grey: Grey, degrees: float) -> tuple[Grey, Affine]:
    """Straighten; also the way back, from a point of the result to one of ``grey``."""
    high, wide = grey.shape
    there = cv2.getRotationMatrix2D((wide / 2, high / 2), -degrees, 1)
    straight = cv2.warpAffine(grey, there, (wide, high), flags=cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(straight, np.uint8), np.asarray(cv2.invertAffineTransform(there), np.float64)


def resized(grey: Grey, factor: float) -> Grey:
    """Larger or smaller."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=way), np.uint8)
