"""Judge a receipt that somebody sends: is it ours, and does the journal say the same?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import typst
from sqlalchemy import select

from api.views.headline import About, SubjectKind, check, finding
from api.views.journal_of_today import note_of_proof, today_checks
from api.views.receipt_pdf import MEMBERS, VERSION, PrintedPage, receipt_pdf
from api.views.receipts import printed_page
from archive.catalogue.tenant_register import names_of
from archive.database.alarms import RECEIPT, alarmed, settle
from archive.database.tables import JournalEntryRow
from archive.database.tenancy import EVERYTHING, acting_for
from archive.evidence import verify
from archive.journal.merkle import leaf_hash
from archive.journal.published import PublishedLog
from archive.journal.receipts import FILENAME, TENANT_NAME, Stated, contradicts, differences
from archive.journal.types import EntryType
from archive.objects.fixity import Fixity
from archive.objects.port import Unreadable
from ingestion.reception.receipts import Receipts
from ingestion.tables import DepositRow
from signing.ground.canonical import parse_canonical
from signing.ground.errors import ChartrierError, Corrupt, Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

LONGEST: Final = 128 * 1024

_SAID: Final = {
    "not_ours": "Il n’est pas signé par la clé de ce service : demandez à celui qui l’a donné.",
    "not_the_text": "Le texte n’est pas celui que nous avons signé, ou ce qui l’accompagne a été changé.",
    "signed": "Ce texte est, au signe près, celui que nous avons signé.",
    "journal_away": "Le journal publié ne peut pas être relu en ce moment.",
    "waits": "Sa ligne n’est pas encore sous un scellement du journal : revenez dans une minute.",
    "published": "Sa ligne est, telle quelle, dans le journal publié.",
    "again": "Sa ligne a été perdue avec une base de données, puis refaite : elle dit la même chose.",
    "contradicted": "Le journal d’aujourd’hui a une autre ligne à cette place : l’un des deux a été réécrit.",
    "no_entry": "Sa ligne n’est plus dans la base : seule la signature en répond.",
    "entry_differs": "Sa ligne du journal dit autre chose.",
    "entry_agrees": "Sa ligne du journal dit la même chose.",
    "older": "Il est d’une version ancienne, et le dépôt n’a pas pu être relu.",
    "kept_agrees": "Ce que nous gardons dit la même chose.",
    "code_alone": "Ce PDF est d’une version ancienne : vérifiez le texte de son code QR, ou demandez un autre PDF.",
    "page": "La page est, octet pour octet, celle que nous donnons.",
    "page_older": "La page a été composée par une autre version : ne vous fiez qu’au texte signé ci-dessus.",
    "page_told": "Son titre, son déposant ou son adresse ne sont pas ceux que nous connaissons.",
    "page_changed": "La page a été changée : ne vous fiez qu’au texte signé ci-dessus.",
    "kept_differs": "Ce que nous gardons dit autre chose.",
}
_NAMES: Final = {
    "signature": "Signature du récépissé",
    "journal": "Journal",
    "content": "Nom, date et empreintes",
    "page": "Page imprimée",
}
_FAULTS: Final[tuple[type[Exception], ...]] = (*verify.FAULTS, RecursionError)
_TYPESETTING: Final[tuple[type[Exception], ...]] = (*_FAULTS, typst.TypstError)
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNED_BY: Final = "\n\u2014 {origin} "


def receipt_in(content: bytes) -> dict[str, Any] | None:
    """Return the receipt in a file, as it is served or as a note alone; None if it is none."""
    if len(content) > LONGEST:
        return None
    try:
        text = content.decode()
        if "\n\n\u2014 " in text and text.startswith("{"):
            told = json.loads(text.partition("\n")[0])
            carried = {"receipt": told, "note": text}
        else:
            carried = json.loads(text)
            told = carried["receipt"]
        is_receipt = told["type"] == "receipt" and isinstance(carried["note"], str)
    except _FAULTS:
        return None
    return carried if is_receipt else None


def judge_receipt(
    system: System, carried: Mapping[str, Any], *, printed: bytes | None = None, public_url: str = ""
) -> dict[str, Any]:
    """Judge a receipt by its signature, and by the journal of today.

    Args:
        carried: From ``receipt_in``.
        printed: The PDF to which it was attached.
    """
    signature, told = _signature(system, carried)
    checks = [signature]
    if told is not None:
        with acting_for(EVERYTHING):  # who holds a receipt knows all that is said of it
            checks += _Told(system, told, carried.get("entry")).checks()
            if printed is not None:
                checks.append(_page(system, told, carried, printed, public_url))
        checks += today_checks(system, note_of_proof(carried.get("proof")))
    shown = (
        {name: told[name] for name in ("deposit", FILENAME, TENANT_NAME, "received_at", "sha-256")} if told else None
    )
    return finding(SubjectKind.RECEIPT, checks, receipt=shown)


def judge_older_page(system: System, words: str) -> dict[str, Any] | None:
    """Judge a printed receipt of an earlier version, whose signed text is in its QR code alone.

    Args:
        words: Text of the page.

    Returns:
        None if the page names no deposit of ours together with its digest.
    """
    close = re.sub(r"\s+", "", words)
    ids = dict.fromkeys(_ID.findall(close))
    with acting_for(EVERYTHING), system.database.read() as session:
        rows = [session.get(DepositRow, found) for found in list(ids)[:3]]
    if "Récépissédedépôt" not in close and "Depositreceipt" not in close:
        return None
    if not any(row is not None and row.sha256 in close for row in rows):
        return None
    return finding(
        SubjectKind.RECEIPT, [check(About.RECEIPT, _NAMES["signature"], Fixity.UNVERIFIABLE, _SAID["code_alone"])]
    )


def _signature(system: System, carried: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Return the check of the signature, and what a receipt says if it is ours."""
    name = _NAMES["signature"]
    ours = _SIGNED_BY.format(origin=system.log_key.origin)
    if ours not in carried["note"]:
        return check(About.RECEIPT, name, Fixity.UNVERIFIABLE, _SAID["not_ours"]), None
    try:
        kept = {name: value for name, value in carried.items() if name in MEMBERS}
        told = verify.read_receipt(json.dumps(kept).encode(), system.log_key.vkey)
        Stated.of(told)
    except _FAULTS:
        return check(About.RECEIPT, name, Fixity.ALTERED, _SAID["not_the_text"]), None
    return check(About.RECEIPT, name, Fixity.INTACT, _SAID["signed"]), told


