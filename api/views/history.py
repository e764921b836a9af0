"""The history of a record: its journal entries, each as one sentence and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.tables import ApiKeyRow, UserRow
from archive.catalogue import events
from archive.database.tables import JournalEntryRow, PseudonymRow, RecordRow
from archive.journal.types import EntryType, known
from archive.retention.dates import START_EVENTS
from ingestion.stages.registry import label_of
from signing.ground.clock import stamp

VERDICTS = {"intact": "intact", "altered": "altéré", "missing": "manquant", "unverifiable": "non vérifiable"}


def history_of(session: Session, record: RecordRow, say: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return every entry about a record, its deposit and its business case's events, oldest first.

    Args:
        say: A function: message id -> text in the reader's language.
    """
    subjects = (f"record:{record.id}", f"deposit:{record.deposit_id}")
    told = {event.entry: event for event in events.told_about(session, record.tenant_id, record.external_reference)}
    rows = session.scalars(
        select(JournalEntryRow)
        .where(JournalEntryRow.subject.in_(subjects) | JournalEntryRow.n.in_(list(told)))
        .order_by(JournalEntryRow.n)
    ).all()
    answers = {json.loads(row.body)["facts"]["entry"]: row.n for row in rows if row.type == EntryType.VERDICT_CORRECTED}
    names: dict[str, str | None] = {}
    shown = []
    for row in rows:
        body: dict[str, Any] = json.loads(row.body)
        agent = body.get("agent")
        if agent is not None and agent not in names:
            names[agent] = _name(session, record.tenant_id, agent, say)
        shown.append(
            {
                "n": row.n,
                "at": stamp(row.at),
                "type": row.type,
                "sentence": _event(told[row.n], say)
                if row.n in told
                else _answered(sentence(row.type, body.get("facts", {}), say), answers.get(row.n), say),
                "answered_by": answers.get(row.n),
                "agent": names.get(agent) if agent is not None else None,
                "entry": body,
                "leaf_hash": row.leaf_hash,
            }
        )
    return shown


def sentence(name: str, facts: dict[str, Any], say: Callable[[str], str]) -> str:
    """Return one entry as a sentence: that of its type, or that its type is unknown here."""
    entry_type = known(name)
    if entry_type is None:
        return say("Événement « {name} » : cette version du logiciel ne sait pas ce qu’il dit.").format(name=name)
    values = {fact: value for fact, value in facts.items() if isinstance(value, str | int)}
    if "stage" in values:
        values["stage"] = say(label_of(str(values["stage"])))
    if "verdict" in values:
        values["verdict"] = say(VERDICTS.get(str(values["verdict"]), str(values["verdict"])))
    try:
        return say(entry_type.sentence.of(facts)).format(**values)
    except KeyError:  # an entry of an earlier version may lack a fact: a shorter sentence, never an error
        return say("Événement {kind} inscrit au journal.").format(kind=name)


_EVENTS = {
    events.DECLARED: "Événement déclaré : {what}, le {day} (affaire {reference}).",
    events.CORRECTED: "Événement corrigé : {what}, le {day} (affaire {reference}).",
    events.WITHDRAWN: "Événement retiré : {what}, le {day} (affaire {reference}).",
}
"""Sentences of the statements about events, message ids."""


def _event(told: events.Event, say: Callable[[str], str]) -> str:
    """Return a statement about an event as a sentence; the journal has its digest alone."""
    given = told.occurrence
    start = START_EVENTS.get(given.event)
    return say(_EVENTS.get(told.change, _EVENTS[events.CORRECTED])).format(
        what=say(start.phrase) if start is not None else given.event,
        day=given.occurred_on.isoformat(),
        reference=given.reference,
    )


def _answered(text: str, answer: int | None, say: Callable[[str], str]) -> str:
    """Add to an accusation that a later entry answers it."""
    if answer is None:
        return text
    return f"{text} {say('À tort : voyez l’entrée {entry}.').format(entry=answer)}"


_PARTS = {
    "service:ingestion": "le traitement des dépôts",
    "service:conservation": "le calcul des dates",
    "service:disposal": "l’exécution des bordereaux",
    "service:inconnu": "inconnu",
}
"""Parts of the service that act by themselves, message ids."""


def _name(session: Session, tenant: str, pseudonym: str, say: Callable[[str], str]) -> str | None:
    """Return the name behind a pseudonym; None once its row is gone or for another tenant's."""
    row = session.get(PseudonymRow, pseudonym)
    if row is None or row.tenant_id != tenant:
        return None
    part = _PARTS.get(row.identity)
    return say(part) if part is not None else name_of(session, row.identity)


def name_of(session: Session, agent: str) -> str | None:
    """Return the name of ``user:<id>``, ``key:<id>`` or ``service:<name>``; None if it is gone."""
    kind, _, identity = agent.partition(":")
    if kind == "user":
        user = session.get(UserRow, identity)
        return user.name if user is not None else None
    if kind == "key":
        key = session.get(ApiKeyRow, identity)
        return key.name if key is not None else None
    return identity if kind == "service" else None
