"""Validation of a message: the official schema of its version, then the archive profile. Pure.

The schemas come with the package and nothing is read from elsewhere. Only so many errors are told:
the first are the causes of the others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

from archive.exchange.seda.findings import Finding, Place, Step, found_ko
from archive.exchange.seda.places import place_of
from archive.exchange.seda.schema_words import Told, in_plain_words, profile_words
from archive.exchange.seda.versions import Version, local_name, version_of
from archive.exchange.xml_reading import Unparsed, parse, parser

SCHEMAS: Final = Path(__file__).resolve().parent / "schemas"
MOST_FINDINGS: Final = 200
"""Errors of one validation that are told."""
_IMPORTED: Final = {
    "http://www.w3.org/2001/xml.xsd": SCHEMAS / "w3c" / "xml.xsd",
    "http://www.w3.org/1999/xlink.xsd": SCHEMAS / "w3c" / "xlink.xsd",
}
_RELAXNG: Final = "{http://relaxng.org/ns/structure/1.0}"
_ELSEWHERE: Final = ("include", "externalRef", "parentRef")
_LONGEST_MESSAGE: Final = 500
_UNPARSED: Final = {
    "xml_malformed": found_ko("seda_malformed", Step.MANIFEST, "Le bordereau n’est pas du XML bien formé."),
    "xml_doctype": found_ko(
        "seda_doctype",
        Step.MANIFEST,
        "Le bordereau déclare un type de document (DOCTYPE) : le SEDA n’en a pas, retirez-le.",
    ),
    "xml_encoding": found_ko(
        "seda_encoding",
        Step.MANIFEST,
        "Le bordereau est dans un encodage qui n’est pas lu : écrivez-le en UTF-8.",
    ),
    "xml_too_deep": found_ko(
        "seda_too_deep",
        Step.MANIFEST,
        "Le bordereau emboîte trop d’éléments les uns dans les autres.",
    ),
}


class _Own(etree.Resolver):
    """Resolves what the official schemas import, from our own package."""

    def resolve(self, system_url: str | None, _public_id: str | None, context: Any) -> Any:
        """Return the file of an address; an empty document for any other."""
        found = _IMPORTED.get(system_url or "")
        if found is not None:
            return self.resolve_filename(str(found), context)
        if system_url and Path(system_url).is_relative_to(SCHEMAS):
            return self.resolve_filename(system_url, context)
        return self.resolve_empty(context)


@cache
def schema_of(version: Version) -> etree.XMLSchema:
    """Return the official schema of a version."""
    main = SCHEMAS / version.value / f"seda-{version.value}-main.xsd"
    return etree.XMLSchema(etree.parse(str(main), parser(_Own())))


def read_message(content: bytes) -> tuple[Any, list[Finding]]:
    """Read a message of SEDA and validate it against the official schema of its version.

    Returns:
        The root element, None where there is no message of SEDA at all; and what is wrong with it.
    """
    try:
        root = parse(content)
    except Unparsed as error:
        return None, [unparsed(error)]
    version = version_of(root.tag)
    if version is None:
        namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
        return None, [
            found_ko(
                "seda_version_unknown",
                Step.MANIFEST,
                "Le bordereau n’est pas dans une version du SEDA que nous lisons (2.1, 2.2, 2.3) : « {namespace} ».",
                place_of(root),
                namespace=namespace[:200],
            )
        ]
    return root, validate(root, version)


def unparsed(error: Unparsed) -> Finding:
    """Return the finding for a manifest that is no XML."""
    return replace(_UNPARSED[error.code], line=error.line, original=error.original)


def validate(root: Any, version: Version) -> list[Finding]:
    """Return what a message has against the official schema."""
    schema = schema_of(version)
    if schema.validate(root):
        return []
    return _told(root, schema.error_log, in_plain_words)


class BadProfile(Exception):
    """Error: an archive profile that is no RelaxNG, or that reads other files."""


def validate_profile(root: Any, profile: bytes) -> list[Finding]:
    """Return what a message has against an archive profile (RelaxNG).

    Raises:
        BadProfile: The profile itself can't be used.
    """
    try:
        read = parse(profile)
        if any(next(read.iter(f"{_RELAXNG}{name}"), None) is not None for name in _ELSEWHERE):
            raise BadProfile("it includes other files")
        relaxng = etree.RelaxNG(read)
    except (Unparsed, etree.RelaxNGParseError) as error:
        raise BadProfile(str(error)[:_LONGEST_MESSAGE]) from error
    if relaxng.validate(root):
        return []
    return _once_a_node(_told(root, relaxng.error_log, profile_words))


def _told(root: Any, log: Any, say: Any) -> list[Finding]:
    findings: list[Finding] = []
    for error in log:
        if len(findings) == MOST_FINDINGS:
            more = len(log) - MOST_FINDINGS
            findings.append(
                found_ko(
                    "seda_more_errors", findings[-1].step, "{count} autres erreurs ne sont pas détaillées.", count=more
                )
            )
            break
        element = _found_again(root, error.path)
        place = place_of(element) if element is not None else Place("", error.line)
        findings.append(say(Told(error.type_name, error.message, element, place)))
    return findings


def _found_again(root: Any, path: str | None) -> Any:
    if not path:
        return None
    try:
        found = root.getroottree().xpath(path)
    except etree.XPathError:
        return None
    return found[0] if found and isinstance(found[0], etree._Element) else None


def _once_a_node(findings: list[Finding]) -> list[Finding]:
    """Leave out what a RelaxNG validator says again of the same node, and of the nodes above it."""
    kept: dict[str, Finding] = {}
    for one in findings:
        kept.setdefault(one.node, one)
    return [one for one in kept.values() if not any(_is_below(node, one.node) for node in kept)]


def _is_below(node: str, above: str) -> bool:
    return node != above and node.startswith(above + "/")


def message_name(root: Any) -> str:
    """Return the kind of a message: ``ArchiveTransfer``."""
    return local_name(root.tag)
