"""Digests in hexadecimal and in base64, under the names that programs give their algorithms."""

from __future__ import annotations

import base64
import hashlib

import pytest

from archive.exchange.seda.digests import is_readable, read_digest
from archive.exchange.seda.transfer import Digest

CONTENT = b"content"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("SHA-512", "SHA-512"),
        ("sha512", "SHA-512"),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "SHA-256"),
        ("SHA384", "SHA-384"),
        ("md5", "MD5"),
    ],
)
def test_hexadecimal_and_base64_are_the_same_digest(name: str, known: str) -> None:
    made = hashlib.new(known.replace("-", "").lower(), CONTENT)
    expected = Digest(known, made.hexdigest())
    assert read_digest(name, made.hexdigest()) == expected
    assert read_digest(name, made.hexdigest().upper()) == expected
    assert read_digest(name, base64.b64encode(made.digest()).decode()) == expected
    assert is_readable(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SHA-512", "abcd"), ("SHA-256", hashlib.sha512(CONTENT).hexdigest()), ("SHA-1", "00" * 20), ("MD5", "zz" * 16)],
)
def test_what_is_no_digest_of_its_algorithm_is_not_readable(name: str, value: str) -> None:
    assert not is_readable(read_digest(name, value))
