"""Certificates of a town, and forgeries by who holds the seal, or the journal's key too."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from api.views.trust import trust_file_of
from archive.database.disposal_tables import DisposalLineRow
from archive.disposition.disposals import bordereau, confirmation
from archive.disposition.disposals.frozen import CHUNK, FrozenLine, lines_digest, population_digest
from archive.evidence.certificates import Issued
from archive.evidence.verify import Check, Trust, read_trust
from archive.evidence.verify_certificate import CertificateVerifier
from archive.journal.merkle import batch_proof, checkpoint_text, leaf_hash, nodes_of, root_hash
from archive.journal.types import EntryType
from archive.model.disposals import VisaStep
from archive.model.identifiers import new_id
from ingestion.assembly import System
from signing.ground.canonical import canonical
from signing.ground.clock import utc_now
from signing.seal import detached
from tests.bordereaux import ANNE, BRUNO, CLAIRE, Town

Change = Callable[[dict[str, Any]], None]


def publish(town: Town) -> None:
    """Settle what was stated, and publish it under a time-stamped checkpoint."""
    town.system.statements.settle()
    town.system.publisher.publish(force_token=True)


def confirm(town: Town, disposal: str) -> None:
    """Confirm an execution."""
    with town.acting(ANNE) as act:
        confirmation.confirm(act, disposal, None)
    publish(town)


def execute(town: Town, day: str = "2026-06-17") -> int:
    """Execute what may be executed; the number of records destroyed."""
    town.at(day)
    begun = town.system.disposer.run().destroyed
    publish(town)
    return begun + town.system.disposer.run().destroyed


def executed_on_paper(town: Town, count: int, begun: str = "2026-06-01", ended: str = "2026-06-17") -> str:
    """A bordereau of so many records that never were: its statements and entries are real."""
    lines = [_line(n) for n in range(count)]
    parts = [lines[start : start + CHUNK] for start in range(0, count, CHUNK)]
    disposal, population = new_id(), population_digest(map(lines_digest, parts))
    days = dict.fromkeys(("proposed_on", "last_visa_on", "stop_until", "ended_on"))
    people = dict.fromkeys(("submitted_by", "confirmed_by", "ended_reason", "reason", "producer"))
    body = days | people | {"reference": "2026-01", "title": "Bons", "action": "destroy", "state": "draft"}
    body |= {"direction": "service_asks", "authority": False, "drafted_by": ANNE, "drafted_on": begun}
    body |= {"records": count, "population": population, "excluded": {}}
    submitted = body | {"state": "submitted", "submitted_by": ANNE, "proposed_on": begun}
    town.at(begun)
    with town.acting() as act:
        bordereau._state(act, disposal, 0, "drafted", body)
        bordereau._state_parts(act, disposal, parts, {})
        bordereau._state(act, disposal, 1, "submitted", submitted)
    town.visa(disposal, VisaStep.PRODUCER, BRUNO)
    town.visa(disposal, VisaStep.CONTROLLER, CLAIRE)
    town.at(ended)
    for start in range(0, count, 100):
        with town.system.database.write() as session:
            for one in lines[start : start + 100]:
                _gone(town, session, disposal, population, one)
    with town.acting() as act:
        row = bordereau.get(act.session, "demo", disposal)
        last = {"state": "executed", "ended_on": ended}
        bordereau._state(act, disposal, row.number, "executed", row.content | last)
    publish(town)
    return disposal


def _line(n: int) -> FrozenLine:
    digests = {name: hashlib.sha256(f"{name} {n}".encode()).hexdigest() for name in ("record_json", "original")}
    day = date(2016, 3, 20)
    days = {"starts_on": day, "ends_on": date(2026, 3, 20), "due_on": date(2026, 3, 21), "document_date": day}
    kind = {"document_type": "bon", "file": f"DOS-{n // 200}", "final_action": "destroy", "sorted": None}
    place = {"position": n + 1, "group": n // 200 + 1, "size": 51_234}
    told: Any = digests | days | kind | place
    return FrozenLine(record=new_id(), rules=("BON/1",), **told)


def _gone(town: Town, session: Session, disposal: str, population: str, line: FrozenLine) -> None:
    days = {name: line.as_json()[name] for name in ("starts_on", "ends_on", "due_on")}
    first = days | {"disposal": disposal, "population": population, "original": line.original, "rules": ["BON/1"]}
    last = {"disposal": disposal, "supplement": 1, "record": line.record_json, "copies": 2, "versions": 10}
    for type_, facts in ((EntryType.DESTRUCTION_DECIDED, first), (EntryType.RECORD_DISPOSED, last)):
        entry = town.system.ledger.append(
            session, type=type_, tenant="demo", subject=f"record:{line.record}", agent="service:disposal", facts=facts
        )
    row = session.get_one(DisposalLineRow, (disposal, line.record))
    row.state, row.supplement, row.committed_at, row.done_at = "destroyed", 1, entry.at, entry.at


def issue(town: Town) -> Issued:
    """Issue what is owed."""
    return town.system.certificates.issue()


def take(town: Town, disposal: str, folder: Path, supplement: int = 1, *, public: bool = False) -> tuple[Path, Path]:
    """Both files of one edition, written to a folder."""
    found = []
    for form in ("json", "pdf"):
        name, content = town.system.certificates.read(town.row(disposal), supplement, form, public=public)
        found.append(folder / name)
        found[-1].write_bytes(content)
    return found[0], found[1]


def trust_in(system: System) -> Trust:
    """Whom a reader expects here."""
    return read_trust(trust_file_of(system))


def judged(path: Path, trust: Trust, pdf: Path | None = None) -> list[Check]:
    """The checks of a stranger."""
    return CertificateVerifier(path, trust, utc_now(), pdf).run()


def not_intact(checks: list[Check]) -> dict[str, tuple[str, str]]:
    """Verdict and detail of the checks that found something, by name."""
    return {one.name: (one.verdict, one.detail) for one in checks if one.verdict not in {"intact", "nothing"}}


def resealed(system: System, content: bytes, change: Change) -> bytes:
    """A certificate that somebody changed who holds the seal, but not the journal."""
    told = json.loads(content)
    change(told["certificate"])
    return _sealed(system, told)


def forged(system: System, content: bytes, change: Change) -> bytes:
    """A certificate that somebody changed who holds the seal and the journal's key.

    Statements are claimed anew, and a journal is made in which the entries stand.
    """
    told = json.loads(content)
    core = told["certificate"]
    journal = core["journal"]
    claims = {one["facts"].get("statement"): one for one in journal["entries"]}
    stated = [core["bordereau"], *core["visas"], *core["population"]["parts"]]
    pairs = [(one, claims[_digest(one)]) for one in stated]
    change(core)
    for one, entry in pairs:
        entry["facts"]["statement"] = _digest(one)
    journal["entries"].sort(key=lambda one: one["n"])
    bodies = {one["n"]: canonical(one) for one in journal["entries"]}
    size = max(bodies) + 3
    leaves = [leaf_hash(bodies.get(n, b"another")) for n in range(size)]
    nodes = nodes_of(leaves)
    journal["nodes"] = [base64.b64encode(one).decode() for one in batch_proof(sorted(bodies), size, nodes)]
    text = checkpoint_text(system.log_key.origin, size, root_hash(size, nodes))
    journal["checkpoint"] = system.log_key.sign_note(text)
    return _sealed(system, told)


def _sealed(system: System, told: dict[str, Any], *, stamped: bool = True) -> bytes:
    over = canonical({name: told[name] for name in ("certificate", "pdf")})
    stamper = system.timestamper if stamped else None
    told["seal"] = base64.b64encode(detached(system.signer, over, stamper, at=system.clock())).decode()
    return canonical(told)


def unstamped(system: System, content: bytes) -> bytes:
    """A certificate whose seal has no time-stamp."""
    return _sealed(system, json.loads(content), stamped=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()
