"""Condition that a column has a value which a question finds, as each database plans it well."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()


def among(column: Any, question: Select[Any]) -> ColumnElement[bool]:
    """Return the condition ``column IN (question)``, where the question finds few values.

    PostgreSQL takes a recursive question to find a thousand times what it does, and reads whole
    tables then; an array of what was found is looked up in an index.
    """
    return _Among(column, question.scalar_subquery())


@compiles(_Among)
def _in(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, question = element.clauses
    return f"{compiler.process(column, **given)} IN {compiler.process(question, **given)}"


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, question = element.clauses
    return f"{compiler.process(column, **given)} = ANY (ARRAY{compiler.process(question, **given)})"
