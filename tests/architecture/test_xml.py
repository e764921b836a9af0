"""Parsers of XML are made in one place: without network, entities or document types."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("signing", "archive", "search", "ingestion", "api")
MAKERS = {"XMLParser", "HTMLParser", "ETCompatXMLParser", "XMLPullParser", "iterparse", "XInclude", "XSLT"}
PARSES = {"parse", "fromstring", "XML", "fromstringlist", "XMLID", "HTML"}
"""Functions that make a parser of their own where they are given none."""
ALLOWED = {
    ("archive/exchange/xml_reading.py", "XMLParser"): "the place",
    ("ingestion/tools/alto.py", "iterparse"): "pages of ALTO as a stream, with the same settings",
}


def calls(path: Path) -> set[str]:
    """Names of the calls that parse XML without a parser of ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if owner not in {"etree", "ET", "ElementTree", "objectify", "html"}:
            continue
        ours = len(node.args) >= 2 or any(word.arg == "parser" for word in node.keywords)
        if node.func.attr in MAKERS or (node.func.attr in PARSES and not ours):
            found.add(node.func.attr)
    return found


def test_parsers_of_xml_are_made_in_one_place() -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name in calls(path)
    }
    assert found == set(ALLOWED)
