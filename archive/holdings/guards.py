"""Check what guards a record in the store: the lock of each object, and the legal hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from archive.catalogue.rows import Placed
from archive.holdings.checks import Aspect, Check
from archive.objects.fixity import Fixity
from archive.objects.layout import RecordFolder
from archive.objects.port import ObjectStore, StoredObject, Unreadable
from signing.ground.errors import Refused

LOCKS: Final = "Verrous"
HOLD: Final = "Gel"
_SET_AGAIN: Final = "les octets ne sont pas en cause ; « chartrier reconcile --repair » les remet"


def check_guards(store: ObjectStore, folder: RecordFolder, objects: Sequence[Placed], today: date) -> list[Check]:
    """Return the check of all locks, and that of the hold.

    What is gone has no lock either: that is said by the check of its bytes alone.
    """
    states: list[tuple[Placed, StoredObject]] = []
    try:
        for item in objects:
            state = _state(store, item)
            if state is not None:
                states.append((item, state))
    except Unreadable:
        return [Check(LOCKS, Fixity.UNVERIFIABLE, "Le magasin n’a pas pu dire ses verrous.", Aspect.CUSTODY)]
    loose = [item for item, state in states if lacks_lock(item, state, today)]
    free = [item for item, state in states if item.legal_hold and not state.legal_hold]
    locks = f"Il manque le verrou de {len(loose)} fichiers sur {len(states)} ({_some(folder, loose)}) : {_SET_AGAIN}."
    holds = f"Le gel manque dans le magasin sur {len(free)} fichiers ({_some(folder, free)}) : {_SET_AGAIN}."
    return [
        _check(LOCKS, Aspect.CUSTODY, locks if loose else None, f"{len(states)} fichiers verrouillés comme inscrit."),
        _check(HOLD, Aspect.HOLD, holds if free else None, "Le magasin suit les gels décidés."),
    ]


def lacks_lock(item: Placed, state: StoredObject, today: date) -> bool:
    """Whether an object's lock ends before the day recorded for it, which is not over."""
    wanted = item.locked_until
    if wanted is None or wanted < today:
        return False
    return state.locked_until is None or state.locked_until < wanted


def _some(folder: RecordFolder, items: Sequence[Placed]) -> str:
    names = sorted(folder.path(item.key) for item in items)
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _check(name: str, aspect: Aspect, fault: str | None, said: str) -> Check:
    return Check(name, Fixity.INTACT if fault is None else Fixity.MISSING, fault or said, aspect)


def _state(store: ObjectStore, item: Placed) -> StoredObject | None:
    try:
        return store.stat(item.key, item.version)
    except Refused as error:
        if error.code != "object_missing":
            raise
        return None
