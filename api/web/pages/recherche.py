"""Route of the search page: one box, facets in the margin, exact counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from api.access.callers import Caller
from api.access.permissions import PageNeeds
from api.http.i18n import _, ngettext, number, said
from api.views.index_position import not_to_find
from api.views.record import readable
from api.web import quantities
from api.web.faults import in_words
from api.web.render import in_language, mark, pages_of, system_of
from archive.database.tables import RecordRow
from archive.model.days import iso_day
from archive.model.description_fields import SEARCHED
from archive.model.final_actions import FinalAction
from archive.retention.schedule import document_types
from search.port import FACETS, Answer, Hit, Query, Sort
from signing.ground.errors import Refused

router = APIRouter(include_in_schema=False)

PAGE = 20
_OF_RETENTION = {"final_action": "À la fin", "rule": "Règle"}
_FACET_NAMES = {field.indexed_as: field.heading for field in SEARCHED} | _OF_RETENTION
_SORTS = {
    Sort.RELEVANCE: "Pertinence",
    Sort.NEWEST_DOCUMENT: "Date, récent d’abord",
    Sort.OLDEST_DOCUMENT: "Date, ancien d’abord",
    Sort.LAST_KEPT: "Derniers rangés",
    Sort.TITLE: "Titre",
}
_SHOWN_VALUES = 12


@dataclass(frozen=True)
class Found:
    """A hit on the page, completed from the catalogue."""

    href: str
    title: str
    meta: str
    passages: tuple[tuple[str, Markup, Markup], ...]
    """For each passage: its address, the name of its page, and its text."""


@dataclass(frozen=True)
class Asked:
    """The question in the address of the page; parameters are named as in the API."""

    q: str
    filters: dict[str, tuple[str, ...]]
    date_from: date | None
    date_to: date | None
    sort: Sort
    cursor: str | None
    page: int

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Read the address; a parameter that can't be read counts as absent."""
        given = request.query_params
        sort = given.get("sort", "")
        page = given.get("page", "1")
        return cls(
            q=given.get("q", "")[:1000].strip(),
            filters={name: values for name in FACETS if (values := tuple(v for v in given.getlist(name) if v)[:50])},
            date_from=_date(given.get("date_from", "")),
            date_to=_date(given.get("date_to", ""), end=True),
            sort=Sort(sort) if sort in set(Sort) else Sort.RELEVANCE,
            cursor=given.get("cursor") or None,
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        )

    def parameters(self, **changes: Any) -> str:
        """Return the query string of this question, with changes.

        Page and cursor are left out, since they belong to one question only.
        """
        values = {"q": self.q, **self.filters, "date_from": self.date_from, "date_to": self.date_to}
        if self.sort is not Sort.RELEVANCE:
            values["sort"] = self.sort.value
        values |= changes
        return urlencode({name: value for name, value in values.items() if value}, doseq=True)

    def query(self, tenant: str, without: frozenset[str]) -> Query:
        """Return the query for the index, without what the person may not read."""
        return Query(
            tenant=tenant,
            text=self.q,
            filters=self.filters,
            date_from=self.date_from,
            date_to=self.date_to,
            sort=self.sort,
            limit=PAGE,
            after=self.cursor,
            without=without,
        )


def _date(text: str, *, end: bool = False) -> date | None:
    """Read a date, or a year as its first or last day; None for anything else."""
    text = text.strip()
    if len(text) == 4 and text.isascii() and text.isdigit():
        text += "-12-31" if end else "-01-01"
    try:
        return iso_day(text) if text else None
    except ValueError:
        return None


