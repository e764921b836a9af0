"""Codes of a bordereau on paper: what those on a scan prove, contradict, or leave to a person."""

from __future__ import annotations

from archive.disposition.disposals.paper import (
    Detail,
    PageCode,
    Print,
    ScanFault,
    ScanVerdict,
    page_code,
    read_scan,
    title_code,
)

ONE, OTHER = "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01", "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a02"
POPULATION, STALE = "ab" * 32, "cd" * 32
TITLE = title_code("2026-07", POPULATION)


def printed(pages: int = 3, **more: object) -> list[list[str]]:
    """The codes of a whole print."""
    told = {"disposal": ONE, "population": POPULATION, "detail": Detail.GROUPS, "part": 1, "parts": 1} | more
    digits = Print(**told).digits  # type: ignore[arg-type]
    return [[f"{digits}{n:05d}{pages:05d}"] for n in range(1, pages + 1)]


def judged(codes: list[list[str]]) -> tuple[ScanVerdict, ScanFault | None]:
    found = read_scan(ONE, "2026-07", POPULATION, codes)
    return found.verdict, found.fault


def test_a_code_is_read_as_it_was_written() -> None:
    (text,) = printed(12, part=2, parts=7, detail=Detail.LINES)[4]
    assert len(text) % 2 == 0, "two digits a symbol"
    check = f"{int(POPULATION[:16], 16) % 10**8:08d}"
    assert page_code(text) == PageCode(ONE, check, Detail.LINES, 2, 7, 5, 12)
    assert POPULATION not in text
    for other in ("", text[:-1], text + "0", "9" * 66, text[:-10] + "00013" + "00012", text[:-10] + "00000" + "00012"):
        assert page_code(other) is None, other


def test_a_whole_scan_in_any_order_is_proven() -> None:
    codes = printed()
    codes[0].append(TITLE)
    assert judged(codes) == (ScanVerdict.PROVEN, None)
    assert judged([codes[2], codes[0], codes[1], codes[1]]) == (ScanVerdict.PROVEN, None)
    assert judged([[*codes[0], "3017620422003"], *codes[1:]]) == (ScanVerdict.PROVEN, None), "a code of a shop"


def test_what_is_not_read_is_left_to_a_person() -> None:
    codes = printed()
    assert judged(codes) == (ScanVerdict.UNREAD, None), "the first page's code was not read"
    codes[0].append(TITLE)
    found = read_scan(ONE, "2026-07", POPULATION, [codes[0], [], codes[2]])
    assert (found.verdict, found.unread, found.missing) == (ScanVerdict.UNREAD, (2,), ("1.2",))
    assert judged([[], [], []]) == (ScanVerdict.UNREAD, None)
    assert judged([*codes, []]) == (ScanVerdict.UNREAD, None), "a page more than was printed"
    assert judged([]) == (ScanVerdict.UNREAD, None)


def test_a_page_is_missing_for_certain_only_if_no_unread_page_can_be_it() -> None:
    codes = printed(4)
    codes[0].append(TITLE)
    assert judged([codes[0], codes[1], codes[3]]) == (ScanVerdict.CONTRADICTED, ScanFault.PAGES_MISSING)
    assert judged([codes[0], codes[1], []]) == (ScanVerdict.CONTRADICTED, ScanFault.PAGES_MISSING), (
        "two, and one unread"
    )
    assert judged([codes[0], codes[1], [], []]) == (ScanVerdict.UNREAD, None)


def test_other_bordereaux_other_populations_and_other_prints_contradict() -> None:
    codes = printed()
    codes[0].append(TITLE)
    other = printed(disposal=OTHER)
    assert judged(other) == (ScanVerdict.CONTRADICTED, ScanFault.OTHER_BORDEREAU)
    assert judged([[], [title_code("2026-08", POPULATION)]]) == (ScanVerdict.CONTRADICTED, ScanFault.OTHER_BORDEREAU)
    assert judged([*codes, other[1]]) == (ScanVerdict.CONTRADICTED, ScanFault.FOREIGN_PAGES)
    stale = printed(population=STALE)
    assert judged([codes[0], stale[1], codes[2]]) == (ScanVerdict.CONTRADICTED, ScanFault.OTHER_POPULATION)
    assert judged([[], [title_code("2026-07", STALE)]]) == (ScanVerdict.CONTRADICTED, ScanFault.OTHER_POPULATION)
    longer = printed(4)
    assert judged([*codes, longer[3]]) == (ScanVerdict.CONTRADICTED, ScanFault.FOREIGN_PAGES)
    detailed = printed(detail=Detail.LINES)
    assert judged([codes[0], detailed[1], codes[2]]) == (ScanVerdict.CONTRADICTED, ScanFault.FOREIGN_PAGES)


def test_every_booklet_of_a_print_comes_back() -> None:
    first, second = printed(2, parts=2), printed(3, part=2, parts=2)
    first[0].append(TITLE)
    assert judged([*first, *second]) == (ScanVerdict.PROVEN, None)
    found = read_scan(ONE, "2026-07", POPULATION, first)
    assert (found.fault, found.missing) == (ScanFault.PAGES_MISSING, ("2.1",))
