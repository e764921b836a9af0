#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Checks an evidence bundle offline, without the service that made it.

    python3 verify.py [DIR | ZIP] [--root ROOT.pem] [--receipt FILE [--original FILE]] [--key FILE]

Needs Python 3.11 or later and the package ``cryptography``. One line a check, then a verdict.
Exit status: 0 intact, 3 altered or missing, 4 unverifiable.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

INTACT, ALTERED, UNVERIFIABLE, NOTHING = "intact", "altered", "unverifiable", "nothing"
EXIT = {INTACT: 0, ALTERED: 3, UNVERIFIABLE: 4}
NOT_ANCHORED = "chain not anchored: give --root"
SKEW = timedelta(seconds=60)
SMALL = 64 << 20
# All that reading hostile bytes may raise; anything else is a fault of this program and shows as such.
FAULTS = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, EOFError, OSError)
FAULTS += (RuntimeError, InvalidSignature, UnsupportedAlgorithm, zipfile.BadZipFile, zlib.error, x509.ExtensionNotFound)
HASHES: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
RSA = {"1.2.840.113549.1.1.1", *(f"1.2.840.113549.1.1.{n}" for n in (11, 12, 13))}
ECDSA = {f"1.2.840.10045.4.3.{n}" for n in (2, 3, 4)}
SIGNED_DATA, DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
CERTIFICATE_V1, CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
SIGNATURE_TOKEN = "1.2.840.113549.1.9.16.2.14"  # noqa: S105 - an object identifier


@dataclass(frozen=True)
class Check:
    """One line: number and name of the check, verdict, what was seen."""

    number: int
    name: str
    verdict: str
    detail: str


class BrokenError(ValueError):
    """Proven wrong."""


