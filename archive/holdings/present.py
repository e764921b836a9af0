"""Require that stores are there before their silence about a record is believed.

A disk that is not mounted is an empty folder: it lists nothing, as a store does from which a record
is gone. What each of our stores has, and an empty folder has not, is ``layout.json``.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from archive.database.engine import Database
from archive.database.tables import CopyRow
from archive.objects.layout import LAYOUT_JSON
from archive.objects.port import ObjectStore, found
from signing.ground.errors import Unavailable


def require_present(database: Database, store: ObjectStore, copies: Sequence[ObjectStore]) -> None:
    """Refuse to go on while a store that holds something of ours shows nothing of it.

    Raises:
        Unavailable: ``store_away``.
    """
    with database.read() as session:
        is_copied = session.scalar(select(CopyRow.key).limit(1)) is not None
    for one in (store, *(copies if is_copied else ())):
        if found(one, LAYOUT_JSON) is None:
            raise Unavailable(
                "store_away",
                "Le magasin ne répond pas ({reason}).",
                action="Vérifiez l’espace libre et l’état du disque.",
                reason=LAYOUT_JSON,
            )
