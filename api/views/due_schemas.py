"""Schemas of the due lists."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field


class DueCount(BaseModel):
    """Number of records and size of their representations."""

    records: int
    bytes: int


class DueListCount(DueCount):
    """One due list, by state."""

    states: dict[str, DueCount]


class DueAnalysis(BaseModel):
    """Every record asked for, in one state each: the states add up to the total."""

    total: DueCount
    states: dict[str, DueCount]
    lists: dict[str, DueListCount]


class DueEntry(BaseModel):
    """One record in its state on the day."""

    record_id: str
    title: str
    document_type: str | None
    producer: str | None
    service: str | None = Field(description="Nom du service producteur le jour du versement ; null : inconnu.")
    classification: str | None
    file: str | None
    external_reference: str | None
    rule: str | None
    rule_version: int | None
    starts_on: date | None
    ends_on: date | None
    due_on: date | None
    final_action: str
    state: str
    held_until: date | None = Field(description="Dernier jour gelé ; 9999-12-31 : jusqu’à la levée.")
    locked_until: date | None
    bytes: int


class DueGroupEntry(DueCount):
    """Records that share a value."""

    key: str | None
    states: dict[str, DueCount]


class DuePage(BaseModel):
    """Due lists, as of a day."""

    before: date = Field(description="Jour auquel on se place.")
    today: date = Field(description="Aujourd’hui, dans le fuseau du service d’archives.")
    analysis: DueAnalysis | None = Field(description="Sur la première page seulement.")
    lines: list[DueEntry] | None
    groups: list[DueGroupEntry] | None
    next: str | None = Field(description="Curseur de la page suivante.")
