#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Checks an evidence bundle offline, without the service that made it.

    python3 verify.py [DIR | ZIP] --trust trust.json
    python3 verify.py [DIR | ZIP] --root CA.pem --signer WHO
    python3 verify.py NEW --against OLD --trust trust.json      OLD: an earlier bundle, or a receipt
    python3 verify.py --receipt FILE [--original FILE] (--trust trust.json | --key FILE)

A bundle can't say by itself who must have made it: ``trust.json`` says so, and has to reach you by
another way than the bundle. A root alone says who issued the seal, not whose it is; the answer is
then a question, and the exit status 4.

Needs Python 3.11 or later and the package ``cryptography``. One line a check, then a verdict.
Exit status: 0 intact, 3 altered or missing, 4 unverifiable.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import re
import struct
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

try:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.x509.oid import ExtensionOID
except ImportError:
    if __name__ != "__main__":
        raise
    print("UNVERIFIABLE: nothing was checked, as this needs Python 3.11 and the package cryptography (pip install it).")
    sys.exit(4)

INTACT, ALTERED, UNVERIFIABLE, NOTHING = "intact", "altered", "unverifiable", "nothing"
EXIT = {INTACT: (0, "INTACT"), ALTERED: (3, "ALTERED / ALTÉRÉ"), UNVERIFIABLE: (4, "UNVERIFIABLE / INVÉRIFIABLE")}
NUMBERS = {"v", "n", "entry", "revision", "size", "first", "last", "after", "from", "to"}
SKEW, SMALL = timedelta(seconds=60), 64 << 20
# All that reading hostile bytes may raise; anything else is a fault of this program and shows as such.
FAULTS: tuple[type[Exception], ...] = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError)
FAULTS += (EOFError, RuntimeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion, struct.error)
FAULTS += (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, zipfile.BadZipFile)
PKCS = "2a864886f70d01"  # object identifiers are written as the hex of their DER; this is 1.2.840.113549.1
SHA2: tuple[hashes.HashAlgorithm, ...] = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
HASHES = {f"6086480165030402{n:02x}": algorithm for n, algorithm in enumerate(SHA2, 1)}
EARLIER, RECEIVED = "journal/consistency.json", {"DepositReceived", "DepositRecovered"}
BESIDE_ENTRIES = {"journal/checkpoint.tsr", "journal/log-key.p7s", EARLIER}
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
RSA = {f"{PKCS}01{n:02x}" for n in (1, 11, 12, 13)}
ECDSA = {f"2a8648ce3d0403{n:02x}" for n in (2, 3, 4)}  # 1.2.840.10045.4.3
DATA, SIGNED_DATA, TST_INFO = f"{PKCS}0701", f"{PKCS}0702", f"{PKCS}09100104"
CONTENT_TYPE, MESSAGE_DIGEST, PSS, MGF1 = (f"{PKCS}{n}" for n in ("0903", "0904", "010a", "0108"))
REFERENCE_V1, TOKEN, REFERENCE_V2 = (f"{PKCS}091002{n:02x}" for n in (12, 14, 47))
ANY, STAMPS = "2.5.29.37.0", {"1.3.6.1.5.5.7.3.8"}
# What a certificate may be for, to sign documents: e-mail, documents (RFC 9336), documents (Adobe, Microsoft).
DOCUMENTS = {"1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.2.840.113583.1.1.5", "1.3.6.1.4.1.311.10.3.12", ANY}
BESIDE = {"1.3.6.1.5.5.7.3.2"}  # TLS clients: granted with signing by some authorities, permits none by itself
UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
UNDERSTOOD |= {ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.SUBJECT_ALTERNATIVE_NAME}
STRONG = {"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"}
LONGEST, MOST = 8, 500  # certificates in a chain, and steps to look for one
WORDS = {
    "untrusted_chain": "its chain does not lead to a root that you gave",
    "key_usage": "its certificate may not be used to sign this",
    "weak_algorithm": "its chain rests on an algorithm or key that is too weak",
    "expired": "its certificate, or one above it, had expired",
    "not_yet_valid": "its certificate, or one above it, was not valid yet",
}
Digest = Callable[[str], str]  # hex of a content's digest, by name of the algorithm
Chain = Sequence[x509.Certificate]


class Check(NamedTuple):
    """One line: number and name of the check, verdict, what was seen."""

    number: int
    name: str
    verdict: str
    detail: str


class Trust(NamedTuple):
    """Whom the reader expects: from a trust file, or from roots and names given by hand."""

    roots: Chain = ()
    stamps: Chain = ()
    seals: frozenset[str] = frozenset()  # SHA-256 of certificates, or subjects; empty: nobody was named
    vkey: str = ""  # the journal's key; empty: the seal has to vouch for it


def read_trust(content: bytes) -> Trust:
    """Read a trust file; it must have reached the reader by another way than the bundle."""
    told = plain_json(content)
    _require((told["v"], told["type"]) == (1, "trust"), "not a trust file of this version")
    roots, stamps = (
        [x509.load_der_x509_certificate(strict_base64(given["certificate"])) for given in told[name]]
        for name in ("seal_roots", "timestamp_roots")
    )
    seals = frozenset(_matched("[0-9a-f]{64}", given["sha-256"], "a SHA-256")[0] for given in told["seals"])
    _require(seals and told["log"]["vkey"].startswith(f"{told['log']['origin']}+"), "a trust file that names nobody")
    return Trust(roots, stamps, seals, told["log"]["vkey"])


