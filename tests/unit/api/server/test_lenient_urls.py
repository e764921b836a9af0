"""Addresses as people type them."""

from __future__ import annotations

from api.server.lenient_urls import percent_encoded


def test_accents_in_an_address_are_written_as_browsers_do():
    assert percent_encoded("GET /?q=été HTTP/1.1".encode()) == b"GET /?q=%C3%A9t%C3%A9 HTTP/1.1"
