"""Certificates of a town, and forgeries by who holds the seal, or the journal's key too."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.views.trust import trust_file_of
from archive.disposition.disposals import confirmation
from archive.evidence.certificates import Issued
from archive.evidence.verify import Check, Trust, read_trust
from archive.evidence.verify_certificate import CertificateVerifier
from archive.journal.merkle import batch_proof, checkpoint_text, leaf_hash, nodes_of, root_hash
from ingestion.assembly import System
from signing.ground.canonical import canonical
from signing.ground.clock import utc_now
from signing.seal import detached
from tests.bordereaux import ANNE, Town

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
