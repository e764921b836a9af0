"""Bordereaux on paper by the API: printed, scanned back, entered by one, confirmed by another."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from archive.custody.offline import check_store
from archive.custody.offline_log import Anchors
from archive.objects.fixity import Fixity
from ingestion.operations.custody import Custody
from tests.bordereau_people import API, Office, office_of
from tests.bordereaux import Town, Watch
from tests.holdings import opened
from tests.paper import pages_of, scanned, spoiled


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Office]:
    """Made once: each test has records of its own."""
    folder, watch = tmp_path_factory.mktemp("papier"), Watch()
    with opened(folder / "home", keys, clock=watch) as system:
        yield office_of(Town(system, folder, watch), bon=12)


@pytest.fixture(scope="module")
def awaited(office: Office) -> str:
    """A bordereau whose controller has not signed yet."""
    disposal = office.submitted(office.due(2))
    assert office.bruno.change("POST", f"{API}/{disposal}/visas", decision="approve").status_code == 200
    return disposal


@pytest.fixture(scope="module")
def sheets(office: Office, awaited: str) -> list[Image.Image]:
    """Its pages on paper."""
    return pages_of(printed(office, awaited, "?detail=lines"))


def printed(office: Office, disposal: str, query: str = "") -> bytes:
    answer = office.anne.ask("GET", f"{API}/{disposal}/paper{query}")
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def sent(office: Office, disposal: str, content: bytes, name: str = "copie.pdf") -> Any:
    return office.anne.ask("POST", f"{API}/{disposal}/scans", files={"file": (name, content, "application/pdf")})


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def signed(scan: str | None, **more: Any) -> dict[str, Any]:
    told = {"means": "paper", "decision": "approve", "person": "Hélène Vaucressan", "quality": "Directrice"}
    return told | {"given_on": "2026-06-01", "scan": scan} | more


def entered(office: Office, disposal: str) -> str:
    visas = office.anne.ask("GET", f"{API}/{disposal}/visas").json()["visas"]
    return str(next(one["id"] for one in visas if one["state"] == "entered"))


def test_the_print_is_pdf_a_with_a_place_for_each_visa_and_no_name_in_its_codes(office: Office, awaited: str) -> None:
    content = printed(office, awaited)
    with pikepdf.open(io.BytesIO(content)) as document, document.open_metadata() as meta:
        assert (meta.pdfa_status, str(document.Root.Lang)) == ("2A", "fr")
    draft = office.draft(office.due(1))
    assert code(office.anne.ask("GET", f"{API}/{draft['id']}/paper")) == (409, "visa_not_expected")
    assert code(office.anne.ask("GET", f"{API}/{awaited}/paper?part=2")) == (404, "page_not_found")


def test_v11_entered_by_one_is_no_visa_confirmed_by_another_is(
    office: Office, awaited: str, sheets: list[Image.Image]
) -> None:
    content = scanned(sheets)
    made = sent(office, awaited, content)
    assert made.status_code == 201, made.text
    scan = made.json()
    assert (scan["verdict"], scan["unread"], scan["missing"], scan["virus"]) == ("proven", [], [], "unverified")
    path = f"{API}/{awaited}"
    keep = office.anne.ask("GET", f"{path}/lines").json()["lines"][0]["record_id"]
    lines = [{"record_id": keep, "decision": "keep_definitively", "comment": "Intérêt historique"}]
    assert code(office.anne.change("POST", f"{path}/visas", **signed(scan["id"], person="anne"))) == (
        403,
        "visa_by_drafter",
    )
    assert code(office.anne.change("POST", f"{path}/visas", **signed(scan["id"], person="BRUNO"))) == (
        403,
        "visa_twice",
    )
    assert code(office.claire.change("POST", f"{path}/visas", **signed(scan["id"]))) == (403, "scope_missing")
    assert code(office.anne.change("POST", f"{path}/visas", decision="approve")) == (403, "scope_missing")
    assert office.anne.change("POST", f"{path}/visas", **signed(scan["id"], lines=lines)).status_code == 200
    assert office.anne.ask("GET", path).json()["state"] == "submitted", "entered by one alone"
    again = office.denis.change("POST", f"{path}/visas", **signed(scan["id"]))
    assert code(again) == (409, "visa_not_expected"), "one entry waits"
    visa = entered(office, awaited)
    assert code(office.anne.change("POST", f"{path}/visas/{visa}/confirm")) == (403, "visa_same_person")
    done = office.denis.change("POST", f"{path}/visas/{visa}/confirm")
    assert (done.status_code, done.json()["state"]) == (200, "cooling_off"), done.text
    assert office.states(awaited)[keep] == "refused"
    given = office.anne.ask("GET", f"{path}/visas").json()["visas"][-1]
    assert (given["means"], given["entered_by"], given["confirmed_by"]) == ("paper", "Anne", "Denis")
    assert given["evidence"] == scan["sha256"]
    kept = office.claire.ask("GET", f"{path}/scans/{scan['id']}")
    assert (kept.status_code, kept.content) == (200, content)
    image = office.denis.ask("GET", f"{path}/scans/{scan['id']}/pages/1/image?width=300")
    assert (image.headers["content-type"], image.content[8:12]) == ("image/webp", b"WEBP")
    assert code(office.denis.ask("GET", f"{path}/scans/{scan['id']}/pages/99/image")) == (404, "page_not_found")
    assert code(sent(office, awaited, content)) == (409, "visa_not_expected")


def test_codes_that_contradict_a_scan_refuse_it_and_nothing_is_kept(office: Office) -> None:
    one, other = office.submitted(office.due(1)), office.submitted(office.due(1))
    mine, others = pages_of(printed(office, one)), pages_of(printed(office, other))
    for pages, fault in (
        (others, "scan_other_bordereau"),
        ([*mine, others[0]], "scan_foreign_pages"),
        ([*mine, *pages_of(printed(office, one, "?detail=lines"))], "scan_foreign_pages"),
    ):
        answer = sent(office, one, scanned(pages))
        assert code(answer) == (422, fault)
        assert answer.json()["kept"] == "Rien n’a été gardé de cet envoi."
    for content in (b"", b"%PDF-1.7\nrien", b"GIF89a", b"\x89PNG\r\n\x1a\n\0\0"):
        assert code(sent(office, one, content)) == (422, "scan_unreadable"), content
    assert office.anne.ask("GET", f"{API}/{one}/scans").json() == {"scans": []}
    foreign = sent(office, other, scanned(others)).json()["id"]
    assert code(office.anne.change("POST", f"{API}/{one}/visas", **signed(foreign))) == (404, "scan_not_found")
    keys = [item.key for item in office.town.system.store.list("disposals/")]
    assert not [key for key in keys if one in key and "/scans/" in key]


def test_what_can_t_be_read_is_said_by_two_people(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    (page,) = pages_of(printed(office, disposal))
    picture = scanned([spoiled(page, title=True)], "PNG")
    scan = sent(office, disposal, picture, "copie.png").json()
    assert (scan["verdict"], scan["unread"], scan["media_type"]) == ("unread", [1], "image/png")
    path = f"{API}/{disposal}/visas"
    assert code(office.anne.change("POST", path, **signed(scan["id"]))) == (422, "scan_not_attested")
    assert office.anne.change("POST", path, **signed(scan["id"], attested=True)).status_code == 200
    visa = entered(office, disposal)
    assert code(office.denis.change("POST", f"{path}/{visa}/confirm")) == (422, "scan_not_attested")
    assert office.denis.change("POST", f"{path}/{visa}/withdraw").status_code == 200
    assert code(office.denis.change("POST", f"{path}/{visa}/confirm", attested=True)) == (409, "visa_not_expected")
    assert office.anne.change("POST", path, **signed(scan["id"], attested=True)).status_code == 200
    visa = entered(office, disposal)
    done = office.denis.change("POST", f"{path}/{visa}/confirm", attested=True)
    assert [one["state"] for one in done.json()["steps"]] == ["given", "expected"]
    assert office.anne.ask("GET", path).json()["visas"][-1]["attested"] == 2
    without = signed(None, person="Paul Autre")
    assert office.anne.change("POST", path, **without).status_code == 200
    visa = entered(office, disposal)
    assert code(office.denis.change("POST", f"{path}/{visa}/confirm")) == (409, "visa_scan_missing")


def test_custody_follows_a_scan_and_misses_one_that_is_gone(office: Office) -> None:
    disposal = office.submitted(office.due(1))
    scan = sent(office, disposal, scanned(pages_of(printed(office, disposal)))).json()
    system = office.town.system
    system.statements.settle()
    system.publisher.publish(force_token=True)
    system.follower.catch_up()

    def faults() -> list[tuple[str, str]]:
        found = Custody(system).reconcile(pause=lambda _s: None)
        return [(one["kind"], one["what"]) for one in found["findings"] if "/scans/" in one["what"]]

    assert faults() == []
    root = system.settings.home / "store"
    path = next(root.rglob(scan["sha256"]))
    told = {one.name: one.verdict for one in check_store(root, Anchors())}
    assert not [name for name in told if "/scans/" in name], told
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:-1] + b"!")
    key = path.relative_to(root).as_posix()
    assert ("changed", key) in faults()
    assert [one.verdict for one in check_store(root, Anchors()) if one.name == key] == [Fixity.ALTERED]
    path.write_bytes(content)
    assert faults() == []
