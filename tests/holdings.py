"""A whole archive without the reading of documents: small records made quickly, by the product's own doors."""

from __future__ import annotations

import hashlib
import io
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive.database import Base
from archive.identifiers import new_id
from archive.records import Description, Digests, Format, Kind, Package, PackageFile
from ingestion.alto import AltoWriter, PageText, Word
from ingestion.assembly import System, assemble
from ingestion.settings import load_settings

WORDS = ("délibération", "voirie", "assainissement", "cimetière", "budget", "marché", "crèche", "pont", "école", "eau")


def system_at(home: Path, keys: Path | None = None, **environment: str) -> System:
    """The product over a home folder; keys may come from an earlier one, which saves two seconds."""
    if keys is not None and not (home / "keys").exists():
        shutil.copytree(keys, home / "keys")
    return assemble(load_settings({"CHARTRIER_HOME": str(home)} | environment))


def receive(system: System, content: bytes, key: str, tenant: str = "demo", **fields: str) -> Any:
    """A deposit, acknowledged and waiting."""
    return system.intake.receive(
        [content],
        tenant=tenant,
        agent="key:1",
        idempotency_key=key,
        filename=f"{key}.pdf",
        media_type="application/pdf",
        fields=fields,
    ).deposit


def alto(text: str) -> bytes:
    """One page that says this."""
    out = io.BytesIO()
    writer = AltoWriter(out, ("tesserocr", "2.13"))
    line = tuple(Word(word, 10 + 60 * n, 20, 50, 20, confidence=95) for n, word in enumerate(text.split()))
    writer.add(PageText(1, 1000, 1400, "ocr", ((line,),)))
    writer.end()
    return out.getvalue()


def keep(
    system: System,
    folder: Path,
    number: int,
    tenant: str = "demo",
    *,
    forms: tuple[Kind, ...] = (Kind.ORIGINAL, Kind.TEXT),
) -> str:
    """A record of a few words; its id."""
    text = f"Numéro {number} : {WORDS[number % 10]} et {WORDS[number // 10 % 10]} de la commune"
    contents = {
        Kind.ORIGINAL: (f"%PDF original {number}".encode(), "application/pdf", f"acte-{number}.pdf"),
        Kind.ARCHIVAL: (f"%PDF archival {number}".encode(), "application/pdf", f"acte-{number}.pdf"),
        Kind.TEXT: (alto(text), "application/xml", "alto.xml"),
    }
    files, deposit_id = [], new_id()
    for kind in forms:
        content, media_type, name = contents[kind]
        path = folder / f"{deposit_id}-{kind.value}"
        path.write_bytes(content)
        digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
        files.append(PackageFile(kind, path, name, media_type, Format(None, None), len(content), digests))
    original = files[0]
    now = system.clock()
    with system.database.write() as session:
        entry = system.ledger.append(
            session,
            type="DepositReceived",
            tenant=tenant,
            subject=f"deposit:{deposit_id}",
            agent="key:1",
            facts={**original.digests.as_json(), "size": original.size},
        )
    package = Package(
        record_id=new_id(),
        tenant=tenant,
        deposit_id=deposit_id,
        agent="key:1",
        received_at=now,
        deposit_entry=entry.n,
        description=Description(f"Acte {number}", document_type="deliberation", document_date=date(2026, 3, 12)),
        files=tuple(files),
        pages=1,
        words=len(text.split()),
        mean_confidence=0.95,
        verdicts={"seal": {"verdict": "none", "probative": False}},
        warnings=(),
        tools=(),
        reports={"pdfa.json": b"{}"},
    )
    kept = system.holdings.keep(package, lambda _session, _kept: None)
    for file in files:
        file.path.unlink()
    return kept.record_id


def lose_database(system: System) -> None:
    """What a lost disk takes: the database and the index of a home."""
    home = system.settings.home
    system.close()
    for path in home.glob("chartrier.db*"):
        path.unlink()
    shutil.rmtree(home / "index", ignore_errors=True)


def rows(system: System, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that some tables say, in an order of their own."""
    found = {}
    with system.database.read() as session:
        for name in tables:
            table = Base.metadata.tables[name]
            found[name] = sorted((tuple(row) for row in session.execute(select(table))), key=repr)
    return found
