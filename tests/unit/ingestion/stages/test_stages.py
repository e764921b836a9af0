"""The real stages over every sample, against the one table of what must come out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from ingestion.processing.pipeline import pipeline
from ingestion.settings import load_settings
from ingestion.stages.port import Stage, StageInput
from ingestion.stages.recognise import Recognise
from ingestion.stages.validate import Validate
from ingestion.tools.alto import pages_of, text_of_pages, words_of_page
from ingestion.tools.sandbox import Sandbox, ToolFailed
from signing.authority import CRL, ensure_generated
from signing.ground.clock import utc_now
from signing.signers.pem import load_signer
from signing.timestampers.rfc3161 import load_timestamper
from signing.trust import Trusted
from tests.corpus.corpus import CORPUS, SAMPLES, Expected, recall
from tests.corpus.stage_by_stage import Way, walk
from tests.servers.presence import program


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def stages(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, ...]:
    settings = load_settings({"CHARTRIER_HOME": str(tmp_path_factory.mktemp("home"))})
    ensure_generated(settings.signing.keys, organisation="Mairie d’essai", clock=utc_now)
    signer, timestamper = load_signer(settings.signing), load_timestamper(settings.signing, utc_now)
    known = Trusted(crls=((settings.signing.keys / CRL).read_bytes(),))
    return pipeline(sandbox, settings.ingestion, signer, timestamper, utc_now, revocations=lambda: known)


@pytest.fixture(scope="module")
def ways() -> dict[str, Way]:
    return {}


@pytest.fixture
def way(
    request: pytest.FixtureRequest,
    stages: tuple[Stage, ...],
    ways: dict[str, Way],
    tmp_path_factory: pytest.TempPathFactory,
) -> Way:
    """Each sample goes through once."""
    expected: Expected = request.getfixturevalue("expected")
    if expected.file not in ways:
        ways[expected.file] = walk(stages, expected.path, tmp_path_factory.mktemp("way"))
    return ways[expected.file]


each = pytest.mark.parametrize("expected", CORPUS, ids=lambda one: one.file)
readable = pytest.mark.parametrize("expected", [one for one in CORPUS if one.pages], ids=lambda one: one.file)
sealed = pytest.mark.parametrize("expected", [one for one in CORPUS if one.archival], ids=lambda one: one.file)


@each
def test_it_is_known_for_what_it_is(way: Way, expected: Expected) -> None:
    assert way.facts["identify"]["family"] == expected.family
    assert way.results["normalise"].state == expected.normalise
    detail = way.results["normalise"].detail
    assert expected.reason is None or (detail is not None and detail.code == expected.reason)
    assert way.facts["validate"]["signature"]["verdict"] == expected.signature
    assert way.remarks - {"seal_not_probative"} == expected.remarks


@readable
def test_every_word_is_read_on_its_page(way: Way, expected: Expected) -> None:
    assert tuple(page["source"] for page in way.facts["recognise"]["pages"]) == expected.pages
    texts = dict(text_of_pages(way.files["alto.xml"]))
    assert list(texts) == list(range(1, len(expected.pages) + 1))
    for number, truth in enumerate(expected.truth, 1):
        assert not truth or recall(truth, texts[number]) >= expected.recall - 2, f"page {number}"
    assert recall(" ".join(expected.truth), " ".join(texts.values())) >= expected.recall


@readable
def test_words_stand_inside_their_page(way: Way, expected: Expected) -> None:
    for page in pages_of(way.files["alto.xml"]):
        for word in page.words:
            assert 0 <= word.x <= word.x + word.width <= page.width * 1.02
            assert 0 <= word.y <= word.y + word.height <= page.height * 1.02


@sealed
def test_the_archival_form_is_sealed_and_says_the_same(way: Way, expected: Expected) -> None:
    assert way.facts["validate"]["pdfa"]["verdict"] == "compliant"
    seal = way.facts["seal"]["seal"]
    assert (seal["verdict"], seal["level"], seal["probative"]) == ("valid", "B-LT", False)
    path = way.files["sealed.pdf"]
    subprocess.run([program("qpdf"), "--check", path], check=True, capture_output=True)
    text = subprocess.run([program("pdftotext"), "-raw", path, "-"], check=True, capture_output=True, text=True).stdout
    assert recall(" ".join(expected.truth), text) >= expected.recall - 0.5


@each
def test_a_tool_is_named_where_one_gave_a_verdict(way: Way, expected: Expected) -> None:
    """The format's judge, else that of the signatures; nobody where nothing could be judged."""
    result, pdfa, signature = way.results["validate"], way.facts["validate"]["pdfa"], way.facts["validate"]["signature"]
    assert (pdfa["tool"] is None) is (pdfa["verdict"] == "unverified")
    assert set(signature) <= {"verdict", "signatures", "reason"}
    if pdfa["tool"] is not None:
        assert (result.tool, result.tool_version) == (pdfa["tool"], pdfa["tool_version"])
    elif expected.family == "pdf" and "reason" not in signature:
        assert (result.tool, result.tool_version) == ("pyhanko", version("pyhanko"))
    else:
        assert (result.tool, result.tool_version) == (None, None)


