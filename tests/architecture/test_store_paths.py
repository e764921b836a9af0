"""One place owns every path of the store: ``archive/objects/layout.py``, with ``ocfl.py`` for what
lies in an object.

A path that is cut or glued elsewhere is a second opinion on where things lie. What is refused: a
cut at ``/``, a path tested or stripped by a piece of it, a literal that begins like a key or names
a file of an OCFL object. What is no key of the store is allowed by its very text, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWNERS = {
    "archive/objects/layout.py",
    "archive/objects/register_keys.py",
    "archive/objects/ocfl.py",
    "archive/evidence/verify.py",  # handed out with every bundle: it stands alone
}
CUTS = {"split", "rsplit", "partition", "rpartition", "count", "find", "rfind", "index"}
TESTS = {"startswith", "endswith", "removeprefix", "removesuffix"}
FOLDERS = re.compile(
    r"(tenants|register|journal|staging|promised|probe)/|layout\.json|(0=ocfl|inventory\.json|urn%3auuid)"
)
GLUED = re.compile(r"(^|_)(root|folder|prefix|place|JOURNAL|STAGING|REGISTER|TENANTS)$")

ALLOWED = {
    ("api/http/negotiation.py", 'offer.split("/")'): "a media type",
    ("api/http/uploads.py", '.rsplit("/", 1)'): "the name of a file on the depositor's machine",
    ("archive/model/deposit_agreements.py", 'media_type.partition("/")'): "a media type",
    ("archive/exchange/plan_skos.py", '.rsplit("/", 1)'): "the address of a concept in a SKOS file",
    ("archive/exchange/seda/container.py", '.split("/")'): "the name of an entry of a ZIP",
    ("archive/exchange/seda/container.py", '.partition("/")'): "the name of an entry of a ZIP",
    ("api/web/pages/services.py", '.partition("/")'): "the pointer to a line of a file of services",
    ("api/web/pages/plan_echange.py", '.partition("/")'): "the pointer to a line of a plan file",
    ("api/web/pages/connexion.py", '.rpartition("/")'): "the address of an invitation",
    ("ingestion/tools/clamav.py", 'version.split("/")'): "what ClamAV answers",
    ("ingestion/tools/verapdf.py", "report.find("): "an XPath into veraPDF's report",
    ("api/operations/traffic.py", 'startswith(f"{_API}/")'): "the path of a request",
    ("ingestion/queue/brokers.py", 'url.partition("://")'): "the address of a broker",
    ("ingestion/settings.py", 'url.partition("://")'): "the address of a broker",
    ("archive/evidence/bundle.py", '"inventory.json"'): "a file of the evidence bundle (docs/formats.md, 4)",
    ("archive/evidence/bundle.py", '"journal/checkpoint.tsr"'): "a file of the evidence bundle",
    ("archive/evidence/bundle.py", '"journal/log-key.p7s"'): "a file of the evidence bundle",
    ("archive/evidence/bundle.py", 'f"journal/{entry.n}.json"'): "a file of the evidence bundle",
    ("archive/evidence/bundle.py", 'f"journal/{entry.n}.tlog-proof"'): "a file of the evidence bundle",
}


def found(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of everything in a module that cuts or builds a path of the store."""
    tree = ast.parse(source)
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in prose or not (_is_cut(node) or _is_test(node) or _is_path(node, inside) or _is_glued(node)):
            continue
        text = ast.get_source_segment(source, node)
        yield node.lineno, text or ""  # type: ignore[attr-defined]


def _is_cut(node: ast.AST) -> bool:
    """``.split("/")`` and its like, whatever is cut."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CUTS
        and any("/" in text for text in _texts(node.args[:1]))
    )


def _is_test(node: ast.AST) -> bool:
    """A path tested for a piece, or stripped of it: ``key.removeprefix(f"{root}/")``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TESTS
        and any(isinstance(part, ast.JoinedStr) and "/" in "".join(_texts([part])) for part in ast.walk(node))
    )


def _is_path(node: ast.AST, inside: set[int]) -> bool:
    """A literal, or the beginning of one, that is a path of the store."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return _is_path(node.values[0], set())
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
        return FOLDERS.match(node.value) is not None
    return False


def _is_glued(node: ast.AST) -> bool:
    """A folder of the store and a name put together by hand: ``f"{root}/inventory.json"``."""
    if not isinstance(node, ast.JoinedStr) or len(node.values) < 2:
        return False
    first, second = node.values[0], node.values[1]
    named = first.value if isinstance(first, ast.FormattedValue) else None
    last = named.attr if isinstance(named, ast.Attribute) else named.id if isinstance(named, ast.Name) else ""
    return bool(GLUED.search(last)) and isinstance(second, ast.Constant) and str(second.value).startswith("/")


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    for part in nodes:
        for node in ast.walk(part):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def _modules() -> Iterator[tuple[str, str]]:
    for package in ("signing", "archive", "search", "ingestion", "api"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _allowance(name: str, text: str) -> tuple[str, str] | None:
    return next((one for one in ALLOWED if one[0] == name and one[1] in text), None)


def test_no_path_of_the_store_is_built_or_cut_elsewhere() -> None:
    wrong, used = [], set()
    for name, source in _modules():
        if name in OWNERS:
            continue
        for line, text in found(source):
            allowed = _allowance(name, text)
            if allowed is None:
                wrong.append(f"{name}:{line}: {text}")
            else:
                used.add(allowed)
    assert wrong == [], "ask archive.objects.layout for it, or say above why it is no path of the store"
    assert used == set(ALLOWED), "an allowance that nothing needs any more"


@pytest.mark.parametrize(
    "source",
    [
        'key.split("/")',
        'item.key.rpartition("/")[2]',
        'key.partition("/content/")',
        'key.count("/") < 3',
        'key.startswith("tenants/")',
        'store.list("staging/")',
        'key = f"staging/{tenant}/{deposit}/bytes"',
        'key.removeprefix(f"{root}/")',
        'key.startswith(f"{folder.root}/v{number}/")',
        'found(store, f"{root}/inventory.json")',
        'found(store, f"{JOURNAL}/{tile}")',
        'path in {"inventory.json", "inventory.json.sha512"}',
        're.compile(r"register/[a-z]+")',
        'stat("layout.json")',
    ],
)
def test_a_path_by_hand_is_found(source: str) -> None:
    assert list(found(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""``journal/checkpoint`` in a docstring."""',
        'text.split(",")',
        'name.startswith("user:")',
        "layout.record_folder(tenant, record)",
        'findings.add(kind, "journal", key, "object")',
    ],
)
def test_what_is_no_path_is_left_alone(source: str) -> None:
    assert not list(found(source))