def require(condition: object, what: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise BrokenError(what)


# -- strict readings


def strict_json(text: bytes) -> Any:
    """Read canonical JSON; whatever would be written differently is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(pairs)) == len(pairs), "a JSON key is there twice")
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=once)
    again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    require(again == text, "JSON is not in canonical form")
    return value


def strict_base64(text: str) -> bytes:
    """Read base64; a last character with stray bits is refused."""
    value = base64.b64decode(text, validate=True)
    require(base64.b64encode(value).decode() == text, "base64 is not in canonical form")
    return value


def moment(text: str) -> datetime:
    """Read a time of ours, ``2026-03-12T08:15:30.123Z``."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def verify_note(note: str, vkey: str) -> str:
    """Text of a C2SP signed note that this Ed25519 key signed; lines of other keys are ignored."""
    name, key_id, encoded = vkey.split("+", 2)
    public = strict_base64(encoded)
    require(len(public) == 33 and public[0] == 1, "the log key is not Ed25519")
    digest = hashlib.sha256(name.encode() + b"\n" + public).hexdigest()
    require(digest[:8] == key_id, "the log key contradicts its own hash")
    text, separator, tail = note.rpartition("\n\n")
    require(separator and tail.endswith("\n"), "not a signed note")
    signed = 0
    for line in tail[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        require(match, "not a signature line")
        assert match is not None
        signature = strict_base64(match[2])
        if match[1] == name and signature[:4].hex() == key_id:
            key = ed25519.Ed25519PublicKey.from_public_bytes(public[1:])
            key.verify(signature[4:], (text + "\n").encode())
            signed += 1
    require(signed == 1, "not signed (once) by the log key")
    return text + "\n"


# -- the log (RFC 6962)


def leaf_hash(entry: bytes) -> bytes:
    """Leaf hash of an entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def root_of_proof(n: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Tree head to which an inclusion proof leads."""
    require(0 <= n < size, "entry outside the log")
    index, last, found = n, size - 1, leaf
    for sibling in proof:
        require(last > 0, "proof too long")
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        index, last = index >> 1, last >> 1
    require(last == 0, "proof too short")
    return found


def read_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and checkpoint of a C2SP tlog-proof."""
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    require(separator and lines[0] == "c2sp.org/tlog-proof@v1" and len(lines) > 1, "not a tlog-proof")
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[1])
    require(match, "proof without an index")
    assert match is not None
    found = [strict_base64(line) for line in lines[2:]]
    require(all(len(item) == 32 for item in found), "a hash is not 32 bytes")
    return int(match[1]), found, note


# -- DER and CMS


@dataclass(frozen=True)
class Der:
    """One DER element: tag, its bytes with and without header."""

    tag: int
    raw: bytes
    body: bytes

    @classmethod
    def one(cls, raw: bytes) -> Der:
        """The element that these bytes are, with nothing after it."""
        found = list(cls.several(raw))
        require(len(found) == 1, "bytes after a DER element")
        return found[0]

    @classmethod
    def several(cls, raw: bytes) -> Iterator[Der]:
        """Elements one after the other; definite, shortest lengths only."""
        at = 0
        while at < len(raw):
            tag, length, start = raw[at], raw[at + 1], at + 2
            require(tag & 31 != 31 and length not in {0x80, 0xFF}, "not DER")
            if length & 0x80:
                start += length & 0x7F
                length = int.from_bytes(raw[at + 2 : start], "big")
                require(length >= 0x80 and raw[at + 2] != 0, "a DER length is not the shortest")
            require(start + length <= len(raw), "a DER element is cut off")
            yield cls(tag, raw[at : start + length], raw[start : start + length])
            at = start + length

    def inside(self, tag: int | None = None) -> list[Der]:
        """Elements within this one, which must have the given tag."""
        require(self.tag & 0x20 and tag in {None, self.tag}, "unexpected DER element")
        return list(Der.several(self.body))

    def oid(self) -> str:
        """Object identifier."""
        require(self.tag == 6 and self.body, "not an object identifier")
        arcs, value = [], 0
        for byte in self.body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def octets(self) -> bytes:
        """Octet string."""
        require(self.tag == 4, "not an octet string")
        return self.body

    def time(self) -> datetime:
        """UTCTime or GeneralizedTime, in UTC."""
        text = self.body.decode("ascii")
        require(self.tag in {0x17, 0x18} and text.endswith("Z"), "not a time in UTC")
        if self.tag == 0x17:
            text = ("19" if text[:2] >= "50" else "20") + text
        whole, _, fraction = text[:-1].partition(".")
        value = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        return value + timedelta(seconds=float(f"0.{fraction or 0}"))


@dataclass(frozen=True)
class Signed:
    """A CMS message whose signature holds; its certificate is not judged yet."""

    certificate: x509.Certificate
    others: list[x509.Certificate]
    content: bytes
    signing_time: datetime | None
    signature: bytes
    token: bytes | None


def open_cms(der: bytes, kind: str, detached: Callable[[str], bytes] | None, known: list[x509.Certificate]) -> Signed:
    """Check digest, signature and certificate reference of a CMS message with one signer.

    Args:
        der: The message.
        kind: Content type it must have.
        detached: Digest of the content by hash name, when it is not in the message.
        known: Certificates that may be the signer's beside those in the message.
    """
    outer = Der.one(der).inside(0x30)
    require(outer[0].oid() == SIGNED_DATA, "not a signed CMS message")
    _, _, enclosed, *rest = Der.one(outer[1].body).inside(0x30)
    parts = enclosed.inside(0x30)
    require(parts[0].oid() == kind, "CMS content of another type")
    others = [x509.load_der_x509_certificate(c.raw) for p in rest if p.tag == 0xA0 for c in p.inside() if c.tag == 0x30]
    (info,) = rest[-1].inside(0x31)
    _, sid, digest_algorithm, attributes, algorithm, signature, *unsigned = info.inside(0x30)
    chosen = HASHES[digest_algorithm.inside(0x30)[0].oid()]
    content = b"" if detached else Der.one(parts[1].body).octets()
    require(len(parts) == (1 if detached else 2), "CMS content is not where it should be")
    digest = detached(chosen.name) if detached else hashlib.new(chosen.name, content).digest()
    require(attributes.tag == 0xA0, "CMS message without signed attributes")
    signed: dict[str, Der] = {}
    for attribute in attributes.inside():
        type_, values = attribute.inside(0x30)
        (signed[type_.oid()],) = values.inside(0x31)
    require(len(signed) == len(attributes.inside()), "a signed attribute is there twice")
    require(signed[CONTENT_TYPE].oid() == kind, "signed content type differs")
    require(signed[MESSAGE_DIGEST].octets() == digest, "the content is not what was signed")
    issuer, serial = sid.inside(0x30)
    certificate = next(
        c
        for c in [*others, *known]
        if c.issuer.public_bytes() == issuer.raw and c.serial_number == int.from_bytes(serial.body, "big", signed=True)
    )
    check_reference(signed, certificate)
    check_signature(certificate, algorithm.inside(0x30)[0].oid(), chosen, signature.octets(), b"\x31" + attributes.raw[1:])
    token = None
    for attribute in unsigned[0].inside(0xA1) if unsigned else []:
        type_, values = attribute.inside(0x30)
        if type_.oid() == SIGNATURE_TOKEN:
            token = values.inside(0x31)[0].raw
    at = signed[SIGNING_TIME].time() if SIGNING_TIME in signed else None
    return Signed(certificate, [*others, *known], content, at, signature.octets(), token)


def check_reference(signed: dict[str, Der], certificate: x509.Certificate) -> None:
    """The signed attributes must name this very certificate (RFC 5035)."""
    version = CERTIFICATE_V2 if CERTIFICATE_V2 in signed else CERTIFICATE_V1
    first = signed[version].inside(0x30)[0].inside(0x30)[0].inside(0x30)
    algorithm: hashes.HashAlgorithm = hashes.SHA1() if version == CERTIFICATE_V1 else hashes.SHA256()  # noqa: S303
    if version == CERTIFICATE_V2 and first[0].tag == 0x30:
        algorithm = HASHES[first.pop(0).inside()[0].oid()]
    require(certificate.fingerprint(algorithm) == first[0].octets(), "signed with another certificate")


def check_signature(
    certificate: x509.Certificate, oid: str, chosen: hashes.HashAlgorithm, signature: bytes, message: bytes
) -> None:
    """RSA PKCS#1 v1.5 or ECDSA, as the key and the algorithm both say."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and oid in RSA:
        key.verify(signature, message, padding.PKCS1v15(), chosen)
    elif isinstance(key, ec.EllipticCurvePublicKey) and oid in ECDSA:
        key.verify(signature, message, ec.ECDSA(chosen))
    else:
        raise BrokenError(f"signature algorithm {oid} is not accepted")


def name_of(certificate: x509.Certificate) -> str:
    """Common name and organisation."""
    found = (certificate.subject.get_attributes_for_oid(oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME))
    return ", ".join(str(a[0].value) for a in found if a)


def leads_to(leaf: x509.Certificate, others: list[x509.Certificate], roots: list[x509.Certificate], at: datetime) -> bool:
    """Whether a chain of authorities, all good at that moment, leads from the leaf to one of the roots."""

    def good(certificate: x509.Certificate) -> bool:
        return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc

    def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(issuer)
            return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False

    path, seen = [leaf], {leaf}
    while path:
        current = path.pop()
        if not good(current):
            continue
        if current in roots:
            return True
        following = [c for c in (*roots, *others) if c not in seen and issued(current, c)]
        seen.update(following)
        path += following
    return False


# -- a bundle


class Bundle:
    """Files of a bundle, in a folder or in a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)
        if self.zip is not None:
            names = [item.filename for item in self.zip.infolist()]
            require(len(set(names)) == len(names), "a name is in the zip twice")
        else:
            found = [Path(folder) / name for folder, _, files in os.walk(path) for name in files]
            require(not any(item.is_symlink() for item in found), "links are not accepted")
            names = [item.relative_to(path).as_posix() for item in found]
        self.names = set(names)

    def open(self, name: str) -> Any:
        """One file, to be read from its beginning."""
        require(name in self.names, f"{name} is missing")
        return self.zip.open(name) if self.zip is not None else (self.path / name).open("rb")

    def read(self, name: str) -> bytes:
        """The whole of a small file."""
        with self.open(name) as file:
            content: bytes = file.read(SMALL + 1)
        require(len(content) <= SMALL, f"{name} is too long")
        return content

    def digest(self, name: str, algorithm: str) -> tuple[str, int]:
        """Digest and size of a file of any length."""
        with self.open(name) as file:
            return digest_of(file, algorithm)


def digest_of(file: BinaryIO, algorithm: str) -> tuple[str, int]:
    """Digest and length of what is left of a file."""
    digest, size = hashlib.new(algorithm), 0
    while chunk := file.read(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


@dataclass
class Verifier:
    """Runs the eight checks; each adds one line or more."""

    bundle: Bundle
    roots: list[x509.Certificate]
    now: datetime
    checks: list[Check] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    leaves: dict[int, bytes] = field(default_factory=dict)
    note: str = ""
    stamped: datetime | None = None
    known: list[x509.Certificate] = field(default_factory=list)

    def run(self) -> list[Check]:
        """All checks, in the order of docs/formats.md; the token first of what needs its time."""
        steps: list[tuple[int, str, Callable[[], str]]] = [
            (1, "manifest", self.check_manifest),
            (3, "journal", self.check_entries),
            (5, "time-stamp", self.check_token),
            (2, "log key", self.check_log_key),
            (4, "files", self.check_representations),
            (6, "PDF seal", self.check_pdf),
            (7, "receipt", self.check_receipt),
            (8, "disposal", self.check_disposal),
        ]
        for number, name, step in steps:
            self.line(number, name, step)
            if number == 1 and not self.record:
                break  # nothing below can be told apart from what it should be
        self.checks.sort(key=lambda check: check.number)
        return self.checks

    def line(self, number: int, name: str, step: Callable[[], str]) -> None:
        """Run one check."""
        try:
            detail = step()
        except StopIteration:
            self.checks.append(Check(number, name, ALTERED, "the signer's certificate is missing"))
        except InvalidSignature:
            self.checks.append(Check(number, name, ALTERED, "a signature does not hold"))
        except FAULTS as fault:
            self.checks.append(Check(number, name, ALTERED, f"{fault}" or type(fault).__name__))
        else:
            verdict = NOTHING if detail.startswith("none") else INTACT
            self.checks.append(Check(number, name, verdict, detail))

    def check_manifest(self) -> str:
        """1. Files are those of the manifest, and the note signs it."""
        content = self.bundle.read("manifest.json")
        manifest = strict_json(content)
        require(manifest["v"] == 1 and manifest["type"] == "evidence", "not a bundle of this version")
        note = self.bundle.read("manifest.note").decode()
        signed = strict_json(verify_note(note, manifest["log"]["vkey"]).removesuffix("\n").encode())
        require(signed["type"] == "evidence" and signed["record"] == manifest["record"], "the note is of another bundle")
        require(signed["sha-256"] == hashlib.sha256(content).hexdigest(), "manifest.json was altered")
        expected = {"manifest.json", "manifest.note", *manifest["files"]}
        extra, missing = sorted(self.bundle.names - expected), sorted(expected - self.bundle.names)
        require(not extra, f"unexpected file: {', '.join(extra)}")
        require(not missing, f"missing file: {', '.join(missing)}")
        altered = [
            name
            for name, told in manifest["files"].items()
            if self.bundle.digest(name, "sha256") != (told["sha-256"], told["size"])
        ]
        require(not altered, f"altered: {', '.join(altered)}")
        self.manifest, self.record = manifest, strict_json(self.bundle.read("record.json"))
        require(self.record["record"] == manifest["record"], "record.json is of another record")
        pems = sorted(name for name in manifest["files"] if name.startswith("certificates/"))
        self.known = [x509.load_pem_x509_certificate(self.bundle.read(name)) for name in pems]
        return f"{len(manifest['files'])} files as listed; list signed by {manifest['log']['origin']}"

    def check_log_key(self) -> str:
        """2. The seal vouches for the log key; its chain leads to a root that the reader gave."""
        line = self.manifest["log"]["vkey"].encode() + b"\n"
        voucher = self.bundle.read("journal/log-key.p7s")
        signed = open_cms(voucher, DATA, lambda name: hashlib.new(name, line).digest(), self.known)
        at = self.signature_time(signed) or self.stamped or self.now
        if not self.roots:
            self.checks.append(Check(2, "seal chain", UNVERIFIABLE, NOT_ANCHORED))
        else:
            require(leads_to(signed.certificate, signed.others, self.roots, at), "the seal does not lead to the given root")
        outside = "" if self.manifest["probative"]["seal"] else "; self-made seal, not probative"
        return f"vouched for by the seal of {name_of(signed.certificate)}{outside}"

    def check_entries(self) -> str:
        """3. Every entry is under the checkpoint, and entries say what record.json says."""
        vkey, origin = self.manifest["log"]["vkey"], self.manifest["log"]["origin"]
        numbers = sorted(int(m[1]) for n in self.manifest["files"] if (m := re.fullmatch(r"journal/([0-9]+)\.json", n)))
        size = 0
        for n in numbers:
            body = self.bundle.read(f"journal/{n}.json")
            index, proof, note = read_proof(self.bundle.read(f"journal/{n}.tlog-proof").decode())
            if not self.note:
                self.note = note
                text = verify_note(note, vkey)
                match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n", text)
                assert match is not None
                require(match[1] == origin, "checkpoint of another log")
                size, root = int(match[2]), strict_base64(match[3])
            require(note == self.note, "proofs are under different checkpoints")
            require(root_of_proof(n, size, leaf_hash(body), proof) == root, f"entry {n} is not under the checkpoint")
            entry = strict_json(body)
            require(entry["n"] == index == n, f"entry {n} carries another number")
            require(entry["subject"] in {f"record:{self.record['record']}", f"deposit:{self.record['deposit']['id']}"}, "foreign entry")
            self.entries[n], self.leaves[n] = entry, leaf_hash(body)
        self.compare_with_record()
        return f"{len(numbers)} entries under the checkpoint of {size}; they say what record.json says"

    def compare_with_record(self) -> None:
        """What the entries say against record.json, inventory.json and premis.json."""
        original = self.forms()["original"]
        received = self.entries[self.record["deposit"]["entry"]]
        require(received["type"] in {"DepositReceived", "RecoveredDeposit"}, "no entry of reception")
        require(received["facts"]["sha-256"] == original["digests"]["sha-256"], "what was received is not what was kept")
        stated = [e["facts"] for e in self.entries.values() if "record" in e["facts"] and "inventory" in e["facts"]]
        require(stated, "no entry says that the record was kept")
        require(stated[-1]["record"] == self.bundle.digest("record.json", "sha256")[0], "record.json is not the journal's")
        require(stated[-1]["inventory"] == self.bundle.digest("inventory.json", "sha512")[0], "inventory.json is not the journal's")
        for event in json.loads(self.bundle.read("premis.json"))["events"]:
            if event["entry"] is not None:
                require(self.entries[event["entry"]]["type"] == event["journal_type"], "premis.json contradicts the journal")

    def forms(self) -> dict[str, dict[str, Any]]:
        """Representations of record.json by kind."""
        return {form["kind"]: form for form in self.record["representations"]}

    def check_representations(self) -> str:
        """4. Files against record.json, RecordKept and the inventory."""
        inventory = json.loads(self.bundle.read("inventory.json"))
        listed = {path.rpartition("/content/")[2]: d for d, paths in inventory["manifest"].items() for path in paths}
        kept = next(e["facts"] for e in self.entries.values() if e["type"] in {"RecordKept", "RecoveredRecord"})
        for kind, form in self.forms().items():
            told = form["digests"]
            require(kept.get(kind) in {None, told["sha-256"]}, f"{kind} is not what the journal says was kept")
            require(told["sha-512"] in inventory["manifest"], f"{kind} is not in the inventory")
        for name, known in {"record.json": "metadata/record.json", "premis.json": "metadata/premis.json"}.items():
            state = inventory["versions"][inventory["head"]]["state"]
            require(known in state[self.bundle.digest(name, "sha512")[0]], f"{name} is not in the inventory")
        for name in (n for n in self.manifest["files"] if n.startswith("reports/")):
            require(self.bundle.digest(name, "sha512")[0] == listed[name], f"{name} is not in the inventory")
        if not self.manifest["content"]:
            return "none included (made with content=digests); the digests agree"
        for kind, form in self.forms().items():
            told = (form["digests"]["sha-512"], form["size"])
            require(self.bundle.digest(form_name(kind, form["name"]), "sha512") == told, f"{kind} was altered")
        return f"{', '.join(self.forms())} as record.json, the journal and the inventory say"

    def token_time(self, token: bytes, digest: Callable[[str], bytes], what: str) -> datetime:
        """Time of a token over this digest; its chain must lead to a root, if roots were given."""
        signed = open_cms(token, TST_INFO, None, self.known)
        info = Der.one(signed.content).inside(0x30)
        algorithm, imprint = info[2].inside(0x30)
        name = HASHES[algorithm.inside(0x30)[0].oid()].name
        require(imprint.octets() == digest(name), f"the token is not over the {what}")
        at = info[4].time()
        usage = signed.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        only = list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
        require(usage.critical and only, "the token's certificate is not for time-stamping")
        require(at <= self.now + SKEW, "the token is from the future")
        if self.roots and not leads_to(signed.certificate, signed.others, self.roots, at):
            line = "chain not anchored: give --root of the time-stamping authority too"
            self.checks.append(Check(5, f"{what}: token", UNVERIFIABLE, line))
        return at

    def check_token(self) -> str:
        """5. The checkpoint existed at the time that an authority states."""
        note = self.note.encode()
        at = self.token_time(self.bundle.read("journal/checkpoint.tsr"), lambda n: hashlib.new(n, note).digest(), "checkpoint")
        latest = max(moment(entry["at"]) for entry in self.entries.values())
        require(at + SKEW >= latest, "the token is older than the entries")
        self.stamped = at
        outside = "" if self.manifest["probative"]["time"] else "; local authority, not probative"
        return f"the checkpoint existed on {at:%Y-%m-%d %H:%M:%S} UTC{outside}"

    def signature_time(self, signed: Signed) -> datetime | None:
        """When a signature was made: its token's time, if it has one."""
        if signed.token is None:
            return None
        return self.token_time(signed.token, lambda n: hashlib.new(n, signed.signature).digest(), "signature")

    def check_pdf(self) -> str:
        """6. The seal covers the whole archival PDF, and holds."""
        seal = self.record["verdicts"].get("seal") or {}
        if "archival" not in self.forms() or not self.manifest["content"]:
            return "none in this bundle"
        content = self.bundle.read("representations/archival.pdf")
        ranges = [tuple(map(int, m.groups())) for m in re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", content)]
        whole = [r for r in ranges if r[2] + r[3] == len(content)]
        if not whole and seal.get("verdict") != "valid":
            return "none: record.json says so"
        require(len(whole) == 1, "no signature covers the whole file")
        start, before, after, _ = whole[0]
        hole = content[before:after]
        require(start == 0 and re.fullmatch(rb"<[0-9A-Fa-f]*>", hole), "the seal's byte range is not as it should be")
        filled = bytes.fromhex(hole[1:-1].decode())
        cms = next(Der.several(filled[: 4 + int.from_bytes(filled[2:4], "big")]))
        require(cms.raw[1] == 0x82 and not filled[len(cms.raw) :].strip(b"\0"), "bytes hidden beside the seal")
        covered = content[:before] + content[after:]
        signed = open_cms(cms.raw, DATA, lambda name: hashlib.new(name, covered).digest(), self.known)
        at = self.signature_time(signed) or self.stamped or self.now
        require(not self.roots or leads_to(signed.certificate, signed.others, self.roots, at), "the PDF's seal does not lead to the given root")
        return f"{name_of(signed.certificate)}, {at:%Y-%m-%d %H:%M:%S} UTC, whole file (level and revocation: ask pdfsig)"

    def check_receipt(self) -> str:
        """7. The receipt agrees."""
        told = read_receipt(self.bundle.read("receipt.json"), self.manifest["log"]["vkey"])
        original = self.forms()["original"]
        require(told["deposit"] == self.record["deposit"]["id"], "receipt of another deposit")
        require(told["sha-256"] == original["digests"]["sha-256"] and told["sha-512"] == original["digests"]["sha-512"], "receipt of other bytes")
        require(told["size"] == original["size"] and told["entry"] == self.record["deposit"]["entry"], "the receipt disagrees")
        require(told["leaf"] == self.leaves[told["entry"]].hex(), "the receipt names another journal entry")
        return f"received {told['received_at']}, the same bytes, entry {told['entry']}"

    def check_disposal(self) -> str:
        """8. A record that is gone has its certificate."""
        gone = [e for e in self.entries.values() if e["type"] in {"RecordDisposed", "RecordTransferred"}]
        if not gone:
            return "none: the record is kept"
        require(gone[-1]["facts"]["certificate"] == self.bundle.digest("certificate.json", "sha256")[0], "certificate of disposal")
        return f"certificate as entry {gone[-1]['n']} says"


def form_name(kind: str, logical: str) -> str:
    """Name of a representation in the bundle."""
    extension = logical.rpartition("/")[2].partition(".")[2]
    return f"representations/{kind}" + (f".{extension}" if extension else "")


def read_receipt(content: bytes, vkey: str) -> dict[str, Any]:
    """What a receipt says, if the log key signed it."""
    receipt = json.loads(content)
    told: dict[str, Any] = strict_json(verify_note(receipt["note"], vkey).removesuffix("\n").encode())
    require(told == receipt["receipt"] and told["type"] == "receipt", "the receipt's two halves differ")
    return told


def verify_bundle(path: Path, roots: Sequence[x509.Certificate] = (), now: datetime | None = None) -> list[Check]:
    """All checks over a bundle, a folder or a zip."""
    try:
        bundle = Bundle(path)
    except FAULTS as fault:
        return [Check(1, "manifest", ALTERED, f"unreadable: {fault}")]
    return Verifier(bundle, list(roots), now or datetime.now(timezone.utc)).run()


def verify_receipt(receipt: Path, original: Path | None, vkey: str | None) -> list[Check]:
    """A receipt by itself, against a log key from elsewhere."""
    if vkey is None:
        return [Check(7, "receipt", UNVERIFIABLE, "log key unknown: give --key, or run in an evidence bundle")]
    try:
        told = read_receipt(receipt.read_bytes(), vkey)
        if original is not None:
            with original.open("rb") as file:
                require(digest_of(file, "sha256") == (told["sha-256"], told["size"]), "these are not the bytes received")
    except InvalidSignature:
        return [Check(7, "receipt", ALTERED, "its signature does not hold")]
    except FAULTS as fault:
        return [Check(7, "receipt", ALTERED, f"{fault}")]
    same = ", these very bytes" if original is not None else ""
    return [Check(7, "receipt", INTACT, f"signed by {vkey.split('+')[0]}: received {told['received_at']}{same}")]


def verdict_of(checks: Sequence[Check]) -> str:
    """Altered before unverifiable before intact; nothing checked is unverifiable."""
    found = {check.verdict for check in checks} - {NOTHING}
    return next((v for v in (ALTERED, UNVERIFIABLE, INTACT) if v in found), UNVERIFIABLE)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Check an evidence bundle offline. Vérifie un dossier de preuve hors ligne.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--root", type=Path, action="append", default=[], help="root certificates (PEM), obtained elsewhere")
    parser.add_argument("--receipt", type=Path, help="check a receipt (JSON) instead")
    parser.add_argument("--original", type=Path, help="the file that the receipt is about")
    parser.add_argument("--key", type=Path, help="file with the log key line, for --receipt")
    given = parser.parse_args()
    roots = [c for path in given.root for c in x509.load_pem_x509_certificates(path.read_bytes())]
    if given.receipt:
        key = given.key.read_text().strip() if given.key else None
        if key is None and (given.bundle / "manifest.json").is_file():
            key = json.loads((given.bundle / "manifest.json").read_bytes())["log"]["vkey"]
        checks = verify_receipt(given.receipt, given.original, key)
    else:
        checks = verify_bundle(given.bundle, roots)
    for check in checks:
        print(f"{check.verdict.upper():<12} {check.number} {check.name}: {check.detail}")
    verdict = verdict_of(checks)
    print({INTACT: "INTACT / INTACT", ALTERED: "ALTERED OR MISSING / ALTÉRÉ OU INCOMPLET"}.get(verdict, "UNVERIFIABLE / INVÉRIFIABLE"))
    return EXIT[verdict]


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