class Crashing(Sandbox):
    """A sandbox in which every tool dies."""

    def call(self, *_args: object, **_options: object) -> dict[str, object]:
        raise ToolFailed("crashed", "signal 11")


def test_a_tool_that_fails_is_not_said_to_have_judged(tmp_path: Path) -> None:
    received = tmp_path / "received.pdf"
    received.write_bytes(b"%PDF-1.7")
    validate = Validate(Crashing(), load_settings({"CHARTRIER_VERAPDF": "/no/such/program"}).ingestion, utc_now)
    files = {"received": received, "archival.pdf": received}
    result = validate.run(StageInput(tmp_path, files, {"identify": {"family": "pdf"}}))
    assert (result.facts["pdfa"]["verdict"], result.facts["pdfa"]["tool"]) == ("unverified", None)
    assert result.facts["signature"]["verdict"] == "indeterminate"
    assert (result.tool, result.tool_version) == (None, None)


@pytest.mark.parametrize("expected", [one for one in CORPUS if not one.archival], ids=lambda one: one.file)
def test_what_cannot_be_read_is_told_and_leaves_nothing_half_made(way: Way, expected: Expected) -> None:
    assert way.results["seal"].state == "skipped"
    assert set(way.files) <= {"received", "reports/pdfa.json", "reports/signatures.json"}
    assert way.facts["validate"]["pdfa"]["verdict"] == "unverified"


@pytest.mark.parametrize("expected", [CORPUS[0]], ids=["scan-couleur.jpg"])
def test_the_scanner_s_bytes_are_in_the_archival_form(way: Way, expected: Expected) -> None:
    with pikepdf.open(way.files["sealed.pdf"]) as pdf:
        (image,) = pdf.pages[0].get_images().values()
        assert image.read_raw_bytes() == expected.path.read_bytes()
    assert way.files["sealed.pdf"].stat().st_size < expected.path.stat().st_size * 1.02 + 50_000


@pytest.mark.parametrize("expected", [CORPUS[2]], ids=["tiff-noir-et-blanc.tif"])
def test_group_4_stays_group_4(way: Way, expected: Expected) -> None:
    with pikepdf.open(way.files["sealed.pdf"]) as pdf:
        filters = {
            str(image.Filter) if isinstance(image.Filter, pikepdf.Name) else str(image.Filter[0])
            for page in pdf.pages
            for image in page.get_images().values()
        }
    assert filters == {"/CCITTFaxDecode"}


@pytest.mark.parametrize(
    "expected", [one for one in CORPUS if one.file == "convention-signee.pdf"], ids=["convention-signee.pdf"]
)
def test_a_signature_of_somebody_we_know_is_valid(way: Way, expected: Expected, sandbox: Sandbox) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = (SAMPLES / "truth" / "autorite-du-tiers.pem").read_bytes()
    root = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    settings = load_settings({}).ingestion
    result = Validate(sandbox, settings, utc_now, trusted=lambda: Trusted(roots=(root,))).run(
        StageInput(way.files["archival.pdf"].parent, way.files, way.facts)
    )
    assert result.facts["signature"]["verdict"] == "valid"
    with pikepdf.open(way.files["sealed.pdf"]) as pdf:
        names = [str(one.T) for one in pdf.Root.AcroForm.Fields]
    assert names == ["ChartrierSeal"], "the foreign signature must not seem to cover the archival form"


