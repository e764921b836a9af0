"""Settings are complete by construction, and a typo never starts a store without retention."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive.model.settings import LocalStore, S3Store
from ingestion.settings import load_settings
from signing.ground.errors import Refused
from signing.settings import Pkcs12Seal

S3 = {
    "CHARTRIER_S3_ENDPOINT": "http://127.0.0.1:9000",
    "CHARTRIER_S3_BUCKET": "archives",
    "CHARTRIER_S3_ACCESS_KEY": "a",
    "CHARTRIER_S3_SECRET_KEY": "s3cret-canary",
}


def test_nothing_set_is_the_embedded_profile(tmp_path: Path) -> None:
    settings = load_settings({"CHARTRIER_HOME": str(tmp_path)})
    assert settings.archive.store == LocalStore(root=tmp_path / "store")
    assert settings.archive.database_url.get_secret_value() == f"sqlite:///{tmp_path / 'chartrier.db'}"
    assert settings.ingestion.broker_url is None
    assert settings.signing.seal.kind == "generated"
    assert settings.archive.lock_horizon_days == 400


def test_a_typo_in_a_name_is_refused() -> None:
    with pytest.raises(Refused, match="S3_ENDPONT") as refused:
        load_settings({"CHARTRIER_S3_ENDPONT": "http://x"})
    assert refused.value.code == "bad_settings"
    assert "ce réglage n’existe pas" in str(refused.value)


@pytest.mark.parametrize("missing", sorted(S3))
def test_a_half_configured_store_names_what_is_missing(missing: str) -> None:
    with pytest.raises(Refused, match=missing):
        load_settings({k: v for k, v in S3.items() if k != missing})


def test_secrets_come_from_files_and_never_show(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret-canary\n", encoding="utf-8")
    given = {k: v for k, v in S3.items() if k != "CHARTRIER_S3_SECRET_KEY"} | {
        "CHARTRIER_S3_SECRET_KEY_FILE": str(secret)
    }
    settings = load_settings(given)
    assert isinstance(settings.archive.store, S3Store)
    assert settings.archive.store.secret_key.get_secret_value() == "s3cret-canary"
    assert "s3cret-canary" not in repr(settings)


def test_environment_goes_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "chartrier.toml"
    config.write_text('port = 9000\nhost = "127.0.0.2"\nseal_pkcs12 = "/etc/cachet.p12"\n', encoding="utf-8")
    settings = load_settings({"CHARTRIER_CONFIG": str(config), "CHARTRIER_PORT": "9001"})
    assert (settings.api.host, settings.api.port) == ("127.0.0.2", 9001)
    assert isinstance(settings.signing.seal, Pkcs12Seal)


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("LOCK_HORIZON_DAYS", "-1"), ("OCR_ENGINE", "abbyy")])
def test_values_out_of_bounds_are_refused(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name):
        load_settings({f"CHARTRIER_{name}": value})


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings({"CHARTRIER_HOME": str(tmp_path)}).home = tmp_path  # type: ignore[misc]


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = load_settings({"CHARTRIER_TRUSTED_PROXIES": "10.0.0.5, 172.31.250.0/28,fd00::/64"})
    assert settings.api.trusted_proxies == ("10.0.0.5", "172.31.250.0/28", "fd00::/64")
    assert load_settings({}).api.trusted_proxies == ()


@pytest.mark.parametrize("everybody", ["*", "0.0.0.0/0", "::/0", "proxy", "10.0.0.1/8"])
def test_nobody_may_trust_everybody(everybody: str) -> None:
    with pytest.raises(Refused, match="CHARTRIER_TRUSTED_PROXIES"):
        load_settings({"CHARTRIER_TRUSTED_PROXIES": f"10.0.0.5,{everybody}"})