def _require(condition: object, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _matched(pattern: str, text: str, what: str) -> re.Match[str]:
    if (match := re.fullmatch(pattern, text)) is None:
        raise ValueError(f"not {what}")
    return match


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = len(found := dict(pairs)) == len(pairs) and not any(type(found[x]) is bool for x in NUMBERS & found.keys())
    _require(plain, "a name stands twice in JSON, or true or false where a number belongs")
    return found


def plain_json(text: bytes) -> Any:
    """Read JSON in any layout; a name that stands twice or a number that is no integer is refused."""
    return json.loads(text.decode(), object_pairs_hook=_once, parse_float=int, parse_constant=int)


def written(value: Any) -> bytes:
    """Canonical JSON of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def strict_json(text: bytes) -> Any:
    """Read a canonical JSON object of version 1; whatever would be written differently is refused."""
    _require(written(value := plain_json(text)) == text, "JSON is not in canonical form")
    _require(value["v"] == 1, "JSON is of another version")
    return value


def strict_base64(text: str) -> bytes:
    """Read base64; a last character with stray bits is refused."""
    _require(base64.b64encode(value := base64.b64decode(text, validate=True)).decode() == text, "not canonical base64")
    return value


def verify_note(note: str, vkey: str) -> str:
    """Text of a C2SP signed note that this Ed25519 key signed; lines of other keys are ignored."""
    name, key_id, encoded = vkey.split("+", 2)
    public = strict_base64(encoded)
    own = hashlib.sha256(f"{name}\n".encode() + public).hexdigest()[:8]
    _require(own == key_id and public[0] == 1, "the log key is not Ed25519, or contradicts its own hash")
    text, separator, tail = note.rpartition("\n\n")
    _require(separator and tail.endswith("\n"), "not a signed note")
    lines = [_matched("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", x, "a signature") for x in tail[:-1].split("\n")]
    found = [(line[1], strict_base64(line[2])) for line in lines]
    ours = [value[4:] for signer, value in found if (signer, value[:4].hex()) == (name, key_id)]
    _require(len(ours) == 1, "not signed (once) by the log key")
    ed25519.Ed25519PublicKey.from_public_bytes(public[1:]).verify(ours[0], f"{text}\n".encode())
    return text


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of_proof(n: int, size: int, entry: bytes, proof: Sequence[bytes]) -> bytes:
    """Tree head to which an inclusion proof leads (RFC 9162, 2.1.3.2)."""
    _require(0 <= n < size, "entry outside the log")
    index, last, found = n, size - 1, hashlib.sha256(b"\0" + entry).digest()
    for sibling in proof:
        _require(last > 0, "proof too long")
        if index & 1 or index == last:
            found = _joined(sibling, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = _joined(found, sibling)
        index, last = index >> 1, last >> 1
    _require(last == 0, "proof too short")
    return found


def require_consistent(sizes: tuple[int, int], roots: tuple[bytes, bytes], proof: Sequence[bytes]) -> None:
    """Check that the second tree extends the first, entry by entry (RFC 9162, 2.1.4.2)."""
    (old, new), (first, second) = sizes, roots
    _require(0 < old < new, "no consistency proof between these sizes")
    hashes_ = [*([first] if old & (old - 1) == 0 else []), *proof]
    _require(hashes_, "the consistency proof is empty")
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    was = now = hashes_[0]
    for sibling in hashes_[1:]:
        _require(last > 0, "the consistency proof is too long")
        if index & 1 or index == last:
            was, now = _joined(sibling, was), _joined(sibling, now)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            now = _joined(now, sibling)
        index, last = index >> 1, last >> 1
    _require((was, now) == (first, second) and last == 0, "the journal does not extend its earlier state")


class _Der(NamedTuple):
    """One DER element: its tag, its bytes with and without header. Whoever opens it says which tag it has."""

    tag: int
    raw: bytes
    body: bytes

    def typed(self, tag: int) -> bytes:
        _require(self.tag == tag, "unexpected DER element")
        return self.body

    def inside(self, tag: int) -> list[_Der]:
        return elements(self.typed(tag))


def elements(raw: bytes) -> list[_Der]:
    """DER elements one after the other; definite, shortest lengths only."""
    found, at = [], 0
    while at < len(raw):
        tag, length, start = raw[at], raw[at + 1], at + 2
        _require(tag & 31 != 31 and length != 0x80, "not DER")
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(raw[at + 2 : start], "big")
            _require(length >= 0x80 and raw[at + 2], "a DER length is not the shortest")
        _require(start + length <= len(raw), "a DER element is cut off")
        found.append(_Der(tag, raw[at : start + length], raw[start : start + length]))
        at = start + length
    return found


def _element(raw: bytes) -> _Der:
    (found,) = elements(raw)
    return found


def _over(content: bytes) -> Digest:
    return lambda name: hashlib.new(name, content).hexdigest()


class Signed(NamedTuple):
    """A CMS message whose signature holds; its certificate is not judged yet."""

    certificate: x509.Certificate
    others: Chain
    content: bytes
    signature: bytes
    token: bytes | None


def readable(load: Callable[[bytes], x509.Certificate], offered: Iterable[bytes]) -> list[x509.Certificate]:
    """Certificates that were offered; one that can't be read is passed over, as if it were not there."""
    found = []
    for raw in offered:
        with suppress(*FAULTS):
            one = load(raw)
            found.append((one.subject, one.issuer, one)[2])  # names are not read before they are asked for
    return found


def open_cms(der: bytes, kind: str, detached: Digest | None, known: Chain) -> Signed:
    """Check digest, signature and certificate reference of a CMS message with one signer."""
    type_, wrapped = _element(der).inside(0x30)
    _require(type_.body.hex() == SIGNED_DATA, "not a signed CMS message")
    _, _, enclosed, *rest = _element(wrapped.body).inside(0x30)
    parts = enclosed.inside(0x30)
    _require(parts[0].body.hex() == kind and len(parts) == (1 if detached else 2), "another CMS content")
    inside = [c.raw for part in rest if part.tag == 0xA0 for c in part.inside(0xA0)]
    own = readable(x509.load_der_x509_certificate, inside)
    (info,) = rest[-1].inside(0x31)
    _, sid, hashing, attributes, algorithm, signature, *unsigned = info.inside(0x30)
    chosen = HASHES[hashing.inside(0x30)[0].body.hex()]
    content = b"" if detached else _element(parts[1].body).typed(4)
    signed = read_attributes(attributes, 0xA0)
    _require(signed[CONTENT_TYPE].body.hex() == kind, "the signed content type differs")
    digest = (detached or _over(content))(chosen.name)
    _require(signed[MESSAGE_DIGEST].typed(4).hex() == digest, "the content is not what was signed")
    issuer, serial = sid.inside(0x30)
    named = (issuer.raw, int.from_bytes(serial.body, "big", signed=True))
    fitting = [c for c in (own if inside else known) if (c.issuer.public_bytes(), c.serial_number) == named]
    _require(fitting, "the signer's certificate is missing, or can't be read")
    second = REFERENCE_V2 in signed  # RFC 5035: the attributes name this very certificate
    usual: Any = hashes.SHA256() if second else hashes.SHA1()  # noqa: S303 - what the first version says
    first = signed[REFERENCE_V2 if second else REFERENCE_V1].inside(0x30)[0].inside(0x30)[0].inside(0x30)
    fingerprint = HASHES[first.pop(0).inside(0x30)[0].body.hex()] if first[0].tag == 0x30 else usual
    _require(fitting[0].fingerprint(fingerprint) == first[0].typed(4), "signed with another certificate")
    message = b"\x31" + attributes.raw[1:]
    key, value, oid = fitting[0].public_key(), signature.typed(4), algorithm.inside(0x30)[0].body.hex()
    if isinstance(key, rsa.RSAPublicKey) and oid in RSA:
        key.verify(value, message, padding.PKCS1v15(), chosen)
    elif isinstance(key, rsa.RSAPublicKey) and oid == PSS:
        key.verify(value, message, pss_of(algorithm, chosen), chosen)
    else:
        _require(isinstance(key, ec.EllipticCurvePublicKey) and oid in ECDSA, "signature algorithm not accepted")
        key.verify(value, message, ec.ECDSA(chosen))  # type: ignore[union-attr, call-arg, arg-type]
    beside = read_attributes(unsigned[0], 0xA1) if unsigned else {}
    _require(not detached or beside.keys() <= {TOKEN}, "a seal's time-stamp token can't be read")
    token = beside.get(TOKEN)
    return Signed(fitting[0], [*own, *known], content, value, token.raw if token else None)


def read_attributes(given: _Der, tag: int) -> dict[str, _Der]:
    """CMS attributes with one value each, none there twice."""
    pairs = [attribute.inside(0x30) for attribute in given.inside(tag)]
    found = {type_.body.hex(): _element(values.body) for type_, values in pairs}
    _require(len(found) == len(pairs), "a CMS attribute is there twice")
    return found


def pss_of(algorithm: _Der, chosen: hashes.HashAlgorithm) -> padding.PSS:
    """Parameters of RSASSA-PSS as CMS has them (RFC 4056): the message's own hash, and a salt."""
    given = {part.tag: _element(part.body) for part in algorithm.inside(0x30)[1].inside(0x30)}
    same, (function, hashing) = given[0xA0].inside(0x30)[0], given[0xA1].inside(0x30)
    _require(HASHES[same.body.hex()].name == chosen.name and function.body.hex() == MGF1, "not PSS as CMS has it")
    salt = int.from_bytes(given[0xA2].typed(2), "big", signed=True) if 0xA2 in given else 20
    _require(salt >= 0 and (0xA3 not in given or given[0xA3].typed(2) == b"\1"), "not PSS as CMS has it")
    return padding.PSS(padding.MGF1(HASHES[hashing.inside(0x30)[0].body.hex()]), salt)


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    """An extension of a certificate; None when it has none of that kind."""
    with suppress(x509.ExtensionNotFound):
        return certificate.extensions.get_extension_for_class(kind)
    return None


def _extended(certificate: x509.Certificate) -> set[str] | None:
    found = _extension(certificate, x509.ExtendedKeyUsage)
    return None if found is None else {usage.dotted_string for usage in found.value}


def _is_strange(certificate: x509.Certificate) -> bool:
    """Whether a certificate makes a demand that is not understood here, or can't be read."""
    with suppress(*FAULTS):
        return any(e.critical and e.oid not in UNDERSTOOD for e in certificate.extensions)
    return True


def may_sign(leaf: x509.Certificate, wanted: set[str]) -> bool:
    """Whether key usage and extended usages permit signatures on documents, or time-stamps."""
    usage, extended = _extension(leaf, x509.KeyUsage), _extended(leaf)
    signs = usage is not None and (usage.value.digital_signature or usage.value.content_commitment)
    fits = extended is None or bool(extended & DOCUMENTS and extended <= DOCUMENTS | BESIDE)
    return bool(signs and (extended == STAMPS if wanted == STAMPS else fits))


def may_issue(issuer: x509.Certificate, path: Chain, wanted: set[str]) -> bool:
    """Whether a certificate is an authority that may stand above this path, for this purpose."""
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    below = sum(1 for c in path[1:] if c.issuer != c.subject)  # RFC 5280, 6.1: a new key of the same does not count
    told = constraints.value if constraints else x509.BasicConstraints(ca=False, path_length=None)
    above = told.ca and below <= (math.inf if told.path_length is None else told.path_length)
    extended = _extended(issuer)
    fits = above and (extended is None or bool(extended & (wanted | {ANY})))
    return fits and (usage is None or usage.value.key_cert_sign) and not _is_strange(issuer)


def is_weak(certificate: x509.Certificate) -> bool:
    """Whether a certificate's key, or the digest under its issuer's signature, is too weak or unknown."""
    with suppress(*FAULTS):
        key, algorithm = certificate.public_key(), certificate.signature_hash_algorithm
        least = 2048 if isinstance(key, rsa.RSAPublicKey) else 224 if isinstance(key, ec.EllipticCurvePublicKey) else 0
        return getattr(key, "key_size", 0) < least or (algorithm is not None and algorithm.name not in STRONG)
    return True


def _period_fault(certificate: x509.Certificate, at: datetime) -> str:
    early, late = at < certificate.not_valid_before_utc, at > certificate.not_valid_after_utc
    return "not_yet_valid" if early else "expired" if late else ""


def chain_fault(leaf: x509.Certificate, others: Chain, at: datetime, roots: Chain, wanted: set[str]) -> str:
    """Why a signer can't be trusted at that moment: a key of ``WORDS``; empty when a chain holds."""
    if _is_strange(leaf):
        return "untrusted_chain"
    authority = _extension(leaf, x509.BasicConstraints)
    if not may_sign(leaf, wanted) or (leaf not in roots and authority is not None and authority.value.ca):
        return "key_usage"
    if leaf in roots:
        return _period_fault(leaf, at)
    found: list[str] = []
    steps = iter(range(MOST))  # certificates of a stranger may form a maze

    def climb(path: Chain) -> bool:
        for issuer in (*roots, *others) if len(path) < LONGEST else ():
            if issuer in path or issuer.subject != path[-1].issuer or next(steps, None) is None:
                continue
            with suppress(*FAULTS):
                if is_weak(path[-1]):
                    found.append("weak_algorithm")
                    continue
                path[-1].verify_directly_issued_by(issuer)
                if not may_issue(issuer, path, wanted):
                    continue
                ends = issuer in roots
                faults = [fault for c in (*path, issuer) if ends and (fault := _period_fault(c, at))]
                if not faults if ends else climb((*path, issuer)):
                    return True
                found.extend(faults)
        return False

    return "" if climb((leaf,)) else (found or ["untrusted_chain"])[0]


def files_of(path: Path) -> dict[str, Callable[[], Any]]:
    """What opens each file of a bundle, by name: a folder or a zip."""
    if not path.is_dir():
        archive = zipfile.ZipFile(path)
        plain = (item for item in archive.infolist() if not item.compress_type and not item.is_dir())
        items = {item.filename: item.file_size for item in plain if item.file_size == item.compress_size}
        _require(len(items) == len(archive.infolist()), "compressed, a folder, or a name twice: not a zip of ours")
        with path.open("rb") as file:
            first, size, told = file.read(4), file.seek(-22, 2), struct.unpack("<4s4H2IH", file.read())
        n, large = min(len(items), 0xFFFF), {0xFFFF, 0xFFFFFFFF}.intersection(told)  # then other records say it
        _require(first == b"PK\3\4" and told[:5] == (b"PK\5\6", 0, 0, n, n), "not a zip from first byte to last")
        _require(not told[7] and (large or size == told[5] + told[6]), "bytes between, or after, the zip's directory")
        _require(sum(items.values()) <= path.stat().st_size, "files overlap in the zip")
        return {name: partial(archive.open, name) for name in items}
    found = [item for item in path.rglob("*") if item.is_symlink() or not item.is_dir()]
    _require(not any(item.is_symlink() for item in found), "links are not accepted")
    return {item.relative_to(path).as_posix(): partial(item.open, "rb") for item in found}


def digest_of(opened: Callable[[], Any], name: str = "sha256", low: int = 0, high: int = 0) -> tuple[str, int]:
    """Digest and length of a file; what lies from ``low`` to ``high`` is left out of the digest."""
    digest, size = hashlib.new(name), 0
    with opened() as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk[: max(0, low - size)] + chunk[max(0, high - size) :])
            size += len(chunk)
    return digest.hexdigest(), size


