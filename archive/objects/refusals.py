"""Refusals that all object stores share: same codes, same words."""

from __future__ import annotations

from datetime import date

from signing.ground.errors import Corrupt, Refused


def missing(key: str, version: str | None) -> Refused:
    """There is no such version."""
    return Refused("object_missing", "« {key} » n’est pas dans le magasin.", key=key, version=version or "")


def exists(key: str) -> Refused:
    """Other bytes are there."""
    return Refused("object_exists", "« {key} » existe déjà avec d’autres octets et ne sera pas écrasé.", key=key)


def bad_range(key: str) -> Refused:
    """What was asked for lies beyond the end."""
    return Refused("bad_range", "La plage demandée dépasse la fin de « {key} ».", key=key)


def locked(key: str, until: date | None) -> Refused:
    """A lock or a hold runs."""
    return Refused(
        "object_locked",
        "« {key} » est verrouillé et ne peut pas être détruit.",
        action="Attendez la fin du verrou ({until}) et la levée de tout gel.",
        key=key,
        until=until.isoformat() if until else "—",
    )


def wrong_digest(key: str) -> Corrupt:
    """The bytes are not those that were announced."""
    return Corrupt(
        "digest_mismatch",
        "Les octets de « {key} » ne sont pas ceux qui étaient annoncés : rien n’a été écrit.",
        key=key,
    )
