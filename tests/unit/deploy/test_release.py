"""What a release is made of: one version, news that can be read, sums that a stranger checks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.version import VERSION
from deploy import release
from tests.servers.presence import program

ROOT = Path(__file__).resolve().parents[3]

STATED = {
    "api/version.py": 'VERSION: Final = "{}"',
    "publiccode.yml": "softwareVersion: {}",
    "deploy/Dockerfile": "ARG VERSION={}",
    "docker-compose.yml": "image: chartrier:${{CHARTRIER_VERSION:-{}}}",
}
"""The source, and the places that a tool reads by itself and that can't derive it."""


def tracked(*patterns: str) -> list[Path]:
    named = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in named.splitlines() if (ROOT / name).is_file()]


def test_the_version_is_the_same_wherever_it_is_stated() -> None:
    assert release.version() == VERSION
    for name, form in STATED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        stated = re.findall(re.escape(form.format("@")).replace("@", r"([0-9][^\s\"}]*)"), text)
        assert stated, name
        assert set(stated) == {VERSION}, name


def test_the_version_is_stated_nowhere_else() -> None:
    foreign = {"requirements", "tests", "changelog"}
    texts = {".py", ".md", ".yml", ".toml", ".html", ".sh", ".json", ".env", "", ".po"}
    found = {
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.relative_to(ROOT).parts[0] not in foreign and path.suffix in texts and path.name != "CHANGELOG.md"
        if re.search(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])", path.read_text(encoding="utf-8"))
    }
    assert found == set(STATED)


def test_every_piece_of_news_can_be_gathered_and_read(tmp_path: Path) -> None:
    """Towncrier refuses a name it does not know; the form inside is ours."""
    notes = release.notes(tmp_path).read_text(encoding="utf-8")
    assert notes.startswith(f"## {VERSION} (")
    for path in tracked("changelog/*"):
        if path.name == "README.md":
            continue
        text = path.read_text(encoding="utf-8")
        assert re.fullmatch(r"\+[a-z0-9-]+\.(added|changed|fixed|removed|security)\.md", path.name), path.name
        assert re.fullmatch(r"[^#\s-][^\n]*\n([^\s#-][^\n]*\n)*", text), f"{path.name}: one paragraph, no heading"
        assert max(map(len, text.splitlines())) <= 100, path.name
        assert text.split()[-1] in notes


def test_what_we_carry_of_others_is_in_the_bill(tmp_path: Path) -> None:
    """Every file that an ORIGIN.md inside the packages names."""
    folders = [path.parent for path in tracked("api/**/ORIGIN.md", "archive/**/ORIGIN.md", "ingestion/**/ORIGIN.md")]
    assert len(folders) >= 3
    carried = {
        path.name
        for folder in folders
        for path in folder.iterdir()
        if f"`{path.name}`" in (folder / "ORIGIN.md").read_text(encoding="utf-8") and "LICENSE" not in path.name
    }
    assert carried == set(release.VENDORED)


def test_a_stranger_checks_sums_and_signature(tmp_path: Path) -> None:
    keys, folder = tmp_path / "keys", tmp_path / "release"
    keys.mkdir()
    folder.mkdir()
    (folder / "chartrier.whl").write_bytes(b"a wheel")
    release.checksums(folder)
    command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(keys / "release")]
    subprocess.run(command, check=True)
    release.sign(folder, keys / "release")
    public = (keys / "release.pub").read_text(encoding="utf-8")
    (keys / "allowed_signers").write_text(f"chartrier {public}", encoding="utf-8")
    assert stranger(folder, keys / "allowed_signers") == (0, 0)
    (folder / "chartrier.whl").write_bytes(b"another wheel")
    assert stranger(folder, keys / "allowed_signers")[1] != 0
    release.checksums(folder)
    signed, sums = stranger(folder, keys / "allowed_signers")
    assert signed != 0, "the sums were made again, by somebody without the key"
    assert sums == 0


def stranger(folder: Path, signers: Path) -> tuple[int, int]:
    """The two commands of ``docs/operations/release.md``: who signed the sums, and whether they
    hold.
    """
    text = (ROOT / "docs/operations/release.md").read_text(encoding="utf-8")
    verify, check = re.findall(r"^    ((?:ssh-keygen|sha256sum) .*)$", text, re.MULTILINE)
    shutil.copy(signers, folder.parent / "allowed_signers")
    verify = verify.replace("allowed_signers", str(folder.parent / "allowed_signers"))
    signed = subprocess.run(["sh", "-c", verify], cwd=folder, check=False, capture_output=True).returncode
    return signed, subprocess.run(["sh", "-c", check], cwd=folder, check=False, capture_output=True).returncode


def test_an_old_release_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "chartrier-0.0.1.tar.gz").write_bytes(b"")
    monkeypatch.setattr("sys.argv", ["release", "--into", str(tmp_path)])
    assert release.main() == 1
    assert "is not empty" in capsys.readouterr().err


def test_the_notes_are_the_section_of_this_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "version", lambda: "1.2.0")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    told = "# Changelog\n\n## 1.2.0 (2030-01-02)\n\n### Fixed\n\n- It.\n\n## 1.1.0 (2029-01-02)\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(told, encoding="utf-8")
    assert release.notes(tmp_path).read_text(encoding="utf-8") == "## 1.2.0 (2030-01-02)\n\n### Fixed\n\n- It.\n\n"