def form_name(kind: str, logical: str) -> str:
    """Name of a representation in the bundle."""
    return f"representations/{kind}{Path(logical).suffix}"


def read_receipt(content: bytes, vkey: str) -> dict[str, Any]:
    """What a receipt says, if the log key signed it, and the entry that it carries says the same."""
    receipt = plain_json(content)
    text = verify_note(receipt["note"], vkey).encode()
    told: dict[str, Any] = strict_json(text)
    _require(written(receipt["receipt"]) == text and told["type"] == "receipt", "the receipt's two halves differ")
    if "entry" in receipt:  # those of earlier versions carry none
        _require(receipt["key"] == vkey, "the receipt names another log key")
        body, proof = receipt["entry"].encode(), receipt["proof"]
        _require(proof is None or check_proof(proof, told["entry"], body, vkey), "the receipt's proof is empty")
        _require(receipt["state"] == ("published" if proof else "sequenced"), "the receipt's state and proof differ")
        check_receipt_entry(told, body)
    return told


def check_receipt_entry(told: dict[str, Any], body: bytes) -> None:
    """Whether a receipt says what its journal entry says."""
    entry = strict_json(body)
    _require(told["leaf"] == hashlib.sha256(b"\0" + body).hexdigest(), "the receipt names another journal entry")
    _require(entry["type"] in RECEIVED, "the entry received nothing")
    _require((entry["n"], entry["subject"]) == (told["entry"], f"deposit:{told['deposit']}"), "another deposit")
    facts = entry["facts"]
    salts = told.get("salts", {}).items()
    salted = {name: written({"v": 1, "salt": salt, name: told[name]}) for name, salt in salts}
    digested = {name: hashlib.sha256(value).hexdigest() for name, value in salted.items()}
    _require(digested == {n: facts[n] for n in ("filename", "tenant_name") if n in facts}, "other names were received")
    plain = ["sha-256", "sha-512", "size", *(["received_at"] if "received_at" in facts else [])]
    _require(all(told[name] == facts[name] for name in plain), "the receipt says other facts than the entry")


