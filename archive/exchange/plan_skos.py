"""A filing plan as SKOS in RDF/XML, in and out: one concept a node. Pure.

Read is what is written, and the plain subset that other programs write: ``notation``, ``prefLabel``
(French first), ``scopeNote`` and ``broader``. What SKOS has no word for stands in a name space of
ours, under the names of the CSV's columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from archive.exchange.plan_lines import COLUMNS, PlanLine, require_few, unreadable
from archive.exchange.xml_reading import Unparsed, parse

OURS: Final = "urn:chartrier:plan#"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_IRI: Final = "urn:chartrier:plan:"
_OWN: Final = ("code", "parent", "title", "description")
"""Columns that SKOS has words for."""


def write_skos(rows: Iterable[Mapping[str, str]], title: str) -> bytes:
    """Return the file of these nodes.

    Args:
        title: Of the scheme: the tenant's name.
    """
    for prefix, space in (("rdf", _RDF), ("skos", _SKOS), ("c", OURS)):
        register_namespace(prefix, space)
    root = Element(f"{{{_RDF}}}RDF")
    scheme = SubElement(root, f"{{{_SKOS}}}ConceptScheme", {f"{{{_RDF}}}about": _IRI})
    SubElement(scheme, f"{{{_SKOS}}}prefLabel", {_LANG: "fr"}).text = title
    for row in rows:
        concept = SubElement(root, f"{{{_SKOS}}}Concept", {f"{{{_RDF}}}about": _iri(row["code"])})
        SubElement(concept, f"{{{_SKOS}}}inScheme", {f"{{{_RDF}}}resource": _IRI})
        SubElement(concept, f"{{{_SKOS}}}notation").text = row["code"]
        SubElement(concept, f"{{{_SKOS}}}prefLabel", {_LANG: "fr"}).text = row["title"]
        if row.get("description"):
            SubElement(concept, f"{{{_SKOS}}}scopeNote", {_LANG: "fr"}).text = row["description"]
        if row.get("parent"):
            SubElement(concept, f"{{{_SKOS}}}broader", {f"{{{_RDF}}}resource": _iri(row["parent"])})
        for name in COLUMNS:
            if name not in _OWN and row.get(name):
                SubElement(concept, f"{{{OURS}}}{name}").text = row[name]
    indent(root)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def read_skos(content: bytes) -> list[PlanLine]:
    """Read the concepts of a file.

    Raises:
        Refused: ``bad_plan_file``: it is no RDF/XML, or has a document type of its own.
    """
    try:
        root = parse(content)
    except Unparsed as error:
        raise unreadable("Le fichier n’est pas du XML lisible.") from error
    if root.tag != f"{{{_RDF}}}RDF":
        raise unreadable("Le fichier n’est pas du SKOS en RDF/XML.")
    concepts = [one for one in root.iter(f"{{{_SKOS}}}Concept", f"{{{_RDF}}}Description") if _is_concept(one)]
    codes = {one.get(f"{{{_RDF}}}about", ""): _code(one) for one in concepts}
    return require_few([PlanLine(number, _values(one, codes)) for number, one in enumerate(concepts, 1)])


def _is_concept(element: Any) -> bool:
    if element.tag == f"{{{_SKOS}}}Concept":
        return True
    return any(kind.get(f"{{{_RDF}}}resource") == f"{_SKOS}Concept" for kind in element.findall(f"{{{_RDF}}}type"))


def _values(concept: Any, codes: Mapping[str, str]) -> dict[str, str]:
    values = {
        "code": _code(concept),
        "title": _text(concept, "prefLabel"),
        "description": _text(concept, "scopeNote") or _text(concept, "definition"),
        "kind": "class",
    }
    broader = concept.find(f"{{{_SKOS}}}broader")
    above = broader.get(f"{{{_RDF}}}resource", "") if broader is not None else ""
    values["parent"] = codes.get(above) or (_from_iri(above) if above else "")
    for name in COLUMNS:
        told = concept.find(f"{{{OURS}}}{name}")
        if name not in _OWN and told is not None:
            values[name] = (told.text or "").strip()
    return values


def _code(concept: Any) -> str:
    return _text(concept, "notation") or _from_iri(concept.get(f"{{{_RDF}}}about", ""))


def _text(concept: Any, name: str) -> str:
    """Return the French text of a property, else the first."""
    found = concept.findall(f"{{{_SKOS}}}{name}")
    french = [one for one in found if (one.get(_LANG) or "").lower().startswith("fr")]
    return next(((one.text or "").strip() for one in (*french, *found) if one.text), "")


def _iri(code: str) -> str:
    return _IRI + quote(code, safe="")


def _from_iri(iri: str) -> str:
    """Return the code that an address ends with, where a concept has no notation."""
    if iri.startswith(_IRI):
        return unquote(iri.removeprefix(_IRI))
    return unquote(iri.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1])
