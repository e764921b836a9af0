from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from signing.note import LogKey, verify_note

KEY = LogKey(Ed25519PrivateKey.from_private_bytes(bytes(32)), "archives.example/journal")
TEXT = "archives.example/journal\n12\nq83v\n"


def test_a_note_made_by_somebody_else_verifies() -> None:
    """The example of Go's own implementation, golang.org/x/mod/sumdb/note."""
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = "If you think cryptography is the answer to your problem,\n"
    text += "then you don't know what your problem is.\n"
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    assert verify_note(f"{text}\n— PeterNeumann {signature}\n", vkey) == text


def test_a_note_comes_back() -> None:
    assert verify_note(KEY.sign_note(TEXT), KEY.vkey) == TEXT
    assert KEY.vkey.startswith("archives.example/journal+")


def test_the_stored_key_loads(keys: Path) -> None:
    key = LogKey.load(keys / "log.key", "a.example")
    assert verify_note(key.sign_note("x\n"), key.vkey) == "x\n"
    with pytest.raises(ValueError, match="Ed25519"):
        LogKey.load(keys / "seal.key", "a.example")


@given(st.integers(0, len(KEY.sign_note(TEXT).encode()) * 8 - 1))
def test_every_flipped_bit_is_refused(bit: int) -> None:
    note = bytearray(KEY.sign_note(TEXT).encode())
    note[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError):
        verify_note(note.decode(), KEY.vkey)


def test_unused_bits_of_base64_are_refused() -> None:
    head, encoded = KEY.sign_note(TEXT).rsplit(" ", 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = encoded.rstrip("=\n")
    other = bare[:-1] + alphabet[alphabet.index(bare[-1]) + 1] + encoded[len(bare) :]
    assert base64.b64decode(other) == base64.b64decode(encoded)
    with pytest.raises(ValueError, match="canonical"):
        verify_note(f"{head} {other}", KEY.vkey)


def test_witnesses_stand_beside_without_harm_and_without_weight() -> None:
    witness = LogKey(Ed25519PrivateKey.generate(), "temoin.example")
    note, seen = KEY.sign_note(TEXT), witness.sign_note(TEXT)
    both = note + seen.split("\n\n", 1)[1]
    assert verify_note(both, KEY.vkey) == verify_note(both, witness.vkey) == TEXT
    with pytest.raises(ValueError, match="expected key"):
        verify_note(seen, KEY.vkey)
    with pytest.raises(ValueError):
        verify_note(both + "une ligne de plus\n", KEY.vkey)
    with pytest.raises(ValueError, match="twice"):
        verify_note(note + note.split("\n\n", 1)[1], KEY.vkey)


@pytest.mark.parametrize("text", ["", "no line break", "a\ttab\n", "nul\0\n"])
def test_texts_that_no_note_may_hold(text: str) -> None:
    with pytest.raises(ValueError):
        KEY.sign_note(text)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\u00a0b"])
def test_names_that_no_key_may_have(origin: str) -> None:
    with pytest.raises(ValueError):
        LogKey(Ed25519PrivateKey.generate(), origin)


def test_a_verifier_key_that_contradicts_itself_is_refused() -> None:
    name, identity, encoded = KEY.vkey.split("+", 2)
    other = "00000000" if identity != "00000000" else "00000001"
    for vkey in (f"{name}+{other}+{encoded}", f"{name}+{identity}", f"x{name}+{identity}+{encoded}"):
        with pytest.raises(ValueError):
            verify_note(KEY.sign_note(TEXT), vkey)
