"""Prepare pixels for recognition: even light, straight lines, black on white."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ingestion.tools.sandboxed.sheet import Grey

cv2.setNumThreads(1)

Affine = NDArray[np.float64]

_SPECK: Final = 0.0004
"""Share of ink on a quarter-size page below which it holds no text (lowest seen with text: 0.0193).
"""
_LEAST_TURN: Final = 0.15


def even_light(grey: Grey) -> Grey:
    """Even out the light: divide by the paper's brightness, so that shadows become white."""
    small = cv2.resize(grey, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((5, 5), np.uint8)), 9)
    paper = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(grey, paper, scale=255), np.uint8)


def black_and_white(grey: Grey) -> Grey:
    """Make ink 0 and paper 255, by Otsu's threshold."""
    return np.asarray(cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1], np.uint8)


def blank(grey: Grey) -> bool:
    """Whether there is nothing to read, judged on a quarter-size copy without its edges."""
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
    # Ink is much darker than the paper around it; ink that shows through from the back is not.
    ink = small < (paper * 0.6).astype(np.uint8)
    return float(np.count_nonzero(ink)) / ink.size < _SPECK


def skew(grey: Grey) -> float:
    """Return the degrees by which lines rise or fall: where the rows of ink are sharpest."""
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
    """Turn the picture; return also the map from points of the result to points of ``grey``."""
    high, wide = grey.shape
    there = cv2.getRotationMatrix2D((wide / 2, high / 2), -degrees, 1)
    straight = cv2.warpAffine(grey, there, (wide, high), flags=cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(straight, np.uint8), np.asarray(cv2.invertAffineTransform(there), np.float64)


def sheet_corners(grey: Grey) -> Affine | None:
    """Find the corners of a bright sheet on a darker desk, in a photograph; None for a scan.

    Top left, top right, bottom right, bottom left, in pixels.
    """
    factor = 600 / max(grey.shape)
    small = cv2.GaussianBlur(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), (5, 5), 0)
    # Closing removes the text; the bright piece that remains is the sheet. With a shadow across it,
    # a single threshold would cut it in two: try several, and use the largest outline that looks
    # like a sheet.
    bright = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    darkest, lightest = (int(level) for level in np.percentile(bright, (2, 95)))
    found: list[Affine] = []
    for threshold in np.linspace(darkest, lightest, 14)[1:-1]:
        corners = _four_corners((bright > threshold).astype(np.uint8))
        if corners is not None:
            found.append(corners)
    if lightest - darkest < 40 or not found:
        return None
    largest = max(found, key=lambda one: float(cv2.contourArea(one.astype(np.float32))))
    return np.asarray(largest / factor, np.float64)


def _four_corners(paper: NDArray[np.uint8]) -> Affine | None:
    outlines, _ = cv2.findContours(paper, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    area = cv2.contourArea(hull)
    if not 0.3 <= area / paper.size <= 0.93 or cv2.contourArea(outline) < 0.95 * area:
        return None
    corners = cv2.approxPolyDP(hull, 0.02 * cv2.arcLength(hull, True), True)
    if len(corners) != 4 or not 0.97 < cv2.contourArea(corners) / area < 1.03:
        return None
    points = np.asarray(corners.reshape(4, 2), np.float64)
    total, difference = points.sum(axis=1), np.diff(points, axis=1).ravel()
    order = [int(total.argmin()), int(difference.argmin()), int(total.argmax()), int(difference.argmax())]
    if len(set(order)) != 4:
        return None
    high, wide = paper.shape
    if (points < 2).any() or (points[:, 0] > wide - 3).any() or (points[:, 1] > high - 3).any():
        return None  # the outline leaves the picture: there the desk is as bright as the sheet
    points = points[order]
    sides = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    alike = all(0.6 < sides[one] / sides[one + 2] < 1.67 for one in (0, 1))
    return points if alike and 0.4 < sides[0] / sides[1] < 2.5 else None


def flattened(grey: Grey, corners: Affine) -> tuple[Grey, Affine]:
    """Flatten the sheet as if seen from above; return also the projective map back."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide, high = round(float(max(sides[0], sides[2]))), round(float(max(sides[1], sides[3])))
    square = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    there = cv2.getPerspectiveTransform(corners.astype(np.float32), square)
    flat = cv2.warpPerspective(grey, there, (wide, high), flags=cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(flat, np.uint8), np.asarray(np.linalg.inv(there), np.float64)


def resized(grey: Grey, factor: float) -> Grey:
    """Resize the picture by a factor."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, None, fx=factor, fy=factor, interpolation=way), np.uint8)
