"""ALTO written by us: the constraints of the standard that readers rely on, and the way back."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ingestion.tools.alto import NAMESPACE, AltoWriter, PageText, Word, pages_of, text_of_pages, words_of_page
from ingestion.tools.sandboxed.word_boxes import joined, makes_sense

NAMES = {"a": NAMESPACE}


def written(*pages: PageText, version: str | None = "2.13 <&>") -> bytes:
    out = io.BytesIO()
    writer = AltoWriter(out, ("tesserocr", version))
    for page in pages:
        writer.add(page)
    writer.end()
    return out.getvalue()


def word(text: str, x: int = 0, y: int = 0, **more: object) -> Word:
    return Word(text, x, y, 100, 40, **more)  # type: ignore[arg-type]


CUT = PageText(
    1,
    9921,
    14031,
    "ocr",
    (
        (
            (word("eau", confidence=91), word("assainis", 200, confidence=80, part=1, whole="assainissement")),
            (word("sement", 0, 50, confidence=70, part=2, whole="assainissement"), word("public", 200, 50)),
        ),
        ((word("<&\"'>", 0, 200),),),
    ),
)


def test_a_version_that_nobody_knows_is_not_written() -> None:
    software = etree.fromstring(written(CUT, version=None)).find(".//a:processingSoftware", NAMES)
    assert software is not None
    assert [etree.QName(child).localname for child in software] == ["softwareName"]


@pytest.mark.parametrize("stated", [b"", b' PAGECLASS="print"'])
def test_how_a_page_was_read_is_never_supposed(stated: bytes) -> None:
    silent = written(CUT).replace(b' PAGECLASS="ocr"', stated)
    with pytest.raises(ValueError, match="how it was read"):
        list(pages_of(silent))


def test_it_is_what_alto_4_4_asks_for() -> None:
    root = etree.fromstring(written(CUT, PageText(2, 10, 10, "blank")))
    assert root.tag == f"{{{NAMESPACE}}}alto"
    assert root.get("SCHEMAVERSION") == "4.4"
    assert [etree.QName(child).localname for child in root] == ["Description", "Layout"]
    assert root.findtext("a:Description/a:MeasurementUnit", namespaces=NAMES) == "inch1200"
    assert (
        root.findtext("a:Description/a:Processing/a:processingSoftware/a:softwareVersion", namespaces=NAMES)
        == "2.13 <&>"
    )
    assert root.find("a:Description/a:Processing", NAMES).get("ID")  # type: ignore[union-attr]
    pages = root.findall("a:Layout/a:Page", NAMES)
    assert [page.get("PHYSICAL_IMG_NR") for page in pages] == ["1", "2"]
    ids = root.xpath("//@ID")
    assert len(ids) == len(set(ids))
    for element in root.iter(f"{{{NAMESPACE}}}TextBlock", f"{{{NAMESPACE}}}TextLine", f"{{{NAMESPACE}}}String"):
        for name in ("ID", "HPOS", "VPOS", "WIDTH", "HEIGHT"):
            assert element.get(name), (element.tag, name)
    (first, second, *_) = root.iter(f"{{{NAMESPACE}}}TextLine")
    assert [etree.QName(child).localname for child in first] == ["String", "SP", "String", "HYP"]
    halves = [first[2], second[0]]
    assert [half.get("SUBS_TYPE") for half in halves] == ["HypPart1", "HypPart2"]
    assert {half.get("SUBS_CONTENT") for half in halves} == {"assainissement"}
    assert first[0].get("WC") == "0.91"


def test_what_was_written_is_read_back() -> None:
    assert list(pages_of(written(CUT))) == [CUT]
    assert PageText.from_line(CUT.as_line()) == CUT
    assert words_of_page(written(CUT), 2) is None


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_one_page_of_many_is_found_however_the_bytes_arrive(size: int) -> None:
    pages = [PageText(n, 100, 100, "ocr", (((word(f'<Page ID="p{n + 1}" <n°{n}', n),),),)) for n in range(1, 25)]
    content = written(*pages)
    for number in (1, 2, 20, 24):
        arriving = (content[at : at + size] for at in range(0, len(content), size))
        assert words_of_page(arriving, number) == pages[number - 1]
        assert next(arriving, None) is None, "what comes out of the store is read to its end: only then is it good"
    assert words_of_page(content, 25) is None
    assert list(pages_of(content[at : at + size] for at in range(0, len(content), size))) == pages


def test_a_cut_word_is_said_once_and_whole() -> None:
    assert dict(text_of_pages(written(CUT))) == {1: "eau assainissement\npublic\n\n<&\"'>"}


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=12).filter(str.strip))
def test_no_text_breaks_the_file(text: str) -> None:
    page = PageText(1, 100, 100, "text", (((word(text),),),))
    (read,) = pages_of(written(page))
    assert len(list(read.words)) == 1


@pytest.mark.parametrize(
    "line", ["", "{}", "[]", '{"page": 1}', '{"page":1,"width":1,"height":1,"source":"x","blocks":[]}']
)
def test_what_is_not_a_page_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        PageText.from_line(line)


def test_a_foreign_document_is_refused() -> None:
    with pytest.raises(ValueError):
        list(pages_of(b"<alto"))


@pytest.mark.parametrize(
    ("above", "below", "whole"),
    [
        ("assainis-", "sement", "assainissement"),
        ("peut-", "être", "peut-être"),
        ("Saint-", "Étienne", None),
        ("2024-", "117", None),
        ("fin", "de", None),
        ("-", "de", None),
    ],
)
def test_words_cut_at_a_line_s_end_are_joined(above: str, below: str, whole: str | None) -> None:
    first, second = joined([[word("un"), word(above)], [word(below), word("autre")]])
    assert first[-1].whole == (whole or "")
    assert second[0].part == (2 if whole else 0)


def test_numbers_of_glyphs_are_not_text() -> None:
    assert makes_sense([[word("Délibération"), word("n°"), word("2024-117")]])
    assert not makes_sense([[word("\ue001\ue002\ue003"), word("\x01\x02")]])
    assert not makes_sense([])
