"""Sign and verify C2SP notes with the installation's Ed25519 log key.

A note is a text that ends in a line break, an empty line, and one signature line for each signer:
``— name base64(key id ‖ signature)``. See https://c2sp.org/signed-note.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_DASH = "\u2014 "
_MOST_SIGNATURES = 100


class LogKey:
    """Log key: signs checkpoints and receipts in the name of one installation.

    Args:
        key: The private key; it stays in this object.
        origin: Public name of the installation, which is the name in every signature line.

    Raises:
        ValueError: If a signature line can't hold the name.
    """

    def __init__(self, key: Ed25519PrivateKey, origin: str) -> None:
        _check_name(origin)
        self._key = key
        self.origin = origin
        self._public = key.public_key().public_bytes_raw()
        self._id = _key_id(origin, self._public)

    @classmethod
    def load(cls, path: Path, origin: str) -> LogKey:
        """Read the PKCS#8 PEM that ``ensure_generated`` wrote.

        Raises:
            ValueError: If the file holds no Ed25519 key.
        """
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path.name} holds no Ed25519 key")
        return cls(key, origin)

    @property
    def vkey(self) -> str:
        """Public key as ``origin+hash+base64``, the form that is published."""
        return f"{self.origin}+{self._id.hex()}+{base64.b64encode(_ED25519 + self._public).decode()}"

    def sign_note(self, text: str) -> str:
        """Sign a text and return the whole note.

        Raises:
            ValueError: If the text does not end in a line break or holds control characters.
        """
        _check_text(text)
        signature = base64.b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_DASH}{self.origin} {signature}\n"


def verify_note(note: str, vkey: str) -> str:
    """Return the text of a note that the given key signed.

    Signature lines of other keys (witnesses) are read strictly and otherwise ignored.

    Raises:
        ValueError: If the note is malformed, or not signed by that key.
    """
    name, key_id, public = _parse_vkey(vkey)
    text, separator, tail = note.rpartition("\n\n")
    text += "\n"
    if not separator or not tail.endswith("\n"):
        raise ValueError("not a signed note")
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise ValueError("too many signatures")
    signed = False
    for line in lines:
        signer, identity, signature = _parse_signature(line)
        if signer != name or identity != key_id:
            continue
        if signed:
            raise ValueError("signed twice by the same key")
        try:
            public.verify(signature, text.encode())
        except InvalidSignature as error:
            raise ValueError("the note's signature does not hold") from error
        signed = True
    if not signed:
        raise ValueError("not signed by the expected key")
    return text


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise ValueError("a note's key name is one word without '+'")


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise ValueError("a note's text ends in a line break")
    if any(ord(c) < 0x20 and c != "\n" for c in text):
        raise ValueError("a note's text holds no control characters")
    text.encode()


def _strict_base64(text: str) -> bytes:
    """Decode base64; refuse all but its one strict form (no unused bits, no white space)."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(value).decode() != text:
        raise ValueError("base64 in another form than the canonical one")
    return value


def _parse_vkey(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    parts = vkey.split("+", 2)
    if len(parts) != 3:
        raise ValueError("not a verifier key")
    name, identity, encoded = parts
    _check_name(name)
    value = _strict_base64(encoded)
    if len(value) != 33 or value[:1] != _ED25519:
        raise ValueError("not an Ed25519 verifier key")
    if _key_id(name, value[1:]).hex() != identity:
        raise ValueError("the verifier key contradicts its own hash")
    return name, bytes.fromhex(identity), Ed25519PublicKey.from_public_bytes(value[1:])


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    if not line.startswith(_DASH):
        raise ValueError("not a signature line")
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    _check_name(name)
    value = _strict_base64(encoded)
    if len(value) < 5:
        raise ValueError("a signature line is too short")
    return name, value[:4], value[4:]
