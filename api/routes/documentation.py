"""``/openapi.json`` and plain pages that explain it.

FastAPI's own pages are not used: they load scripts from other sites.
"""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api.access.permissions import Public
from api.http import errors
from api.views.record_schemas import PageWords
from api.views.schemas import Checkpoint, Problem

router = APIRouter(include_in_schema=False)

_OPEN = [Depends(Public("documentation of the interface; holds nothing of any tenant"))]
_DESCRIPTION = (
    "Service d’archives : versement, lecture, scellement, conservation, recherche et preuve.\n\n"
    "Les erreurs suivent la RFC 9457 (`application/problem+json`), en français ou en anglais selon "
    "`Accept-Language`. Toutes les heures sont en UTC."
)


def description_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description of the application, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=_DESCRIPTION,
            routes=app.routes,
            license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        )
        schema.setdefault("components", {})["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "Clé `chr_…` d’une application."},
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "chartrier",
                "description": "Session d’une personne.",
            },
        }
        for model in (Problem, PageWords, Checkpoint):
            _add_model(schema, model)
        _secure(app, schema)
        _tidy(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _add_model(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add the schema of a body that no route declares as its only answer."""
    made = model.model_json_schema(ref_template="#/components/schemas/{model}")
    components = schema["components"].setdefault("schemas", {})
    for name, definition in made.pop("$defs", {}).items():
        components.setdefault(name, definition)
    components.setdefault(model.__name__, made)


def _tidy(schema: dict[str, Any]) -> None:
    """Tidy the generated description.

    Errors get the one form that they have, "Successful Response" becomes French, and ``anyOf`` with
    null becomes a list of types where that suffices.
    """
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if answer.get("description") == "Successful Response":
                    answer["description"] = "Fait."
                if status >= "400" and operation["operationId"] != "getReadiness":
                    told = answer.get("content", {}).get(errors.MEDIA_TYPE) or {"schema": _PROBLEM}
                    answer["content"] = {errors.MEDIA_TYPE: told}
    _plain_nulls(schema)


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def _plain_nulls(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _plain_nulls(item)
        return
    if not isinstance(node, dict):
        return
    choices = node.get("anyOf")
    if isinstance(choices, list) and choices[-1] == {"type": "null"} and "type" in choices[0]:
        nullable = {**choices[0], "type": [choices[0]["type"], "null"]}
        if len(choices) == 2:
            del node["anyOf"]
            node.update(nullable | {k: node[k] for k in node})
        else:
            node["anyOf"] = [nullable, *choices[1:-1]]
    for value in node.values():
        _plain_nulls(value)


def _secure(app: FastAPI, schema: dict[str, Any]) -> None:
    """Write into each operation the access that its route's permission requires."""
    from fastapi.routing import APIRoute, iter_route_contexts

    from api.access.permissions import AnyCaller, Needs, NeedsPerson, permission_of

    for route in iter_route_contexts(app.routes):
        if not isinstance(route.original_route, APIRoute) or not route.include_in_schema:
            continue
        permission = permission_of(route)
        for method in route.methods or ():
            operation = schema["paths"].get(route.path_format, {}).get(method.lower())
            if operation is None:
                continue
            if isinstance(permission, Needs | AnyCaller):
                operation["security"] = [{"key": []}, {"session": []}]
            else:
                operation["security"] = []
                for status in ("401", "403"):
                    operation["responses"].pop(status, None)
            if isinstance(permission, Needs):
                operation["x-scope"] = permission.scope
                if permission.enough[1:]:
                    operation["x-instead"] = list(permission.enough[1:])
            if isinstance(permission, NeedsPerson):
                operation["x-person"] = True


@router.get("/openapi.json", dependencies=_OPEN)
def openapi(request: Request) -> Response:
    """La description de l’interface."""
    return JSONResponse(description_of(request.app), headers={"Cache-Control": "no-cache"})


@router.get("/docs", dependencies=_OPEN)
def docs(request: Request) -> Response:
    """Une page lisible de la même description, sans script."""
    return HTMLResponse(_page("Interface de programmation", _operations(description_of(request.app))))


@router.get("/docs/problems", dependencies=_OPEN)
def problems() -> Response:
    """Les codes d’erreur : c’est ici que mène le champ « type » d’un problème."""
    return HTMLResponse(_problems())


@lru_cache(maxsize=1)
def _problems() -> str:
    rows = "".join(
        f'<tr id="{escape(code)}"><th scope="row"><code>{escape(code)}</code></th><td>{status}</td>'
        f"<td>{escape(errors.TITLES[status])}</td></tr>"
        for code, status in sorted(errors.STATUSES.items())
    )
    text = (
        "<p>Chaque refus porte un code stable. Ceux qui manquent ici sont des refus de la demande (422) ; "
        "leur « detail » dit ce qui s’est passé, « kept » ce qui a été conservé, « action » quoi faire.</p>"
    )
    head = "<thead><tr><th>Code</th><th>Statut</th><th>Titre</th></tr></thead>"
    return _page("Erreurs", f"{text}<table>{head}<tbody>{rows}</tbody></table>")


def _operations(schema: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["autres"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    sections = "".join(f"<section><h2>{escape(tag)}</h2>{''.join(items)}</section>" for tag, items in by_tag.items())
    link = '<p><a href="/openapi.json">Description OpenAPI</a> · <a href="/docs/problems">Erreurs</a></p>'
    return link + sections


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(one['name'])}</code> ({one['in']}) {escape(one.get('description', ''))}</li>"
        for one in operation.get("parameters", [])
    )
    answers = "".join(
        f"<li>{escape(status)} : {escape(answer.get('description', ''))}</li>"
        for status, answer in operation["responses"].items()
    )
    scope = f"<p>Droit : <code>{escape(operation['x-scope'])}</code></p>" if "x-scope" in operation else ""
    name = f"<code>{method.upper()} {escape(path)}</code> {escape(operation.get('summary', ''))}"
    text = f"<p>{escape(operation.get('description', ''))}</p>{scope}"
    lists = f"<ul>{parameters}</ul><ul>{answers}</ul>"
    return f"<details><summary>{name}</summary>{text}{lists}</details>"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} – Chartrier</title></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
