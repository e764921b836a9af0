"""Make the catalogue rows of a record from the store, equal to those made when it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, assert_never

from sqlalchemy.orm import Session

from archive.catalogue import filing_plan
from archive.catalogue import record_json as metadata
from archive.catalogue.description import differences
from archive.catalogue.disposals import follow_disposals
from archive.catalogue.words import note_description
from archive.custody.rebuild.records import LOST, Found, Pinned
from archive.database.tables import RecordRow, RepresentationRow, RevisionRow, StoredFileRow
from archive.holdings.recompute import date_changes
from archive.journal.effects import RebuildEffect
from archive.journal.types import CHANGES, KEPT, EntryType, registered
from archive.objects.ocfl import RECORD_JSON

_UNKNOWN_AGENT: Final = "service:inconnu"


def enter(session: Session, found: Found, entry: int | None) -> RecordRow:
    """Write every row of a record.

    Args:
        entry: Number of the ``RecordRecovered`` entry, where the store held more than the journal.
    """
    told = [event.n for event in found.events if event.type in CHANGES] + ([entry] if entry is not None else [])
    kept = [event.n for event in found.events if event.type in KEPT]
    row = RecordRow(
        **metadata.row_values(found.record),
        ocfl_version=found.number,
        inventory_sha512=found.inventory_sha512,
        record_json_sha256=found.record_sha256,
        kept_entry=kept[0] if kept else told[-1],
        last_entry=told[-1],
    )
    session.add(row)
    session.flush()
    follow_disposals(session, row)
    forms, least = set(), _least_lock(found)
    for values in metadata.representation_values(found.record):
        key = found.folder.key(found.contents[values.pop("name")].path)
        pinned = found.pinned[key]
        session.add(RepresentationRow(**values, key=key, **_place(pinned, least)))
        forms.add(key)
    for key, pinned in found.pinned.items():
        if key not in forms:
            session.add(
                StoredFileRow(
                    record_id=found.record_id, key=key, size=pinned.size, sha256=pinned.sha256, **_place(pinned, least)
                )
            )
    for revision in _revisions(found):
        session.add(revision)
    session.flush()
    filing_plan.place(session, row, found.record)
    note_description(session, row)
    return row


def facts(found: Found, after: int) -> dict[str, Any]:
    """Return the facts of ``RecordRecovered``.

    Args:
        after: Number of entries that the journal still had: those that ``premis.json`` numbers from
            there on are lost.
    """
    digests = {form["kind"]: form["digests"]["sha-256"] for form in found.record["representations"]}
    locks = [p.state.locked_until for p in found.pinned.values() if p.state is not None and p.state.locked_until]
    return {
        "after": after,
        "revision": found.record["revision"],
        "record": found.contents[RECORD_JSON].sha256,
        "original": digests["original"],
        "archival": digests.get("archival"),
        **({"redacted": digests["redacted"]} if "redacted" in digests else {}),
        "inventory": found.inventory_sha512,
        "retain_until": min(locks).isoformat() if locks else None,
    }


def _least_lock(found: Found) -> date | None:
    """Return the day until which the journal proves that each file of the record was locked."""
    stated = [event.facts.get("retain_until") for event in found.events if event.type in CHANGES]
    return date.fromisoformat(stated[-1]) if stated and stated[-1] else None


def _place(pinned: Pinned, least: date | None) -> dict[str, Any]:
    """Pin an object, with the lock that it must have: a copy of a bucket may have lost it."""
    if pinned.state is None:
        return {"version": LOST, "locked_until": None, "legal_hold": False}
    state = pinned.state
    until = max((day for day in (state.locked_until, least) if day is not None), default=None)
    return {"version": state.version, "locked_until": until, "legal_hold": state.legal_hold}


def _revisions(found: Found) -> list[RevisionRow]:
    rows: list[RevisionRow] = []
    before: Mapping[str, Any] | None = None
    for event in found.events:
        if event.type not in CHANGES:
            continue
        after = found.earlier.get(event.facts["record"])
        changes = (
            changes_of(registered(event.type), before, after) if before is not None and after is not None else None
        )
        if changes is not None:
            rows.append(
                RevisionRow(
                    record_id=found.record_id,
                    revision=event.facts["revision"],
                    at=event.at,
                    agent=event.agent or _UNKNOWN_AGENT,
                    changes=changes,
                    entry=event.n,
                )
            )
        before = after if after is not None else before
    return rows


def changes_of(told: EntryType, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what an entry changed, as its revision tells it; None when it makes no revision."""
    effect = told.effects.rebuild
    match effect:
        case RebuildEffect.COMPLETE:
            return {"representations": [sorted(f["kind"] for f in one["representations"]) for one in (before, after)]}
        case RebuildEffect.DESCRIBE:
            return dict(differences(before["description"], after["description"]))
        case RebuildEffect.RECOMPUTE:
            return date_changes(before, after)
        case (
            RebuildEffect.KEEP
            | RebuildEffect.RESTORE
            | RebuildEffect.HOLD
            | RebuildEffect.RELEASE
            | RebuildEffect.DISPOSE
        ):
            return None
        case RebuildEffect.REGISTER | RebuildEffect.RECEIVE | RebuildEffect.QUARANTINE | RebuildEffect.RETRY:
            return None
        case (
            RebuildEffect.ABANDON
            | RebuildEffect.DISPOSE
            | RebuildEffect.STATE
            | RebuildEffect.DECIDE
            | RebuildEffect.NONE
            | RebuildEffect.REFUSE
        ):
            return None
        case _:
            assert_never(effect)