def check_proof(proof: str, n: int, body: bytes, vkey: str) -> str:
    """Note of the checkpoint under which a C2SP tlog-proof shows entry ``n``, in the log of this key."""
    head, _, note = proof.partition("\n\n")
    first, second, *lines = head.split("\n")
    _require((first, second) == ("c2sp.org/tlog-proof@v1", f"index {n}"), f"not a proof of entry {n}")
    text = verify_note(note, vkey)
    origin, size, root = _matched(r"(.+)\n([1-9][0-9]*)\n(.+)", text, "a checkpoint").groups()
    _require(origin == vkey.partition("+")[0], "checkpoint of another log")
    reached = root_of_proof(n, int(size), body, [strict_base64(line) for line in lines])
    _require(reached == strict_base64(root), f"entry {n} is not under the checkpoint")
    return note


def head_of(note: str) -> tuple[int, bytes]:
    """Size and root that a checkpoint states; its signature was checked where it was read."""
    _, size, root = note.split("\n")[:3]
    return int(size), strict_base64(root)


def older_proof(path: Path, vkey: str, now: datetime) -> tuple[dict[int, str], dict[int, bytes]]:
    """Leaf hashes by number, and roots by size, of an earlier bundle or receipt of the same journal."""
    if path.is_dir() or zipfile.is_zipfile(path):
        older = Verifier(path, Trust(), now)
        for step in (older.check_manifest, older.check_entries, older.check_earlier):
            step()
        _require(older.manifest["log"]["vkey"] == vkey, "it is of the journal of another key")
        return older.leaves(), older.heads
    content = path.read_bytes()
    told, proof = read_receipt(content, vkey), json.loads(content).get("proof")
    return {told["entry"]: told["leaf"]}, dict([head_of(proof.partition("\n\n")[2])]) if proof else {}


