"""Choose the form of an answer by what the caller accepts; check what it sends (RFC 9110)."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from signing.ground.errors import Refused


def accepted(request: Request, offered: tuple[str, ...]) -> str:
    """Return the offered type that the caller prefers; without a header, the first offered.

    Raises:
        Refused: ``not_acceptable``.
    """
    header = request.headers.get("accept", "*/*")
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        name, _, parameters = part.strip().partition(";")
        weight = 1.0
        for parameter in parameters.split(";"):
            key, _, value = parameter.strip().partition("=")
            if key == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if weight > 0:
            ranked.append((-weight, place, name.strip().lower()))
    for _, _, name in sorted(ranked):
        for offer in offered:
            if name in {offer, "*/*", offer.split("/")[0] + "/*"}:
                return offer
    raise Refused(
        "not_acceptable",
        "Aucune des formes demandées n’est proposée.",
        action="Demandez : {offered}.",
        pointer="header:Accept",
        offered=", ".join(offered),
    )


def sent_type(request: Request, admitted: Collection[str], action: str) -> str:
    """Return the type of what the caller sends.

    Args:
        action: What to send instead, for the refusal.

    Raises:
        Refused: ``unsupported_media_type``.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in admitted:
        raise Refused(
            "unsupported_media_type",
            "Ce type de contenu n’est pas admis ici.",
            kept="Rien n’a été importé.",
            action=action,
            pointer="header:Content-Type",
        )
    return media_type
