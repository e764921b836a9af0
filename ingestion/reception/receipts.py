"""Receipts on request: made from the journal's bytes, checked against row and store.

The row of a deposit is no proof: it can be changed. What a receipt says comes from the entry
``DepositReceived``. If that is published, it is shown to be under the checkpoint in the store. If
not, only the database has it: then ``deposit.json`` in the store must say the same, and the store
remembers what was signed (``archive.journal.promises``).
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from archive.catalogue.tenant_register import names_of
from archive.database.alarms import alarmed
from archive.database.tables import JournalEntryRow, TenantRow
from archive.holdings.stores import Stores, metadata_of
from archive.journal.promises import Promises
from archive.journal.published import proof_of
from archive.journal.receipts import FILENAME, Names, Stated, contradicts, receipt_of, signed
from archive.objects.layout import DepositFolder, record_folder
from archive.objects.ocfl import RECORD_JSON
from archive.objects.port import found
from ingestion.deposits.queries import find
from ingestion.tables import DepositRow
from signing.ground.canonical import parse_canonical
from signing.ground.clock import stamp
from signing.ground.errors import Unavailable
from signing.note import LogKey

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, StopIteration)


class Receipts:
    """Receipts of one installation.

    Args:
        log_key: Signs them.
    """

    def __init__(self, stores: Stores, log_key: LogKey) -> None:
        self._stores = stores
        self._log_key = log_key

    def of(self, tenant: str, deposit_id: str) -> dict[str, Any]:
        """Return the signed receipt of a deposit, with all that checks it.

        Raises:
            Refused: ``deposit_not_found``, also for a deposit of another tenant.
            Corrupt: ``journal_contradicts``: the database no longer says what the journal says, and
                nothing was signed.
            Unavailable: ``receipt_waits``: nothing but the database knows the entry yet.
        """
        with alarmed(self._stores.database, self._stores.clock, f"deposit:{deposit_id}"):
            with self._stores.database.read() as session:
                row = find(session, tenant, deposit_id)
                entry = session.get(JournalEntryRow, row.entry)
                stated = self._of_row(session, row)
            if entry is None or entry.tenant_id not in {row.tenant_id, None}:
                raise contradicts(f"deposit:{deposit_id}", ["entry"])
            return self._signed(row, entry.body, stated)

    def _signed(self, row: DepositRow, body: bytes, stated: Stated) -> dict[str, Any]:
        store, subject = self._stores.store, f"deposit:{row.id}"
        proof = proof_of(store, self._log_key.vkey, row.entry, body)
        receipt = _read(body, stated)
        if (receipt["entry"], receipt["leaf"]) != (row.entry, row.leaf_hash):
            raise contradicts(subject, ["leaf"])
        if proof is None or FILENAME not in parse_canonical(body)["facts"]:
            witness = _read(body, self._of_store(row, stated.names.tenant_name))
            if witness != receipt:
                raise contradicts(subject, sorted(name for name in receipt if witness.get(name) != receipt[name]))
        if proof is None:
            Promises(store).remember(row.entry, receipt["leaf"])
        return signed(self._log_key, receipt, body, proof)

    def _of_row(self, session: Session, row: DepositRow) -> Stated:
        """Read a deposit from its row; the name of an older one's tenant from the register."""
        name = row.tenant_name
        if name is None:
            name = session.get_one(TenantRow, row.tenant_id).name
            registered = names_of(self._stores.store, row.tenant_id)
            if registered and name not in registered:
                raise contradicts(f"deposit:{row.id}", ["tenant_name"])
        names = Names(row.filename, name, dict(row.salts or {}))
        return Stated(row.id, row.size, row.sha256, row.sha512, stamp(row.received_at), names)

    def _of_store(self, row: DepositRow, tenant_name: str) -> Stated:
        """Read a deposit from what the store has of it: ``deposit.json``, else ``record.json``.

        Raises:
            Unavailable: ``receipt_waits``: it has neither.
        """
        store = self._stores.store
        statement = found(store, DepositFolder(row.tenant_id, row.id).statement)
        try:
            if statement is not None:
                return Stated.of(parse_canonical(statement))
            folder = record_folder(row.tenant_id, row.record_id or row.id)
            inventory = found(store, folder.inventory)
            if inventory is not None:
                record = metadata_of(self._stores, folder, json.loads(inventory), RECORD_JSON)
                return Stated.of_record(record, tenant_name=tenant_name)
        except _UNREADABLE as error:
            raise contradicts(f"deposit:{row.id}", ["store"]) from error
        raise Unavailable(
            "receipt_waits",
            "Rien d’autre que la base ne connaît encore ce dépôt : son récépissé n’est pas signé sur cette foi.",
            kept="Le dépôt reste enregistré.",
            action="Réessayez dans une minute, après le prochain scellement du journal.",
        )


def _read(body: bytes, stated: Stated) -> dict[str, Any]:
    try:
        return receipt_of(body, stated)
    except _UNREADABLE as error:
        raise contradicts(f"deposit:{stated.deposit}", ["entry"]) from error