def _page(
    system: System, told: Mapping[str, Any], carried: Mapping[str, Any], printed: bytes, public_url: str
) -> dict[str, str]:
    """Typeset the page again, as we would and as it says, and compare the bytes."""
    stated = carried["page"] if isinstance(carried.get("page"), dict) else {}
    names = {field.name for field in fields(PrintedPage)}
    language = "en" if stated.get("language") == "en" else "fr"
    try:
        with system.database.read() as session:
            row = session.get(DepositRow, told["deposit"])
        tenant = row.tenant_id if row is not None else ""
        ours = printed_page(system, tenant, str(told["deposit"]), public_url=public_url, language=language)
    except Refused:
        ours = None
    is_whole = carried.keys() >= {*MEMBERS}  # one of an earlier version was never attached to a page
    if ours is not None and is_whole and receipt_pdf(carried, ours) == printed:
        return check(About.PAGE, _NAMES["page"], Fixity.INTACT, _SAID["page"])
    if stated.get("version") != VERSION:
        return check(About.PAGE, _NAMES["page"], Fixity.UNVERIFIABLE, _SAID["page_older"])
    try:
        as_it_says = receipt_pdf(carried, PrintedPage(**{name: stated[name] for name in names}))
    except _TYPESETTING:
        as_it_says = b""
    if as_it_says == printed and stated["probative"] in {False, system.signer.probative}:
        return check(About.PAGE, _NAMES["page"], Fixity.UNVERIFIABLE, _SAID["page_told"])
    return check(About.PAGE, _NAMES["page"], Fixity.ALTERED, _SAID["page_changed"])


