"""Redacted copies: what was covered is gone from pixels, text, bytes; the original stays."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pytest
import typst
from fastapi.testclient import TestClient

from api.access.people import create_user
from api.access.sessions import login_link
from api.app import create_app
from archive.catalogue import rows as catalogue
from archive.holdings import keep as holdings
from archive.holdings.redact import report_of
from archive.holdings.verify import verify
from archive.model.description_fields import Description
from archive.model.identifiers import new_id
from archive.model.records import ArchivalPackage, Format, Kind, PackageFile
from archive.model.states import RecordState
from archive.objects.port import read_all
from ingestion.assembly import System
from ingestion.processing.packaging import verdicts
from ingestion.processing.redaction import RedactionBox, RedactionOrder, Redactor
from ingestion.processing.workspace import Output
from ingestion.tools.alto import PageText, pages_of
from signing.ground.errors import Refused
from tests.corpus.stage_by_stage import walk
from tests.holdings import opened

RARE = "Xylophonequadrature"
OTHER = "Bougainvillee"
PAGE = f"""
#set document(title: "{RARE}", author: "{RARE}", keywords: ("{RARE}",))
#set page(width: 14cm, height: 10cm, margin: 1cm)
#set text(size: 15pt)
La commune donne acte à madame

{RARE}

de sa demande au sujet de

{OTHER}

et passe au point suivant.
"""


@dataclass
class Kept:
    """A kept record with all forms, and where its words are."""

    system: System
    record: str
    pages: list[PageText]

    def box(self, text: str) -> RedactionBox:
        """The box around a word, in pixels of an image 900 wide."""
        page = self.pages[0]
        scale = 900 / page.width
        word = next(word for word in page.words if text in word.text)
        place = (word.x, word.y, word.width, word.height)
        x, y, width, height = (round(edge * scale) for edge in place)
        return RedactionBox(1, x - 2, y - 2, width + 4, height + 4)

    def redact(self, *boxes: RedactionBox, reason: str = "Vie privée") -> bytes:
        """The bytes of the copy that covers these boxes."""
        self.system.redactions.redact("demo", self.record, RedactionOrder(boxes, reason), "user:1")
        return self.bytes_of(Kind.REDACTED)

    def has(self, kind: Kind) -> bool:
        """Whether the record has this form."""
        with self.system.database.read() as session:
            return kind in {form.kind for form in catalogue.representations(session, self.record)}

    def bytes_of(self, kind: Kind) -> bytes:
        with self.system.database.read() as session:
            row = catalogue.representation(session, "demo", self.record, kind)
        return read_all(self.system.store, row.key, row.version)


def _scanned(content: bytes) -> bytes:
    """The same page as a picture alone."""
    picture = pdfium.PdfDocument(content)[0].render(scale=300 / 72).to_pil().convert("L")
    out = io.BytesIO()
    picture.save(out, "PDF", resolution=300)
    return out.getvalue()


def _leaking(content: bytes) -> bytes:
    """The same document with the rare word in every place where a reader may forget it."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        pdf.attachments["note.txt"] = RARE.encode()
        pdf.docinfo["/Subject"] = RARE
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Rect=[10, 10, 30, 30], Contents=RARE
        )
        pdf.pages[0].Annots = pdf.make_indirect(pikepdf.Array([pdf.make_indirect(note)]))
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


@dataclass
class Made:
    """A document with its forms, made once: each test keeps it as a record of its own."""

    system: System
    files: dict[Kind, Path]
    facts: dict[str, Any]


