"""Revocation data: chosen for a chain, embedded under the seal, found by strangers' validators."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext

from signing.authority import CRL
from signing.pdf import seal_file, validate
from signing.revocation import Archived, archive
from signing.signers.pem import KeySigner
from signing.timestampers.rfc3161 import Rfc3161Timestamper
from signing.trust import Trusted
from tests.corpus.make_pki import Identity, Pki

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def crl_of(
    issuer: Identity, *revoked: x509.Certificate, begin: datetime = NOW - DAY, end: datetime = NOW + DAY
) -> bytes:
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, begin, end)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    for certificate in revoked:
        one = x509.RevokedCertificateBuilder(certificate.serial_number, begin).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def answer_of(who: Identity, issuer: Identity, *, good: bool = True, by: Identity | None = None) -> bytes:
    status = ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        who.certificate, issuer.certificate, hashes.SHA256(), status, NOW - DAY, NOW + DAY,
        None if good else NOW - DAY, None,
    )  # fmt: skip
    signer = by or issuer
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def chain(foreign: Pki) -> tuple[bytes, ...]:
    return (foreign.signer.der, foreign.issuing.der, foreign.root.der)


def test_lists_and_answers_that_say_nothing_leave_it_unknown(foreign: Pki, chain: tuple[bytes, ...]) -> None:
    root = crl_of(foreign.root)
    whole = archive([chain], [root, crl_of(foreign.issuing)], [], NOW)
    assert (whole.complete, whole.missing, whole.revoked) == (True, (), ())
    assert set(whole.certificates) == set(chain)
    useless = {
        "none": [],
        "of another": [crl_of(foreign.root)],
        "stale": [crl_of(foreign.issuing, begin=NOW - 9 * DAY, end=NOW - DAY)],
        "not yet": [crl_of(foreign.issuing, begin=NOW + DAY, end=NOW + 9 * DAY)],
        "forged": [crl_of(Identity(foreign.issuing.certificate, foreign.signer.key))],
        "garbage": [b"0\x03\x02\x01\x01"],
    }
    for name, lists in useless.items():
        found = archive([chain], [root, *lists], [], NOW)
        assert not found.complete, name
        assert len(found.missing) == 1, name
        assert "Cachet de la commune" in found.missing[0]


def test_a_revocation_counts_before_anything_good(foreign: Pki, chain: tuple[bytes, ...]) -> None:
    lists = [crl_of(foreign.root), crl_of(foreign.issuing), crl_of(foreign.issuing, foreign.signer.certificate)]
    found = archive([chain], lists, [answer_of(foreign.signer, foreign.issuing)], NOW)
    assert found.revoked
    assert not found.complete
    answered = archive([chain], lists[:1], [answer_of(foreign.signer, foreign.issuing, good=False)], NOW)
    assert answered.revoked


def test_an_answer_counts_if_the_issuer_signed_it(foreign: Pki, chain: tuple[bytes, ...]) -> None:
    root = [crl_of(foreign.root)]
    assert archive([chain], root, [answer_of(foreign.signer, foreign.issuing)], NOW).complete
    assert not archive([chain], root, [answer_of(foreign.signer, foreign.issuing, by=foreign.tsa)], NOW).complete
    assert not archive([chain], root, [answer_of(foreign.expired, foreign.issuing)], NOW).complete
    assert not archive([chain], root, [answer_of(foreign.signer, foreign.issuing)], NOW + 2 * DAY).complete


def test_what_goes_to_the_sandbox_comes_back(foreign: Pki, chain: tuple[bytes, ...]) -> None:
    found = archive([chain], [crl_of(foreign.root), crl_of(foreign.issuing)], [], NOW)
    assert Archived.from_json(found.as_json()) == found
    given = Trusted((chain[2],), (chain[1],), found.crls, ())
    assert Trusted.from_json(given.as_json()) == given


@pytest.fixture
def sealed(
    archival: Path, tmp_path: Path, signer: KeySigner, timestamper: Rfc3161Timestamper, keys: Path
) -> tuple[Path, Archived]:
    chains = [(signer.certificate, *signer.chain), timestamper.chain]
    archived = archive(chains, [(keys / CRL).read_bytes()], [], datetime.now(UTC))
    path = tmp_path / "sealed.pdf"
    assert seal_file(archival, path, signer, timestamper, archived=archived).level == "B-LT"
    return path, archived


def test_a_seal_made_here_is_b_lt_and_still_covers_the_file(
    sealed: tuple[Path, Archived], root: bytes, archival: Path
) -> None:
    path, archived = sealed
    assert archived.complete
    (finding,) = validate(path, [root], datetime.now(UTC)).findings
    assert (finding.verdict, finding.level, finding.covers_whole_file) == ("valid", "B-LT", True)
    assert path.read_bytes().startswith(archival.read_bytes())


def test_a_stranger_who_requires_revocation_data_finds_it(sealed: tuple[Path, Archived], root: bytes) -> None:
    """pyHanko by itself, revocation required: everything taken from the file, nothing fetched."""
    given = {
        "trust_roots": [asn1_x509.Certificate.load(root)],
        "revocation_mode": "require",
        "allow_fetching": False,
        "retroactive_revinfo": True,
    }
    with sealed[0].open("rb") as file:
        reader = PdfFileReader(file)
        (embedded,) = reader.embedded_signatures
        context = DocumentSecurityStore.read_dss(reader).as_validation_context(given)
        status = validate_pdf_signature(embedded, context, context)
        alone = ValidationContext(**given, crls=[], ocsps=[])
        without = validate_pdf_signature(embedded, alone, alone)
    assert status.bottom_line
    assert status.timestamp_validity.trusted
    assert not without.trusted, "it is the embedded list that counts"


def test_without_a_list_of_the_authority_the_level_says_so(
    archival: Path, tmp_path: Path, signer: KeySigner, timestamper: Rfc3161Timestamper, keys: Path
) -> None:
    only_seal = archive([(signer.certificate, *signer.chain)], [(keys / CRL).read_bytes()], [], datetime.now(UTC))
    path = tmp_path / "sealed.pdf"
    assert seal_file(archival, path, signer, timestamper, archived=only_seal).level == "B-T"
    assert seal_file(archival, path, signer, timestamper).level == "B-T"


def test_pdfsig_and_openssl_agree(sealed: tuple[Path, Archived], keys: Path, tmp_path: Path) -> None:
    told = subprocess.run(["pdfsig", "-nocert", sealed[0]], capture_output=True, text=True, check=False)
    assert "Signature is Valid" in told.stdout
    assert "Total document signed" in told.stdout
    (tmp_path / "root.crl").write_bytes(x509.load_der_x509_crl((keys / CRL).read_bytes()).public_bytes(Encoding.PEM))
    command = ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", str(tmp_path / "root.crl")]
    for name in ("seal.pem", "tsa.pem"):
        done = subprocess.run([*command, "-CAfile", keys / "root.pem", keys / name], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
