"""Documents name only what exists, and their prose wraps at 100 signs."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("signing", "archive", "search", "ingestion", "api")
DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md"])
LONGEST = 100

FENCE = re.compile(r"^ *(```|~~~)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
DOTTED = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+")
CLASS = re.compile(r"([A-Z][a-z0-9]+){2,}")
NOT_HERE = ("archive/share", "deploy/secrets")
"""Folders that a wheel or an installation has and a checkout has not."""

EXAMPLE = {
    "api/views/producer.py",
    "api/routes/producers.py",
    "api/web/producers_page.py",
    "api/web/pages/producteurs.py",
    "api/web/templates/producteurs.html",
}
"""Files that the worked example of docs/dev/changes.md adds."""

FOREIGN = {
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "CreateBucket",
    "DeleteObject",
    "DeleteObjectVersion",
    "GetBucketObjectLockConfiguration",
    "GetBucketVersioning",
    "GetObject",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectVersion",
    "ListBucket",
    "ListBucketVersions",
    "PutObject",
    "PutObjectLegalHold",
    "PutObjectRetention",
}
"""Rights of an access key, in the words of S3."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tracked() -> frozenset[PurePosixPath]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return frozenset(PurePosixPath(one) for one in listed.split("\0") if one)


@cache
def known() -> tuple[PurePosixPath, ...]:
    """Return every file of the repository and every folder above one."""
    files = tracked() | {PurePosixPath(name(path)) for path in DOCUMENTS}
    return tuple({*files, *(folder for file in files for folder in file.parents)})


@cache
def words() -> frozenset[str]:
    """Return every identifier in the code of the packages and the tests."""
    code = [ROOT / path for path in tracked() if path.suffix == ".py"]
    return frozenset(
        word for path in code if path.is_file() for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    )


def lines_of(document: Path) -> list[tuple[int, str]]:
    """Return the numbered lines outside fences and blocks of code."""
    found, fenced, after_blank = [], False, True
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and not (line.startswith("    ") and after_blank):
            found.append((number, line))
        after_blank = not line.strip() or (after_blank and line.startswith("    "))
    return found


def exists(written: str) -> bool:
    """Whether a path, or the end of one, is that of a file or folder of the repository."""
    return any(path.match(written.rstrip("/")) for path in known())


def is_path(written: str) -> bool:
    """Whether a code span names a file or folder of ours: a module, or a path in a top folder."""
    if not PATH.fullmatch(written) or written in EXAMPLE or written.startswith(NOT_HERE):
        return False
    top = {path.parts[0] for path in tracked() if len(path.parts) > 1}
    return written.endswith(".py") or ("/" in written.rstrip("/") and written.split("/", maxsplit=1)[0] in top)


def spans(document: Path) -> list[tuple[int, str]]:
    return [(number, span) for number, line in lines_of(document) for span in CODE.findall(line)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_in_a_document_exists(document: Path) -> None:
    assert [(number, span) for number, span in spans(document) if is_path(span) and not exists(span)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_linked_file_exists(document: Path) -> None:
    text = "\n".join(line for _, line in lines_of(document))
    files = (target.partition("#")[0] for target in LINK.findall(text))
    ours = (file for file in files if file and "://" not in file and not file.startswith("mailto:"))
    missing = [file for file in ours if not (document.parent / file).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_class_and_module_in_a_document_is_in_the_code(document: Path) -> None:
    unknown = []
    for number, span in spans(document):
        if DOTTED.fullmatch(span):
            unknown += [
                (number, span) for part in span.split(".")[1:] if part not in words() and not exists(f"{part}.py")
            ]
        elif CLASS.fullmatch(span) and span not in words() | FOREIGN:
            unknown.append((number, span))
    assert unknown == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_prose_wraps(document: Path) -> None:
    long = [
        (number, len(line))
        for number, line in lines_of(document)
        if len(line) > LONGEST and not line.startswith("|") and " " in LINK.sub("", CODE.sub("", line)).strip()
    ]
    assert long == []
