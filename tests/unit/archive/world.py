"""A small archive with a record in it, as its evidence sees it."""

import hashlib
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pikepdf

from archive.database.engine import Database
from archive.database.tables import TenantRow
from archive.evidence.bundle import Evidence
from archive.evidence.trust import trust_file
from archive.holdings.keep import keep
from archive.holdings.stores import Stores
from archive.journal.publisher import Publisher
from archive.journal.receipts import Names
from archive.journal.sequencer import Ledger
from archive.journal.tiles import StoredTree
from archive.model.description_fields import Description
from archive.model.identifiers import new_id
from archive.model.records import ArchivalPackage, Digests, Format, Kind, PackageFile
from archive.objects.local import LocalObjectStore
from archive.objects.port import ObjectStore
from archive.retention import schedule
from signing.chains import own_roots
from signing.ground.clock import Clock, stamp, utc_now
from signing.note import LogKey
from signing.pdf import seal_file
from signing.port import Signer
from signing.settings import SigningSettings
from signing.signers.pem import load_signer
from signing.timestampers.rfc3161 import load_timestamper
from tests.servers.postgres import Databases


class World:
    """One kept record in a small archive, and its evidence."""

    def __init__(
        self,
        home: Path,
        keys: Path,
        databases: Databases,
        *,
        store: ObjectStore | None = None,
        clock: Clock = utc_now,
        horizon: int = 400,
    ) -> None:
        self.clock: Clock = clock
        self.keys = keys
        self.horizon = horizon
        self.database = Database(databases.fresh(home).url)
        self.ledger = Ledger(self.database, self.clock)
        self.store: ObjectStore = store if store is not None else LocalObjectStore(home / "store", self.clock)
        settings = SigningSettings(keys=keys)
        self.timestamper = load_timestamper(settings, self.clock)
        self.log_key = LogKey.load(keys / "log.key", "chartrier.test")
        self.stores = Stores(self.database, self.ledger, self.store, self.clock, horizon, self.log_key.vkey)
        self.seal_with(load_signer(settings))
        with self.database.write() as session:
            session.add(TenantRow(id="demo", name="Démo", created_at=self.clock()))
            session.flush()
            schedule.load_pack(session, "demo")

    def seal_with(self, signer: Signer) -> None:
        """Start, or start again with another seal."""
        self.signer = signer
        self.publisher = Publisher(
            self.database,
            self.store,
            self.log_key,
            self.signer,
            self.timestamper,
            self.clock,
            horizon_days=self.horizon,
        )
        self.publisher.open_log()
        self.evidence = Evidence(
            self.database,
            self.store,
            self.ledger,
            self.publisher,
            self.log_key,
            self.signer,
            self.timestamper,
            self.clock,
        )

    def keep(self, home: Path, *, archival: bool = True, named: bool = False) -> str:
        package = self.package(home, archival=archival, named=named)
        return keep(self.stores, package, lambda _session, _kept: None).record_id

    def package(self, home: Path, *, archival: bool = True, named: bool = False) -> ArchivalPackage:
        """What ingestion would hand over, its deposit journalled (``named``: with its names)."""
        deposit, received = new_id(), self.clock()
        original, sealed, text = (home / f"{deposit}.{name}" for name in ("pdf", "sealed.pdf", "xml"))
        with pikepdf.new() as pdf:
            pdf.add_blank_page()
            pdf.save(original)
        seal_file(original, sealed, self.signer, self.timestamper)
        text.write_text("<alto/>")
        files = [_file(Kind.ORIGINAL, original, "application/pdf"), _file(Kind.TEXT, text, "application/xml")]
        if archival:
            files.append(_file(Kind.ARCHIVAL, sealed, "application/pdf"))
        facts = {
            "sha-256": files[0].digests.sha256,
            "sha-512": files[0].digests.sha512,
            "size": files[0].size,
        }
        names = Names.salted(files[0].filename, "Démo") if named else Names(files[0].filename, "Démo")
        if named:
            facts |= {"received_at": stamp(received)} | names.digests()
        with self.database.write() as session:
            entry = self.ledger.append(
                session,
                type="DepositReceived",
                tenant="demo",
                subject=f"deposit:{deposit}",
                agent="key:1",
                facts=facts,
            )
        return ArchivalPackage(
            record_id=new_id(),
            tenant="demo",
            deposit_id=deposit,
            agent="key:1",
            received_at=received,
            deposit_entry=entry.n,
            description=Description(
                "Délibération n° 12", document_type="deliberation", document_date=date(2026, 3, 12)
            ),
            files=tuple(files),
            pages=1,
            words=0,
            mean_confidence=None,
            verdicts={"seal": {"verdict": "valid" if archival else "none", "probative": False}},
            warnings=(),
            tools=(),
            tenant_name=names.tenant_name if named else None,
            salts=dict(names.salts),
            reports={"pdfa.json": b'{"verdict":"valid"}', "signatures.json": b"{}"},
        )

    def trust(self) -> bytes:
        """What a reader was given: the trust file."""
        latest = self.publisher.latest()
        published = StoredTree(self.store, latest.size) if latest is not None else None
        roots = own_roots(self.keys)
        with self.database.read() as session:
            return trust_file(session, self.ledger, published, self.log_key, self.signer, self.timestamper, roots)

    def bundle(self, record: str, *, content: bool = True, since: int | None = None) -> bytes:
        target = io.BytesIO()
        self.evidence.bundle("demo", record, target, content=content, since=since)
        return target.getvalue()


def _file(kind: Kind, path: Path, media_type: str) -> PackageFile:
    content = path.read_bytes()
    digests = Digests(hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest())
    return PackageFile(
        kind, path, f"Délibération n° 12{path.suffix}", media_type, Format(None, None), len(content), digests
    )


class Watch:
    """Real time, moved by whole days."""

    def __init__(self) -> None:
        self.days = 0

    def __call__(self) -> datetime:
        return utc_now() + timedelta(days=self.days)


Make = Callable[..., World]
"""Makes a world on the test's own clock; options are ``World``'s."""
