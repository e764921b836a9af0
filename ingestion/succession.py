"""Succession of seals and authorities: renew in time, replace on command, publish and enter."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Protocol

import structlog

from archive.database.engine import Database
from archive.database.tenancy import EVERYTHING, acting_for
from archive.database.time_sense import TimeSense
from archive.journal.proof_calendar import calendar, due
from archive.journal.publisher import Publisher
from signing.authority import CRL, renew_generated, renewal_is_due
from signing.ground.clock import Clock
from signing.ground.errors import Refused
from signing.port import Signer, Timestamper, present
from signing.settings import GeneratedSeal, SigningSettings
from signing.trust import TrustFolder
from signing.validity import require_valid_seal

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Replaced:
    """What is in place after a replacement: SHA-256 of the seal before and now."""

    former: str
    seal: str


class Assembled(Protocol):
    """What a succession needs of the assembled system."""

    @property
    def database(self) -> Database: ...  # noqa: D102
    @property
    def trust(self) -> TrustFolder: ...  # noqa: D102
    @property
    def time_sense(self) -> TimeSense: ...  # noqa: D102
    @property
    def signer(self) -> Signer: ...  # noqa: D102
    @property
    def timestamper(self) -> Timestamper: ...  # noqa: D102
    @property
    def publisher(self) -> Publisher: ...  # noqa: D102
    @property
    def clock(self) -> Clock: ...  # noqa: D102


class Succession:
    """Succession of the seal and of the authority of one installation.

    Args:
        system: What is in place now; after a renewal its parts are made again.
        settings: Whose seal, which authorities.
        organisation: Name for the certificates that are made here.
    """

    def __init__(self, system: Assembled, settings: SigningSettings, organisation: str) -> None:
        self._system = system
        self._settings = settings
        self._organisation = organisation

    @property
    def made_here(self) -> bool:
        """Whether seal or authority is the one that was made here."""
        return isinstance(self._settings.seal, GeneratedSeal) or not self._settings.tsa_urls

    def renew_when_due(self) -> bool:
        """Make a new set of seal, authority and root a year before one of them ends.

        Where the folder of keys is read-only, another machine, or the next start, does so. Under a
        distrusted clock nothing is renewed: the new certificates would begin at a wrong time.
        """
        keys = self._settings.keys
        if not self.made_here or not os.access(keys, os.W_OK) or not renewal_is_due(keys, self._system.clock()):
            return False
        if not self._system.time_sense.sense().trusted:
            log.warning("proofs_not_renewed", reason="clock_distrusted")
            return False
        try:
            self._renew()
        except Refused as refused:  # it is due a year ahead: the next day asks again
            log.warning("proofs_not_renewed", reason=refused.code)
            return False
        log.info("proofs_renewed", seal=self._digest())
        return True

    def replace(self) -> Replaced:
        """Put another seal in place: a new one made here, or the one that the settings name now.

        Raises:
            Refused: ``keys_read_only``, ``trust_read_only``, ``seal_unreadable``.
            Unavailable: ``seal_outside_validity``; the authority does not answer;
                ``clock_distrusted``.
        """
        self._system.time_sense.require_trusted()
        former = self._digest()
        if isinstance(self._settings.seal, GeneratedSeal):
            self._renew()
        require_valid_seal(self._system.signer, self._system.clock())
        self._system.timestamper.token(hashlib.sha256(b"chartrier").digest())
        self.enter()
        return Replaced(former, self._digest())

    def enter(self) -> None:
        """Publish our certificates, let the seal vouch for the log, enter what was replaced."""
        self.publish()
        self._system.publisher.open_log()

    def publish(self) -> bool:
        """Write our certificates and the root's revocation list into the trust folder.

        Returns:
            Whether all are there; if not, the service goes on and says so.
        """
        crl = self._settings.keys / CRL
        lists = [crl.read_bytes()] if crl.exists() else []
        if self._system.trust.publish(self._ours(), lists):
            return True
        log.warning("trust_not_published", missing=self.unpublished())
        return False

    def unpublished(self) -> tuple[str, ...]:
        """Return the names in the trust folder of our certificates that are not there."""
        return self._system.trust.unpublished(self._ours())

    def _ours(self) -> list[bytes]:
        signer, foreign = present(self._system.signer), set(self._system.trust.foreign().roots)
        stamping = [der for der in self._system.timestamper.chain if der not in foreign]
        return [signer.certificate, *signer.chain, *stamping]

    def watch(self) -> None:
        """Log each certificate that ends within a year, the graver the nearer."""
        now, here = self._system.clock(), self._system
        with acting_for(EVERYTHING), self._system.database.read() as session:
            found = calendar(session, here.signer, here.timestamper)
        for deadline in due(found, now):
            write = (log.info, log.info, log.warning, log.error)[deadline.level(now)]
            write("proof_ends", what=deadline.what, ends=f"{deadline.validity.ends:%Y-%m-%d}")

    def _renew(self) -> None:
        if not self.publish():  # the former certificates stay known: what they sealed stays verifiable
            raise Refused(
                "trust_read_only",
                "Le dossier de confiance (trust/) ne peut pas être écrit : les certificats actuels s’y perdraient.",
                kept="Le cachet actuel reste en place.",
                action="Rendez ce dossier inscriptible, puis relancez la commande.",
            )
        renew_generated(self._settings.keys, organisation=self._organisation, clock=self._system.clock)
        for made in ("_authority", "timestamper", "publisher", "evidence", "stages"):
            vars(self._system).pop(made, None)

    def _digest(self) -> str:
        return hashlib.sha256(self._system.signer.certificate).hexdigest()
