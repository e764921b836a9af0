"""Names of people and services, folded so that two writings of one can be compared. Pure."""

from __future__ import annotations

import unicodedata


def folded_name(name: str) -> str:
    """Return a name without case, accents, signs, doubled blanks and invisible signs."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    seen = (sign for sign in plain if not unicodedata.combining(sign) and unicodedata.category(sign) != "Cf")
    return " ".join("".join(sign if sign.isalnum() else " " for sign in seen).split())
