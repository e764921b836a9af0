"""Places in a manifest: the node that a finding is about, as people look for it. Pure."""

from __future__ import annotations

from typing import Any, Final

from archive.exchange.seda.findings import Place
from archive.exchange.seda.versions import local_name

_XML_ID: Final = "{http://www.w3.org/XML/1998/namespace}id"
_LONGEST_ID: Final = 100


def place_of(element: Any, *below: str) -> Place:
    """Return the place of an element, from the nearest one with an id.

    Args:
        below: Names of elements under it, which may be missing there.
    """
    steps: list[str] = list(reversed(below))
    at = element
    while at is not None:
        named = at.get("id")
        if named is not None:
            steps.append(f"{local_name(at.tag)}[{named[:_LONGEST_ID]}]")
            break
        if at.getparent() is None and steps:
            break
        steps.append(_step(at))
        at = at.getparent()
    return Place("/".join(reversed(steps)), element.sourceline)


def _step(element: Any) -> str:
    """Return the name of an element, with its number where it has like sisters."""
    name = local_name(element.tag)
    before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    alone = before == 0 and next(element.itersiblings(element.tag), None) is None
    return name if alone else f"{name}[{before + 1}]"
