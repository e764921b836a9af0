"""A verifier in Go, written from the documents alone, says of altered bundles what ours says."""

import base64
from collections.abc import Callable
from pathlib import Path

from asn1crypto.cms import ContentInfo
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.strangers import forger
from tests.strangers.comparison import build, compare, ours, theirs
from tests.strangers.genuine import Files, installations, zipped
from tests.strangers.mutations import KINDS


def test_both_verifiers_say_the_same_of_altered_bundles(tmp_path: Path) -> None:
    """A short run of ``make strangers``: each kind of mutation once, and some twice."""
    build()
    told: list[str] = []
    result = compare(tmp_path, seed=2026, count=25, one_each=True, say=told.append)
    assert not result.disagreements, "\n".join(told)
    assert sum(result.answers.values()) == 25
    assert {kind for kind, _ in result.answers} == set(KINDS)
    assert result.answers["untouched", "intact"] == 2
    assert {verdict for _, verdict in result.answers} >= {"intact", "altered", "unverifiable"}


def _with_bit(pem: bytes, near: bytes, beyond: int = 0, bit: int = 1) -> bytes:
    """Flip a bit of the certificate: so many bytes after the last place of these."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    at = der.rindex(near) + len(near) + beyond
    content = der[:at] + bytes([der[at] ^ bit]) + der[at + 1 :]
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(content) + b"-----END CERTIFICATE-----\n"


SHA256_WITH_RSA = bytes.fromhex("2a864886f70d0101")
OFFERED: dict[str, Callable[[bytes], bytes]] = {
    "no certificate": lambda _pem: b"none",
    "empty": lambda _pem: b"",
    "other words around it": lambda pem: pem.replace(b"CERTIFICATE", b"CERTIFICATF"),
    "cut": lambda pem: pem[: len(pem) // 2],
    "the two names of its algorithm differ": lambda pem: _with_bit(pem, SHA256_WITH_RSA),
    "a name that is no text": lambda pem: _with_bit(pem, b"Commune", beyond=1, bit=0x80),
}


def test_a_certificate_that_is_only_offered_changes_no_verdict(tmp_path: Path) -> None:
    """Parsers of certificates differ in what they accept; the signer's own is no mere offer."""
    checker, trust = build(), tmp_path / "trust.json"
    with installations(tmp_path / "installations", brief=True) as (mine, _):
        trust.write_bytes(mine.trust)

        def verdicts(files: Files) -> tuple[str, str]:
            forger.relist(files, mine.world.log_key)
            (tmp_path / "bundle.zip").write_bytes(zipped(files))
            here, there = ours(tmp_path / "bundle.zip", mine.trust), theirs(checker, tmp_path / "bundle.zip", trust)
            return here[0], there[0]

        genuine = mine.bundles["whole"]
        names = [name for name in genuine if name.startswith("certificates/")]
        told = {
            (way, name): verdicts(dict(genuine) | {name: OFFERED[way](genuine[name])})
            for way in OFFERED
            for name in names
        }
        assert {place: found for place, found in told.items() if found != ("intact", "intact")} == {}
        for name in ("journal/log-key.p7s", "journal/checkpoint.tsr"):
            inside = ContentInfo.load(genuine[name])["content"]["certificates"][0].dump()
            at = genuine[name].index(inside) + inside.index(SHA256_WITH_RSA) + len(SHA256_WITH_RSA)
            content = genuine[name][:at] + bytes([genuine[name][at] ^ 1]) + genuine[name][at + 1 :]
            assert verdicts(dict(genuine) | {name: content}) == ("altered", "altered"), name