def covers(facts: dict[str, Any], n: int) -> bool:
    """Whether a correction of the clock names this entry."""
    return facts["first"] is not None and bool(facts["first"] <= n <= facts["last"])


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(str(n) for n in sorted(set(numbers)))


class Verifier:
    """Runs the eight checks over a bundle; each adds one line or more."""

    def __init__(self, path: Path, trust: Trust, now: datetime, against: Path | None = None) -> None:
        self.path, self.trust, self.now, self.against = path, trust, now, against
        self.note, self.stamped, self.moment = "", now, ""  # the moment is that of the bundle
        self.checks: list[Check] = []
        self.entries: dict[int, dict[str, Any]] = {}
        self.corrections: dict[int, dict[str, Any]] = {}
        self.heads: dict[int, bytes] = {}  # roots of the journal by its size, each extending the one before

    def doubt(self, number: int, name: str, detail: str) -> None:
        """Add a line about what can't be established; the same is said once."""
        if detail not in {check.detail for check in self.checks}:
            self.checks.append(Check(number, name, UNVERIFIABLE, detail))

    def _read(self, name: str) -> bytes:
        with self.files[name]() as file:
            return bytes(file.read(SMALL))  # what is longer than that is cut here, and refused where it is used

    def run(self) -> list[Check]:
        """All checks; the token comes before those that need its time, lines stay in the order of numbers."""
        if self.line(1, "manifest", self.check_manifest):
            self.line(3, "journal", self.check_entries)
            if self.entries:
                self.line(3, "earlier journal", self.check_earlier)
            self.line(5, "time-stamp", self.check_token)
            self.line(2, "log key", self.check_log_key)
            self.line(4, "files", self.check_files)
            self.line(6, "PDF seal", self.check_pdf)
            self.line(7, "receipt", self.check_receipt)
            self.line(8, "disposal", self.check_disposal)
        if self.against:
            self.line(9, "older proof", partial(self.check_against, self.against))
        return sorted(self.checks, key=lambda check: check.number)

    def line(self, number: int, name: str, step: Callable[[], str]) -> bool:
        """Run one check; False if it failed."""
        verdict = ALTERED
        try:
            detail = step()
            verdict = {"none": NOTHING, UNVERIFIABLE: UNVERIFIABLE}.get(detail.partition(" ")[0], INTACT)
        except InvalidSignature:
            detail = "a signature does not hold"
        except FAULTS as fault:
            detail = f"{fault}" if type(fault) is ValueError else f"{type(fault).__name__} {fault}"
        self.checks.append(Check(number, name, verdict, detail))
        return verdict != ALTERED

    def check_manifest(self) -> str:
        """1. Files are those of the manifest, and the note signs it."""
        self.files = files_of(self.path)
        content = self._read("manifest.json")
        told = strict_json(content)
        _require((told["v"], told["type"]) == (1, "evidence"), "not a bundle of this version")
        _require(isinstance(told["content"], bool), "no word of whether there is content")
        signed = strict_json(verify_note(self._read("manifest.note").decode(), told["log"]["vkey"]).encode())
        _require((signed["type"], signed["record"]) == ("evidence", told["record"]), "note of another bundle")
        _require(signed["sha-256"] == hashlib.sha256(content).hexdigest(), "manifest.json was altered")
        different = ", ".join(sorted({"manifest.json", "manifest.note", *told["files"]} ^ self.files.keys()))
        _require(not different, f"missing or unexpected: {different}")
        listed = {name: (given["sha-256"], given["size"]) for name, given in told["files"].items()}
        altered = [name for name, given in listed.items() if digest_of(self.files[name]) != given]
        _require(not altered, f"altered: {', '.join(altered)}")
        self.manifest, self.record = told, strict_json(self._read("record.json"))
        self.forms = {form["kind"] + "": form for form in self.record["representations"]}  # kinds are texts
        _require(len(self.forms) == len(self.record["representations"]), "two forms of one kind")
        _require(self.record["record"] == told["record"], "record.json is of another record")
        pems = (self._read(name) for name in sorted(listed) if name.startswith("certificates/"))
        self.known = readable(x509.load_pem_x509_certificate, pems)
        return f"{len(listed)} files as listed; list signed by {told['log']['origin']}"

    def check_log_key(self) -> str:
        """2. The seal vouches for the log key; its chain leads to a root that the reader gave."""
        line = f"{self.manifest['log']['vkey']}\n".encode()
        signed = open_cms(self._read("journal/log-key.p7s"), DATA, _over(line), self.known)
        self.sealed_at(2, signed)
        if self.trust.vkey not in {"", self.manifest["log"]["vkey"]}:
            told = f"this is the journal of {self.manifest['log']['origin']} by another key than in your trust file"
            self.doubt(2, "journal", f"{told}, which is about {self.trust.vkey.partition('+')[0]}")
        outside = "" if self.manifest["probative"]["seal"] else "; self-made seal, not probative"
        return f"vouched for by the seal of {signed.certificate.subject.rfc4514_string()}{outside}"

    def sealed_at(self, number: int, signed: Signed) -> datetime:
        """When a seal was made, by its token or else the checkpoint's; adds a line if its maker is in doubt."""
        at = self.token_time(signed.token, _over(signed.signature), "seal") if signed.token else self.stamped
        if told := self.doubt_of(signed, at):
            self.doubt(number, "who sealed", told)
        return at

    def doubt_of(self, signed: Signed, at: datetime) -> str:
        """What speaks against the maker of a seal; empty when it is whom the reader expects."""
        leaf, trust = signed.certificate, self.trust
        name, digest = leaf.subject.rfc4514_string(), leaf.fingerprint(hashes.SHA256()).hex()
        sealed = f"sealed by {name}, certificate {digest}"
        # Who is named by the digest and under no root is anchored: the reader got the certificate itself elsewhere.
        anchors = trust.roots or ((leaf,) if digest in trust.seals else ())
        if not anchors:
            return f"{sealed}: chain not anchored: give --trust trust.json, or --root CA.pem with --signer"
        if fault := chain_fault(leaf, signed.others, at, anchors, DOCUMENTS):
            return f"{sealed}: {WORDS[fault]}"
        if not trust.seals:
            return f"{sealed}, under your root. Is that whom you expect? Then say so: --signer {digest}"
        return "" if {name, digest} & trust.seals else f"{sealed}: not whom you named"

    def check_entries(self) -> str:
        """3. Every entry is under the checkpoint, and entries say what record.json says."""
        log, record = self.manifest["log"], self.record
        about = {f"record:{record['record']}", f"deposit:{record['deposit']['id']}"}
        found = [re.fullmatch(r"journal/(0|[1-9][0-9]*)\.json", name) for name in self.files]
        numbers = sorted(int(name[1]) for name in found if name)
        beside = {name for name in self.files if name.startswith("journal/")} - {*BESIDE_ENTRIES}
        beside -= {f"journal/{n}.{kind}" for n in numbers for kind in ("json", "tlog-proof")}
        _require(not beside, "a file of no entry in journal/")
        for n in numbers:
            body = self._read(f"journal/{n}.json")
            note = check_proof(self._read(f"journal/{n}.tlog-proof").decode(), n, body, log["vkey"])
            _require(note == (self.note or note), "proofs are under different checkpoints")
            _require(log["vkey"].partition("+")[0] == log["origin"], "checkpoint of another log")
            self.note = note
            entry = strict_json(body)
            clock = (entry["type"], entry["subject"]) == ("ClockCorrected", "log")
            _require(entry["n"] == n and (clock or entry["subject"] in about), f"entry {n} is about something else")
            _matched(MOMENT, entry["at"], "the moment of an entry")
            (self.corrections if clock else self.entries)[n] = entry
        (begun,) = (e for e in self.entries.values() if e["type"] in RECEIVED)
        self.received, original = begun["n"], self.forms["original"]["digests"]["sha-256"]
        ours = begun["type"] == "DepositRecovered" or self.received == record["deposit"]["entry"]
        _require(ours and begun["facts"]["sha-256"] == original, "what was received is not what was kept")
        same = begun["facts"].get("agreement") == record["deposit"].get("agreement")
        _require(same or begun["type"] == "DepositRecovered", "received under another agreement")
        *_, stated = (e["facts"] for e in self.entries.values() if "inventory" in e["facts"])
        digests = digest_of(self.files["record.json"])[0], digest_of(self.files["inventory.json"], "sha512")[0]
        _require((stated["record"], stated["inventory"]) == digests, "record.json is not what the journal says")
        _require(stated.get("revision", 1) == record["revision"], "another revision than the journal says")
        # Entries from there on went with a database: others may bear their numbers since.
        lost = min([e["facts"]["after"] for e in self.entries.values() if "after" in e["facts"]], default=math.inf)
        premis = strict_json(self._read("premis.json"))
        _require(premis["object"] == f"urn:uuid:{record['record']}", "premis.json is of another record")
        for event in list.copy(premis["events"]):  # of a list and of nothing else
            told = {"type": event["journal_type"], "at": event["at"], "agent": event["agent"]}
            n = event["entry"]  # none: a stage of record.json that the journal had no entry of
            same = told["type"] is None if n is None else n >= lost or told.items() <= self.entries[n].items()
            _require(same, "premis contradicts the journal")
        return f"{len(numbers)} entries under one checkpoint of {log['origin']}, as record.json says"

    def check_earlier(self) -> str:
        """3. The journal extends an earlier state of it, if the bundle was asked to prove that."""
        size, root = head_of(self.note)
        self.heads = {size: root}
        if EARLIER not in self.files:
            return "none (the bundle proves nothing about earlier checkpoints)"
        told = strict_json(self._read(EARLIER))
        _require((told["v"], told["type"], told["to"]) == (1, "consistency", size), "not a proof of this checkpoint")
        old = strict_base64(told["root"])
        require_consistent((told["from"], size), (old, root), [strict_base64(line) for line in told["proof"]])
        self.heads[told["from"]] = old
        return f"the journal extends its state of {told['from']} entries, root {told['root']}"

    def leaves(self) -> dict[int, str]:
        """Leaf hashes of the bundle's entries, by their numbers."""
        return {n: hashlib.sha256(b"\0" + self._read(f"journal/{n}.json")).hexdigest() for n in self.entries}

    def check_against(self, path: Path) -> str:
        """9. What an earlier bundle or receipt holds is what this one holds, in one and the same journal."""
        if not self.heads:
            return "unverifiable as this bundle's own journal does not hold"
        try:
            leaves, heads = older_proof(path, self.manifest["log"]["vkey"], self.now)
        except FAULTS as fault:
            return f"unverifiable as the older proof can't be used: {type(fault).__name__} {fault}"
        mine = self.leaves()
        shared = leaves.keys() & mine.keys()
        different = sorted(n for n in shared if leaves[n] != mine[n])
        _require(not different, f"THE JOURNAL WAS REWRITTEN: entries {different} are others in the older proof")
        common = heads.keys() & self.heads.keys()
        different = sorted(size for size in common if heads[size] != self.heads[size])
        _require(not different, f"THE JOURNAL WAS REWRITTEN: two roots of {different} entries, both signed")
        said = f"{len(shared)} entries in common, the same in both"
        # Of one size with one root, when that is all that one of them holds: then the other extends it.
        if common & {max(self.heads), max(heads, default=0)}:
            return f"{said}; one journal, of {max(heads)} and of {max(self.heads)} entries"
        if heads or not shared:
            older = min(max(heads, default=max(leaves) + 1), max(self.heads))
            return f"unverifiable without a consistency proof ({said}): ask for the evidence with ?since={older}"
        return f"{said}; the receipt is from before its entry was published"

    def check_files(self) -> str:
        """4. Digests of files against record.json against RecordKept, and against the inventory."""
        inventory = plain_json(self._read("inventory.json"))
        _require(inventory["id"] == f"urn:uuid:{self.record['record']}", "the inventory is of another record")
        state = {n: d for d, names in inventory["versions"][inventory["head"]]["state"].items() for n in names}
        facts = [e["facts"] for e in self.entries.values() if "inventory" in e["facts"]]
        kept = {"archival": None} | {name: value for stated in facts for name, value in stated.items()}
        said = {kind: form["digests"]["sha-256"] for kind, form in self.forms.items()}
        same = all(kept[kind] == said.get(kind) for kind in kept.keys() & {"original", "archival", "text", "redacted"})
        _require(same, "the forms are not what the journal says")
        names = {f"metadata/{name}": name for name in ("record.json", "premis.json")}
        names |= {name: name for name in self.files if name.startswith("reports/")}
        for kind, form in self.forms.items():
            told = form["digests"]
            _require(state[form["name"]] == told["sha-512"], f"{kind} is not what the inventory says")
            if self.manifest["content"]:
                names[form["name"]] = name = form_name(kind, form["name"])
                listed = {"sha-256": told["sha-256"], "size": form["size"]}
                _require(listed.items() <= self.manifest["files"][name].items(), f"{kind} is not what record.json says")
        forms = {name for name in self.files if name.startswith("representations/")}
        _require(forms <= {*names.values()}, "forms that record.json does not have")
        for logical, name in names.items():
            found = digest_of(self.files[name], "sha512")[0]
            _require(state[logical] == found, f"{name} is not what the inventory says")
        agreed = f"{', '.join(self.forms)} are what record.json, the journal and the inventory say"
        return agreed if self.manifest["content"] else "none included (content=digests); the digests agree"

    def token_time(self, token: bytes, digest: Digest, what: str) -> datetime:
        """Time of a token over this digest; its chain must lead to a root, if roots were given."""
        signed = open_cms(token, TST_INFO, None, self.known)
        info = _element(signed.content).inside(0x30)
        algorithm, imprint = info[2].inside(0x30)
        expected = digest(HASHES[algorithm.inside(0x30)[0].body.hex()].name)
        _require(imprint.typed(4).hex() == expected, f"the token is not over the {what}")
        usage = _extension(signed.certificate, x509.ExtendedKeyUsage)
        only = usage is not None and usage.critical and _extended(signed.certificate) == STAMPS
        _require(only, "the token's signer is no time-stamping authority")
        told = _matched(r"(\d{14})(\.\d+)?Z", info[4].typed(0x18).decode(), "a time in UTC")
        at = datetime.strptime(told[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if at > self.now + SKEW:
            self.doubt(5, f"token of the {what}", "it is from the future: this machine's clock or theirs is wrong")
        fault = chain_fault(signed.certificate, signed.others, at, self.trust.stamps, STAMPS)
        if fault and any(self.trust):  # to a reader who named nobody that is said once, of the seal
            stamper = signed.certificate.subject.rfc4514_string()
            self.doubt(5, f"token of the {what}", f"stamped by {stamper}: {WORDS[fault]} for time-stamps")
        return at

    def check_token(self) -> str:
        """5. The checkpoint existed at the time that an authority states."""
        at = self.token_time(self._read("journal/checkpoint.tsr"), _over(self.note.encode()), "checkpoint")
        self.check_clock(at)
        self.stamped = at
        told = f"{at:%Y-%m-%d %H:%M:%S} UTC"
        self.moment = f"{told}, {head_of(self.note)[0]} entries of the journal: what came later is not in it"
        outside = "" if self.manifest["probative"]["time"] else "; local authority, not probative"
        return f"the checkpoint existed on {told}{outside}"

    def check_clock(self, stamped: datetime) -> None:
        """5. Entries made under a wrong clock: in doubt, or explained by the correction that names them."""
        wrong, before = [], datetime.min.replace(tzinfo=UTC)
        named = {n: told for told, one in self.corrections.items() for n in self.entries if covers(one["facts"], n)}
        for n in sorted(self.entries.keys() - named):  # what is explained says nothing about those after it
            at = datetime.fromisoformat(self.entries[n]["at"])
            wrong += [n] if at > stamped + SKEW or at + SKEW < before else []
            before = at
        if named:
            detail = f"entries {_list(named)} were made under a doubtful clock, confirmed by {_list(named.values())}"
            self.checks.append(Check(5, "clock", INTACT, f"{detail}: only their order and this token are certain"))
        if wrong:
            what = "are later than the token, or earlier than what came before them"
            self.doubt(5, "clock", f"entries {_list(wrong)} {what}: made under a wrong clock, no correction here")

    def check_pdf(self) -> str:
        """6. The seal covers the whole archival PDF, and holds."""
        if "archival" not in self.forms or not self.manifest["content"]:
            return "none in this bundle"
        must = (self.record["verdicts"].get("seal") or {}).get("verdict") == "valid"
        signed = self.seal_of_page(self.files[form_name("archival", self.forms["archival"]["name"])], must=must)
        if signed is None:
            return "none (not sealed, as record.json says)"
        who, at = signed.certificate.subject.rfc4514_string(), self.sealed_at(6, signed)
        return f"{who}, {at:%Y-%m-%d} (level and revocation are left to pdfsig)"

    def seal_of_page(self, opened: Callable[[], Any], *, must: bool) -> Signed | None:
        """The seal that covers a whole PDF, and holds; None without one, where none has to be."""
        with opened() as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - (4 << 20)))  # the seal is the last thing that was added
            ranges = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", file.read())
            whole = [r for r in (tuple(map(int, r)) for r in ranges) if r[2] + r[3] == size]
            if not whole and not must:
                return None
            ((start, low, high, _),) = whole
            file.seek(low)
            filled = bytes.fromhex(_matched("<([0-9A-Fa-f]*)>", file.read(high - low).decode(), "a seal's place")[1])
        length = 4 + int.from_bytes(filled[2:4], "big")  # a seal is always longer than 255 bytes
        _require(start == 0 and not filled[length:].strip(b"\0"), "bytes hidden beside the seal")
        covered: Digest = lambda name: digest_of(opened, name, low, high)[0]  # noqa: E731
        return open_cms(filled[:length], DATA, covered, self.known)

    def check_receipt(self) -> str:
        """7. The receipt agrees."""
        told = read_receipt(self._read("receipt.json"), self.manifest["log"]["vkey"])
        original, deposit = self.forms["original"], self.record["deposit"]
        _require((told["deposit"], told["entry"]) == (deposit["id"], self.received), "another deposit")
        same = {name: value for name, value in deposit.items() if name in {"tenant_name", "salts"}}
        same |= {name: original["digests"][name] for name in ("sha-256", "sha-512")}
        same |= {"filename": self.record["filename"], "size": original["size"], "received_at": deposit["received_at"]}
        _require(same.items() <= told.items(), "the receipt says other bytes, names or moment than record.json")
        check_receipt_entry(told, self._read(f"journal/{told['entry']}.json"))
        return f"received {told['received_at']}, the same bytes, entry {told['entry']}"

    def check_disposal(self) -> str:
        """8. A record that is gone has its certificate."""
        gone = [e["facts"] for e in self.entries.values() if e["type"] in {"RecordDisposed"}]  # noqa: FURB171
        ours = not gone or gone[-1]["certificate"] == digest_of(self.files["certificate.json"])[0]
        _require(ours, "another certificate")
        return "the certificate is what the journal says" if gone else "none (the record is kept)"


