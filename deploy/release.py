"""Make a release: sdist, wheel, bill of materials, notes, checksums and signature.

``make release`` runs it; ``docs/operations/release.md`` explains how anybody can check the result.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIP = next((ROOT / "deploy" / "bootstrap").glob("pip-*.whl"))
SUMS = "SHA256SUMS"
NAMESPACE = "chartrier-release"
"""Namespace of our SSH signatures.

The same key also signs commits; by the namespace, one signature can't pass for the other.
"""

VENDORED = {
    "htmx.min.js": ("htmx", "4.0.1", "0BSD", "pkg:npm/htmx.org@4.0.1"),
    "fra.traineddata": ("tessdata-fra", "1.0.0", "Apache-2.0", "pkg:npm/%40tesseract.js-data/fra@1.0.0"),
    "glyphless.ttf": ("tesseract-pdf-font", "", "Apache-2.0", ""),
    "DejaVuSansCondensed.ttf": ("dejavu-sans-condensed", "2.37", "Bitstream-Vera", ""),
    "DejaVuSansCondensed-Bold.ttf": ("dejavu-sans-condensed-bold", "2.37", "Bitstream-Vera", ""),
    "sRGB.icc": ("lcms-srgb-profile", "", "no copyright, use freely", ""),
}
"""Files of other projects inside our packages, which no package index lists.

The folder of each holds an ``ORIGIN.md``.
"""


def main() -> int:
    """Make a release in a folder; return 0 when all of it was made, else 1."""
    parser = argparse.ArgumentParser(description="Make what is published of a version.")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="an empty or absent folder")
    parser.add_argument("--key", type=Path, help="SSH key that signs the checksums; none: they are not signed")
    given = parser.parse_args()
    folder: Path = given.into.absolute()
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty: an old release is never written over", file=sys.stderr)
        return 1
    if _run("git", "status", "--porcelain").strip():
        print("The checkout holds changes that are not committed: a release is made of a commit.", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    wheel = build(folder)
    with tempfile.TemporaryDirectory() as scratch:
        bill = materials(empty_environment(wheel, Path(scratch) / "venv"), folder)
    check_bill(json.loads(bill.read_text(encoding="utf-8")))
    notes(folder)
    checksums(folder)
    if given.key is not None:
        sign(folder, given.key)
    print("\n".join(f"{path.stat().st_size:>10} {path.name}" for path in sorted(folder.iterdir())))
    return 0


def version() -> str:
    """Return the version, from its one source (``[tool.hatch.version]``)."""
    return _run(sys.executable, "-m", "hatchling", "version").strip()


def build(folder: Path) -> Path:
    """Build the sdist, then the wheel from the sdist alone; return the path of the wheel."""
    _hatchling(ROOT, "sdist", folder)
    return wheel_of(folder / f"chartrier-{version()}.tar.gz", folder)


def wheel_of(sdist: Path, folder: Path) -> Path:
    """Build the wheel from an sdist; return its path."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as packed:
            packed.extractall(scratch, filter="data")
        _hatchling(Path(scratch) / sdist.name.removesuffix(".tar.gz"), "wheel", folder)
    return next(folder.glob("chartrier-*.whl"))


def _hatchling(source: Path, target: str, folder: Path) -> None:
    _run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder), cwd=source)


def empty_environment(wheel: Path, folder: Path) -> Path:
    """Install the wheel and the pinned packages in an empty environment; return its Python."""
    venv.EnvBuilder(symlinks=True).create(folder)
    python = folder / "bin" / "python"
    pip = (str(python), f"{PIP}/pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements" / "runtime.txt"))
    _run(*pip, "--no-index", "--no-deps", str(wheel))
    return python


def materials(python: Path, folder: Path) -> Path:
    """Write the CycloneDX bill of materials; return its path.

    It lists the packages installed with the product, and the files of others inside it.
    """
    target = folder / f"chartrier-{version()}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python), "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--no-validate", "-o", str(target)]
    _run(*command)
    bill: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    bill["metadata"]["component"]["version"] = version()
    bill["components"] += [_vendored(name) for name in VENDORED]
    target.write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def check_bill(bill: dict[str, Any]) -> None:
    """Check a bill of materials strictly against CycloneDX's own schema.

    Raises:
        ValueError: The bill does not follow the schema.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    fault = JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(json.dumps(bill))
    if fault is not None:
        raise ValueError(str(fault))


def _vendored(file: str) -> dict[str, Any]:
    name, number, licence, purl = VENDORED[file]
    (path,) = (ROOT / found for found in _run("git", "ls-files", f"*/{file}").split())
    component: dict[str, Any] = {
        "type": "file",
        "bom-ref": f"vendored:{file}",
        "name": name,
        "licenses": [{"license": {"name" if " " in licence else "id": licence}}],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        "properties": [{"name": "chartrier:file", "value": str(path.relative_to(ROOT))}],
    }
    return component | ({"version": number} if number else {}) | ({"purl": purl} if purl else {})


def notes(folder: Path) -> Path:
    """Write the release notes of this version; return their path.

    They are its section of ``CHANGELOG.md``, else a draft made of the fragments in ``changelog/``.
    """
    target = folder / "NOTES.md"
    section = re.compile(rf"^## {re.escape(version())} .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    gathered = section.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    if gathered:
        target.write_text(gathered[0], encoding="utf-8")
        return target
    date = _run("git", "log", "-1", "--format=%cs").strip()
    command = (sys.executable, "-m", "towncrier", "build", "--draft", "--version", version(), "--date", date)
    target.write_text(_run(*command), encoding="utf-8")
    return target


def checksums(folder: Path) -> Path:
    """Write the digest of every file, in the form of ``sha256sum --check``; return the path."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(SUMS))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return folder / SUMS


def sign(folder: Path, key: Path) -> Path:
    """Sign the checksums with an SSH key; return the path of the signature.

    The key may be a public one, if an SSH agent holds its private half.
    """
    _run("ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(folder / SUMS))
    return folder / f"{SUMS}.sig"


def _run(*command: str, cwd: Path = ROOT) -> str:
    """Run a program at the commit's time, so that one commit gives equal bytes; return output."""
    at = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    environment = os.environ | {"SOURCE_DATE_EPOCH": at}
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
