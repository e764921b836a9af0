"""Read ``If-None-Match``, ``If-Match`` and ``Prefer`` (RFC 9110, RFC 7240)."""

from __future__ import annotations

import re

from starlette.requests import Request

from signing.ground.errors import Refused

LONGEST_WAIT = 25.0


def none_match(request: Request, tag: str) -> bool:
    """Return whether the caller already has the version of this tag (answer 304)."""
    header = request.headers.get("if-none-match")
    return header is not None and (header.strip() == "*" or tag in _tags(header, weak=True))


def expected_number(request: Request) -> int | None:
    """Return the number in ``If-Match``; None for ``*``, -1 for a tag that no object has.

    Raises:
        Refused: ``precondition_required`` (428).
    """
    header = _if_match(request)
    if header.strip() == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', header.strip())
    return int(found[1]) if found else -1


def _if_match(request: Request) -> str:
    header = request.headers.get("if-match")
    if header is None:
        raise Refused(
            "precondition_required",
            "Cette modification doit dire de quelle révision elle part.",
            kept="Rien n’a été modifié.",
            action="Relisez l’objet et renvoyez son ETag dans « If-Match ».",
            pointer="header:If-Match",
        )
    return header


def require_match(request: Request, tag: str) -> None:
    """Refuse a change whose ``If-Match`` does not name the present state.

    Raises:
        Refused: ``precondition_required`` (428), ``precondition_failed`` (412).
    """
    header = _if_match(request)
    if header.strip() != "*" and tag not in _tags(header, weak=False):
        raise Refused(
            "precondition_failed",
            "Quelqu’un l’a modifié entre-temps.",
            kept="Rien n’a été modifié par cette demande.",
            action="Relisez l’objet puis refaites votre modification.",
            pointer="header:If-Match",
        )


def _tags(header: str, *, weak: bool) -> set[str]:
    found = re.findall(r'(W/)?("[^"]*")', header)
    return {tag for prefix, tag in found if weak or not prefix}


def preferred_wait(request: Request) -> float | None:
    """Return the seconds that the caller will wait, at most ``LONGEST_WAIT``; None: no wait."""
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip().lower() == "wait" and value.strip().isdigit():
            return min(float(value), LONGEST_WAIT)
    return None
