"""Packages of SEDA handed over to a small town, and taken apart by its own worker, for tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from archive.catalogue import rule_changes
from archive.catalogue.rule_changes import RuleChange
from archive.database.seda_tables import SedaTransferRow, SedaUnitRow
from archive.disposition.transfers import incoming
from archive.exchange.seda.replies import Reply
from archive.exchange.seda.reply_reader import read_reply
from archive.model.final_actions import FinalAction
from archive.retention.dates import Unit
from archive.retention.rule_terms import Terms
from ingestion.assembly import System
from ingestion.tables import DepositRow
from tests.seda import LETTER, appraisal, binary, grouped, manifest, package, unit


def rule(system: System, code: str, years: int = 5, start: str = "file_closing", action: str = "destroy") -> None:
    """Add a rule to the town's schedule."""
    terms = Terms(code, years, Unit.YEAR, start, FinalAction(action), "code d’essai, art. 1")
    rule_changes.create(RuleChange(system.register, "demo", "user:anne", system.clock()), code, terms)


def one_letter(identifier: str = "VERSEMENT-1", content: bytes = LETTER, version: str = "2.1") -> bytes:
    """A file with one letter in it, under a rule that began on a day."""
    dated = "<TransactedDate>2001-06-02</TransactedDate>"
    letter = unit("U2", level="Item", title="Lettre au maire", refers="G1", content=dated)
    dossier = unit("U1", letter, title="Dossier Pont", management=appraisal(("APP-00001", "2002-01-01")))
    made = manifest(dossier, grouped("G1", binary("O1", content)), version=version)
    return package(made.replace(b"VERSEMENT-1", identifier.encode()), {"content/O1.txt": content})


def sent(system: System, content: bytes, key: str) -> str:
    """Hand a package over; its identifier."""
    received = system.intake.receive(
        [content],
        tenant="demo",
        agent="key:1",
        idempotency_key=key,
        filename="paquet.zip",
        media_type="application/zip",
        fields={"package": "seda"},
    )
    assert received.deposit is not None
    return str(received.deposit.id)


def waiting(system: System) -> list[str]:
    """Deposits that somebody must still work on."""
    with system.database.read() as session:
        row = DepositRow
        return list(session.scalars(select(row.id).where(row.state.in_(("received", "working"))).order_by(row.id)))


def advance(system: System, deposit: str) -> None:
    """Advance one deposit: the rest that it was given is cut short."""
    with system.database.write() as session:
        session.get_one(DepositRow, deposit).lease_until = None
    system.runner.advance(deposit)


def settle(system: System) -> None:
    """Advance whatever waits, until nothing does."""
    for _ in range(20):
        for deposit in waiting(system):
            advance(system, deposit)
        if not waiting(system):
            return
    raise AssertionError("work that does not end")


def taken(system: System, content: bytes, key: str) -> str:
    """Hand a package over and take it apart; its identifier."""
    identity = sent(system, content, key)
    settle(system)
    return identity


def row_of(system: System, identity: str) -> SedaTransferRow:
    with system.database.read() as session:
        found = incoming.get(session, "demo", identity)
    assert found is not None
    return found


def reply_of(system: System, identity: str) -> bytes:
    with system.database.read() as session:
        found = incoming.reply_of(session, row_of(system, identity))
    assert found is not None
    return found


def answered(system: System, identity: str) -> Reply:
    """The reply, read as its receiver reads it."""
    read = read_reply(reply_of(system, identity))
    assert read.findings == ()
    assert read.reply is not None
    return read.reply


def units_of(system: System, identity: str) -> dict[str, SedaUnitRow]:
    with system.database.read() as session:
        asked = select(SedaUnitRow).where(SedaUnitRow.transfer_id == identity)
        return {one.unit: one for one in session.scalars(asked)}


def codes_of(system: System, identity: str) -> dict[str, Any]:
    """What was found, by code: the outcome and the node."""
    return {one["code"]: (one["outcome"], one.get("node", "")) for one in row_of(system, identity).content["findings"]}
