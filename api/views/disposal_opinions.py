"""Opinions about lines of a draft: given one by one, or in a list that goes out and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from api.access.callers import Caller
from api.views import disposal as views
from archive.database.disposal_tables import DisposalLineRow, DisposalRow
from archive.disposition.act import Act
from archive.disposition.disposals import bordereau, listing, opinions
from archive.disposition.disposals.opinions import Opinion, Thinker
from archive.disposition.disposals.population import bad_disposal
from archive.exchange import opinions_csv
from archive.exchange.opinions_csv import WORDS, wrong_line
from archive.model.disposals import LineDecision
from archive.retention.schedule import document_types
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System

_TOGETHER: Final = 500
_POINTER: Final = re.compile(r"/lines/(\d+)/(\w+)")
_WRITTEN: Final = {decision: word for word, decision in WORDS.items()}


def thinker(person: Caller, told: Mapping[str, Any]) -> Thinker:
    """Return whose opinion it is: the caller's own, or somebody's on whose behalf they write.

    Raises:
        Refused: ``scope_missing``; ``bad_disposal``: an archivist says whose it is.
    """
    name, quality = (told.get("person") or "").strip(), (told.get("quality") or "").strip()
    if name and not person.may("disposal:write"):
        raise Refused(
            "scope_missing",
            "Vous n’avez pas le droit « {scope} ».",
            action="Demandez-le à votre administrateur.",
            scope="disposal:write",
        )
    if not name and not (person.may("disposal:visa") and person.kind == "user"):
        raise bad_disposal("/person", "Dites de qui est cet avis.")
    return Thinker(name or person.name, quality or ("" if name else person.service or ""))


def give_one(act: Act, disposal_id: str, record_id: str, person: Caller, told: Mapping[str, Any]) -> DisposalRow:
    """State what somebody thinks of one line.

    Raises:
        Refused: As ``opinions.give``.
    """
    decision = LineDecision(told["decision"]) if told["decision"] else None
    opinion = Opinion(decision, told["not_before"], told["comment"] or "")
    return opinions.give(act, disposal_id, None, thinker(person, told), {record_id: opinion})


def read_back(
    system: System, person: Caller, disposal_id: str, content: bytes, told: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, int]:
    """State the opinions of a list that came back: all of them, or none if a line is wrong.

    Raises:
        Refused: ``disposal_not_found``, ``disposal_closed``, ``bad_disposal``,
            ``bad_opinion_list``; ``bad_opinions``, with the error of each wrong line.
    """
    who = thinker(person, told)
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)
        opinions.require_draft(row)
        written, faults = opinions_csv.read_list(content, row.reference)
        places = opinions.places(session, row.id)
    for one in written:
        if places.get(one.record) is None:
            faults.append(wrong_line(one.line, "document", "Ce document n’est pas dans ce bordereau."))
        elif places[one.record] != one.position:
            place = places[one.record]
            faults.append(wrong_line(one.line, "ligne", "Ce document est à la ligne {line} du bordereau.", line=place))
    if faults:
        raise opinions_csv.wrong_lines(sorted(faults, key=_line_of))
    told_lines = {
        one.record: Opinion(LineDecision(one.decision) if one.decision else None, one.not_before, one.remark)
        for one in written
    }
    if told_lines and not dry_run:
        with system.database.write() as session:
            act = Act(session, system.ledger, person.tenant, person.agent, system.clock())
            opinions.give(act, disposal_id, None, who, told_lines)
        system.notifier.notify()
    return {"opinions": len(told_lines)}


def _line_of(error: Refused) -> int:
    return int(place_of(error)[0])


def place_of(error: Refused) -> tuple[str, str]:
    """Return the number of the line and the column that an error is about."""
    found = _POINTER.fullmatch(error.pointer or "")
    return (found[1], found[2]) if found is not None else ("0", "")


def list_of(system: System, person: Caller, disposal_id: str) -> tuple[str, Iterator[str]]:
    """Return the name of the list of a bordereau as a file, and its lines as they are read.

    Raises:
        Refused: ``disposal_not_found``.
    """
    with system.database.read() as session:
        row = bordereau.get(session, person.tenant, disposal_id)

    def chunks() -> Iterator[str]:
        yield opinions_csv.write_head()
        with system.database.read() as session:
            types = {one.code: one.label for one in document_types(session, person.tenant)}
            after = 0
            while some := listing.lines(session, row.id, after=after, limit=_TOGETHER):
                after = some[-1].position
                for told in views.line_views(session, person.reader, some):
                    yield opinions_csv.write_line(_written(row, told, types))

    return f"bordereau-{row.reference}.csv", chunks()


def _written(row: DisposalRow, told: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    opinion = told["opinion"] or {}
    return {
        "bordereau": row.reference,
        "ligne": told["position"],
        "document": told["record_id"],
        "titre": told["title"],
        "type": types.get(told["document_type"] or "", told["document_type"]),
        "dossier": told["file"],
        "date": told["document_date"],
        "regle": ", ".join(told["rules"]),
        "echeance": told["due_on"],
        "octets": told["size"],
        "etat": "à garder" if told["state"] == "excluded" else "",
        "avis": _WRITTEN.get(opinion.get("decision", ""), ""),
        "pas_avant": opinion.get("not_before"),
        "remarque": opinion.get("comment"),
    }


def lines_page(
    session: Session, person: Caller, row: DisposalRow, said: str | None, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Return lines with what is thought of them, and where the next page begins; 0 on the last.

    Args:
        said: As ``opinions.lines_told``.
    """
    found: list[DisposalLineRow] = list(opinions.lines_told(session, row.id, said, after=after, limit=limit + 1))
    shown = views.line_views(session, person.reader, found[:limit])
    return shown, found[limit - 1].position if len(found) > limit else 0
