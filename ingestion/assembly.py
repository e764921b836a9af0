"""Assemble the system; the only module that names an adapter, each loaded at first use."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from archive.database.engine import Database
from archive.database.tenancy import EVERYTHING
from archive.database.upgrade import prepare
from archive.journal.sequencer import Ledger, has_a_journal
from archive.model.days import DEFAULT_ZONE
from archive.model.settings import LocalStore, S3Store, StoreSettings
from archive.objects.assurance import PROBE_EVERY, now_proven, probe_again
from archive.objects.challenges import ProbedStore
from archive.retention.packs import DEFAULT_PACK
from ingestion.archivist_parts import ArchivistParts
from ingestion.deposits.outbox import LocalNotifier, Notifier
from ingestion.reception.intake import Intake
from ingestion.settings import Settings
from ingestion.tables import DepositRow
from signing.ground.clock import Clock, utc_now
from signing.port import Signer, Timestamper

if TYPE_CHECKING:
    from archive.database.time_sense import TimeSense
    from archive.evidence.bundle import Evidence
    from archive.holdings.stores import Stores
    from archive.journal.publisher import Publisher
    from archive.objects.probe import Probe
    from ingestion.packages.incoming import Unpacker
    from ingestion.processing.redaction import Redactor
    from ingestion.processing.relay import Relay
    from ingestion.processing.runner import Runner
    from ingestion.processing.sweeper import Sweeper
    from ingestion.queue.port import TaskQueue
    from ingestion.stages.port import Stage
    from ingestion.succession import Succession
    from ingestion.tools.sandbox import Sandbox
    from search.follower import Follower
    from search.port import SearchIndex
    from search.reader import RecordReader
    from signing.note import LogKey
    from signing.timestampers.rfc3161 import Rfc3161Timestamper
    from signing.trust import TrustFolder

ORGANISATION: Final = "Chartrier"
"""Name on the certificates that we make; a real seal carries the administration's name."""


