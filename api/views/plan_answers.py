"""Answers to changes of the filing plan, the same for classes and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from api.access.callers import Caller
from api.http.numbered import made, numbered
from api.views import plan_node as nodes
from archive.catalogue import plan_changes
from archive.catalogue.plan_changes import PlanChange
from archive.database.retention_tables import PlanNodeRow
from signing.ground.errors import Refused

if TYPE_CHECKING:
    from ingestion.assembly import System


def created(system: System, caller: Caller, values: Mapping[str, Any], address: str, *, dry_run: bool) -> Response:
    """Make a node, or foresee what it would do.

    Args:
        address: Of the collection that it belongs to.
    """

    def act(change: PlanChange) -> PlanNodeRow:
        return plan_changes.create(change, values)

    if dry_run:
        return JSONResponse(nodes.foreseen(system, caller.tenant, caller.agent, act, None))
    body = nodes.made(system, caller.tenant, caller.agent, act, places=True)
    return made(body, f"{address}/{body['id']}")


def changed(
    system: System, caller: Caller, node_id: str, act: nodes.Act, sent: Mapping[str, Any], *, dry_run: bool
) -> Response:
    """Make a change or foresee it; a failed precondition shows both states."""
    try:
        if dry_run:
            return JSONResponse(nodes.foreseen(system, caller.tenant, caller.agent, act, node_id))
        body = nodes.made(system, caller.tenant, caller.agent, act, places="parent_id" in sent)
    except Refused as error:
        raise nodes.with_both_views(error, system, caller.tenant, node_id, sent) from None
    return numbered(body)