class _Told:
    """What a receipt says, with our signature, against the journal."""

    def __init__(self, system: System, told: dict[str, Any], carried: str | None) -> None:
        self._system = system
        self._told = told
        self._n = int(told["entry"])
        self._subject = f"{RECEIPT}{told['deposit']}:{str(told['leaf'])[:16]}"
        self._body = carried.encode() if carried is not None else self._stored()

    def checks(self) -> list[dict[str, str]]:
        """Return the checks of its entry's place in the journal, and of what the entry says."""
        try:
            place = self._place()
            if place["verdict"] == Fixity.INTACT:
                settle(self._system.database, self._system.clock, self._subject)
        except (Corrupt, Unreadable):
            place = check(About.JOURNAL, _NAMES["journal"], Fixity.UNVERIFIABLE, _SAID["journal_away"])
        return [place, self._content()]

    def _stored(self) -> bytes | None:
        """Read the entry from the database, if it is the one that the receipt names."""
        with self._system.database.read() as session:
            row = session.get(JournalEntryRow, self._n)
        return row.body if row is not None and leaf_hash(row.body).hex() == self._told["leaf"] else None

    def _place(self) -> dict[str, str]:
        log = PublishedLog(self._system.store, self._system.log_key.vkey)
        if self._n >= log.head.size:
            if self._stored() is not None:
                return check(About.JOURNAL, _NAMES["journal"], Fixity.UNVERIFIABLE, _SAID["waits"])
            return self._again(log) or self._contradicted()
        published = log.tree.node(0, self._n).hex() == self._told["leaf"]
        if published and self._body is not None and not log.holds(self._n, self._body):
            published = False
        if published:
            return check(About.JOURNAL, _NAMES["journal"], Fixity.INTACT, _SAID["published"])
        return self._again(log) or self._contradicted()

    def _again(self, log: PublishedLog) -> dict[str, str] | None:
        """Find the entry that was made again after the loss of a database."""
        with self._system.database.read() as session:
            query = select(JournalEntryRow).where(
                JournalEntryRow.subject == f"deposit:{self._told['deposit']}",
                JournalEntryRow.type == EntryType.DEPOSIT_RECOVERED,
            )
            rows = [(row.n, row.body) for row in session.scalars(query)]
        for n, body in rows:
            if (
                n < log.head.size
                and log.holds(n, body)
                and not differences(parse_canonical(body), Stated.of(self._told))
            ):
                return check(About.JOURNAL, _NAMES["journal"], Fixity.INTACT, _SAID["again"])
        return None

    def _contradicted(self) -> dict[str, str]:
        try:
            with alarmed(self._system.database, self._system.clock, self._subject):
                raise contradicts(self._subject, ["leaf"])
        except Corrupt:
            return check(About.JOURNAL, _NAMES["journal"], Fixity.ALTERED, _SAID["contradicted"])

    def _content(self) -> dict[str, str]:
        """Compare what the receipt says with what its entry says."""
        name = _NAMES["content"]
        if self._body is None:
            return check(About.RECEIPT, name, Fixity.UNVERIFIABLE, _SAID["no_entry"])
        entry = parse_canonical(self._body)
        if differences(entry, Stated.of(self._told)):
            return check(About.RECEIPT, name, Fixity.ALTERED, _SAID["entry_differs"])
        if FILENAME in entry["facts"]:
            return check(About.RECEIPT, name, Fixity.INTACT, _SAID["entry_agrees"])
        return self._older(name)

    def _older(self, name: str) -> dict[str, str]:
        """Compare a receipt of an earlier version, whose entry has no names, with the store."""
        with self._system.database.read() as session:
            row = session.get(DepositRow, self._told["deposit"])
        try:
            if row is None:
                raise contradicts(f"deposit:{self._told['deposit']}", ["deposit"])
            ours = Receipts(self._system.stores, self._system.log_key).of(row.tenant_id, row.id)["receipt"]
        except ChartrierError:
            return check(About.RECEIPT, name, Fixity.UNVERIFIABLE, _SAID["older"])
        names = {self._told[TENANT_NAME]} <= {ours[TENANT_NAME], *names_of(self._system.store, row.tenant_id)}
        same = all(self._told[fact] == ours[fact] for fact in (FILENAME, "received_at"))
        if names and same:
            return check(About.RECEIPT, name, Fixity.INTACT, _SAID["kept_agrees"])
        return check(About.RECEIPT, name, Fixity.ALTERED, _SAID["kept_differs"])
