"""Whom to tell of a security fault: RFC 9116."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import doctor
from ingestion.assembly import assemble
from ingestion.settings import load_settings
from signing.ground.errors import Refused

PATH = "/.well-known/security.txt"
CONTACT = {"CHARTRIER_SECURITY_CONTACT": "mailto:securite@exemple.fr", "CHARTRIER_SECURITY_EXPIRES": "2027-06-30"}


def served(home: Path, **settings: str):
    system = assemble(load_settings({"CHARTRIER_HOME": str(home)} | settings))
    try:
        with TestClient(create_app(system), base_url=settings.get("CHARTRIER_PUBLIC_URL", "http://127.0.0.1")) as asked:
            return asked.get(PATH)
    finally:
        system.close()


def fields(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_without_the_setting_there_is_no_such_file(client) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 404
    assert "Contact:" not in answer.text


def test_the_file_holds_what_the_standard_requires(tmp_path: Path) -> None:
    answer = served(tmp_path, **CONTACT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert fields(answer.text) == {
        "Contact": "mailto:securite@exemple.fr",
        "Expires": "2027-06-30T00:00:00Z",
        "Preferred-Languages": "fr, en",
    }


def test_behind_tls_it_names_its_own_address(tmp_path: Path) -> None:
    answer = served(tmp_path, **CONTACT, CHARTRIER_PUBLIC_URL="https://archives.exemple.fr")
    assert fields(answer.text)["Canonical"] == f"https://archives.exemple.fr{PATH}"


def test_a_moment_is_written_in_utc(tmp_path: Path) -> None:
    answer = served(tmp_path, **CONTACT | {"CHARTRIER_SECURITY_EXPIRES": "2027-06-30T01:00:00+02:00"})
    assert fields(answer.text)["Expires"] == "2027-06-29T23:00:00Z"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHARTRIER_SECURITY_CONTACT", ""),
        ("CHARTRIER_SECURITY_CONTACT", "securite@exemple.fr"),
        ("CHARTRIER_SECURITY_CONTACT", "http://exemple.fr"),
        ("CHARTRIER_SECURITY_CONTACT", "mailto:a@exemple.fr\nExpires: 2099-01-01T00:00:00Z"),
        ("CHARTRIER_SECURITY_EXPIRES", ""),
        ("CHARTRIER_SECURITY_EXPIRES", "soon"),
    ],
)
def test_what_would_make_an_invalid_file_is_refused(name: str, value: str) -> None:
    with pytest.raises(Refused, match=name) as refused:
        load_settings(CONTACT | {name: value})
    assert refused.value.code == "bad_settings"


@pytest.mark.parametrize(
    ("left", "state"), [(None, doctor.WIDER), (40, doctor.GOOD), (20, doctor.WIDER), (-1, doctor.WRONG)]
)
def test_the_doctor_watches_the_day(left: int | None, state: str, bare_system, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"CHARTRIER_HOME": str(bare_system.settings.home)}
    if left is not None:
        until = bare_system.clock() + timedelta(days=left)
        given |= CONTACT | {"CHARTRIER_SECURITY_EXPIRES": until.isoformat()}
    monkeypatch.setattr(doctor, "settings", lambda: load_settings(given))
    monkeypatch.setattr(doctor, "system", lambda: bare_system)
    assert doctor._security().state == state
