"""Open a log: ``layout.json``, the voucher of the log's key, entry 0; once each."""

from __future__ import annotations

import hashlib
from typing import Final

import structlog

from archive.database.engine import Database
from archive.database.tables import JournalEntryRow
from archive.journal import succession
from archive.journal.log_files import LogFiles
from archive.journal.sequencer import Ledger, size
from archive.objects.layout import CHECKPOINT, FIRST_VOUCHER, LAYOUT_JSON, VoucherKey
from archive.objects.port import ObjectStore, found, read_all
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Refused, Unavailable
from signing.note import LogKey
from signing.port import Signer, Timestamper, present
from signing.seal import detached, sealed_with

PRODUCT: Final = "chartrier"

log = structlog.get_logger(__name__)


class Opening:
    """Open the log of one key in one store and one database."""

    def __init__(
        self,
        database: Database,
        files: LogFiles,
        log_key: LogKey,
        signer: Signer,
        timestamper: Timestamper,
        clock: Clock,
    ) -> None:
        self._database = database
        self._files = files
        self._store = files.store
        self._log_key = log_key
        self._signer = present(signer)
        self._timestamper = timestamper
        self._clock = clock

    def open(self) -> None:
        """Write ``layout.json``, the voucher of the log key and entry 0, unless they are there.

        A seal or an authority that is not the last one entered is entered as its successor.

        Raises:
            Refused: ``log_key_changed``: the store or the database holds the journal of another key
                or origin; ``database_lost``: the database is empty and the store is not.
        """
        log = {"origin": self._log_key.origin, "vkey": self._log_key.vkey}
        with self._database.read() as session:
            first = session.get(JournalEntryRow, 0)
        if first is not None and parse_canonical(first.body)["facts"]["vkey"] != self._log_key.vkey:
            raise Refused(
                "log_key_changed",
                "La base contient le journal d’une autre installation ou d’une autre clé.",
                action="Rétablissez le dossier des clés d’origine, ou choisissez une base vide.",
            )
        stored = found(self._store, LAYOUT_JSON)
        if stored is None:
            stored = self._first_layout(log)
        if parse_canonical(stored)["log"] != log:
            raise Refused(
                "log_key_changed",
                "Le magasin contient le journal d’une autre installation ou d’une autre clé.",
                action="Rétablissez le dossier des clés d’origine, ou choisissez un magasin vide.",
            )
        self._require_journal()
        self._vouch()
        ledger = Ledger(self._database, self._clock)
        with self._database.write() as session:
            ledger.open_log(session, vkey=self._log_key.vkey, certificate=self._signer.certificate)
            succession.enter_changes(session, ledger, self._signer, self._timestamper)

    def _first_layout(self, log: dict[str, str]) -> bytes:
        """Write ``layout.json``, or read the one that another machine wrote at the same time."""
        content = canonical({"v": 1, "product": PRODUCT, "created": stamp(self._clock()), "log": log})
        try:
            self._files.put_for_good(LAYOUT_JSON, content)
        except Refused as error:
            if error.code != "object_exists":
                raise
        return read_all(self._store, LAYOUT_JSON)

    def _require_journal(self) -> None:
        """Refuse to begin a second journal over the published one."""
        with self._database.read() as session:
            if size(session):
                return
        if found(self._store, CHECKPOINT) is not None:
            raise Refused(
                "database_lost",
                "La base de données est vide, mais le magasin contient un journal et des documents.",
                kept="Rien n’a été écrit.",
                action="Rétablissez la base d’origine, ou refaites-la depuis le magasin : « chartrier rebuild all ».",
            )

    def _vouch(self) -> None:
        """Write a voucher of the present seal for the log key, unless this seal gave one before."""
        line = vkey_line(self._log_key.vkey)
        beside = voucher_of(self._signer.certificate)
        first = found(self._store, FIRST_VOUCHER)
        if first is None:
            key = FIRST_VOUCHER
        elif sealed_with(first, line) != self._signer.certificate and found(self._store, beside) is None:
            key = beside
        else:
            return
        try:
            voucher_now = detached(self._signer, line, self._timestamper, at=self._clock())
        except Unavailable:
            if first is None:
                raise
            log.warning("log_key_not_vouched_for")  # the next start tries again; what is received waits for nothing
            return
        self._files.put_for_good(key, voucher_now)


def vkey_line(vkey: str) -> bytes:
    """Return the bytes signed in ``journal/log-key.p7s``: the verifier key and a line break."""
    return vkey.encode() + b"\n"


def voucher_of(certificate: bytes) -> str:
    """Return the key of the voucher that a later seal certificate (DER) gave."""
    return VoucherKey(hashlib.sha256(certificate).hexdigest()).key


def voucher(store: ObjectStore, certificate: bytes) -> bytes:
    """Read the voucher that a certificate's seal gave for the log key, else the first one."""
    later = found(store, voucher_of(certificate))
    return later if later is not None else read_all(store, FIRST_VOUCHER)
