"""Receipts: proof that we received these bytes (docs/formats.md, section 3). Pure.

A receipt is made from the bytes of its ``DepositReceived`` entry and from nothing else. Names are
no part of the journal: it has a salted digest of each, and the salt lies with the deposit, so that
whoever has name and salt can check them and nobody can guess them.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Self

from archive.journal.merkle import leaf_hash
from archive.journal.types import RECEIVED, EntryType
from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import parse_stamp
from signing.ground.errors import Corrupt
from signing.note import LogKey

FILENAME: Final = "filename"
TENANT_NAME: Final = "tenant_name"
NAMES: Final = (FILENAME, TENANT_NAME)
"""Names of a deposit; an entry has the salted digest of each under the same word."""
BYTES: Final = ("sha-256", "sha-512", "size")

_LONGEST: Final = timedelta(hours=1)
"""Between receipt and entry, in entries that don't state the receipt's own moment."""
_SKEW: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class Names:
    """Names in a receipt, as of its entry.

    Attributes:
        salts: Salt of each name, hex; empty for a deposit of an earlier version.
    """

    filename: str
    tenant_name: str
    salts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def salted(cls, filename: str, tenant_name: str) -> Self:
        """Give each name a new random salt."""
        return cls(filename, tenant_name, {name: secrets.token_hex(16) for name in NAMES})

    def values(self) -> dict[str, str]:
        """Return each name by its word."""
        return {FILENAME: self.filename, TENANT_NAME: self.tenant_name}

    def digests(self) -> dict[str, str]:
        """Return the salted digests, as an entry has them; empty without salts."""
        told = self.values()
        return {name: salted_digest(name, told[name], salt) for name, salt in self.salts.items()}


@dataclass(frozen=True)
class Stated:
    """A deposit as somebody states it: a row, ``deposit.json`` or ``record.json``.

    Attributes:
        agreement: Code of the deposit agreement under which it was received; None without one.
    """

    deposit: str
    size: int
    sha256: str
    sha512: str
    received_at: str
    names: Names
    agreement: str | None = None

    @classmethod
    def of(cls, statement: Mapping[str, Any]) -> Self:
        """Read a ``deposit.json``."""
        names = Names(statement[FILENAME], statement[TENANT_NAME], statement.get("salts", {}))
        digests = statement["sha-256"], statement["sha-512"]
        agreement = statement.get("agreement")
        return cls(statement["deposit"], statement["size"], *digests, statement["received_at"], names, agreement)

    @classmethod
    def of_record(cls, record: Mapping[str, Any], *, tenant_name: str = "") -> Self:
        """Read the deposit of a ``record.json``.

        Args:
            tenant_name: Used where an earlier version left the tenant's name out.
        """
        original = next(form for form in record["representations"] if form["kind"] == "original")
        deposit, digests = record["deposit"], original["digests"]
        names = Names(record[FILENAME], deposit.get(TENANT_NAME, tenant_name), deposit.get("salts", {}))
        told = digests["sha-256"], digests["sha-512"]
        return cls(deposit["id"], original["size"], *told, deposit["received_at"], names, deposit.get("agreement"))

    def facts(self) -> dict[str, Any]:
        """Return the facts of ``DepositReceived``."""
        told: dict[str, Any] = {"sha-256": self.sha256, "sha-512": self.sha512, "size": self.size}
        if self.agreement is not None:
            told["agreement"] = self.agreement
        return told | ({"received_at": self.received_at} | self.names.digests() if self.names.salts else {})


def salted_digest(name: str, value: str, salt: str) -> str:
    """Return the SHA-256 of a name with its salt, hex."""
    return hashlib.sha256(canonical({"v": 1, "salt": salt, name: value})).hexdigest()


def receipt_of(body: bytes, stated: Stated) -> dict[str, Any]:
    """Make the text of a receipt from its entry; what is stated must be what the entry says.

    Args:
        body: Bytes of the entry.
        stated: The deposit as somebody else states it: its names, and what an older entry leaves
            out.

    Raises:
        Corrupt: ``journal_contradicts``.
    """
    entry = parse_canonical(body)
    differing = differences(entry, stated)
    if differing:
        raise contradicts(f"deposit:{stated.deposit}", differing)
    names, facts = stated.names, entry["facts"]
    return {
        "v": 1,
        "type": "receipt",
        "deposit": entry["subject"].removeprefix("deposit:"),
        **names.values(),
        **({"salts": dict(names.salts)} if names.salts else {}),
        **{name: facts[name] for name in BYTES},
        "received_at": facts.get("received_at", stated.received_at),
        "entry": entry["n"],
        "leaf": leaf_hash(body).hex(),
    }


def differences(entry: Mapping[str, Any], stated: Stated) -> list[str]:
    """Return what an entry and a statement of the same deposit say differently."""
    facts = entry["facts"]
    told = {"sha-256": stated.sha256, "sha-512": stated.sha512, "size": stated.size}
    found = [name for name in BYTES if facts[name] != told[name]]
    if entry["type"] not in RECEIVED or entry["subject"] != f"deposit:{stated.deposit}":
        found.append("deposit")
    if not _same_moment(entry, stated.received_at):
        found.append("received_at")
    digests = stated.names.digests()
    return found + [name for name in NAMES if facts.get(name) != digests.get(name)]


def _same_moment(entry: Mapping[str, Any], received_at: str) -> bool:
    if "received_at" in entry["facts"]:
        return bool(entry["facts"]["received_at"] == received_at)
    if entry["type"] != EntryType.DEPOSIT_RECEIVED:
        return True  # made again after the loss of a database: its own time is that of the recovery
    at, received = parse_stamp(entry["at"]), parse_stamp(received_at)
    return at - _LONGEST <= received <= at + _SKEW


def signed(log_key: LogKey, receipt: Mapping[str, Any], body: bytes, proof: str | None) -> dict[str, Any]:
    """Sign a receipt, and give it what checks it: key, entry, and its proof once published.

    The same facts give the same note at any time (Ed25519 is deterministic), so it need not be
    stored.
    """
    return {
        "receipt": dict(receipt),
        "note": log_key.sign_note(canonical(dict(receipt)).decode() + "\n"),
        "state": "sequenced" if proof is None else "published",
        "key": log_key.vkey,
        "entry": body.decode(),
        "proof": proof,
    }


def contradicts(subject: str, what: list[str]) -> Corrupt:
    """Return the error for something that the journal says differently."""
    return Corrupt(
        "journal_contradicts",
        "Le journal des preuves ne dit pas la même chose de « {subject} » ({what}).",
        kept="Rien n’a été signé ; le journal et le magasin sont inchangés.",
        action=(
            "Déposant : gardez ce que vous avez et prévenez l’administrateur du service. Administrateur : gardez une "
            "copie de la base, que quelqu’un a changée, puis lancez « chartrier reconcile »."
        ),
        subject=subject,
        what=", ".join(what),
    )
