"""Routes of reports: registers on demand, what was issued, stocktakings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.cursors import Cursors, link_next
from api.http.dependencies import Assembled, Day
from api.http.numbered import made, numbered
from api.views import examples
from api.views import report as views
from api.views.report_schemas import KindOfReport, PeriodGiven, ReportPage, ReportView, StocktakingGiven
from archive.disposition.reports import listing
from archive.disposition.reports.registers import REGISTERS
from archive.model.reports import ReportKind

router = APIRouter(tags=["registres et états"])

Archivist = Annotated[Caller, Depends(Needs("retention:write"))]

Register = Annotated[str, Path(max_length=20, description=f"Un de : {', '.join(REGISTERS)}.")]

_UNKNOWN = examples.problem("Pas de registre de ce nom.", "register_not_found")
_NOT_FOUND = examples.problem("Pas de tel registre délivré.", "report_not_found")
_PERIOD = examples.problem("Le dernier jour est avant le premier.", "bad_period")
_PDF: dict[str, Any] = {
    "description": "Le fichier.",
    "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
}


@router.get(
    "/registers/{register}",
    operation_id="exportRegister",
    summary="Un registre, en CSV",
    response_class=Response,
    responses={
        200: {"description": "Une ligne par acte.", "content": {"text/csv": {"schema": {"type": "string"}}}},
        404: _UNKNOWN,
        422: _PERIOD,
    },
)
def get_register(
    register: Register,
    caller: Archivist,
    system: Assembled,
    first: Annotated[Day | None, Query(description="Premier jour ; à défaut, le 1er janvier.")] = None,
    last: Annotated[Day | None, Query(description="Dernier jour ; à défaut, aujourd’hui.")] = None,
) -> Response:
    """Entier, ligne à ligne ; rien n’est inscrit au journal."""
    return views.register_csv(system, caller.reader, views.register_named(register), first, last)


@router.post(
    "/registers/{register}/issues",
    operation_id="issueRegister",
    summary="Délivrer un registre en PDF/A",
    response_class=Response,
    responses={200: _PDF, 404: _UNKNOWN, 422: _PERIOD},
)
def post_issue(register: Register, given: PeriodGiven, caller: Archivist, system: Assembled) -> Response:
    """Scellé, horodaté, son empreinte au journal (`ReportIssued`).

    Le fichier n’est pas gardé ; `Location` est l’adresse de son inscription.
    """
    row, content = views.issue_register(system, caller, views.register_named(register), given.first, given.last)
    headers = {"Location": f"/api/v1/reports/{row.id}"}
    return views.pdf_response(f"{register}-{row.made_on}.pdf", content, row.content["file"]["sha256"], headers)


@router.get("/reports", operation_id="listReports", summary="Les registres délivrés", response_model=ReportPage)
def list_reports(
    request: Request,
    caller: Archivist,
    system: Assembled,
    kind: KindOfReport | None = None,
    cursor: Annotated[str | None, Query(description="Suite d’une page précédente.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Et les récolements ; le dernier d’abord."""
    cursors: Cursors = request.app.state.cursors
    purpose = f"reports {caller.tenant} {kind}"
    before = cursors.read(purpose, cursor)[0] if cursor is not None else None
    which = ReportKind(kind) if kind else None
    with system.database.read() as session:
        rows = listing.page(session, caller.tenant, kind=which, before=before, limit=limit + 1)
        shown = [views.short(row) for row in rows[:limit]]
    following = cursors.write(purpose, [rows[limit - 1].id]) if len(rows) > limit else None
    answer = JSONResponse({"reports": shown, "next": following}, headers={"Vary": "Authorization, Cookie"})
    link_next(request, answer, following)
    return answer


@router.get(
    "/reports/{report_id}",
    operation_id="getReport",
    summary="Un registre délivré",
    response_model=ReportView,
    responses={404: _NOT_FOUND},
)
def get_report(report_id: str, caller: Archivist, system: Assembled) -> Response:
    """Ou un récolement, avec ses chiffres."""
    with system.database.read() as session:
        return numbered(views.view(listing.get(session, caller.tenant, report_id)))


@router.get(
    "/reports/{report_id}/file",
    operation_id="getReportFile",
    summary="Le procès-verbal d’un récolement",
    response_class=Response,
    responses={
        200: _PDF,
        404: _NOT_FOUND,
        409: examples.problem("Il n’est pas gardé, ou pas terminé.", "report_not_kept"),
    },
)
def get_file(report_id: str, caller: Archivist, system: Assembled) -> Response:
    """PDF/A scellé et horodaté, relu et comparé à son empreinte."""
    row, content = views.file_of(system, caller.tenant, report_id)
    return views.pdf_response(f"recolement-{row.made_on}.pdf", content, row.content["file"]["sha256"], {})


@router.post(
    "/stocktakings",
    operation_id="askStocktaking",
    summary="Faire un récolement",
    status_code=201,
    response_model=ReportView,
    responses={422: examples.problem("Champ refusé.", "bad_stocktaking")},
)
def post_stocktaking(given: StocktakingGiven, caller: Archivist, system: Assembled) -> Response:
    """Compté par un travail de fond ; l’état devient `issued`, et le procès-verbal est gardé."""
    sent: dict[str, Any] = given.model_dump(mode="json")
    row = views.ask_stocktaking(system, caller, sent)
    return made(views.view(row), f"/api/v1/reports/{row.id}")