def test_long_documents_go_in_chunks(sandbox: Sandbox, tmp_path: Path) -> None:
    stage = Recognise(sandbox, load_settings({}).ingestion)

    def plan(pages: int, with_fonts: int = 0) -> tuple[tuple[int, int], ...]:
        identified = {"family": "pdf", "readable": True, "pages": pages, "pages_with_fonts": with_fonts}
        return stage.plan(StageInput(tmp_path, {"received": tmp_path}, {"identify": identified}))

    assert plan(3) == ((1, 1), (2, 2), (3, 3))
    assert plan(18) == ((1, 4), (5, 8), (9, 12), (13, 16), (17, 18))
    assert plan(60, with_fonts=60) == ((1, 50), (51, 60))


def test_an_engine_that_cannot_be_asked_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Sandbox):
        def call(self, *_: object, **__: object) -> dict[str, object]:
            raise ToolFailed("crashed", "SIGKILL")

    monkeypatch.setattr("ingestion.stages.recognise._VERSIONS", {})
    identified = {"family": "pdf", "readable": True, "pages": 1, "pages_with_fonts": 0}
    stage = Recognise(Silent(), load_settings({}).ingestion)
    result = stage.run(StageInput(tmp_path, {"received": tmp_path}, {"identify": identified}))
    assert (result.state, result.tool, result.tool_version) == ("failed", "tesserocr", None)


def test_a_page_task_that_was_lost_fails_the_stage_but_keeps_the_rest(
    stages: tuple[Stage, ...], tmp_path: Path
) -> None:
    way = walk(stages[:4], SAMPLES / "dossier-mixte.pdf", tmp_path)
    files = {name: path for name, path in way.files.items() if name != "pages/2"}
    room = tmp_path / "again"
    room.mkdir()
    result = stages[3].run(StageInput(room, files, way.facts))
    assert result.state == "failed"
    assert result.detail is not None
    assert result.detail.values["missing"] == 1
    assert [number for number, _ in text_of_pages(result.files["alto.xml"])] == [1, 3]


def test_a_page_can_be_looked_at(sandbox: Sandbox, tmp_path: Path) -> None:
    sizes = {}
    for grade in ("léger", "normal", "fidèle"):
        image = tmp_path / f"{grade}.webp"
        told = sandbox.call(
            "page_image",
            {"page": 4, "width": 900, "grade": grade},
            {"source": SAMPLES / "scan-gris-6-pages.pdf"},
            {"image": image},
        )
        with Image.open(image) as opened:
            assert opened.format == "WEBP"
            assert opened.size == (told["width"], told["height"])
            assert opened.width == 900
        sizes[grade] = image.stat().st_size
    assert sizes["léger"] < sizes["normal"] < sizes["fidèle"]
    with pytest.raises(ToolFailed) as failed:
        sandbox.call(
            "page_image",
            {"page": 7},
            {"source": SAMPLES / "scan-gris-6-pages.pdf"},
            {"image": tmp_path / "x"},
        )
    assert failed.value.code == "no_such_page"


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_text_lies_where_a_reader_sees_it_however_the_page_is_turned(
    sandbox: Sandbox, tmp_path: Path, turned: int
) -> None:
    """The scanner laid the sheet sideways, and the page says by how much to turn it."""
    source, words, alto, made = (tmp_path / name for name in ("turned.pdf", "words", "alto.xml", "made.pdf"))
    image = tmp_path / "scan.jpg"
    with Image.open(SAMPLES / "scan-couleur.jpg") as upright:
        upright.rotate(turned, expand=True).save(image, quality=80, dpi=(200, 200))
    sandbox.call("normalise", {}, {"received": image}, {"normalised": source})
    with pikepdf.open(source, allow_overwriting_input=True) as pdf:
        pdf.pages[0].Rotate = turned
        left, bottom, right, top = (float(edge) for edge in pdf.pages[0].mediabox)
        pdf.pages[0].MediaBox = pikepdf.Array([left + 10, bottom + 20, right + 10, top + 20])
        pdf.pages[0].contents_add(b"q 1 0 0 1 10 20 cm", prepend=True)
        pdf.pages[0].contents_add(b"Q")
        pdf.save()
    sandbox.call(
        "recognise_pages",
        {"first": 1, "last": 1, "engine": "tesserocr"},
        {"source": source},
        {"words": words},
    )
    from ingestion.tools.alto import AltoWriter, PageText

    page = PageText.from_line(words.read_text())
    with alto.open("wb") as out:
        writer = AltoWriter(out, ("t", "1"))
        writer.add(page)
        writer.end()
    truth = (SAMPLES / "truth" / "scan-couleur.txt").read_text()
    assert recall(truth, page.text) > 97
    assert page.height > page.width
    sandbox.call("convert", {}, {"source": source, "alto": alto}, {"archival": made})
    seen = subprocess.run([program("pdftotext"), "-bbox", made, "-"], check=True, capture_output=True, text=True).stdout
    place = {word.text: word for word in page.words if len(word.text) > 7}
    matched = 0
    for line in seen.splitlines():
        if "<word" not in line:
            continue
        left, top = (float(line.split(f'{edge}="')[1].split('"')[0]) for edge in ("xMin", "yMin"))
        word = place.get(line.split(">")[1].split("<")[0])
        if word is not None and sum(one.text == word.text for one in page.words) == 1:
            assert abs(left - word.x * 72 / 1200) < 3
            assert abs(top - word.y * 72 / 1200) < 12
            matched += 1
    assert matched > 10


