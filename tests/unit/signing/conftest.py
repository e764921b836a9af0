"""One generated set of keys and one foreign PKI for all signing tests: making them is the slow
part.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pikepdf.pdfa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.authority import ensure_generated
from signing.settings import SigningSettings
from signing.signers.pem import KeySigner, load_signer
from signing.timestampers.rfc3161 import Rfc3161Timestamper, load_timestamper
from tests.corpus.make_pki import Pki, blank_document, make_pki


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signing") / "keys"
    ensure_generated(folder, organisation="Département d’essai")
    return folder


@pytest.fixture
def signer(keys: Path) -> KeySigner:
    return load_signer(SigningSettings(keys=keys))


@pytest.fixture
def timestamper(keys: Path) -> Rfc3161Timestamper:
    return load_timestamper(SigningSettings(keys=keys))


@pytest.fixture(scope="session")
def root(keys: Path) -> bytes:
    return x509.load_pem_x509_certificate((keys / "root.pem").read_bytes()).public_bytes(Encoding.DER)


@pytest.fixture(scope="session")
def foreign() -> Pki:
    return make_pki(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def archival(tmp_path: Path) -> Path:
    """A PDF/A-2b of one blank page, as the convert stage hands it over."""
    path = tmp_path / "archival.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pikepdf.pdfa.save(pdf, str(path), "2b")
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.pdf"
    path.write_bytes(blank_document())
    return path
