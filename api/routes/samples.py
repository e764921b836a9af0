"""Routes of sorting: populations frozen, samples drawn, decisions about units."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.access.permissions import Needs
from api.http.dependencies import Assembled
from api.views import examples
from api.views.schemas import Body
from archive.database.sorting_tables import PopulationRow, SortingRow
from archive.disposition import sorting
from archive.disposition.act import Act
from archive.disposition.criteria import LONGEST, MOST_UNITS
from archive.model.final_actions import FinalAction
from ingestion.assembly import System

router = APIRouter(tags=["tri"])

Reader = Annotated[Caller, Depends(Needs("record:read"))]
Archivist = Annotated[Caller, Depends(Needs("retention:write"))]


Decision = Literal[FinalAction.KEEP, FinalAction.DESTROY]
"""What may become of a unit."""


class SampleRequest(Body):
    """What is sampled, and how; the population is frozen by this request."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "title": "Dossiers d’aide sociale 2010-2019",
                "unit": "file",
                "node": "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01",
                "criterion": {"method": "random", "rate": "1/10"},
            }
        },
    )

    title: str = Field(min_length=1, max_length=LONGEST)
    unit: Literal["record", "file"] = "file"
    units: list[str] | None = Field(default=None, description="Ces unités.")
    node: str | None = Field(default=None, description="Ou : tout ce qui est sous cette classe et n’est pas trié.")
    rule: str | None = Field(
        default=None, max_length=40, description="Ou : ce qui est à trier aujourd’hui par cette règle."
    )
    criterion: dict[str, Any] = Field(
        description="`random` avec `rate` ; `specimen` avec `count` ; `years` avec `endings` ; `initials` avec "
        "`letters`, `field`, `particles` ; `selection` avec `words` : chaque unité gardée est choisie."
    )


class SortingRequest(Body):
    """What becomes of one unit, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "file", "decision": FinalAction.KEEP.value, "reason": "Premier dossier de la série"}
        },
    )

    unit: Literal["record", "file"] = "record"
    decision: Decision
    reason: str = Field(min_length=1, max_length=LONGEST)


class SortingsRequest(Body):
    """What becomes of several units alike, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "unit": "record",
                "units": ["0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"],
                "decision": FinalAction.DESTROY.value,
                "reason": "Doubles de la série B",
            }
        },
    )

    unit: Literal["record", "file"] = "record"
    units: list[str] = Field(min_length=1, max_length=MOST_UNITS)
    decision: Decision
    reason: str = Field(min_length=1, max_length=LONGEST)


class Sample(BaseModel):
    """A population, and its sample once it is drawn."""

    id: str
    title: str
    unit: Literal["record", "file"]
    criterion: dict[str, Any]
    size: int
    population_digest: str
    frozen_entry: int
    drawn: bool
    seed: str | None = Field(description="Graine du tirage au sort.")
    checkpoint: int | None = Field(description="Point du journal dont elle vient.")
    kept: list[str] | None = Field(description="Unités à garder ; les autres sont à éliminer.")


class SamplePage(BaseModel):
    """Populations, newest first."""

    samples: list[Sample]


class Sorting(BaseModel):
    """The decision about one unit."""

    id: str
    unit: Literal["record", "file"]
    decision: Decision | None = Field(description="Sans : elle n’est plus décidée.")
    reason: str
    sample: str | None


class Sortings(BaseModel):
    """How many units were decided about."""

    sorted: int


def _act(system: System, session: Any, caller: Caller) -> Act:
    return Act(session, system.ledger, caller.tenant, caller.agent, system.clock())


def _view(session: Session, row: PopulationRow) -> dict[str, Any]:
    draw, point = row.draw or {}, sorting.checkpoint_of(session, row)
    return {
        "id": row.id,
        "title": row.title,
        "unit": row.unit,
        "criterion": row.criterion,
        "size": len(row.units),
        "population_digest": row.digest,
        "frozen_entry": row.frozen_entry,
        "drawn": row.draw is not None,
        "seed": draw.get("seed"),
        "checkpoint": point.number if point is not None else None,
        "kept": draw.get("kept"),
    }


def _sorting(row: SortingRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "unit": row.unit,
        "decision": row.decision,
        "reason": row.reason,
        "sample": row.population_id,
    }


_NO_UNIT: dict[str, Any] = examples.problem("Pas de telle unité.", "unit_not_found")
_CLOSED: dict[str, Any] = examples.problem("Son élimination est engagée.", "unit_in_disposal")
_ONE: dict[int | str, dict[str, Any]] = {404: examples.problem("Pas de telle population.", "population_not_found")}