def test_the_second_engine_reads_as_well(sandbox: Sandbox, tmp_path: Path) -> None:
    words = tmp_path / "words"
    try:
        told = sandbox.call(
            "recognise_pages",
            {"first": 1, "last": 3, "engine": "pytesseract"},
            {"source": SAMPLES / "scan-gris-6-pages.pdf"},
            {"words": words},
        )
    except ToolFailed as error:
        if error.code != "engine_missing":
            raise
        pytest.skip("the program tesseract is not installed")
    from ingestion.tools.alto import PageText

    assert "tesseract" in told["version"]
    pages = [PageText.from_line(line) for line in words.read_text().splitlines()]
    truth = (SAMPLES / "truth" / "scan-gris-6-pages.txt").read_text().split("\f")
    assert [page.source for page in pages] == ["ocr", "ocr", "blank"]
    assert recall(truth[0] + truth[1], pages[0].text + pages[1].text) > 97


@pytest.mark.parametrize("expected", [CORPUS[1]], ids=["scan-gris-6-pages.pdf"])
def test_one_page_is_read_from_the_whole(way: Way, expected: Expected) -> None:
    page = words_of_page(way.files["alto.xml"], 4)
    assert page is not None
    assert page.page == 4
    assert words_of_page(way.files["alto.xml"], 7) is None


def test_a_sheet_seen_askew_is_read_flat_and_its_words_found_where_they_are(tmp_path: Path) -> None:
    """A steeper photograph than the sample: without flattening one word in twelve is lost."""
    import cv2
    import numpy as np

    from ingestion.tools.sandboxed import picture
    from ingestion.tools.sandboxed.engines import engine
    from ingestion.tools.sandboxed.recognise import prepared
    from ingestion.tools.sandboxed.sheet import Raster

    with Image.open(SAMPLES / "photo-telephone.jpg") as photo:
        grey = np.asarray(photo.convert("L"))
    high, wide = grey.shape
    square = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    steep = np.array([[wide * 0.16, high * 0.1], [wide * 0.95, 0], [wide, high], [0, high * 0.94]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, steep)
    grey = np.asarray(cv2.warpPerspective(grey, matrix, (wide, high), borderValue=70), np.uint8)
    assert picture.sheet_corners(grey) is not None
    ready = prepared(Raster(grey, False, 0.0, 0.0, 1.0, 1.0))
    (seen,) = engine("tesserocr").read([ready.bitmap], tmp_path)
    truth = (SAMPLES / "truth" / "photo-telephone.txt").read_text()
    assert recall(truth, " ".join(one.text for one in seen)) > 98
    inked = 0
    for one in seen:
        x, y, across, down = (round(edge) for edge in ready.back((one.x, one.y, one.width, one.height)))
        inside = grey[max(0, y) : y + down, max(0, x) : x + across]
        inked += inside.size > 0 and int(inside.max()) - int(inside.min()) > 60
    assert inked > 0.95 * len(seen), "boxes that went back to the photograph hold ink and paper"


@pytest.mark.parametrize("name", ["scan-couleur.jpg"])
def test_a_scan_is_not_taken_for_a_photograph(name: str) -> None:
    import numpy as np

    from ingestion.tools.sandboxed.picture import sheet_corners

    with Image.open(SAMPLES / name) as scan:
        assert sheet_corners(np.asarray(scan.convert("L"))) is None
