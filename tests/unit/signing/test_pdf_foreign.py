"""Documents of other people, and forgeries: no forgery valid, nothing genuine invalid."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.pdf import validate
from tests.corpus.make_pki import Pki, make_documents, make_pki

Documents = dict[str, tuple[bytes, set[str]]]


@pytest.fixture(scope="session")
def documents(foreign: Pki) -> Documents:
    return make_documents(foreign, make_pki(datetime.now(UTC).replace(microsecond=0), "Autorité inconnue"))


def test_every_document_gets_a_verdict_that_it_deserves(documents: Documents, foreign: Pki, tmp_path: Path) -> None:
    wrong = {}
    for name, (content, allowed) in documents.items():
        path = tmp_path / "document.pdf"
        path.write_bytes(content)
        report = validate(path, [foreign.root.der], datetime.now(UTC))
        if report.verdict not in allowed:
            wrong[name] = (report.verdict, [finding.reason for finding in report.findings])
        assert path.read_bytes() == content, "judging writes nothing"
        assert all(finding.detail for finding in report.findings)
    assert wrong == {}


def test_the_table_itself_promises_no_forgery(documents: Documents) -> None:
    for name, (_, allowed) in documents.items():
        assert not (name.startswith("forged/") and "valid" in allowed), name
        assert not (name.startswith("genuine/") and "invalid" in allowed), name


def test_nothing_is_valid_when_nobody_is_trusted(documents: Documents, tmp_path: Path) -> None:
    path = tmp_path / "document.pdf"
    for name, (content, _) in documents.items():
        path.write_bytes(content)
        assert validate(path, [], datetime.now(UTC)).verdict != "valid", name


def test_certificates_begin_and_end(documents: Documents, foreign: Pki, tmp_path: Path) -> None:
    path = tmp_path / "document.pdf"
    path.write_bytes(documents["genuine/simple.pdf"][0])
    for year, reason in ((2001, "not_yet_valid"), (2045, "expired")):
        report = validate(path, [foreign.root.der], datetime(year, 1, 1, tzinfo=UTC))
        assert report.verdict == "indeterminate"
        assert report.findings[0].reason in {reason, "untrusted_chain"}
