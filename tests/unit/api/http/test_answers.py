"""Ranges, tags, languages, forms of answers, cursors, names in headers."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from api.http.conditions import none_match, preferred_wait, require_match
from api.http.cursors import Cursors
from api.http.deliveries import attachment, parse_range
from api.http.languages import preferred_language
from api.http.negotiation import accepted
from signing.ground.errors import Refused


def asked(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 10)),
        ("bytes=90-1000", (90, 10)),
        ("bytes=-10", (90, 10)),
        ("bytes=-1000", (0, 100)),
        ("bytes=9-0", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges(header, expected):
    request = asked(range=header) if header else asked()
    assert parse_range(request, 100, '"tag"') == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=1000-2000", "bytes=-0"])
def test_ranges_beyond_the_end(header):
    with pytest.raises(Refused) as caught:
        parse_range(asked(range=header), 100, '"tag"')
    assert caught.value.code == "bad_range"


def test_a_range_of_another_version_is_the_whole():
    assert parse_range(asked(range="bytes=0-1", if_range='"old"'), 100, '"tag"') is None
    assert parse_range(asked(range="bytes=0-1", if_range='"tag"'), 100, '"tag"') == (0, 2)


def test_tags():
    assert none_match(asked(if_none_match='"a", W/"b"'), '"b"')
    assert none_match(asked(if_none_match="*"), '"b"')
    assert not none_match(asked(if_none_match='"a"'), '"b"')
    assert not none_match(asked(), '"b"')
    require_match(asked(if_match='"1"'), '"1"')
    require_match(asked(if_match="*"), '"1"')
    for headers, code in (
        ({}, "precondition_required"),
        ({"if_match": '"2"'}, "precondition_failed"),
        ({"if_match": 'W/"1"'}, "precondition_failed"),
    ):
        with pytest.raises(Refused) as caught:
            require_match(asked(**headers), '"1"')
        assert caught.value.code == code


def test_waiting_is_bounded():
    assert preferred_wait(asked()) is None
    assert preferred_wait(asked(prefer="respond-async, wait=3")) == 3
    assert preferred_wait(asked(prefer="wait=9999")) == 25
    assert preferred_wait(asked(prefer="wait=soon")) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", "fr"), ("en", "en"), ("fr-FR,fr;q=0.9,en;q=0.8", "fr"), ("de,en;q=0.3", "en"), ("en;q=x", "fr")],
)
def test_french_first(header, expected):
    request = asked(accept_language=header)
    request.scope["path"] = "/api/v1/me"
    assert preferred_language(request) == expected


def test_forms_of_answers():
    offered = ("application/json", "application/pdf")
    assert accepted(asked(), offered) == "application/json"
    assert accepted(asked(accept="application/pdf"), offered) == "application/pdf"
    assert accepted(asked(accept="text/html, application/*;q=0.1"), offered) == "application/json"
    assert accepted(asked(accept="application/json;q=0.1, application/pdf"), offered) == "application/pdf"
    for header in ("text/html", "application/pdf;q=0"):
        with pytest.raises(Refused) as caught:
            accepted(asked(accept=header), offered)
        assert caught.value.code == "not_acceptable"


def test_a_cursor_can_be_given_back_and_not_made_up():
    cursors = Cursors(b"secret")
    cursor = cursors.write("deposits a", ["2026-01-01", "id"])
    assert cursors.read("deposits a", cursor) == ["2026-01-01", "id"]
    for purpose, text in (
        ("deposits b", cursor),
        ("deposits a", cursor[:-1]),
        ("deposits a", ""),
        ("deposits a", "é%"),
    ):
        with pytest.raises(Refused) as caught:
            cursors.read(purpose, text)
        assert caught.value.code == "bad_cursor"
    with pytest.raises(Refused):
        Cursors(b"other").read("deposits a", cursor)


def test_names_in_headers_survive_and_break_nothing():
    header = attachment('a"b\r\nX: y é.pdf')
    assert "\r" not in header
    assert header.isascii()
    assert header.endswith("filename*=UTF-8''a%22b%0D%0AX%3A%20y%20%C3%A9.pdf")
