"""XML from outside: no document type, no network, no entity, and only encodings that we read."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.exchange.xml_reading import Unparsed, parse

BILLION = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'


def refused(content: bytes) -> str:
    with pytest.raises(Unparsed) as error:
        parse(content)
    return error.value.code


@pytest.mark.parametrize(
    "content",
    [
        BILLION,
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0"?>\n<!-- before -->\n<?pi?><!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>',
        b'\xef\xbb\xbf<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<!-- --" + b" x" * 10 + b"--><!DOCTYPE a><a/>",
        b"<!DOCTYPE a><a>never closed",
        BILLION[:60],
    ],
)
def test_a_document_type_is_refused_before_anything_is_parsed(content: bytes) -> None:
    assert refused(content) == "xml_doctype"


def test_a_comment_that_speaks_of_a_document_type_is_none() -> None:
    assert parse(b"<!-- <!DOCTYPE a> --><a>text</a>").text == "text"


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0" encoding="UTF-7"?><a/>',
        b'<?xml version="1.0" encoding="IBM037"?><a/>',
        "<a/>".encode("utf-32"),
        "<!DOCTYPE a><a/>".encode("utf-16-le"),
        "<!DOCTYPE a><a/>".encode("utf-16-be"),
        b"<a>\xff</a>",
    ],
)
def test_other_encodings_are_refused(content: bytes) -> None:
    assert refused(content) == "xml_encoding"


def test_latin_1_is_read_by_its_declaration() -> None:
    assert parse('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")).text == "é"


def test_depth_is_bounded() -> None:
    assert refused(b"<a>" * 5000 + b"</a>" * 5000) == "xml_too_deep"


def test_nothing_is_included(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    root = parse(
        f'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{secret}" parse="text"/></a>'.encode()
    )
    assert "secret" not in "".join(root.itertext())


def test_a_comment_does_not_cut_a_text() -> None:
    assert parse(b"<a>one<!-- x -->two</a>").text == "onetwo"


def test_the_line_of_an_error_is_told() -> None:
    with pytest.raises(Unparsed) as error:
        parse(b"<a>\n<b>\n</a>")
    assert (error.value.code, error.value.line) == ("xml_malformed", 3)


def test_a_document_type_that_the_eye_misses_is_refused_after() -> None:
    """Guard of its own: a parser may see what the search before it did not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive.exchange.xml_reading._refuse_doctype", lambda _: None)
        assert refused(b"<!DOCTYPE a><a/>") == "xml_doctype"
