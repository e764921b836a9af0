"""Request forms, headers and examples of ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from archive.model.description_fields import BY_NAME, DESCRIPTION_FIELDS
from archive.model.field_rules import DescriptionField, FieldKind
from archive.model.states import RecordState
from ingestion.reception.submission import AGREEMENT

_ID = "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01"
_TEXT: dict[str, Any] = {"type": "string"}


def schema_of(field: DescriptionField) -> dict[str, Any]:
    """Return the JSON Schema of a description field in a request."""
    schema = _TEXT | ({"format": "date"} if field.kind is FieldKind.DATE else {"maxLength": field.limit})
    schema["description"] = field.meaning
    if field.example:
        schema["examples"] = [field.example]
    return schema


FIELDS: dict[str, Any] = {field.name: schema_of(field) for field in DESCRIPTION_FIELDS} | {
    "dry_run": {"type": "boolean", "description": "Dire ce qui se passerait, ne rien conserver."},
    "agreement": {"type": "string", "maxLength": AGREEMENT.limit, "description": AGREEMENT.meaning},
}

DESCRIPTION: dict[str, Any] = {name: BY_NAME[name].example for name in ("title", "document_date")}


def problem(description: str, code: str) -> dict[str, Any]:
    """Return the description of one error, with an example."""
    return {
        "description": description,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": f"/docs/problems#{code}",
                    "title": "…",
                    "status": 422,
                    "code": code,
                    "detail": description,
                    "kept": "Rien n’a été conservé.",
                    "action": "",
                    "errors": [],
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                },
            }
        },
    }


GONE = problem("Éliminé : `departure` dit par quel bordereau, et quand.", RecordState.DISPOSED.value)
NOT_FOUND = problem("Introuvable, ou à une autre collectivité.", "record_not_found")

DEPOSIT_HEADERS: dict[str, Any] = {
    "Location": {"schema": _TEXT, "description": "Où suivre le versement."},
    "ETag": {"schema": _TEXT},
    "Idempotent-Replayed": {"schema": _TEXT, "description": "`true` : réponse déjà donnée à cette clé."},
}

DEPOSIT_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "Nouvelle pour chaque versement.",
            "example": _ID,
        },
        {
            "name": "Repr-Digest",
            "in": "header",
            "required": False,
            "schema": _TEXT,
            "description": "`sha-256=:<base64>:` : vérifiée si elle est donnée.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}} | FIELDS,
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["upload_id"],
                    "properties": {"upload_id": _TEXT} | FIELDS,
                },
                "example": {"upload_id": _ID, "title": "Arrêté 114"},
            },
        },
    },
}

PACKAGE_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "À défaut, l’empreinte du paquet.",
        },
        {
            "name": "Repr-Digest",
            "in": "header",
            "required": False,
            "schema": _TEXT,
            "description": "`sha-256=:<base64>:` : vérifiée si elle est donnée.",
        },
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    },
}

DEPOSIT: dict[str, Any] = {
    "id": _ID,
    "state": "working",
    "tenant": "demo",
    "filename": "arrete-114.pdf",
    "media_type": "application/pdf",
    "size": 48211,
    "digests": {"sha-256": "9f86d081…", "sha-512": "ee26b0dd…"},
    "received_at": "2026-03-12T08:15:30.123Z",
    "record_id": None,
    "duplicate_of": [],
    "stages": [
        {
            "name": "recognise",
            "state": "running",
            "done": 3,
            "total": 8,
            "started_at": "2026-03-12T08:15:31.020Z",
            "ended_at": None,
            "detail": None,
        }
    ],
    "problem": None,
    "receipt": {"entry": 12, "leaf_hash": "5f1c…", "href": f"/api/v1/deposits/{_ID}/receipt"},
    "fields": {"title": "Arrêté 114"},
}