def verify_receipt(given: argparse.Namespace, trust: Trust) -> str:
    """A receipt by itself, against a log key from elsewhere; that of the bundle vouches for nobody."""
    manifest = given.bundle / "manifest.json"
    expected = given.key.read_text().strip() if given.key else trust.vkey
    if not expected and not manifest.is_file():
        return "unverifiable without the log key: give --trust trust.json or --key"
    vkey = expected or json.loads(manifest.read_bytes())["log"]["vkey"]
    content, ours = given.receipt.read_bytes(), vkey.partition("+")[0]
    if f"\n\u2014 {ours} " not in plain_json(content)["note"]:
        return f"unverifiable as nothing in it is signed in the name of {ours}, whose key was given"
    told = read_receipt(content, vkey)
    found = digest_of(partial(given.original.open, "rb")) if given.original else (told["sha-256"], told["size"])
    _require(found == (told["sha-256"], told["size"]), "these are not the bytes received")
    said = f"{ours} received {told['sha-256']} on {told['received_at']}"
    return said if expected else f"unverifiable without --trust trust.json: {said}, by the key that this bundle names"


def verdict_of(checks: Sequence[Check]) -> str:
    """Altered before unverifiable before intact; nothing checked is unverifiable."""
    return next((v for v in (ALTERED, UNVERIFIABLE, INTACT) if v in {c.verdict for c in checks}), UNVERIFIABLE)