@router.get("/recherche")
def search(request: Request, person: Annotated[Caller, Depends(PageNeeds("record:read"))]) -> Response:
    """Answer a question, or show everything when nothing is asked."""
    asked = Asked.of(request)
    system = system_of(request)
    with in_language(request):
        fault = None
        try:
            answer = system.index.search(asked.query(person.tenant, not_to_find(system, person)))
        except Refused as error:
            fault = in_words(error)
            answer = Answer((), 0, {}, loosened=False, next=None)
        with system.database.read() as session:
            labels = {kind.code: kind.label for kind in document_types(session, person.tenant)}
            rows = readable(session, person, [hit.record_id for hit in answer.hits])
            session.expunge_all()  # rows are used after the transaction ends
        context: dict[str, Any] = {
            "asked": asked,
            "fault": fault,
            "answer": answer,
            "sentence": _sentence(asked, answer),
            "hits": [_found(hit, rows[hit.record_id], asked, labels) for hit in answer.hits if hit.record_id in rows],
            "facets": _facets(answer, asked, labels),
            "chips": _chips(asked, labels),
            "sorts": [(sort.value, _(name)) for sort, name in _SORTS.items()],
            "pages": max(1, -(-answer.total // PAGE)),
            "links": _links(asked, answer),
        }
        return pages_of(request).answer(
            request,
            "recherche.html",
            block="resultats",
            status=422 if fault else 200,
            tab="recherche",
            help_anchor="recherche",
            json_href=f"/api/v1/search?{asked.parameters()}",
            **context,
        )


def _sentence(asked: Asked, answer: Answer) -> Markup:
    count = ngettext("<strong>{n} document</strong>", "<strong>{n} documents</strong>", answer.total)
    if not asked.q:
        return count
    return _("{count} pour « {q} »", count=count, q=asked.q)


def _found(hit: Hit, row: RecordRow, asked: Asked, labels: Mapping[str, str]) -> Found:
    meta = (
        labels.get(row.document_type or "", row.document_type),
        quantities.day(row.document_date) if row.document_date else None,
        row.producer,
        _("cote {mark}", mark=row.classification) if row.classification else None,
        ngettext("{n} page", "{n} pages", row.pages) if row.pages else None,
    )
    passages = []
    for match in hit.matches:
        name = _("Page {n}", n=match.page) if match.page else _("Titre")
        tail = urlencode({name: value for name, value in (("page", match.page), ("q", asked.q)) if value})
        passages.append((f"/documents/{row.id}?{tail}", name, mark(match.text, match.ranges)))
    tail = f"?{urlencode({'q': asked.q})}" if asked.q else ""
    return Found(
        f"/documents/{row.id}{tail}",
        row.title,
        ", ".join(str(part) for part in meta if part),
        tuple(passages),
    )


def value_name(facet: str, value: str, labels: Mapping[str, str]) -> str:
    """Return the displayed name of a facet's value."""
    if facet == "document_type":
        return labels.get(value, value)
    if facet == "final_action" and value in set(FinalAction):
        return str(_(FinalAction(value).label))
    return value


def _facets(answer: Answer, asked: Asked, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    shown = []
    for name in FACETS:
        counted = {item.value: item.count for item in answer.facets.get(name, ())}
        chosen = asked.filters.get(name, ())
        values = list(counted)[:_SHOWN_VALUES] + [
            value for value in chosen if value not in list(counted)[:_SHOWN_VALUES]
        ]
        if not values or (len(values) == 1 and not chosen and name != "document_type"):
            continue
        shown.append(
            {
                "name": name,
                "title": said(_FACET_NAMES[name]),
                "values": [
                    {
                        "value": v,
                        "name": value_name(name, v, labels),
                        "count": number(counted.get(v, 0)),
                        "chosen": v in chosen,
                    }
                    for v in values
                ],
            }
        )
    return shown


def _chips(asked: Asked, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    chips = []
    for name, values in asked.filters.items():
        for value in values:
            rest = tuple(other for other in values if other != value)
            chips.append((f"/recherche?{asked.parameters(**{name: rest})}", value_name(name, value, labels)))
    if asked.date_from:
        chips.append(
            (
                f"/recherche?{asked.parameters(date_from=None)}",
                str(_("depuis le {day}", day=quantities.day(asked.date_from))),
            )
        )
    if asked.date_to:
        chips.append(
            (
                f"/recherche?{asked.parameters(date_to=None)}",
                str(_("jusqu’au {day}", day=quantities.day(asked.date_to))),
            )
        )
    return chips


def _links(asked: Asked, answer: Answer) -> dict[str, Any]:
    return {
        "previous": asked.cursor is not None,
        "first": f"/recherche?{asked.parameters()}" if asked.cursor else None,
        "next": f"/recherche?{asked.parameters(cursor=answer.next, page=asked.page + 1)}" if answer.next else None,
    }
