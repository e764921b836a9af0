"""Answers with an object that has a number: 1, 2, 3 … with each change, which is its ETag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response


def numbered(body: Mapping[str, Any]) -> Response:
    """Answer with an object as it is, its ``number`` as the ETag."""
    return JSONResponse(body, headers=_tag(body))


def made(body: Mapping[str, Any], address: str) -> Response:
    """Answer 201 with an object that was made, at its address."""
    return JSONResponse(body, status_code=201, headers={"Location": address, **_tag(body)})


def _tag(body: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{body["number"]}"'}
