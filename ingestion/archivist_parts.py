"""Parts of the system that archivists work with: register, statements, holds, locks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from archive.database.engine import Database
from archive.journal.sequencer import Ledger
from archive.objects.port import ObjectStore
from ingestion.settings import Settings
from signing.ground.clock import Clock
from signing.port import Signer, Timestamper, present

if TYPE_CHECKING:
    from archive.catalogue.statements import Statements
    from archive.catalogue.tenant_register import Register
    from archive.database.time_sense import TimeSense
    from archive.disposition.disposals.guest_secrets import GuestSecrets
    from archive.disposition.holds.decisions import Holds
    from archive.disposition.locks import Locks
    from archive.disposition.reports.run import Stocktaker
    from archive.evidence.certificates import Certificates
    from archive.holdings.dispose import Disposer, Executed
    from archive.holdings.stores import Stores
    from archive.journal.publisher import Publisher
    from ingestion.deposits.forgetting import Forgetting
    from ingestion.processing.paper import PaperIntake
    from ingestion.tools.sandbox import Sandbox
    from search.follower import Follower
    from signing.note import LogKey
    from signing.pdf import SealFacts
    from signing.trust import TrustFolder


class ArchivistParts(ABC):
    """Parts made on first use and kept; what they rest on comes from the system."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock

    @property
    @abstractmethod
    def database(self) -> Database:
        """The database."""

    @property
    @abstractmethod
    def store(self) -> ObjectStore:
        """The store."""

    @property
    @abstractmethod
    def follower(self) -> Follower:
        """Follower of the journal into the index."""

    @property
    @abstractmethod
    def copy_store(self) -> ObjectStore | None:
        """The second store, if there is one."""

    @property
    @abstractmethod
    def stores(self) -> Stores:
        """What the verbs of the holdings work on."""

    @property
    @abstractmethod
    def sandbox(self) -> Sandbox:
        """Sandbox in which foreign bytes are parsed."""

    @property
    @abstractmethod
    def ledger(self) -> Ledger:
        """Sequencer of the journal."""

    @property
    @abstractmethod
    def publisher(self) -> Publisher:
        """Publisher: seals the journal."""

    @property
    @abstractmethod
    def log_key(self) -> LogKey:
        """Log key: signs receipts and checkpoints."""

    @property
    @abstractmethod
    def signer(self) -> Signer:
        """Signer: holds the seal's key."""

    @property
    @abstractmethod
    def timestamper(self) -> Timestamper:
        """Timestamper: attests the time."""

    @property
    @abstractmethod
    def time_sense(self) -> TimeSense:
        """Sense of time: whether this machine's clock is trusted."""

    @property
    @abstractmethod
    def trust(self) -> TrustFolder:
        """Trust folder: whom we trust, who we are."""

    @cached_property
    def register(self) -> Register:
        """Register of tenants in the store."""
        from archive.catalogue.tenant_register import Register

        return Register(self.database, self.ledger, self.store, self.clock, self.settings.archive.lock_horizon_days)

    @cached_property
    def holds(self) -> Holds:
        """Holds: places and releases them."""
        from archive.disposition.holds.decisions import Holds

        horizon, certain = self.settings.archive.lock_horizon_days, self.time_sense.certain_now
        return Holds(self.database, self.ledger, self.store, self.clock, horizon, certain)

    @cached_property
    def statements(self) -> Statements:
        """Statements: brings the store in step with those that were made."""
        from archive.catalogue.statements import Statements

        horizon, certain = self.settings.archive.lock_horizon_days, self.time_sense.certain_now
        return Statements(self.database, self.store, self.clock, horizon, certain)

    @cached_property
    def disposer(self) -> Disposer:
        """Disposer: executes disposals in every copy."""
        from archive.holdings.dispose import Disposer
        from ingestion.deposits.leave import leave_deposit, sweep_staging

        copies = [self.copy_store] if self.copy_store is not None else []
        leave = partial(leave_deposit, self.settings.home)
        sweep = partial(sweep_staging, self.store)
        return Disposer(self.stores, copies, self.time_sense.require_trusted, leave, sweep)

    @cached_property
    def certificates(self) -> Certificates:
        """Certificates of disposals: issues them, reads them."""
        from archive.evidence.certificates import Certificates

        copies, days = self.disposer.copies, self.settings.archive.backup_retention_days
        proven = (self.publisher, self.log_key, self.signer, self.timestamper)
        return Certificates(self.stores, copies, *proven, days)

    def dispose(self) -> Executed:
        """Execute disposals, leave no word of what they destroyed, and issue the certificates.

        Raises:
            Unavailable: The clock is not trusted, or a part of the system did not answer.
        """
        done = self.disposer.run()
        if done.destroyed:
            self.database.forget()
        self.forgetting.run()
        done.failed |= self.certificates.issue().failed
        return done

    def seal_file(self, source: Path, target: Path) -> SealFacts:
        """Seal a PDF of our own, with what is known of revocations in it.

        Raises:
            Unavailable: Signer or authority did not answer, or one is revoked.
        """
        from signing.pdf import seal_file
        from signing.revocation import archive_unrevoked

        signer, known, now = present(self.signer), self.trust.everything(), self.clock()
        chains = [(signer.certificate, *signer.chain), self.timestamper.chain]
        archived = archive_unrevoked(chains, known.crls, known.ocsps, now)
        return seal_file(source, target, signer, self.timestamper, clock=self.clock, archived=archived)

    @cached_property
    def stocktaker(self) -> Stocktaker:
        """Stocktaker: makes the stocktakings that were asked for."""
        from archive.disposition.reports.run import Stocktaker

        horizon, certain = self.settings.archive.lock_horizon_days, self.time_sense.certain_now
        made = (self.database, self.ledger, self.store, self.seal_file, self.clock, horizon, certain)
        return Stocktaker(*made, self.settings.home / "work" / "reports")

    @cached_property
    def forgetting(self) -> Forgetting:
        """Forgetting: makes indexes again that hold words of what is gone."""
        from ingestion.deposits.forgetting import Forgetting

        return Forgetting(self.database, self.follower, self.clock, self._owner_url)

    @property
    def _owner_url(self) -> str | None:
        """URL of the role that owns the tables, where it is another than the serving one."""
        given = self.settings.archive
        owner = given.database_owner_url.get_secret_value()
        return owner if owner != given.database_url.get_secret_value() else None

    @cached_property
    def paper(self) -> PaperIntake:
        """Intake of bordereaux that come back on paper."""
        from ingestion.processing.paper import PaperIntake
        from ingestion.tools.clamav import ClamAv

        scanner = ClamAv(self.settings.ingestion.clamd_socket)
        return PaperIntake(self.stores, self.sandbox, scanner, self.settings.home / "work")

    @cached_property
    def guest_secrets(self) -> GuestSecrets:
        """Secrets of guests: tokens of links, digests of codes."""
        from archive.disposition.disposals.guest_secrets import GuestSecrets

        return GuestSecrets.of_installation(self.settings.signing.keys / "log.key")

    @cached_property
    def locks(self) -> Locks:
        """Locks: extends those of the store."""
        from archive.disposition.locks import Locks

        return Locks(self.database, self.store, self.time_sense.certain_now, self.settings.archive.lock_horizon_days)
