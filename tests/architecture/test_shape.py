"""The shape of the code: what the linters don't check by themselves."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("signing", "archive", "search", "ingestion", "api")
BANNED_NAMES = re.compile(r"(^|_)(manager|helpers?|utils?|common|data|process|handle|handler)(_|$)")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


ALL = sorted(modules())


def test_no_file_is_over_400_lines() -> None:
    long = {name(p): n for p in ALL if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    long.pop("archive/evidence/verify.py", None)  # one file by contract: handed out with every bundle, under 900 lines
    assert long == {}
    assert len((ROOT / "archive/evidence/verify.py").read_text(encoding="utf-8").splitlines()) < 900


def test_no_function_is_over_60_lines() -> None:
    long = {
        f"{name(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in ALL
        if "migrations" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 60
    }
    assert long == {}


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    for path in ALL:
        if path.name == "__init__.py":
            body = tree(path).body
            assert len(body) == 1, name(path)
            assert isinstance(body[0], ast.Expr), name(path)


def test_modules_carry_no_empty_words() -> None:
    assert [name(p) for p in ALL if BANNED_NAMES.search(p.stem)] == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_environment_is_read_in_one_place(path: Path) -> None:
    if name(path) == "ingestion/settings.py":
        return
    reads = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    # Writing a child's environment is not reading settings: those lines say so.
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [n for n in reads if "# child's environment" not in "".join(lines[n - 1 : n + 1])] == []


@pytest.mark.parametrize("path", ALL, ids=name)
def test_broad_catches_stand_only_at_the_edges(path: Path) -> None:
    allowed = {
        "ingestion/processing/attempt.py",
        "ingestion/processing/runner.py",
        "search/follower.py",
        "api/middleware.py",
        "ingestion/operations/schedule.py",
    }
    broad = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)  # tidies up and lets it go on
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    sandboxed = (
        path.parts[-2] == "sandboxed" or path.name == "pdf.py"
    )  # every failure of a foreign file becomes a verdict
    assert broad == [] or name(path) in allowed or sandboxed


def test_every_setting_is_documented() -> None:
    from ingestion.settings import PREFIX, Names

    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert [f for f in Names.model_fields if f"{PREFIX}{f.upper()}" not in text] == []


def test_every_error_code_is_documented() -> None:
    raised = set()
    for path in ALL:
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"Refused", "Unavailable", "Unreadable", "Corrupt"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                raised.add(node.args[0].value)
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert sorted(code for code in raised if f"`{code}`" not in text) == []


def test_nothing_names_the_machine_it_was_made_on() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    words = [
        "/" + "work/",
        "/" + "farm/",
        "/" + "root/",
        "pypi" + ".org",
        "proxy." + "golang",
        "registry." + "npmjs",
        "deb." + "debian",
    ]
    found = []
    for file in filter(None, files):
        path = ROOT / file
        if path.is_file() and path.suffix not in {
            ".whl",
            ".traineddata",
            ".pdf",
            ".png",
            ".jpg",
            ".tif",
            ".tiff",
            ".webp",
            ".ttf",
            ".mo",
            ".gz",
        }:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{file}: {word}" for word in words if word in text]
    assert found == []


def test_import_line_holds() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0
