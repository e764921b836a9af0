"""The wheel alone, in an environment of its own, used from a folder that is not the checkout."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from api.version import VERSION
from deploy import release
from tests.servers import installed

pytestmark = pytest.mark.slow

PACKAGES = ("signing", "archive", "search", "ingestion", "api")

OWNERS = """
import json, sys
from importlib import import_module
from importlib.metadata import packages_distributions
owners = packages_distributions()
print(json.dumps({name: [import_module(name).__file__, owners[name]] for name in sys.argv[1:]}))
"""

INSIDE = """
import json, sys
import api, archive, search
from archive.model.shipped import shipped
from ingestion.tools.sandbox import Sandbox

sandbox = Sandbox(bubblewrap=sys.argv[1] == "bwrap")
look = lambda path: sandbox.call("misbehave", {"how": "look", "path": str(path)})["file"]
seen = {name: look(path) for name, path in {
    "api": api.__file__, "search": search.__file__, "rules": shipped("rules") / "README.md",
    "rules beside the code": "/code/archive/share/rules", "archive": archive.__file__,
}.items()}
read = sandbox.call("engine_version", {"engine": "tesserocr"})
print(json.dumps({"kind": sandbox.kind, "seen": seen, "read": read}))
sandbox.close()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, as a release is."""
    return release.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed.install(wheel, tmp_path_factory.mktemp("installed") / "venv")


def run(python: Path, at: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=at,
        env=installed.environment(at, **settings),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_nobody_else_owns_our_names(python: Path, tmp_path: Path) -> None:
    """Five plain words at the top level: another package with one of them would be imported for
    ours, or by us.
    """
    done = run(python, tmp_path, str(python), "-c", OWNERS, *PACKAGES)
    assert done.returncode == 0, done.stderr
    for name, (file, owners) in json.loads(done.stdout).items():
        assert owners == ["chartrier"], name
        assert Path(file).is_relative_to(python.parents[1]), "imported from the wheel, not from the checkout"


def test_the_demonstration_runs_from_the_wheel_alone(python: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run(
        python,
        tmp_path,
        str(python.with_name("chartrier")),
        "demo",
        DEMO_EXIT="1",
        CHARTRIER_HOME=str(home),
        CHARTRIER_PORT="0",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    samples = {path.name for path in (installed.ROOT / "samples").iterdir() if path.suffix not in {".json", ""}}
    assert [name for name in sorted(samples) if name not in done.stdout] == []
    assert "/connexion/" in done.stdout
    assert str(installed.ROOT) not in done.stdout + done.stderr


def test_the_sandbox_sees_no_more_of_a_wheel_than_of_a_checkout(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, str(python), "-c", INSIDE, "bwrap")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["read"]["version"]
    if told["kind"] != "bwrap":
        pytest.skip("no user namespaces on this machine")
    assert told["seen"] == {
        "api": False,
        "search": False,
        "rules": False,
        "rules beside the code": False,
        "archive": True,
    }


def test_without_namespaces_the_wheel_reads_all_the_same(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, str(python), "-c", INSIDE, "rlimits")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kind"] == "rlimits"
    assert told["read"]["version"]


def test_the_bill_of_materials_names_what_is_installed_and_what_is_carried(python: Path, tmp_path: Path) -> None:
    bill = json.loads(release.materials(python, tmp_path).read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "chartrier"
    assert bill["metadata"]["component"]["version"] == VERSION
    named = {component["name"].lower().replace("_", "-").replace(".", "-") for component in bill["components"]}
    assert {"tesserocr", "pikepdf", "pyhanko", "celery", "htmx", "tessdata-fra"} <= named
    assert not {"pytest", "playwright", "ruff"} & named, "what only the tests need is not delivered"
    by_name = {component["name"]: component for component in bill["components"]}
    assert re.fullmatch(r"[0-9a-f]{64}", by_name["htmx"]["hashes"][0]["content"])
    bill["components"] = [by_name[name] for name in ("celery", "htmx", "tesseract-pdf-font")]  # the whole takes 15 s
    release.check_bill(bill)
    bill["components"][0]["licenses"] = "unknown"
    with pytest.raises(ValueError, match="unknown"):
        release.check_bill(bill)


def test_whoever_has_the_sdist_builds_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    (sdist,) = wheel.parent.glob("*.tar.gz")
    again = release.wheel_of(sdist, tmp_path)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()
