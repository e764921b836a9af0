"""The published JSON Schemas, read as strictly as they can be: a name that they lack is a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parents[2] / "docs/schemas"


def strict(name: str) -> Draft202012Validator:
    """Read ``docs/schemas/<name>.schema.json``; no object may hold a name that it does not list."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    _close(schema)
    return Draft202012Validator(schema)


def _close(part: Any) -> None:
    if isinstance(part, dict):
        if "type" in part and "properties" in part:
            part.setdefault("additionalProperties", False)
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            _close(one)
