"""What the import contracts can't say of the rooms of ``api``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BELOW = ("signing", "archive", "search", "ingestion")


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def texts(path: Path) -> Iterator[str]:
    """Every literal of a module, parts of f-strings too; docstrings are prose."""
    module = tree(path)
    prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@pytest.mark.parametrize("package", BELOW)
def test_no_address_of_the_api_is_built_below_it(package: str) -> None:
    assert [path.relative_to(ROOT) for path in sources(package) if any("/api/v" in text for text in texts(path))] == []


def test_routes_ask_views_and_access_instead_of_the_database() -> None:
    asking = {
        str(path.relative_to(ROOT)): name.name
        for path in sources("api/routes")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sqlalchemy"
        for name in node.names
        if name.name in {"select", "update", "delete", "insert", "func", "text"}
    }
    assert asking == {}


def test_forms_are_read_at_one_place() -> None:
    reading = {
        str(path.relative_to(ROOT))
        for path in sources("api")
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr == "form" and ast.unparse(node.value) == "request")
        or (isinstance(node, ast.ImportFrom) and node.module == "fastapi" and "Form" in {n.name for n in node.names})
    }
    assert reading == {"api/http/forms.py"}


def test_files_of_the_api_have_400_lines_at_most_and_functions_60() -> None:
    long = {
        str(path.relative_to(ROOT)) for path in sources("api") if len(path.read_text("utf-8").splitlines()) > 400
    } | {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sources("api")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > 60
    }
    assert long == set()
