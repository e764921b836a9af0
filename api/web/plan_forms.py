"""Forms of the filing plan: what was typed, as the archive's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from api.web.typed_date import typed_date
from archive.catalogue import plan_queries
from archive.catalogue.plan_nodes import EXTENT, UNCHANGED, NodeKind, bad_node
from archive.catalogue.plan_queries import NodeFilter
from archive.database.retention_tables import PlanNodeRow
from archive.retention.declaration_json import read_declaration
from archive.retention.declarations import Declaration
from archive.retention.places import file_codes


def given_values(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a node to be created.

    Raises:
        Refused: ``bad_node``: its opening is no date.
    """
    values: dict[str, Any] = {name: form.get(name, "") for name in ("kind", "code", "title")}
    if form.get("kind") == NodeKind.FILE:
        values["opened_on"] = typed_date(form, code="bad_node", kept=UNCHANGED, pointer="/opened_on")
        values["producer"] = form.get("producer", "")
    extent = {name: form[name] for name in EXTENT if form.get(name)}
    return values | ({"extent": extent} if extent else {})


def changed_values(session: Session, tenant: str, row: PlanNodeRow, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a node as its form gives them; what the form lacks stays.

    Raises:
        Refused: ``bad_node``: no class has the code of the parent.
    """
    extent = {name: form[name] for name in EXTENT if form.get(name)}
    return {
        "title": form.get("title", ""),
        "description": form.get("description", ""),
        "producer": form.get("producer", ""),
        "parent_id": _parent(session, tenant, form.get("parent", "").strip()),
        "retention": _declared(read_declaration(row.retention), form, "rules"),
        "access": _declared(read_declaration(row.access), form, "access"),
        "extent": extent or None,
    }


def _parent(session: Session, tenant: str, code: str) -> str | None:
    if not code:
        return None
    found = plan_queries.page(session, tenant, NodeFilter(code=code), limit=1)
    if not found:
        raise bad_node("parent_id", "La classe qui doit le contenir n’existe pas.")
    return found[0].id


def _declared(before: Declaration | None, form: Mapping[str, str], name: str) -> Declaration:
    """Return a declaration with what the form tells of it; blocked codes and starts stay."""
    told = replace(before or Declaration(), rules=tuple(file_codes(form.get(name))))
    if name == "access":
        return told
    return replace(told, in_addition=bool(form.get("in_addition")), block_all=bool(form.get("block_all")))
