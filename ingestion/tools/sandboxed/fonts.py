"""Remove unused fonts, which report generators leave and PDF/A would require embedded."""

from __future__ import annotations

from typing import Any, Final

import pikepdf

_SHOWS: Final = frozenset({"Tj", "TJ", "'", '"'})


def forget_idle_fonts(pdf: pikepdf.Pdf) -> int:
    """Remove unembedded fonts from pages that show nothing in them; return their number."""
    return sum(_of_page(pdf, page) for page in pdf.pages)


def _of_page(pdf: pikepdf.Pdf, page: pikepdf.Page) -> int:
    resources: Any = page.resources
    fonts: Any = resources.get("/Font") or {}
    missing = {name for name, font in fonts.items() if _absent(font)}
    if not missing:
        return 0
    instructions = list(pikepdf.parse_content_stream(page))
    idle = missing - _shown(instructions)
    if not idle:
        return 0
    kept = [one for one in instructions if not (str(one.operator) == "Tf" and str(one.operands[0]) in idle)]
    page.Contents = pdf.make_stream(pikepdf.unparse_content_stream(kept))
    # Pages may share one dictionary of fonts, and the other pages still need it.
    page.obj.Resources = pikepdf.Dictionary(resources)
    page.obj.Resources.Font = pikepdf.Dictionary({name: font for name, font in fonts.items() if name not in idle})
    return len(idle)


def _absent(font: pikepdf.Object) -> bool:
    return font.get("/Subtype") in {"/Type1", "/TrueType"} and "/FontDescriptor" not in font


def _shown(instructions: list[pikepdf.ContentStreamInstruction | pikepdf.ContentStreamInlineImage]) -> set[str]:
    """Return the names of the fonts in which something is shown."""
    current, kept, shown = "", [], set()
    for one in instructions:
        operator = str(one.operator)
        if operator == "q":
            kept.append(current)
        elif operator == "Q":
            current = kept.pop() if kept else current
        elif operator == "Tf":
            current = str(one.operands[0])
        elif operator in _SHOWS:
            shown.add(current)
    return shown
