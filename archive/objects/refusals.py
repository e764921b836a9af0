"""Refusals that all object stores share: same codes, same words."""

from __future__ import annotations

from datetime import date

from signing.ground.errors import Corrupt, Refused


def missing(key: str, version: str | None) -> Refused:
    """Return the refusal for a version that does not exist."""
    return Refused("object_missing", "« {key} » n’est pas dans le magasin.", key=key, version=version or "")


def exists(key: str) -> Refused:
    """Return the refusal for a key that holds other bytes."""
    return Refused("object_exists", "« {key} » existe déjà avec d’autres octets et ne sera pas écrasé.", key=key)


def bad_range(key: str) -> Refused:
    """Return the refusal for a range beyond the end."""
    return Refused("bad_range", "La plage demandée dépasse la fin de « {key} ».", key=key)


def locked(key: str, until: date | None) -> Refused:
    """Return the refusal to destroy a version under a lock or a hold."""
    return Refused(
        "object_locked",
        "« {key} » est verrouillé et ne peut pas être détruit.",
        action="Attendez la fin du verrou ({until}) et la levée de tout gel.",
        key=key,
        until=until.isoformat() if until else "—",
    )


def wrong_digest(key: str) -> Corrupt:
    """Return the error for bytes without the announced digest."""
    return Corrupt(
        "digest_mismatch",
        "Les octets de « {key} » ne sont pas ceux qui étaient annoncés : rien n’a été écrit.",
        key=key,
    )