class System(ArchivistParts):
    """System: every part of the product, made on first use and kept.

    Args:
        pooled: Whether connections are pooled; False in workers, as none may cross a fork.
        sees: Tenants whose rows transactions see by default (``archive.database.tenancy``).
    """

    def __init__(
        self, settings: Settings, *, pooled: bool = True, clock: Clock = utc_now, sees: str = EVERYTHING
    ) -> None:
        super().__init__(settings, clock)
        self._pooled = pooled
        self._sees = sees

    # -- truth

    @cached_property
    def database(self) -> Database:
        """SQLite in the home folder, or what ``CHARTRIER_DATABASE_URL`` names."""
        url = self.settings.archive.database_url.get_secret_value()
        return Database(url, pooled=self._pooled, sees=self._sees)

    @cached_property
    def store(self) -> ProbedStore:
        """Local files, or S3 with Object Lock."""
        return self._opened(self.settings.archive.store)

    @cached_property
    def copy_store(self) -> ProbedStore | None:
        """Store of the second copy; None if there is none."""
        chosen = self.settings.archive.copy_store
        return None if chosen is None else self._opened(chosen)

    def _opened(self, chosen: StoreSettings) -> ProbedStore:
        if isinstance(chosen, LocalStore):
            from archive.objects.local import LocalObjectStore

            return LocalObjectStore(chosen.root, self.clock, self.time_sense.certain_now)
        from archive.objects.minio import MinioObjectStore

        held = {"store": self.settings.archive.store, "copy": self.settings.archive.copy_store}
        others = {name: one for name, one in held.items() if isinstance(one, S3Store) and one != chosen}
        proven = partial(now_proven, self.database, clock=self.clock)
        certain = self.time_sense.certain_now
        return MinioObjectStore(chosen, self.clock, proven=proven, credentials=others, certain=certain)

    def probe(self, *, after: timedelta = timedelta(0)) -> Probe | None:
        """Probe the store if its last probe is that old (``archive.objects.assurance``)."""
        return probe_again(self.database, self.store, self.clock, after=after)

    def probe_copy(self, *, after: timedelta = timedelta(0)) -> Probe | None:
        """Probe the second store in the same way; None if there is none."""
        if self.copy_store is None:
            return None
        return probe_again(self.database, self.copy_store, self.clock, after=after)

    @cached_property
    def ledger(self) -> Ledger:
        """Sequencer of the journal."""
        return Ledger(self.database, self.clock)

    @cached_property
    def stores(self) -> Stores:
        """Stores: the object on which the verbs of ``archive.holdings`` work."""
        from archive.holdings.stores import Stores

        horizon = self.settings.archive.lock_horizon_days
        has_key = (self.settings.signing.keys / "log.key").exists()  # there is none before the first start
        vkey = self.log_key.vkey if has_key else None
        return Stores(self.database, self.ledger, self.store, self.clock, horizon, vkey, self.time_sense.certain_now)

    # -- proof

    @cached_property
    def log_key(self) -> LogKey:
        """Log key: signs receipts and checkpoints."""
        from signing.note import LogKey

        return LogKey.load(self.settings.signing.keys / "log.key", self.settings.archive.origin)

    @cached_property
    def signer(self) -> Signer:
        """Signer: holds the seal's key."""
        from signing.signers.pem import FollowingSigner

        return FollowingSigner(self.settings.signing)

    @cached_property
    def timestamper(self) -> Timestamper:
        """Timestamper: attests the time."""
        from archive.journal.stamping import TrustedTimestamper

        return TrustedTimestamper(self._authority, self.time_sense)

    @cached_property
    def _authority(self) -> Rfc3161Timestamper:
        from signing.timestampers.rfc3161 import load_timestamper

        return load_timestamper(self.settings.signing, self.clock)

    @cached_property
    def time_sense(self) -> TimeSense:
        """Sense of time: whether this machine's clock is trusted."""
        from archive.database.time_sense import TimeSense

        authority = (lambda: self._authority,) if self.settings.signing.tsa_urls else ()
        return TimeSense(self.database, self.clock, outside=(lambda: self.store, *authority))

    @cached_property
    def trust(self) -> TrustFolder:
        """Trust folder: whom we trust, who we are."""
        from signing.trust import TrustFolder

        return TrustFolder(self.settings.signing.trust_folder, self.settings.signing.keys)

    @cached_property
    def publisher(self) -> Publisher:
        """Publisher: seals the journal."""
        from archive.journal.publisher import Publisher

        proven, days = (self.log_key, self.signer, self.timestamper), self.settings.archive.lock_horizon_days
        return Publisher(self.database, self.store, *proven, self.clock, horizon_days=days)

    @cached_property
    def evidence(self) -> Evidence:
        """Evidence: makes evidence bundles."""
        from archive.evidence.bundle import Evidence

        proven = (self.log_key, self.signer, self.timestamper)
        return Evidence(self.database, self.store, self.ledger, self.publisher, *proven, self.clock)

    @property
    def proofs(self) -> Succession:
        """Succession of seals and authorities: renewed, replaced, published, entered."""
        from ingestion.succession import Succession

        return Succession(self, self.settings.signing, ORGANISATION)

    # -- view

    @cached_property
    def index(self) -> SearchIndex:
        """Search index: in the home folder, or on the cluster of ``CHARTRIER_SEARCH_URL``."""
        chosen = self.settings.search
        if chosen.url is not None:
            from search.engines.elastic import ElasticIndex
            from search.engines.elastic_link import Link

            key = chosen.api_key.get_secret_value() if chosen.api_key is not None else None
            return ElasticIndex(Link(chosen.url, key, chosen.ca), chosen.prefix)
        from search.engines.tantivy import TantivyIndex

        return TantivyIndex(chosen.root)

    @cached_property
    def follower(self) -> Follower:
        """Follower: applies the journal to the index."""
        from search.follower import Follower

        return Follower(self.database, self.index, self.record_reader.entry)

    @cached_property
    def record_reader(self) -> RecordReader:
        """Reader of records for the index."""
        from ingestion.tools.alto import text_of_pages
        from search.reader import RecordReader

        return RecordReader(self.store, text_of_pages)

    # -- work

    @cached_property
    def notifier(self) -> Notifier:
        """Notifier of commits that leave work: on this machine, or by PostgreSQL."""
        if self.database.is_sqlite:
            return LocalNotifier(self.settings.home, "committed")
        from archive.database.postgres import Listener

        return Listener(self.database.url)

    @cached_property
    def intake(self) -> Intake:
        """Intake: receives deposits."""
        from ingestion.reception.dry_run import DryRun

        dry_run = DryRun(self.database, self._identify, self.clock)
        return Intake(
            self.database,
            self.ledger,
            self.store,
            self.settings.home / "spool",
            self.clock,
            self.settings.ingestion.max_deposit_bytes,
            notify=self.notifier.notify,
            dry_runner=dry_run,
            identify=dry_run.identified,
        )

    def _identify(self) -> Stage:
        from ingestion.stages.identify import Identify

        return Identify(self.sandbox)

    @cached_property
    def queue(self) -> TaskQueue:
        """Queue: Celery over the configured broker or the Valkey of this home."""
        from ingestion.queue.celery import CeleryQueue, make_app

        return CeleryQueue(make_app(self.broker_url, self.settings.ingestion.broker_ca))

    @property
    def broker_url(self) -> str:
        """URL of the broker of wake-ups."""
        named = self.settings.ingestion.broker_url
        if named is not None:
            return named.get_secret_value()
        from ingestion.queue import valkey

        return valkey.url(self.settings.home)

    @cached_property
    def sandbox(self) -> Sandbox:
        """Sandbox in which foreign bytes are parsed; its process starts at the first call."""
        from ingestion.tools.sandbox import Sandbox

        return Sandbox()

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Stages of the pipeline, with their tools."""
        from ingestion.processing.pipeline import pipeline

        sealing, trust = (self.signer, self.timestamper, self.clock), self.trust
        found, how = trust.foreign, self.settings.ingestion
        return pipeline(self.sandbox, how, *sealing, trusted=found, revocations=trust.everything)

    @cached_property
    def runner(self) -> Runner:
        """Runner: advances deposits."""
        from ingestion.processing.runner import Runner

        found = (self.database, self.ledger, self.store, self.stores, self.stages)
        work, unpack = self.settings.home / "work", self._unpacker.advance
        return Runner(*found, work, self.clock, notify=self.notifier.notify, unpack=unpack)

    @cached_property
    def _unpacker(self) -> Unpacker:
        from ingestion.packages.examining import Examiner
        from ingestion.packages.incoming import Unpacker

        work, most = self.settings.home / "work", self.settings.ingestion.max_deposit_bytes
        examiner = Examiner(self.database, self.store, lambda: self.sandbox, work, self.clock, most)
        return Unpacker(self.database, self.ledger, self.intake, self.holds, examiner, self.clock)

    @cached_property
    def relay(self) -> Relay:
        """Relay: sends wake-ups."""
        from ingestion.processing.relay import Relay

        return Relay(self.database, self.queue, self.clock)

    @cached_property
    def sweeper(self) -> Sweeper:
        """Sweeper: finds lost work."""
        from ingestion.processing.sweeper import Sweeper

        return Sweeper(self.database, self.queue, self.store, self.settings.home, self.clock)

    def retry(self, tenant: str, deposit_id: str, agent: str) -> DepositRow:
        """Run failed stages of a kept or quarantined deposit again.

        Raises:
            Refused: ``deposit_not_found``; ``nothing_to_retry``.
        """
        from ingestion.processing.retry import retry

        return retry(self.database, self.ledger, self.clock, self.notifier.notify, tenant, deposit_id, agent)

    @cached_property
    def redactions(self) -> Redactor:
        """Redactor: makes redacted copies."""
        from ingestion.processing.redaction import Redactor

        return Redactor(self.stores, self.sandbox, self.stages, self.settings.home / "work")

    # -- life

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Let one process of this home at a time run the block."""
        run = self.settings.home / "run"
        run.mkdir(parents=True, exist_ok=True)
        with (run / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def initialise(self) -> None:
        """Make or update all that a start needs; several processes may call it."""
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone("initialise"):
            from archive.custody.rebuild.run import require_finished
            from signing.authority import ensure_generated, has_keys, keys_missing

            prepare(self.settings.archive, self.database)
            require_finished(self.database)
            self.time_sense.look()
            if not has_keys(self.settings.signing.keys) and has_a_journal(self.database, self.store):
                raise keys_missing()
            ensure_generated(self.settings.signing.keys, organisation=ORGANISATION, clock=self.clock)
            self.proofs.renew_when_due()
            self.proofs.enter()
            self.register.enter_all()
            self.probe(after=PROBE_EVERY)

    def prepare_rebuild(self) -> None:
        """Make the tables and nothing else, for ``rebuild all``."""
        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone("initialise"):
            prepare(self.settings.archive, self.database)

    def create_tenant(self, tenant: str, name: str, time_zone: str = DEFAULT_ZONE, pack: str = DEFAULT_PACK) -> bool:
        """Open a tenant with document types and retention rules; False if it existed already.

        Raises:
            Refused: ``bad_tenant``, ``bad_time_zone``, ``pack_not_found``.
        """
        return self.register.open_tenant(tenant, name, time_zone, pack)

    def close(self) -> None:
        """Close everything that was opened."""
        made = vars(self)
        for name in ("sandbox", "index", "queue", "notifier"):
            if name in made:
                made[name].close()
        if "database" in made:
            self.database.dispose()


def assemble(settings: Settings, *, pooled: bool = True, clock: Clock = utc_now, sees: str = EVERYTHING) -> System:
    """Make the system that these settings describe; nothing is opened yet."""
    return System(settings, pooled=pooled, clock=clock, sees=sees)
