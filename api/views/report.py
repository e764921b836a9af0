"""Reports as JSON; making and delivering them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from api.access.callers import Caller
from api.http.deliveries import attachment, repr_digest
from api.views.due_csv import stream_response
from archive.catalogue.reading import Reader
from archive.database.report_tables import ReportRow
from archive.disposition.act import Act
from archive.disposition.reports import issue, listing, run
from archive.disposition.reports.registers import REGISTERS, register_of
from archive.disposition.reports.stocktaking import read_asked
from archive.model.reports import ReportKind, ReportState
from archive.objects.fixity import verified
from archive.objects.layout import ReportKey
from archive.retention.civil import today_of
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

_OF_ALL: Final = ("first", "last", "rows", "figures")
_OF_STOCKTAKING: Final = ("elected_on", "outgoing", "incoming", "archivist", "remark", "units")


def view(row: ReportRow) -> dict[str, Any]:
    """Return the JSON of a report."""
    kind, body = ReportKind(row.kind), row.content
    is_there = kind.is_kept and row.state == ReportState.ISSUED
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "made_on": row.made_on.isoformat(),
        **{name: body.get(name) for name in _OF_ALL},
        "asked": {name: body[name] for name in _OF_STOCKTAKING} if kind is ReportKind.STOCKTAKING else None,
        "file": body.get("file"),
        "href": f"/api/v1/reports/{row.id}/file" if is_there else None,
        "number": row.number,
    }


def short(row: ReportRow) -> dict[str, Any]:
    """Return the JSON of a report in a list: without its figures."""
    return view(row) | {"figures": None}


def period(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Return the days of a register: of this year if none is given.

    Raises:
        Refused: ``bad_period``.
    """
    begin = first or date((last or today).year, 1, 1)
    end = last or max(begin, min(today, date(begin.year, 12, 31)))
    if end < begin:
        raise Refused(
            "bad_period",
            "Le dernier jour est avant le premier.",
            kept="Rien n’est délivré.",
            action="Donnez le premier jour, puis le dernier.",
            pointer="/last",
        )
    return begin, end


def register_named(name: str) -> ReportKind:
    """Return the register of this name.

    Raises:
        Refused: ``register_not_found``.
    """
    found = next((one for one in REGISTERS if one.value == name), None)
    if found is None:
        raise Refused(
            "register_not_found",
            "Il n’y a pas de registre de ce nom.",
            action="Ceux qui existent : {known}.",
            known=", ".join(one.value for one in REGISTERS),
        )
    return found


def register_csv(system: System, reader: Reader, kind: ReportKind, first: date | None, last: date | None) -> Response:
    """Answer with a register for a spreadsheet, line by line as it is read.

    Raises:
        Refused: ``bad_period``.
    """
    with system.database.read() as session:
        begin, end = period(first, last, today_of(session, reader.tenant, system.clock()).day)
        head = register_of(session, reader, kind, begin, end).head

    def rows() -> Iterator[list[str]]:
        with system.database.read() as session:
            yield from register_of(session, reader, kind, begin, end).in_cells()

    return stream_response(f"{kind}-{begin}-{end}", head, rows(), delimiter=";")


def issue_register(
    system: System, caller: Caller, kind: ReportKind, first: date | None, last: date | None
) -> tuple[ReportRow, bytes]:
    """Issue a register; return its row and its sealed file.

    Raises:
        Refused: ``bad_period``.
        Unavailable: The signer or the authority did not answer.
    """
    now, folder = system.clock(), system.settings.home / "work" / "reports"
    with system.database.read() as session:
        days = period(first, last, today_of(session, caller.tenant, now).day)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        plain, sealed = Path(scratch) / "register.pdf", Path(scratch) / "sealed.pdf"
        facts = issue.typeset(system.database, caller.reader, kind, days, now, plain, system.settings.api.public_url)
        system.seal_file(plain, sealed)
        with system.database.write() as session:
            act = Act(session, system.ledger, caller.tenant, caller.agent, now)
            row = issue.issued(act, kind, days, facts, sealed)
        system.notifier.notify()
        return row, sealed.read_bytes()


def pdf_response(name: str, content: bytes, sha256: str, headers: Mapping[str, str]) -> Response:
    """Answer with a sealed report."""
    told = {"Content-Disposition": attachment(name), "Repr-Digest": repr_digest(sha256), **headers}
    return Response(content, media_type="application/pdf", headers=told)


def ask_stocktaking(system: System, caller: Caller, given: Mapping[str, Any]) -> ReportRow:
    """Ask for a stocktaking; a job makes it.

    Raises:
        Refused: ``bad_stocktaking``.
    """
    with system.database.write() as session:
        act = Act(session, system.ledger, caller.tenant, caller.agent, system.clock())
        row = run.ask(act, read_asked(given, act.today.day))
    system.notifier.notify()
    return row


def file_of(system: System, tenant: str, report_id: str) -> tuple[ReportRow, bytes]:
    """Return a report that is kept, with its file, checked against its digest.

    Raises:
        Refused: ``report_not_found``, ``report_not_kept``.
        Corrupt: The file is not the one that was issued.
    """
    with system.database.read() as session:
        row = listing.get(session, tenant, report_id)
    if row.state != ReportState.ISSUED:
        raise Refused(
            "report_not_ready", "Ce récolement n’est pas terminé.", action="Réessayez dans un instant.", kept=""
        )
    if not ReportKind(row.kind).is_kept:
        raise Refused(
            "report_not_kept",
            "Ce registre n’est pas gardé : le journal en a l’empreinte.",
            action="Délivrez-le de nouveau.",
        )
    key, told = ReportKey(tenant, report_id).key, row.content["file"]
    item = system.store.stat(key)
    chunks = verified(system.store, key, item.version, sha256=told["sha256"], size=told["size"])
    return row, b"".join(chunks)
