from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from pydantic import SecretStr

from signing.authority import ensure_generated
from signing.ground.errors import Refused
from signing.settings import Pkcs12Seal, SigningSettings
from signing.signers.pem import PemSigner, load_signer
from tests.contract.suite_signer import SignerContract
from tests.corpus.make_pki import Pki, make_pki

PASSWORD = "mot de passe"


@pytest.fixture(scope="module")
def pki() -> Pki:
    return make_pki(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def container(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seal") / "cachet.p12"
    # Issuers in the wrong order, as authorities deliver them.
    issuers: list[x509.Certificate] = [pki.root.certificate, pki.issuing.certificate]
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"cachet",
            pki.signer.key,
            pki.signer.certificate,
            issuers,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
    )
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    ensure_generated(folder, organisation="Département d’essai")
    return folder


class TestGenerated(SignerContract):
    @pytest.fixture
    def signer(self, keys: Path) -> PemSigner:
        signer = load_signer(SigningSettings(keys=keys))
        assert isinstance(signer, PemSigner)
        assert not signer.probative
        return signer


class TestPkcs12(SignerContract):
    @pytest.fixture
    def signer(self, container: Path, tmp_path: Path) -> object:
        seal = Pkcs12Seal(path=container, password=SecretStr(PASSWORD))
        signer = load_signer(SigningSettings(keys=tmp_path, seal=seal))
        assert signer.probative
        assert len(signer.chain) == 2
        return signer


def test_a_wrong_password_or_file_is_said(container: Path, tmp_path: Path) -> None:
    for path, password in ((container, "autre"), (tmp_path / "absent.p12", PASSWORD)):
        seal = Pkcs12Seal(path=path, password=SecretStr(password))
        with pytest.raises(Refused) as refusal:
            load_signer(SigningSettings(keys=tmp_path, seal=seal))
        assert refusal.value.code == "seal_unreadable"
        assert password not in str(refusal.value)


def test_a_key_that_is_not_the_certificates_is_refused(pki: Pki) -> None:
    with pytest.raises(ValueError, match="not the certificate's"):
        PemSigner(pki.signer.pem, pki.expired.key_pem)
