"""What runs the tests and installs their servers must not say more than it did, nor leave anything
behind.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from xdist.scheduler import LoadGroupScheduling

from tests import groups, run

ROOT = Path(__file__).resolve().parents[3]
REPORT = '<testsuites><testsuite><testcase name="a"/><testcase name="b">{}</testcase></testsuite></testsuites>'


@pytest.mark.parametrize(
    ("arguments", "required", "outcome", "code"),
    [
        (["--services", "fault"], "1", '<skipped message="RabbitMQ is absent"/>', 1),
        (["--services", "fault"], "0", '<skipped message="RabbitMQ is absent"/>', 0),
        (["fault"], "1", '<skipped message="no user namespaces"/>', 0),
        (["--services", "fault"], "1", "", 0),
    ],
)
def test_a_skip_is_a_failure_where_services_are_required(
    arguments: list[str], required: str, outcome: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = subprocess.Popen

    def reported(command: list[str], **_: object) -> subprocess.Popen[bytes]:
        (report,) = (word.partition("=")[2] for word in command if word.startswith("--junitxml="))
        Path(report).write_text(REPORT.format(outcome), encoding="utf-8")
        return begin(["true"])

    monkeypatch.setattr(run, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr("tests.run.subprocess.Popen", reported)
    monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
    monkeypatch.setenv("REQUIRE_SERVICES", required)
    assert run.main() == code


def test_tests_of_a_group_are_dealt_to_one_worker(request: pytest.FixtureRequest) -> None:
    """By the id that the scheduler gets; ours and xdist's ways of writing it must agree."""
    item = copy.copy(request.node)
    item.own_markers = [pytest.mark.xdist_group("servers of a file").mark]
    groups.tell([item])
    groups.tell([item])
    assert LoadGroupScheduling._split_scope(Mock(), item.nodeid) == "servers of a file"
    assert item.nodeid.count("@servers of a file") == 1


class Machine:
    """One with nothing on it: the script, what every Debian has, and an ``apt-get`` that writes
    down when it runs.
    """

    def __init__(self, folder: Path, apt: str) -> None:
        self.folder = folder
        self.policy = folder / "policy-rc.d"
        self.said = folder / "said"
        programs = folder / "bin"
        programs.mkdir()
        for name in ("bash", "chmod", "dirname", "flock", "id", "mkdir", "rm", "seq"):
            (programs / name).symlink_to(str(shutil.which(name)))
        for name, text in {"apt-get": apt, "sleep": "exit 0"}.items():
            (programs / name).write_text(f"#!/bin/bash\n{text}\n")
            (programs / name).chmod(0o755)
        script = (ROOT / "tests/servers/install.sh").read_text(encoding="utf-8")
        assert "policy=/usr/sbin/policy-rc.d\n" in script
        self.script = folder / "install.sh"
        self.script.write_text(script.replace("policy=/usr/sbin/policy-rc.d", f"policy={self.policy}"))
        self.environment = {"PATH": str(programs), "HOME": str(folder), "SAID": str(self.said), "REST": os.defpath}

    def install(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", str(self.script)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.mark.skipif(os.getuid() != 0, reason="packages are installed by root")
def test_an_installation_that_fails_leaves_services_startable(tmp_path: Path) -> None:
    machine = Machine(tmp_path, f'[ -x "{tmp_path}/policy-rc.d" ] && echo forbidden >> "$SAID"; exit 1')
    installing = machine.install()
    installing.communicate(timeout=60)
    assert installing.returncode != 0
    assert "forbidden" in machine.said.read_text(), "no package starts a server meanwhile"
    assert not machine.policy.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="packages are installed by root")
def test_two_installations_at_once_take_turns_and_what_is_missing_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 'echo in >> "$SAID"; PATH=$REST sleep 0.3; echo out >> "$SAID"')
    both = [machine.install() for _ in range(2)]
    told = [one.communicate(timeout=60)[1] for one in both]
    assert machine.said.read_text().split() == ["in", "out"] * 4
    assert all("Go " in one for one in told)
    assert all(one.returncode == 1 for one in both)
