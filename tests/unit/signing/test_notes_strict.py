"""A note is read strictly: what has another form than the one form is refused."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing.ground.canonical import canonical, parse_canonical
from signing.ground.clock import parse_stamp, stamp, utc_now
from signing.note import LogKey, verify_note

KEY = LogKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "chartrier.test")
TEXT = "chartrier.test\n12\nroot\n"
NOTE = KEY.sign_note(TEXT)
LINE = NOTE.rsplit("\n\n", 1)[1]


def line(value: bytes, name: str = "temoin.test") -> str:
    return f"\u2014 {name} {base64.b64encode(value).decode()}\n"


def test_the_blank_line_before_the_signatures_is_the_last() -> None:
    text = "first\n\nsecond\n"
    assert verify_note(KEY.sign_note(text), KEY.vkey) == text


def test_signatures_are_counted_up_to_a_hundred() -> None:
    witness = line(b"1234" + b"x" * 64)
    assert verify_note(NOTE + witness * 99, KEY.vkey) == TEXT
    with pytest.raises(ValueError, match="too many"):
        verify_note(NOTE + witness * 100, KEY.vkey)


def test_a_signature_after_those_of_others_counts() -> None:
    assert verify_note(TEXT + "\n" + line(b"1234x") + LINE, KEY.vkey) == TEXT


@pytest.mark.parametrize(
    "other",
    [
        lambda value: line(value, "another.test"),
        lambda value: line(b"0000" + value[4:], KEY.origin),
    ],
    ids=["name", "key"],
)
def test_another_name_or_another_key_is_a_witness(other) -> None:
    value = base64.b64decode(LINE.split(" ")[2])
    with pytest.raises(ValueError, match="expected key"):
        verify_note(f"{TEXT}\n{other(value)}", KEY.vkey)


def test_a_witness_has_a_key_and_something_signed() -> None:
    assert verify_note(NOTE + line(b"12345"), KEY.vkey) == TEXT
    for value in (b"1234", b""):
        with pytest.raises(ValueError, match="too short"):
            verify_note(NOTE + line(value), KEY.vkey)


@pytest.mark.parametrize(
    "tail",
    [
        "- temoin.test MTIzNDU=\n",
        "\u2014 temoin.test\n",
        "\u2014  MTIzNDU=\n",
        "\u2014 temoin.test MTIzNDU\n",
        "\u2014 temoin.test MTIz*NDU=\n",
        "\u2014 te+moin.test MTIzNDU=\n",
        "\n",
    ],
    ids=repr,
)
def test_a_line_that_is_no_signature_spoils_the_note(tail: str) -> None:
    with pytest.raises(ValueError):
        verify_note(NOTE + tail, KEY.vkey)


@pytest.mark.parametrize("note", ["", TEXT, f"{TEXT}\n", NOTE[:-1], NOTE.replace("\n\n", "\n"), NOTE + "x"])
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    with pytest.raises(ValueError):
        verify_note(note, KEY.vkey)


def test_a_text_holds_line_breaks_and_no_other_control_sign() -> None:
    assert verify_note(KEY.sign_note("a b\n~\n"), KEY.vkey) == "a b\n~\n"
    for sign in ("\x1f", "\x00", "\r", "\t"):
        with pytest.raises(ValueError, match="control"):
            KEY.sign_note(f"a{sign}b\n")


@pytest.mark.parametrize("kept", [0, 1, 2, 32, 34], ids=str)
def test_a_verifier_key_has_the_length_and_kind_of_its_algorithm(kept: int) -> None:
    name, identity, encoded = KEY.vkey.split("+", 2)
    value = (base64.b64decode(encoded) + b"x")[:kept]
    with pytest.raises(ValueError, match="Ed25519"):
        verify_note(NOTE, f"{name}+{identity}+{base64.b64encode(value).decode()}")
    other = b"\x02" + base64.b64decode(encoded)[1:]
    with pytest.raises(ValueError, match="Ed25519"):
        verify_note(NOTE, f"{name}+{identity}+{base64.b64encode(other).decode()}")


def test_a_verifier_key_may_hold_plus_signs_in_its_base64() -> None:
    for seed in range(64):
        key = LogKey(Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)), "chartrier.test")
        assert verify_note(key.sign_note(TEXT), key.vkey) == TEXT


# -- canonical JSON and stamps


def test_text_is_written_as_itself() -> None:
    assert canonical({"a": "é", "B": [True, None]}) == b'{"B":[true,null],"a":"\xc3\xa9"}'
    assert canonical(("a", 1)) == b'["a",1]'


@pytest.mark.parametrize("text", [b'{"a":1,"b":2,"a":1}', b'[{"a":1,"a":2}]'])
def test_a_key_stands_once(text: bytes) -> None:
    with pytest.raises(ValueError, match="duplicate"):
        parse_canonical(text)


def test_a_moment_has_one_form() -> None:
    moment = parse_stamp("2026-03-12T08:15:30.120Z")
    assert stamp(moment) == "2026-03-12T08:15:30.120Z"
    assert stamp(moment.replace(microsecond=120_999)) == "2026-03-12T08:15:30.120Z"
    assert stamp(moment.replace(microsecond=0)) == "2026-03-12T08:15:30.000Z"


def test_now_is_now_to_the_millisecond() -> None:
    for _ in range(200):
        before = datetime.now(UTC)
        now = utc_now()
        assert now.microsecond % 1000 == 0
        assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= now <= datetime.now(UTC)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Cayenne"])
def test_a_moment_is_written_in_utc_wherever_the_machine_stands(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert stamp(datetime(2026, 7, 1, 12, tzinfo=UTC)) == "2026-07-01T12:00:00.000Z"
        assert parse_stamp("2026-07-01T12:00:00.000Z") == datetime(2026, 7, 1, 12, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
