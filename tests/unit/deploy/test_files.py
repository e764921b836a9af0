"""What stands in ``deploy/``: images, alarms, dashboard, and the few lines that must not drift
apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import PREFIX, Names

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
DOCKERS_RULES = "31d75e7aef540c661365ead6f2cc0bc709249bc1b7092dbee243383c52f2214d"
"""SHA-256 of ``syscalls`` of Docker's own profile (deploy/seccomp/ORIGIN.md) as ``json.dumps`` with
sorted keys.
"""
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)


def dashboard_expressions() -> list[str]:
    board = json.loads((DEPLOY / "dashboards" / "chartrier.json").read_text(encoding="utf-8"))
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(program), str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_images_are_closed() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    shipped = {
        name: stage for stage in stages for name in ("runtime", "minio", "clamav", "proxy") if f" AS {name}\n" in stage
    }
    assert set(shipped) == {"runtime", "minio", "clamav", "proxy"}
    for name, stage in shipped.items():
        assert "\nUSER 10001:10001\n" in stage, name
        assert "\nHEALTHCHECK " in stage, name
        assert re.search(r"^CMD \[", stage, re.MULTILINE), name
    assert "--require-hashes" in text
    assert not re.search(r"(?i)(ENV|ARG)[^\n]*(password|secret|token|_key)", text)


def test_only_what_an_image_needs_is_sent_to_its_builder() -> None:
    """Every COPY names something that .dockerignore lets through, and no secret is."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert [path for path in copied if not any(path == a or path.startswith(f"{a}/") for a in allowed)] == []
    assert all((ROOT / path).exists() for path in copied)


def test_secrets_are_never_committed() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "deploy/secrets/database_url", ".env"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["deploy/secrets/database_url", ".env"]


def test_the_compose_file_names_settings_that_exist() -> None:
    """Without an engine or a loader: a typo would stop the start, this says so earlier."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    ours = {
        name.removesuffix("_FILE").removeprefix(PREFIX).lower()
        for name in re.findall(rf"^ +({PREFIX}\w+):", text, re.MULTILINE)
    }
    proxys = {"hostname", "tls"}
    assert ours - proxys <= set(Names.model_fields)


def test_the_stand_ins_are_what_the_images_are() -> None:
    """MinIO is built at one version, by the Dockerfile and by the tests."""
    module = re.compile(r"github.com/minio/minio@(v\S+)")
    found = {module.search(path.read_text())[1] for path in (DEPLOY / "Dockerfile", ROOT / "tests/servers/install.sh")}  # type: ignore[index]
    assert len(found) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="secrets are handed to the accounts that read them: needs root")
def test_secrets_are_made_once_each_for_one_account(tmp_path: Path) -> None:
    made = tmp_path / "secrets"
    script = [str(DEPLOY / "make-secrets.sh"), str(made)]
    subprocess.run(script, check=True, capture_output=True)
    first = {path.name: path.read_bytes() for path in made.iterdir()}
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o600}
    assert {path.stat().st_uid for path in made.iterdir()} == {999, 10001}
    said = subprocess.run(script, check=True, capture_output=True).stdout
    assert said == b""
    assert {path.name: path.read_bytes() for path in made.iterdir()} == first
    words = re.findall(rb"[A-Za-z0-9]{32}", b" ".join(first.values()))
    assert len(set(words)) >= 6, "each its own"
    declared = set(
        re.findall(r"^  (\w+): \{file: \./deploy/secrets/\1\}", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    )
    assert declared == set(first)


def test_the_seccomp_profile_adds_one_rule_to_docker_s_own() -> None:
    profile: dict[str, Any] = json.loads((DEPLOY / "seccomp" / "chartrier.json").read_text(encoding="utf-8"))
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    *_, ours = profile["syscalls"]
    assert ours["names"] == ["clone", "mount", "pivot_root", "umount2", "unshare"]
    forbidden = {"keyctl", "add_key", "kexec_load", "userfaultfd", "open_by_handle_at", "init_module"}
    free = {name for rule in profile["syscalls"] if not rule.get("includes") for name in rule["names"]}
    assert not forbidden & free
    default = json.dumps(profile["syscalls"][:-1], sort_keys=True).encode()
    assert hashlib.sha256(default).hexdigest() == DOCKERS_RULES


def test_every_alarm_is_explained_by_its_name() -> None:
    text = (ROOT / "docs" / "operations" / "alarms.md").read_text(encoding="utf-8")
    alarms = ALERT.findall((DEPLOY / "alerts" / "chartrier.yml").read_text(encoding="utf-8"))
    assert len(alarms) >= 20
    paragraphs = dict(re.findall(r"^### (\w+)\n\n(.+?)(?=\n### |\n## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(paragraphs) == set(alarms)
    for name, said in paragraphs.items():
        assert "**Means.**" in said, name
        assert "**Do.**" in said, name


@pytest.mark.services
def test_prometheus_reads_the_rules_and_the_dashboard() -> None:
    from tests.servers import rules

    read = rules.rules(DEPLOY / "alerts" / "chartrier.yml")
    assert [rule["alert"] for rule in read] == ALERT.findall((DEPLOY / "alerts" / "chartrier.yml").read_text())
    asked = rules.expressions(dashboard_expressions())
    assert all(one["metrics"] for one in [*read, *asked])
    with pytest.raises(AssertionError, match="parse error"):
        rules.expressions(["max(chartrier_deposits"])
