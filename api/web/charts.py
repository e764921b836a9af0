"""Charts of pages: drawn in per cent without a view box, each with its table and its CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from api.http.i18n import number

_BASE: Final = 150
_TOP: Final = 20
_ROW: Final = 46
HEIGHT: Final = 176
"""Of columns."""


@dataclass(frozen=True)
class Chart:
    """A chart: one sentence that says the point, the drawing, the figures.

    Attributes:
        name: Of its CSV, ``/chiffres/<name>.csv``.
        label: What is drawn, for who does not see it.
        key: Class and name of each series; empty where there is one.
        head: Column names of the table.
        rows: Its cells in words, the first of each names the row.
    """

    name: str
    title: Markup
    sentence: Markup
    label: Markup
    svg: Markup
    height: int
    head: tuple[Markup, ...]
    rows: tuple[tuple[str, ...], ...]
    key: tuple[tuple[str, Markup], ...] = ()

    @property
    def csv_href(self) -> str:
        """Return the address of its figures."""
        return f"/chiffres/{self.name}.csv"


def columns(names: Sequence[str], series: Sequence[Sequence[int]], *, told: frozenset[int]) -> Markup:
    """Draw stacked columns, one a name; the first series lies at the bottom.

    Args:
        told: Columns whose sum is written above them.
    """
    sums = [sum(values) for values in zip(*series, strict=True)]
    most = max(sums, default=0) or 1
    step = 100 / max(1, len(names))
    parts = [Markup('<line x1="0" x2="100%" y1="150.500" y2="150.500"/>')]
    for place, name in enumerate(names):
        left, bottom = place * step + step * 0.12, float(_BASE)
        for kind, values in enumerate(series, 1):
            height = values[place] / most * (_BASE - _TOP)
            if height:
                bottom -= height
                parts.append(_rect(f"f{kind}", left, bottom, step * 0.76, height))
        parts.append(_text(left + step * 0.38, 168, name))
        if place in told and sums[place]:
            parts.append(_text(left + step * 0.38, bottom - 6, number(sums[place])))
    return Markup("").join(parts)


def bars(rows: Sequence[tuple[str, int, str]]) -> Markup:
    """Draw lying bars, each with its name and its value in words above it."""
    most = max((value for _, value, _ in rows), default=0) or 1
    parts: list[Markup] = []
    for place, (name, value, told) in enumerate(rows):
        top = place * _ROW
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(top + 16, name))
        parts.append(Markup('<text x="100%" y="{}" text-anchor="end">{}</text>').format(top + 16, told))
        width = value / most * 100
        parts.append(Markup('<rect class="f1" x="0" y="{}" width="{}%" height="10"/>').format(top + 23, f"{width:.1f}"))
    return Markup("").join(parts)


def height_of(rows: int) -> int:
    """Return the height of lying bars."""
    return max(1, rows) * _ROW


def _rect(kind: str, left: float, top: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{}%" y="{}" width="{}%" height="{}"/>').format(
        kind, f"{left:.2f}", f"{top:.1f}", f"{width:.2f}", f"{height:.1f}"
    )


def _text(middle: float, down: float, text: str) -> Markup:
    return Markup('<text x="{}%" y="{}" text-anchor="middle">{}</text>').format(
        f"{middle:.2f}", f"{down:.0f}", escape(text)
    )