def _had(read: Callable[[bytes], Any], path: str) -> Any:
    """Read a file named on the command line; if it can't be, that is a wrong argument."""
    try:
        return read(Path(path).read_bytes())
    except FAULTS as fault:
        raise argparse.ArgumentTypeError(f"{path}: {type(fault).__name__} {fault}") from fault


def trust_of(given: argparse.Namespace) -> Trust:
    """Whom the arguments name; roots given by hand also count for the time-stamping authority."""
    told, roots = given.trust, [certificate for found in given.root for certificate in found]
    plain = (who.strip() for who in given.signer)
    named = (who.replace(":", "").lower() if re.fullmatch("[0-9A-Fa-f:]{64,95}", who) else who for who in plain)
    return Trust((*told.roots, *roots), (*told.stamps, *roots), told.seals | frozenset(named), told.vkey)


def _main() -> int:
    parser = argparse.ArgumentParser(description="Check evidence offline. Vérifier une preuve hors ligne.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    trusted, rooted = partial(_had, read_trust), partial(_had, x509.load_pem_x509_certificates)
    parser.add_argument("--trust", type=trusted, default=Trust(), help="trust.json, had elsewhere: who has to seal")
    parser.add_argument("--root", type=rooted, action="append", default=[], help="root (PEM), had elsewhere")
    parser.add_argument("--signer", action="append", default=[], help="who must have sealed: subject or SHA-256")
    parser.add_argument("--against", type=Path, help="an earlier bundle or receipt, to compare the journal with")
    parser.add_argument("--receipt", type=Path, help="check a receipt (JSON) instead")
    parser.add_argument("--original", type=Path, help="the file that the receipt is about")
    parser.add_argument("--key", type=Path, help="file with the log key line, for --receipt")
    given = parser.parse_args()
    others = [path for path in vars(given).values() if isinstance(path, Path) and not path.is_file()]
    if absent := [f"{path}" for path in others if not path.is_dir() or path not in (given.bundle, given.against)]:
        parser.error(f"no such file: {', '.join(absent)}")
    verifier = Verifier(given.bundle, trust_of(given), datetime.now(UTC), given.against)
    if given.receipt:
        verifier.line(7, "receipt", lambda: verify_receipt(given, verifier.trust))
    lines = [f"{v.upper():<12} {n} {name}: {d}" for n, name, v, d in verifier.checks or verifier.run()]
    lines += [f"As of {verifier.moment}."] if verifier.moment else []
    status, said = EXIT[verdict_of(verifier.checks)]
    # Names of strangers stand in these lines: none may begin a line of its own.
    print(*("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in (*lines, said)), sep="\n")
    return status


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(_main())
