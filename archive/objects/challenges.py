"""Challenges: attacks with our own credentials, to find out what a store enforces.

See ``archive.objects.probe``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final, Protocol

from archive.objects.port import ObjectStore, StoredObject
from signing.ground.errors import Refused


class Challenge(StrEnum):
    """The challenges, in the order in which they are tried."""

    DELETE = "delete"
    BYPASS = "bypass"
    SHORTEN = "shorten"
    WEAKEN = "weaken"
    UNLOCK = "unlock"
    OVERWRITE = "overwrite"
    HIDE = "hide"
    SUSPEND = "suspend"
    UNCONFIGURE = "unconfigure"


SAID: Final = {
    Challenge.DELETE: "détruire la version",
    Challenge.BYPASS: "détruire la version en invoquant le droit de passer outre",
    Challenge.SHORTEN: "raccourcir le verrou",
    Challenge.WEAKEN: "changer le mode du verrou",
    Challenge.UNLOCK: "lever le verrou",
    Challenge.OVERWRITE: "écraser les octets",
    Challenge.HIDE: "cacher l’objet sous une marque d’effacement",
    Challenge.SUSPEND: "suspendre les versions du seau",
    Challenge.UNCONFIGURE: "retirer le verrouillage du seau",
}
REASONS: Final = {
    "refused": "Le magasin a refusé toutes les attaques menées avec les clés de ce service.",
    "passed": "Le magasin a laissé passer une attaque menée avec une clé de ce service.",
    "cut_short": "L’épreuve n’a pas pu être menée jusqu’au bout.",
    "left_open": "Le magasin a laissé changer les réglages du seau, et ils n’ont pas pu être rétablis.",
    "no_lock": "Le magasin accepte les objets et ne les verrouille pas.",
    "no_bucket_lock": "Le seau a été créé sans verrouillage d’objets : seul ce service respecte les dates.",
    "local": "Ce sont des fichiers de cette machine : qui l’administre peut passer outre, et cela se verrait.",
}
"""French reasons for an assurance."""


class Credential(Protocol):
    """One credential of ours, used to attack the store.

    Attributes:
        credential: Its name: ``store``, ``copy``.
        challenges: The challenges that make sense against this kind of store.
    """

    @property
    def credential(self) -> str: ...  # noqa: D102

    @property
    def challenges(self) -> Sequence[Challenge]: ...  # noqa: D102

    def attempt(self, challenge: Challenge, target: StoredObject, until: date) -> None:
        """Try a challenge; undo its other changes than those of our object before returning.

        Raises:
            Refused: ``attack_refused``, with the store's own ``answer``.
            Unavailable: The store did not answer.
        """


class ProbedStore(ObjectStore, Protocol):
    """A store that can be probed by challenges."""

    @property
    def name(self) -> str:
        """Name of the store, without any secret."""

    @property
    def weakness(self) -> str | None:
        """The one of ``REASONS`` that limits the assurance, whatever the challenges show.

        None when the challenges alone decide.
        """

    def mend(self) -> None:
        """Undo changes that an interrupted attack may have left.

        Raises:
            Corrupt: ``bucket_left_open``.
            Unavailable: The store did not answer.
        """

    def credentials(self) -> Sequence[Credential]:
        """Return every credential that the service holds."""


def challenge_refused(answer: str | None) -> Refused:
    """Return the error for a challenge that the store refused, with the store's own word."""
    return Refused("attack_refused", "Le magasin a refusé ({answer}).", answer=answer or "?")
