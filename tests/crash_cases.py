"""Writing use cases that can be cut at each of their steps."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from api.views import plan_node as plan
from archive.catalogue import events, plan_changes
from archive.catalogue import rows as catalogue
from archive.custody.replica.restore import FIRST
from archive.database.tables import RecordRow
from archive.disposition.holds.query import StandingQuery
from archive.disposition.holds.terms import Scope, ScopeKind
from archive.disposition.locks import Locks
from archive.holdings import keep as holdings
from archive.holdings.abandon import abandon
from archive.holdings.complete import complete, note_virus
from archive.holdings.describe import describe
from archive.holdings.keep import Kept
from archive.holdings.recompute import recompute_stale, revise_dates
from archive.holdings.redact import Redaction, redact
from archive.model.identifiers import new_id
from archive.model.records import ArchivalPackage, Digests, Format, Kind, PackageFile
from archive.retention.admission import Occurrence
from ingestion.assembly import System
from ingestion.deposits.states import DepositState
from ingestion.operations.custody import Custody
from ingestion.processing import quarantine_decisions as decisions
from ingestion.processing.claims import killed, quarantine
from ingestion.tables import DepositRow
from signing.ground.errors import ChartrierError
from tests.crash_archivist import ARCHIVIST_CASES
from tests.crash_disposals import DISPOSAL_CASES
from tests.crash_subjects import Subject, UseCase
from tests.holdings import keep, package, receive, stored_file, system_at
from tests.steps import Steps


def _kept(system: System, folder: Path, n: int) -> Subject:
    return Subject(keep(system, folder, n))


def _packed(system: System, folder: Path, n: int) -> Subject:
    deposit = receive(system, f"%PDF original {n}".encode(), f"key-{n}")
    given = package(system, folder, n)
    given = replace(
        given,
        files=(replace(given.files[0], filename=deposit.filename), *given.files[1:]),
        tenant_name=deposit.tenant_name,
        salts=dict(deposit.salts or {}),
        record_id=deposit.record_id,
        deposit_id=deposit.id,
        deposit_entry=deposit.entry,
        received_at=deposit.received_at,
    )
    return Subject(given.record_id, given)


def _keep(system: System, subject: Subject) -> Any:
    def kept(session: Session, _kept: Kept) -> None:
        session.get_one(DepositRow, subject.given.deposit_id).state = DepositState.KEPT

    return holdings.keep(system.stores, subject.given, kept)


def _incomplete(system: System, folder: Path, n: int) -> Subject:
    given: ArchivalPackage = package(system, folder, n)
    original = replace(given, files=given.files[:1])
    holdings.keep(system.stores, original, lambda _session, _kept: None)
    return Subject(given.record_id, given)


def _complete(system: System, subject: Subject) -> Any:
    return complete(system.stores, subject.given, "user:1", lambda _session, _kept: None)


def _describe(system: System, subject: Subject) -> Any:
    changes = {"title": f"Nouveau {subject.record[-6:]}"}
    return describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)


def _described(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # its revision may be the second by now
        _describe(system, subject)


def _stale(system: System, folder: Path, n: int) -> Subject:
    """A record whose dates an event has changed."""
    subject, reference = _kept(system, folder, n), f"AFFAIRE-{n}"
    changes = {"external_reference": reference, "access_rule": "AR043"}
    describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)
    with system.database.write() as session:
        death = Occurrence("death_date", reference, date(1998, 3, 1))
        events.declare(session, system.ledger, "demo", new_id(), death, agent="user:1", now=system.clock())
    system.statements.settle()
    return subject


def _recompute(system: System, subject: Subject) -> Any:
    return revise_dates(system.stores, subject.record)


def _recomputed(system: System, subject: Subject) -> None:
    assert recompute_stale(system.stores).failed == {}
    with system.database.read() as session:
        assert session.get_one(RecordRow, subject.record).communicable_on == date(2023, 3, 2)


def _hold(system: System, subject: Subject) -> None:
    hold = system.holds.place("demo", [subject.record], reason="Contentieux", until=None, agent="user:1")
    system.holds.settle(hold)


def _held(system: System, folder: Path, n: int) -> Subject:
    subject = _kept(system, folder, n)
    _hold(system, subject)
    with system.database.read() as session:
        subject.given = catalogue.holds_on(session, subject.record)[0].id
    return subject


def _release(system: System, subject: Subject) -> None:
    system.holds.release("demo", subject.given, reason="Jugé", agent="user:1")
    system.holds.settle(subject.given)


def _begun(system: System, folder: Path, n: int) -> Subject:
    """A change that died between store and database, as a crash of ``describe`` leaves it."""
    subject = _kept(system, folder, n)
    with pytest.MonkeyPatch.context() as patch:
        assert Steps(patch).run(lambda: _describe(system, subject), "before commit")
    return subject


def _damaged(system: System, folder: Path, n: int) -> Subject:
    subject = _kept(system, folder, n)
    Custody(system).copy_everything()
    stored_file(system, subject.record, "original.pdf").unlink()
    return subject


def _restore(system: System, subject: Subject) -> None:
    assert {one.store for one in Custody(system).restore("demo", subject.record, agent="user:1")} <= {FIRST}


def _late(system: System, folder: Path, n: int) -> Subject:
    """A record whose locks are due: they end sooner than half the horizon."""
    subject = _kept(system, folder, n)
    system.clock.days += 6  # type: ignore[attr-defined]
    return subject


def _extend(system: System, _subject: Subject) -> None:
    """The daily run, by a clock that is trusted: a jump would only delay it."""
    Locks(system.database, system.store, system.clock, system.settings.archive.lock_horizon_days).extend()


def _nothing(_system: System, _folder: Path, n: int) -> Subject:
    return Subject("", f"key-{n}", f"received key-{n}".encode())


def _receive(system: System, subject: Subject) -> Any:
    return receive(system, subject.received, subject.given)


def _aside(system: System, folder: Path, n: int) -> Subject:
    subject = _nothing(system, folder, n)
    deposit = _receive(system, subject)
    with system.database.write() as session:
        quarantine(session, system.ledger, session.get_one(DepositRow, deposit.id), system.clock(), killed())
    return Subject("", deposit.id, subject.received)


def _retry(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # done already
        system.retry("demo", subject.given, "user:1")


def _refuse(system: System, subject: Subject) -> None:
    given = (system.database, system.ledger, system.clock, "demo", subject.given, "user:1")
    with suppress(ChartrierError):  # done already
        decisions.refuse(*given, reason="Illisible")


def _accept(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # done already
        decisions.accept(system.database, system.ledger, system.clock, lambda: None, "demo", subject.given, "user:1")


def _note_virus(system: System, subject: Subject) -> None:
    virus = {"verdict": "infected", "tool": "t", "at": "2026-01-01T00:00:00.000Z", "detail": "Test.EICAR"}
    note_virus(system.stores, "demo", subject.record, virus, "user:1", lambda _session: None)


def _to_redact(system: System, folder: Path, n: int) -> Subject:
    subject, copy, content = _kept(system, folder, n), folder / f"copy-{n}.pdf", f"%PDF copy {n}".encode()
    copy.write_bytes(content)
    digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
    file = PackageFile(Kind.REDACTED, copy, copy.name, "application/pdf", Format(None, None), len(content), digests)
    with system.database.read() as session:
        source = catalogue.representation(session, "demo", subject.record, "original").sha256
    subject.given = Redaction(file, source, b"{}", 1)
    return subject


def _redact(system: System, subject: Subject) -> None:
    redact(system.stores, "demo", subject.record, subject.given, agent="user:1")


def _named(system: System, folder: Path, n: int) -> Subject:
    """A record of a business case of its own."""
    subject = Subject(keep(system, folder, n), f"AFFAIRE-{n}")
    changes = {"external_reference": subject.given}
    describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)
    return subject


def _hold_what_comes(system: System, subject: Subject) -> None:
    scope = Scope(ScopeKind.QUERY, query=StandingQuery(external_reference=(subject.given,)))
    system.holds.settle(system.holds.place("demo", scope, reason="Contentieux", agent="user:1"))


def _fall_under_it(system: System, folder: Path, n: int) -> Subject:
    """A record that a description will put under a standing hold."""
    subject = Subject(keep(system, folder, n), f"AFFAIRE-{n}")
    _hold_what_comes(system, subject)
    return subject


def _name(system: System, subject: Subject) -> None:
    changes = {"external_reference": subject.given}
    describe(system.stores, "demo", subject.record, changes, agent="user:1", expected_revision=1)


def _named_again(system: System, subject: Subject) -> None:
    with suppress(ChartrierError):  # its revision may be the second by now
        _name(system, subject)
    system.holds.run()


def _declare(system: System, subject: Subject) -> None:
    with system.database.write() as session:
        ended = Occurrence("contract_end", subject.given, date(2020, 3, 1))
        events.declare(session, system.ledger, "demo", subject.record, ended, agent="user:1", now=system.clock())
    system.statements.settle()
    recompute_stale(system.stores)


def _place_in_plan(system: System, folder: Path, n: int) -> Subject:
    """A record in a file that will move to another class."""
    subject = _kept(system, folder, n)
    made = partial(plan.made, system, "demo", "user:1")
    classes = [
        made(lambda change, code=code: plan_changes.create(change, {"kind": "class", "code": code, "title": code}))
        for code in (f"A{n}", f"B{n}")
    ]
    file = {"kind": "file", "code": f"D{n}", "title": "Dossier", "parent_id": classes[0]["id"]}
    subject.given = made(lambda change: plan_changes.create(change, file))["id"], classes[1]["id"]
    describe(system.stores, "demo", subject.record, {"file": f"D{n}"}, agent="user:1", expected_revision=1)
    system.statements.settle()
    return subject


def _move(system: System, subject: Subject) -> None:
    node, parent = subject.given
    plan.made(system, "demo", "user:1", plan.amending(node, None, {"parent_id": parent}), places=True)
    system.statements.settle()
    recompute_stale(system.stores)


def _replace_seal(system: System, _subject: Subject) -> None:
    """The command, a program of its own beside the running service."""
    command = system_at(system.settings.home, clock=system.clock)
    try:
        command.proofs.replace()
    finally:
        command.close()


USE_CASES = (
    UseCase("receive", _nothing, _receive, _receive),
    UseCase("retry", _aside, _retry, _retry),
    UseCase("keep", _packed, _keep, _keep),
    UseCase("complete", _incomplete, _complete, _complete),
    UseCase("describe", _kept, _describe, _described),
    UseCase("recompute", _stale, _recompute, _recomputed),
    UseCase("abandon", _begun, lambda s, one: abandon(s.stores, "demo", one.record, at_once=True), _described),
    UseCase("hold", _kept, _hold, lambda system, _one: system.holds.run()),
    UseCase("release", _held, _release, lambda system, _one: system.holds.run()),
    UseCase("extend", _late, _extend, _extend),
    UseCase("restore", _damaged, _restore, _restore),
    UseCase("malware", _kept, _note_virus, _note_virus),
    UseCase("redact", _to_redact, _redact, _redact, short=False),
    UseCase("refuse", _aside, _refuse, _refuse),
    UseCase("accept", _aside, _accept, _accept, short=False),
    UseCase("standing hold", _named, _hold_what_comes, lambda system, _one: system.holds.run(), short=False),
    UseCase("fall under it", _fall_under_it, _name, _named_again, short=False),
    UseCase("event", _named, _declare, _declare, short=False),
    UseCase("plan move", _place_in_plan, _move, _move, short=False),
    *ARCHIVIST_CASES,
    *DISPOSAL_CASES,
    UseCase("replace seal", _kept, _replace_seal, lambda _system, _one: None, alone=True),
)