@router.post(
    "/samples",
    operation_id="freezePopulation",
    summary="Figer une population à échantillonner",
    status_code=201,
    response_model=Sample,
    responses={422: examples.problem("Population ou critère refusés.", "bad_sample")},
)
def post_sample(wanted: SampleRequest, caller: Archivist, system: Assembled) -> Response:
    """Figée au journal avant tout tirage ; aucune de ses unités ne peut être dans une autre."""
    with system.database.write() as session:
        made = sorting.freeze(
            _act(system, session, caller),
            title=wanted.title,
            unit=wanted.unit,
            units=wanted.units,
            node=wanted.node,
            rule=wanted.rule,
            criterion=wanted.criterion,
        )
        body = _view(session, sorting.get(session, caller.tenant, made))
    system.notifier.notify()
    return JSONResponse(body, status_code=201, headers={"Location": f"/api/v1/samples/{made}"})


@router.get("/samples", operation_id="listSamples", summary="Les échantillons", response_model=SamplePage)
def list_samples(caller: Reader, system: Assembled, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, Any]:
    """Du plus récent au plus ancien."""
    with system.database.read() as session:
        return {"samples": [_view(session, row) for row in sorting.page(session, caller.tenant, limit=limit)]}


@router.get(
    "/samples/{sample_id}", operation_id="getSample", summary="Un échantillon", response_model=Sample, responses=_ONE
)
def get_sample(sample_id: str, caller: Reader, system: Assembled) -> dict[str, Any]:
    """Sa population, son critère, et ce qui en est gardé une fois tiré."""
    with system.database.read() as session:
        return _view(session, sorting.get(session, caller.tenant, sample_id))


@router.post(
    "/samples/{sample_id}/draw",
    operation_id="drawSample",
    summary="Tirer un échantillon",
    response_model=Sample,
    responses=_ONE | {409: examples.problem("Déjà tiré, ou pas encore possible.", "sample_drawn")},
)
def post_draw(sample_id: str, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """Une seule fois ; la graine vient du premier point horodaté du journal après que la population
    a été figée.
    """
    with system.database.write() as session:
        row = sorting.draw(_act(system, session, caller), sample_id)
        body = _view(session, row)
    system.notifier.notify()
    return body


@router.get(
    "/samples/{sample_id}/proof",
    operation_id="getSampleProof",
    summary="De quoi refaire un tirage hors ligne",
    response_class=JSONResponse,
    responses=_ONE,
)
def get_proof(sample_id: str, caller: Reader, system: Assembled) -> Response:
    """Pour `python3 verify_sample.py sample.json`."""
    with system.database.read() as session:
        body = sorting.sample_file(session, sorting.get(session, caller.tenant, sample_id))
    headers = {"Content-Disposition": f'attachment; filename="sample-{sample_id}.json"'}
    return JSONResponse(body, headers=headers)


@router.put(
    "/sortings/{unit_id}",
    operation_id="sortUnit",
    summary="Décider d’une unité à trier",
    response_model=Sorting,
    responses={404: _NO_UNIT, 409: _CLOSED},
)
def put_sorting(unit_id: str, wanted: SortingRequest, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """Aussi autrement que son échantillon, avec un motif."""
    with system.database.write() as session:
        act = _act(system, session, caller)
        row = sorting.decide(act, wanted.unit, unit_id, decision=wanted.decision, reason=wanted.reason)
        body = _sorting(row)
    system.notifier.notify()
    return body


@router.post(
    "/sortings",
    operation_id="sortUnits",
    summary="Décider de plusieurs unités à trier",
    response_model=Sortings,
    responses={404: _NO_UNIT, 409: _CLOSED},
)
def post_sortings(wanted: SortingsRequest, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """De toutes, ou d’aucune."""
    with system.database.write() as session:
        act = _act(system, session, caller)
        n = sorting.decide_all(act, wanted.unit, wanted.units, decision=wanted.decision, reason=wanted.reason)
    system.notifier.notify()
    return {"sorted": n}


@router.delete(
    "/sortings/{unit_id}",
    operation_id="withdrawSorting",
    summary="Annuler la décision d’une personne",
    response_model=Sorting,
    responses={404: examples.problem("Rien n’en a été décidé.", "sorting_not_found"), 409: _CLOSED},
)
def delete_sorting(unit_id: str, caller: Archivist, system: Assembled) -> dict[str, Any]:
    """Le tirage compte de nouveau, ou l’unité redevient à trier. Un tirage ne s’annule pas."""
    with system.database.write() as session:
        body = _sorting(sorting.withdraw(_act(system, session, caller), unit_id))
    system.notifier.notify()
    return body
