"""Bodies as the API writes and reads them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """Something a caller sends: unknown fields are refused, so that a typo is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class ProblemFault(BaseModel):
    """One point of the request that is at fault."""

    pointer: str = Field(description="Pointeur JSON, ou « query:nom ».", examples=["/title"])
    detail: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description="Page qui explique le code.")
    title: str
    status: int
    code: str = Field(description="Code stable.", examples=["idempotency_key_reused"])
    detail: str = Field(description="Ce qui s’est passé.")
    kept: str = Field(description="Ce qui a été conservé.")
    action: str = Field(description="Que faire.")
    errors: list[ProblemFault]
    trace_id: str


class Me(BaseModel):
    """The caller."""

    kind: Literal["user", "key"] | str
    id: str
    name: str
    tenant: str
    role: str | None = None
    scopes: list[str]


JsonObject = dict[str, Any]