@pytest.fixture(scope="module", params=["text", "scan"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A file whose original alone is there, full of leaks; a scan with all forms."""
    folder = tmp_path_factory.mktemp("redaction")
    source, received = folder / "page.typ", folder / f"{RARE}.pdf"
    source.write_text(PAGE, encoding="utf-8")
    content = typst.compile(str(source), format="pdf")
    received.write_bytes(_leaking(content) if request.param == "text" else _scanned(content))
    with opened(folder / "home") as system:
        way = walk(system.stages, received, folder / "way")
        files = {Kind.ORIGINAL: received, Kind.TEXT: way.files["alto.xml"]}
        if request.param == "scan":
            files[Kind.ARCHIVAL] = way.files["sealed.pdf"]
        yield Made(system, files, way.facts)


@pytest.fixture
def kept(made: Made) -> Kept:
    files = []
    for kind, path in made.files.items():
        output = Output.of(path)
        media = "application/xml" if kind is Kind.TEXT else "application/pdf"
        files.append(PackageFile(kind, path, path.name, media, Format(None, None), output.size, output.digests))
    system, deposit = made.system, new_id()
    with system.database.write() as session:
        entry = system.ledger.append(
            session,
            type="DepositReceived",
            tenant="demo",
            subject=f"deposit:{deposit}",
            agent="key:1",
            facts={**files[0].digests.as_json(), "size": files[0].size},
        )
    package = ArchivalPackage(
        record_id=new_id(),
        tenant="demo",
        deposit_id=deposit,
        agent="key:1",
        received_at=system.clock(),
        deposit_entry=entry.n,
        description=Description("Acte"),
        files=tuple(files),
        pages=1,
        words=10,
        mean_confidence=0.9,
        verdicts=verdicts(made.facts),
        warnings=(),
        tools=(),
    )
    done = holdings.keep(system.stores, package, lambda _session, _kept: None)
    return Kept(system, done.record_id, list(pages_of(made.files[Kind.TEXT])))


def told_in(content: bytes) -> str:
    """Everything that a PDF holds: its bytes, every object, and every stream opened."""
    parts = [content]
    with pikepdf.open(io.BytesIO(content)) as pdf:
        for one in pdf.objects:
            parts.append(repr(one).encode("utf-8", "replace"))
            if isinstance(one, pikepdf.Stream):
                try:
                    parts.append(one.read_bytes())
                except pikepdf.PdfError:  # a JPEG
                    parts.append(one.read_raw_bytes())
    return b"\n".join(parts).decode("latin-1")


def forms_of(word: str) -> set[str]:
    """A word as PDF may write it."""
    wide = word.encode("utf-16-be")
    return {word, wide.hex(), wide.decode("latin-1"), word.encode().hex()}


def read_by_machine(system: System, content: bytes, folder: Path) -> str:
    """What OCR reads on pictures of the pages, whatever text the file has."""
    folder.mkdir(exist_ok=True)
    scan = folder / "scan.pdf"
    scan.write_bytes(_scanned(content))
    made = folder / "words.jsonl"
    system.sandbox.call(
        "recognise_pages", {"first": 1, "last": 1, "engine": "tesserocr"}, {"source": scan}, {"words": made}
    )
    return " ".join(word.text for word in PageText.from_line(made.read_text(encoding="utf-8")).words)


def extracted(content: bytes) -> str:
    """The text that a reader can select."""
    return pdfium.PdfDocument(content)[0].get_textpage().get_text_range()


def test_what_was_covered_is_gone_and_the_rest_stays(kept: Kept, tmp_path: Path) -> None:
    forms = [kind for kind in (Kind.ORIGINAL, Kind.TEXT, Kind.ARCHIVAL) if kept.has(kind)]
    before = [kept.bytes_of(kind) for kind in forms]
    assert RARE in extracted(before[-1] if Kind.ARCHIVAL in forms else before[0])

    copy = kept.redact(kept.box(RARE))

    assert not [form for form in forms_of(RARE) if form in told_in(copy)]
    assert RARE not in extracted(copy)
    assert OTHER in extracted(copy)
    seen = read_by_machine(kept.system, copy, tmp_path / "after")
    assert (RARE in seen, OTHER in seen) == (False, True)
    assert [kept.bytes_of(kind) for kind in forms] == before
    with pikepdf.open(io.BytesIO(copy)) as pdf:
        assert (len(pdf.attachments), set(pdf.docinfo.keys())) == (0, {"/Producer"})
        assert [str(one.Subtype) for one in pdf.pages[0].get("/Annots", [])] in ([], ["/Widget"])  # the seal


def test_the_copy_is_sealed_linked_and_proven_like_any_form(kept: Kept) -> None:
    copy = kept.redact(kept.box(RARE), reason=f"Nom de {RARE}")
    assert b"/ByteRange" in copy
    system = kept.system
    with system.database.read() as session:
        row = catalogue.get(session, "demo", kept.record)
        forms = [form.kind for form in catalogue.representations(session, kept.record)]
        entry = system.ledger.entries(session, subject=f"record:{kept.record}", limit=10)[-1]
    assert [forms[0], forms[-2:]] == ["original", ["text", "redacted"]]
    assert (row.revision, row.state) == (2, RecordState.KEPT)
    body = json.loads(entry.body)
    assert (body["type"], body["facts"]["boxes"]) == ("RecordRedacted", 1)
    assert RARE not in entry.body.decode()
    told: dict[str, Any] = report_of(system.stores, row) or {}
    assert (told["number"], told["reason"], told["seal"]["verdict"]) == (1, f"Nom de {RARE}", "valid")
    assert told["pdfa"]["verdict"] == "compliant"
    assert told["words_left_out"] == 1
    found = verify(system.stores, "demo", kept.record, agent="user:1")
    assert found.verdict == "intact", found


def test_a_second_copy_takes_the_place_of_the_first(kept: Kept) -> None:
    first = kept.redact(kept.box(RARE))
    second = kept.redact(kept.box(RARE), kept.box(OTHER))
    assert OTHER in extracted(first)
    assert OTHER not in extracted(second)
    with kept.system.database.read() as session:
        row = catalogue.get(session, "demo", kept.record)
        places = [one.key for one in catalogue.placed(session, kept.record) if "/redacted/" in one.key]
    assert len(places) == 2  # the first stays in its version
    assert (report_of(kept.system.stores, row) or {})["number"] == 2


def test_a_wrong_request_changes_nothing(kept: Kept) -> None:
    good = kept.box(RARE)
    maker: Redactor = kept.system.redactions
    for boxes, reason, code in (
        ((), "Motif", "bad_redaction"),
        ((good,), "  ", "bad_redaction"),
        ((RedactionBox(2, 1, 1, 5, 5),), "Motif", "bad_redaction"),
        ((RedactionBox(1, 1, 1, 0, 5),), "Motif", "bad_redaction"),
        ((RedactionBox(1, 5, 5000, 5, 5),), "Motif", "bad_redaction"),
    ):
        with pytest.raises(Refused) as refused:
            maker.redact("demo", kept.record, RedactionOrder(boxes, reason), "user:1")
        assert refused.value.code == code
    with kept.system.database.read() as session:
        assert catalogue.get(session, "demo", kept.record).revision == 1


def test_another_tenant_finds_nothing(kept: Kept) -> None:
    with pytest.raises(Refused) as refused:
        kept.system.redactions.redact("autre", kept.record, RedactionOrder((kept.box(RARE),), "Motif"), "user:1")
    assert refused.value.code == "record_not_found"


def test_words_are_ticked_on_a_page_without_scripts(kept: Kept) -> None:
    system = kept.system
    with system.database.write() as session:
        person = create_user(session, tenant="demo", name="Essai", role="archivist", now=system.clock())
        token = login_link(session, person, system.clock())
    ours, address = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}, f"/documents/{kept.record}/occulter"
    with TestClient(create_app(system), base_url="http://127.0.0.1") as client:
        client.post(f"/connexion/{token}", headers=ours)
        page = client.get(address).text
        found = re.search(rf'name="word" value="(\d+)"[^>]*> {RARE}', page)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found
        assert csrf
        form = {"csrf": csrf[1], "page": "1", "word": found[1], "reason": ""}
        refused = client.post(address, data=form, headers=ours, follow_redirects=False)
        assert (refused.status_code, 'href="#raison"' in refused.text) == (422, True)
        assert not kept.has(Kind.REDACTED)
        done = client.post(address, data=form | {"reason": "Vie privée"}, headers=ours, follow_redirects=False)
        assert done.status_code == 303, done.text
        assert RARE not in extracted(kept.bytes_of(Kind.REDACTED))
        assert "La copie occultée" in client.get(f"/documents/{kept.record}").text
