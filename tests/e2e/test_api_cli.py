"""The command line on the real service: what it prints and how it ends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.servers.service import Service

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PDF = SAMPLES / "deliberations.pdf"


@pytest.fixture(scope="module")
def deposited(service: Service) -> dict:
    done = service.chartrier(
        "deposit", str(PDF), "--wait", "--tenant", "demo", "--document-type", "deliberation", "--json"
    )
    (line,) = done.stdout.splitlines()
    view = json.loads(line)
    assert view["state"] == "kept"
    return view


def test_the_same_file_is_deposited_once(service: Service, deposited: dict):
    again = service.chartrier("deposit", str(PDF), "--tenant", "demo", "--document-type", "deliberation", "--json")
    assert json.loads(again.stdout)["id"] == deposited["id"]


def test_a_refused_file_does_not_stop_the_others(service: Service, tmp_path: Path):
    (tmp_path / "vide.pdf").write_bytes(b"")
    (tmp_path / "note.txt").write_text("Une note.")
    done = service.chartrier("deposit", str(tmp_path), "--tenant", "demo", "--json", check=False)
    assert done.returncode == 1
    note, empty = sorted(map(json.loads, done.stdout.splitlines()), key=lambda one: one["filename"])
    assert note["state"] in {"received", "working", "kept"}, "a worker may be faster than the command's last look"
    assert note["receipt"]["leaf_hash"]
    assert empty["problem"]["code"] == "empty_file"


def test_found_shown_fetched(service: Service, deposited: dict, tmp_path: Path):
    record_id = deposited["record_id"]
    found = [
        json.loads(line)
        for line in service.chartrier("search", "délibération", "--tenant", "demo", "--json").stdout.splitlines()
    ]
    assert record_id in {hit["record_id"] for hit in found}
    shown = json.loads(service.chartrier("show", record_id, "--json").stdout)
    assert shown["document_type"] == "deliberation"
    assert shown["index"] == {"state": "indexed"}
    assert "sha-256" in service.chartrier("show", record_id).stdout
    target = tmp_path / "copie.pdf"
    service.chartrier("fetch", record_id, "-o", str(target))
    assert target.read_bytes() == PDF.read_bytes()
    service.chartrier("fetch", record_id, "--representation", "archival", "-o", str(target))
    assert target.read_bytes().startswith(b"%PDF")
    assert list(tmp_path.iterdir()) == [target]


def test_verified_proven_and_the_proof_checked(service: Service, deposited: dict, tmp_path: Path):
    record_id = deposited["record_id"]
    result = json.loads(service.chartrier("verify", record_id, "--json").stdout)
    assert (result["id"], result["verdict"]) == (record_id, "intact")
    assert "Cachet" in {check["name"] for check in result["checks"]}
    sealed = json.loads(service.chartrier("checkpoint", "--json").stdout)
    assert sealed["time_stamped"] is True
    bundle = tmp_path / "preuve.zip"
    service.chartrier("evidence", record_id, "-o", str(bundle))
    assert json.loads(service.chartrier("verify-bundle", str(bundle), "--json").stdout)["verdict"] == "intact"
    content = bytearray(bundle.read_bytes())
    place = content.index(b"%PDF") + 200
    content[place] ^= 1
    bundle.write_bytes(content)
    assert service.chartrier("verify-bundle", str(bundle), check=False).returncode == 3


def test_the_index_is_made_again(service: Service, deposited: dict):
    made = json.loads(service.chartrier("rebuild", "index", "--tenant", "demo", "--json").stdout)
    assert made["records"] >= 1
    found = service.chartrier("search", "délibération", "--tenant", "demo", "--json").stdout
    assert deposited["record_id"] in found


def test_people_and_links(service: Service):
    made = json.loads(
        service.chartrier("user", "create", "Essai", "--role", "clerk", "--tenant", "demo", "--json").stdout
    )
    assert made["link"].startswith(f"{service.address}/connexion/")
    assert made["id"] in service.chartrier("user", "list", "--tenant", "demo").stdout
    assert service.chartrier("user", "link", made["id"]).stdout.strip() != made["link"]


def test_keys_are_listed_without_their_text_and_revoked(service: Service):
    made = json.loads(
        service.chartrier("key", "create", "--tenant", "demo", "--scopes", "record:read", "--json").stdout
    )
    listed = service.chartrier("key", "list", "--tenant", "demo", "--json").stdout
    assert made["id"] in listed
    assert made["key"] not in listed
    service.chartrier("key", "revoke", made["id"])
    with service.client(made["key"]) as client:
        assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "inconnu"), 1),
        (("verify",), 2),
        (("verify", "--all", "inconnu"), 2),
        (("nothing",), 2),
        (("serve", "--only", "cuisine"), 2),
        (("key", "create", "--tenant", "demo", "--scopes", "tout"), 1),
        (("tenant", "create", "../etc", "--name", "x"), 1),
        (("verify-bundle", str(PDF)), 1),
    ],
)
def test_a_refusal_says_why_and_ends_with_its_code(service: Service, arguments: tuple[str, ...], code: int):
    done = service.chartrier(*arguments, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert "\x1b[" not in done.stdout + done.stderr  # a pipe gets no colours


def test_the_doctor_finds_every_part(service: Service):
    done = service.chartrier("doctor", "--json", check=False)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [one for one in findings if one["state"] == "wrong"]
    parts = {one["part"]: one for one in findings}
    assert parts["Service"]["detail"].startswith(service.address)
    assert parts["Courtier"]["version"]
    assert {"Base de données", "Magasin", "Bac à sable", "Lecture (OCR)", "Cachet", "Horodatage"} <= set(parts)


def test_a_bad_setting_is_told_before_anything_starts(service: Service, tmp_path: Path):
    other = Service(tmp_path / "home", CHARTRIER_PROT="8400")
    done = other.chartrier("serve", check=False)
    assert done.returncode == 1
    assert "CHARTRIER_PROT" in done.stderr


def test_the_trust_file_is_written_with_the_digest_to_be_confirmed(service: Service, tmp_path: Path):
    said = service.chartrier("trust", "export", "-o", str(tmp_path / "trust.json")).stdout
    written = (tmp_path / "trust.json").read_bytes()
    assert hashlib.sha256(written).hexdigest() in said
    assert json.loads(written)["log"]
    refused = service.chartrier("trust", "export", "-o", str(tmp_path / "absent" / "trust.json"), check=False)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
