"""Reading of XML from outside: one parser without network, entities or document types. Pure.

The only place that makes a parser of lxml for exchange formats. A document type is refused before
anything is parsed: neither a schema nor a record of ours has one.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree

_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_PROLOG: Final = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
"""Encodings that are read; any other may hide what the eye looks for."""
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_WIDE: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\x00", b"<\x00")


class Unparsed(Exception):
    """Error: this is no XML that we read.

    Attributes:
        code: ``xml_malformed``, ``xml_doctype``, ``xml_encoding`` or ``xml_too_deep``.
        line: Where it was found; None for the document as a whole.
        original: Message of the parser.
    """

    def __init__(self, code: str, original: str = "", line: int | None = None) -> None:
        self.code = code
        self.line = line
        self.original = original
        super().__init__(f"{code}: {original}")


def parser(*resolvers: etree.Resolver) -> etree.XMLParser:
    """Return a parser that reads one document and nothing else.

    Args:
        resolvers: Of addresses that lie in our own package.
    """
    made = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    for one in resolvers:
        made.resolvers.add(one)
    return made


def parse(content: bytes) -> Any:
    """Return the root element of a document.

    Raises:
        Unparsed: It is not well formed, has a document type, or an encoding that we don't read.
    """
    _refuse_doctype(content)
    try:
        root = etree.fromstring(content, parser())
    except etree.XMLSyntaxError as error:
        code = "xml_too_deep" if "depth" in str(error).lower() else "xml_malformed"
        raise Unparsed(code, str(error)[:500], error.lineno) from error
    except ValueError as error:
        raise Unparsed("xml_malformed", str(error)[:500]) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unparsed("xml_doctype", line=1)
    return root


def _refuse_doctype(content: bytes) -> None:
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        raise Unparsed("xml_encoding", str(error)[:200]) from error
    begin = _PROLOG.match(text.removeprefix("\ufeff"))
    after = begin.end() if begin is not None else 0
    if text.removeprefix("\ufeff").startswith("<!", after):
        raise Unparsed("xml_doctype", line=text.count("\n", 0, after) + 1)


def _encoding(content: bytes) -> str:
    if content.startswith(_WIDE):
        raise Unparsed("xml_encoding", "UTF-32, or UTF-16 without its mark")
    if content.startswith(_UTF16):
        return "utf-16"
    declared = _DECLARED.match(content.removeprefix(b"\xef\xbb\xbf"))
    told = declared.group(1).decode("ascii").lower() if declared is not None else "utf-8"
    found = _ENCODINGS.get(told)
    if found is None or found == "utf-16":
        raise Unparsed("xml_encoding", told)
    return found
