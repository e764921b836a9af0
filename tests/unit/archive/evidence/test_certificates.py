"""Certificates of disposals: issued after each run, sealed, checked by a stranger offline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.access.people import create_user
from api.app import create_app
from api.views.trust import trust_file_of
from archive.__main__ import main
from archive.evidence import verify, verify_certificate
from archive.evidence.verify import Trust, verdict_of
from archive.model.disposals import VisaStep
from archive.model.names import folded_name
from tests.bordereau_people import API, Somebody, somebody
from tests.bordereaux import BRUNO, CLAIRE, Town, Watch
from tests.certified import (
    Change,
    confirm,
    execute,
    forged,
    issue,
    judged,
    not_intact,
    resealed,
    take,
    trust_in,
    unstamped,
)
from tests.holdings import opened


@dataclass
class Certified:
    """H4: ten lines, three of them on hold on the last day; then the hold is released."""

    town: Town
    disposal: str
    records: list[str]
    held: list[str]
    files: dict[tuple[int, bool], tuple[Path, Path]]
    trust: Trust


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Certified]:
    folder, watch = tmp_path_factory.mktemp("town"), Watch()
    with opened(folder / "home", keys, clock=watch, CHARTRIER_COPY_PATH=str(folder / "copy")) as system:
        town = Town(system, folder, watch)
        town.rule("BON", 10)
        records = town.due(11)
        disposal = town.draft(records)
        with town.acting() as act:
            verify_excluded(act, disposal, records[10])
        town.submit(disposal)
        town.visa(disposal, VisaStep.PRODUCER, BRUNO, comment="Vu par Bruno")
        town.visa(disposal, VisaStep.CONTROLLER, CLAIRE, quality="Directrice (Claire)")
        confirm(town, disposal)
        town.at("2026-06-16")
        hold = system.holds.place("demo", records[:3], reason="Contentieux", until=None, agent="user:1")
        files = {}
        assert execute(town) == 7
        assert issue(town).issued == [(disposal, 1)]
        system.holds.release("demo", hold, reason="Jugé", agent="user:1")
        system.holds.run()
        assert execute(town, "2026-07-01") == 3
        assert issue(town).issued == [(disposal, 2)]
        for supplement in (1, 2):
            for public in (False, True):
                files[supplement, public] = take(town, disposal, folder, supplement, public=public)
        yield Certified(town, disposal, records, records[:3], files, trust_in(system))


def verify_excluded(act: Any, disposal: str, record: str) -> None:
    from archive.disposition.disposals import bordereau

    bordereau.exclude(act, disposal, None, {record: "Anne y tient"})


def told(world: Certified, supplement: int = 1, *, public: bool = False) -> dict[str, Any]:
    core: dict[str, Any] = json.loads(world.files[supplement, public][0].read_bytes())["certificate"]
    return core


def test_h4_the_certificate_tells_what_went_and_what_is_blocked_then_supplement_2_the_rest(world: Certified) -> None:
    first, second = told(world), told(world, 2)
    assert (first["state"], second["state"]) == ("executing", "executed")
    counted = {name: n for name, n in first["totals"].items() if n}
    assert counted == {"destroyed": 7, "blocked": 3, "excluded": 1}
    assert {one["record"] for one in first["lines"] if one["state"] == "blocked"} == set(world.held)
    assert {one["reason"] for one in first["lines"] if one["record"] in world.held} == {"held"}
    assert {name: n for name, n in second["totals"].items() if n} == {"destroyed": 3, "earlier": 7, "excluded": 1}
    gone = {one["record"] for one in second["lines"] if one["supplement"] == 2}
    assert gone == set(world.held)
    assert issue(world.town).issued == [], "once each"


@pytest.mark.parametrize("supplement", [1, 2])
@pytest.mark.parametrize("public", [False, True])
def test_a_stranger_finds_each_edition_intact(world: Certified, supplement: int, public: bool) -> None:
    path, pdf = world.files[supplement, public]
    checks = judged(path, world.trust, pdf)
    assert (verdict_of(checks), not_intact(checks)) == ("intact", {})
    assert [one.name for one in checks] == [
        "certificate",
        "seal",
        "log key",
        "journal",
        "bordereau",
        "visas",
        "lines",
        "PDF",
    ]


def test_nobody_named_is_no_pass(world: Certified) -> None:
    path, _ = world.files[1, False]
    assert verdict_of(judged(path, Trust())) == "unverifiable"


def test_it_says_by_whom_for_which_record_when_and_what_backups_may_hold(world: Certified) -> None:
    core = told(world)
    people = [(one["body"]["step"], one["body"]["person"], one["body"]["quality"]) for one in core["visas"]]
    assert people == [("producer", "Bruno", "Directrice"), ("controller", "Claire", "Directrice (Claire)")]
    entries = {one["n"]: one for one in core["journal"]["entries"]}
    (line, *_) = (one for one in core["lines"] if one["supplement"] == 1)
    decided, gone = entries[line["decided"]], entries[line["gone"]]
    assert (decided["type"], gone["type"]) == ("DestructionDecided", "RecordDisposed")
    assert gone["facts"]["copies"] == 2
    assert [one["role"] for one in core["stores"]] == ["store", "copy"]
    assert (core["rules"][0]["rule"], core["rules"][0]["text"]) == ("BON/1", "code d’essai, art. 1")
    assert (core["backups"]["days"], core["backups"]["until"]) == (None, None)
    assert "n’est pas connue" in core["backups"]["told"]


def test_the_public_edition_names_nobody(world: Certified) -> None:
    import pypdfium2

    whole, public = (world.files[1, one][0].read_text() for one in (False, True))
    pages = []
    for one in (False, True):
        document = pypdfium2.PdfDocument(world.files[1, one][1])
        pages.append("".join(document[n].get_textpage().get_text_range() for n in range(len(document))))
    for name in ("Bruno", "Claire", "Anne", "user:anne", "y tient", "Directrice (Claire)"):
        assert name in whole
        assert name not in public, name
        assert name not in pages[1], name
    assert "Bruno" in pages[0]
    assert "Directrice" in public, "a quality that names nobody stays"


def _seal(core: dict[str, Any]) -> None:
    core["service"] = "Autre commune"


def _line_removed(core: dict[str, Any]) -> None:
    del core["lines"][9]
    core["totals"]["excluded"] -= 1


def _removed_and_renumbered(core: dict[str, Any]) -> None:
    gone = next(one for one in core["lines"] if one["supplement"] == 1)
    core["lines"].remove(gone)
    core["lines"].append(gone | {"position": 11, "record": core["disposal"], "supplement": None, "state": "blocked"})
    for position, one in enumerate(core["lines"], 1):
        one["position"] = position


def _held_is_called_gone(core: dict[str, Any]) -> None:
    gone = next(one for one in core["lines"] if one["supplement"] == 1)
    held = next(one for one in core["lines"] if one["state"] == "blocked")
    held |= {name: gone[name] for name in ("state", "supplement", "decided", "gone")}


def _gone_is_called_held(core: dict[str, Any]) -> None:
    gone = next(one for one in core["lines"] if one["supplement"] == 1)
    gone |= {"state": "blocked", "supplement": None, "decided": None, "gone": None}
    core["totals"] |= {"destroyed": 6, "blocked": 4}


def _totals(core: dict[str, Any]) -> None:
    core["totals"] |= {"destroyed": 6, "blocked": 4}


def _refusal_made_up(core: dict[str, Any]) -> None:
    held = next(one for one in core["lines"] if one["state"] == "blocked")
    held |= {"state": "refused", "reason": "refuse"}
    core["totals"] |= {"refused": 1, "blocked": 2}


def _other_taken_out(core: dict[str, Any]) -> None:
    held, out = (next(one for one in core["lines"] if one["state"] == state) for state in ("blocked", "excluded"))
    held["state"], out["state"] = "excluded", "blocked"


def _visa_truncated(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["comment"] = "Vu"


def _visa_left_out(core: dict[str, Any]) -> None:
    del core["visas"][1]


def _entry(core: dict[str, Any]) -> None:
    core["journal"]["entries"][-1]["facts"]["copies"] = 3


def _proof_too_long(core: dict[str, Any]) -> None:
    core["journal"]["nodes"].append(core["journal"]["nodes"][0])


def _entry_left_out(core: dict[str, Any]) -> None:
    del core["journal"]["entries"][-1]


def _checkpoint(core: dict[str, Any]) -> None:
    core["journal"]["checkpoint"] = core["journal"]["checkpoint"].replace("chartrier.local\n", "chartrier.local\n1", 1)


def _voucher(core: dict[str, Any]) -> None:
    raw = core["journal"]["log"]["vkey"]
    core["journal"]["log"]["vkey"] = raw[:-4] + ("AAA=" if raw[-4:] != "AAA=" else "BBB=")


def _population(core: dict[str, Any]) -> None:
    core["population"]["chunks"][0] = "0" * 64


def _frozen(core: dict[str, Any]) -> None:
    core["population"]["parts"][0]["body"]["lines"][0]["due_on"] = "2026-01-01"


def _other_version(core: dict[str, Any]) -> None:
    core["v"] = 2


def _other_log(core: dict[str, Any]) -> None:
    core["journal"]["log"]["origin"] = "autre.local"


def _entries_swapped(core: dict[str, Any]) -> None:
    entries = core["journal"]["entries"]
    entries[0], entries[1] = entries[1], entries[0]


def _other_group(core: dict[str, Any]) -> None:
    next(one for one in core["lines"] if one["supplement"] == 1)["group"] = 9


@pytest.mark.parametrize(
    ("change", "check", "what"),
    [
        (_other_version, "certificate", "not a certificate of this version"),
        (_other_log, "journal", "checkpoint of another log"),
        (_entries_swapped, "journal", "entries twice, or not in order"),
        (_other_group, "lines", "another place in the bordereau"),
        (_line_removed, "lines", "a line is missing"),
        (_removed_and_renumbered, "lines", "a record stands twice, or not"),
        (_held_is_called_gone, "lines", "entries of another record"),
        (_gone_is_called_held, "lines", "an entry about a record that no line tells of"),
        (_totals, "lines", "the totals are others"),
        (_refusal_made_up, "lines", "not as visas say"),
        (_other_taken_out, "lines", "other lines are taken out"),
        (_visa_truncated, "visas", "does not claim this visa"),
        (_visa_left_out, "visas", "a visa is missing: controller"),
        (_entry, "journal", "not the one under the checkpoint"),
        (_entry_left_out, "journal", "proof too short"),
        (_proof_too_long, "journal", "proof too long"),
        (_checkpoint, "journal", "a signature does not hold"),
        (_voucher, "log key", ""),
        (_population, "bordereau", "not the one of the bordereau"),
        (_frozen, "bordereau", "does not claim this lines"),
    ],
)
def test_who_holds_the_seal_alone_can_not_change_it(
    world: Certified, tmp_path: Path, change: Change, check: str, what: str
) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(resealed(world.town.system, world.files[1, False][0].read_bytes(), change))
    found = not_intact(judged(path, world.trust))
    assert found[check][0] == "altered", found
    assert what in found[check][1], found


def _drafted_by_a_signatory(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["agent"] = core["bordereau"]["body"]["drafted_by"]


def _both_by_one(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["agent"] = core["visas"][1]["body"]["agent"]


def _on_another_population(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["population"] = "0" * 64


def _of_another_bordereau(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["disposal_id"] = core["lines"][0]["record"]


def _after_the_term(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["given_on"] = "2026-06-16"


def _not_approved(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["answers"]["whole"]["decision"] = "refuse"


def _unanswered(core: dict[str, Any]) -> None:
    core["visas"][0]["body"]["answers"]["whole"] = None


def _both_under_one_name(core: dict[str, Any]) -> None:
    first, second = (one["body"] for one in core["visas"])
    second["person"] = f"  {first['person'].upper()} "


def _too_early(core: dict[str, Any]) -> None:
    core["bordereau"]["body"]["stop_until"] = "2026-06-20"


def _not_executed(core: dict[str, Any]) -> None:
    core["bordereau"]["body"]["state"] = core["state"] = "cooling_off"


def _part_of_another(core: dict[str, Any]) -> None:
    core["population"]["parts"][0]["body"]["disposal_id"] = core["lines"][0]["record"]


def _part_of_other_lines(core: dict[str, Any]) -> None:
    core["population"]["parts"][0]["body"]["digest"] = "0" * 64


def _nothing_destroyed(core: dict[str, Any]) -> None:
    for one in core["lines"]:
        if one["supplement"] == 1:
            one |= {"state": "blocked", "supplement": None, "decided": None, "gone": None}
    entries = core["journal"]["entries"]
    entries[:] = [one for one in entries if not one["subject"].startswith("record:")]
    core["totals"] |= {"destroyed": 0, "blocked": 10}


def _entries_of(core: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    line = next(one for one in core["lines"] if one["supplement"] == 1)
    entries = {one["n"]: one for one in core["journal"]["entries"]}
    return entries[line["decided"]], entries[line["gone"]]


def _fact(which: int, name: str, value: Any) -> Change:
    def change(core: dict[str, Any]) -> None:
        _entries_of(core)[which]["facts"][name] = value

    return change


def _wrong_order(core: dict[str, Any]) -> None:
    decided, gone = _entries_of(core)
    decided["n"], gone["n"] = gone["n"], decided["n"]
    line = next(one for one in core["lines"] if one["supplement"] == 1)
    line["decided"], line["gone"] = line["gone"], line["decided"]


def _never_gone(core: dict[str, Any]) -> None:
    _entries_of(core)[1]["type"] = "FixityChecked"


def test_the_verifier_that_stands_alone_folds_names_as_the_service_does() -> None:
    for name in ("Hélène  O’Neil", "STRAẞE", "Jean\u200b-Paul\u00a0Le Goff", "Ωμέγα", "...", "ﬁn"):
        assert verify_certificate.folded_name(name) == folded_name(name)
    assert folded_name("  HÉLÈNE  O'Neil") == folded_name("hélène o’neil\u200b") == "helene o neil"


@pytest.mark.parametrize(
    ("change", "check", "what"),
    [
        (_part_of_another, "bordereau", "a part of another bordereau"),
        (_part_of_other_lines, "bordereau", "a part is not of this population"),
        (_nothing_destroyed, "lines", "nothing was destroyed"),
        (_drafted_by_a_signatory, "visas", "by a drafter"),
        (_both_by_one, "visas", "by one person"),
        (_both_under_one_name, "visas", "under one name"),
        (_on_another_population, "visas", "another population"),
        (_of_another_bordereau, "visas", "another bordereau"),
        (_after_the_term, "visas", "did not follow the last visa"),
        (_not_approved, "lines", "not approved by each visa"),
        (_unanswered, "lines", "not approved by each visa"),
        (_too_early, "lines", "before the cooling-off period was over"),
        (_not_executed, "bordereau", "it is not executed"),
        (_fact(0, "disposal", "other"), "lines", "another bordereau"),
        (_fact(1, "disposal", "other"), "lines", "another bordereau"),
        (_fact(0, "population", "0" * 64), "lines", "another population"),
        (_fact(0, "original", "0" * 64), "lines", "another record, rule or day"),
        (_fact(0, "rules", ["BON/2"]), "lines", "another record, rule or day"),
        (_fact(0, "due_on", "2020-01-01"), "lines", "another record, rule or day"),
        (_fact(1, "record", "0" * 64), "lines", "another record, rule or day"),
        (_fact(1, "supplement", 2), "lines", "another supplement"),
        (_wrong_order, "lines", "entries of another record"),
        (_never_gone, "lines", "not destroyed"),
    ],
)
def test_who_holds_the_journal_too_can_not_say_what_contradicts_itself(
    world: Certified, tmp_path: Path, change: Change, check: str, what: str
) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(forged(world.town.system, world.files[1, False][0].read_bytes(), change))
    found = not_intact(judged(path, world.trust))
    assert found[check][0] == "altered", found
    assert what in found[check][1], found


def test_a_forged_journal_alone_holds_in_this_test(world: Certified, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(forged(world.town.system, world.files[1, False][0].read_bytes(), lambda _core: None))
    assert not_intact(judged(path, world.trust)) == {}


def test_another_file_is_no_certificate(world: Certified, tmp_path: Path) -> None:
    whole = json.loads(world.files[1, False][0].read_bytes())
    path = tmp_path / "other.json"
    for content in (verify.written(whole | {"type": "receipt"}), json.dumps(whole).encode(), b"", b"\x00", b"[]"):
        path.write_bytes(content)
        checks = judged(path, world.trust, world.files[1, False][1])
        assert verdict_of(checks) == "altered", content[:30]
        assert checks[0].verdict == "altered", content[:30]


def test_a_changed_word_breaks_the_seal(world: Certified, tmp_path: Path) -> None:
    whole = json.loads(world.files[1, False][0].read_bytes())
    _seal(whole["certificate"])
    path = tmp_path / "certificate.json"
    path.write_bytes(verify_certificate.verify.written(whole))
    assert not_intact(judged(path, world.trust)) == {"seal": ("altered", "the content is not what was signed")}


def test_what_is_in_doubt_is_no_pass_and_no_accusation(world: Certified, tmp_path: Path) -> None:
    system, content = world.town.system, world.files[1, False][0].read_bytes()
    path = tmp_path / "certificate.json"
    path.write_bytes(unstamped(system, content))
    assert not_intact(judged(path, world.trust))["time-stamp"][0] == "unverifiable"
    path.write_bytes(forged(system, content, _made_tomorrow))
    assert not_intact(judged(path, world.trust)).keys() == {"clock"}
    path.write_bytes(content)
    other = world.trust._replace(vkey="autre.local+00000000+AAAA")
    assert verdict_of(judged(path, other)) == "unverifiable"
    assert "another key than in your trust file" in not_intact(judged(path, other))["journal"][1]
    stranger = world.trust._replace(seals=frozenset({"0" * 64}))
    found = not_intact(judged(path, stranger))
    assert found.keys() == {"who sealed"}
    assert found["who sealed"][0] == "unverifiable"
    assert "not whom you named" in found["who sealed"][1]


def _made_tomorrow(core: dict[str, Any]) -> None:
    _entries_of(core)[1]["at"] = "2027-01-01T00:00:00.000Z"


def test_another_page_or_a_changed_one_is_found(world: Certified, tmp_path: Path) -> None:
    path, pdf = world.files[1, False]
    other = world.files[1, True][1]
    assert not_intact(judged(path, world.trust, other))["PDF"][0] == "altered"
    content = bytearray(pdf.read_bytes())
    content[1000] ^= 1
    (tmp_path / "changed.pdf").write_bytes(content)
    assert not_intact(judged(path, world.trust, tmp_path / "changed.pdf"))["PDF"][0] == "altered"


def test_it_is_checked_by_two_files_and_cryptography_alone(world: Certified, tmp_path: Path) -> None:
    source = Path(verify_certificate.__file__).parent
    for name in ("verify.py", "verify_certificate.py"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    (tmp_path / "trust.json").write_bytes(trust_file_of(world.town.system))
    path, pdf = world.files[2, False]
    command = [sys.executable, "-I", "verify_certificate.py", str(path), "--pdf", str(pdf), "--trust", "trust.json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "INTACT"), ended
    ended = subprocess.run(command[:4], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 4, ended


def test_api_and_page_give_every_file_to_who_may_see_the_bordereau(world: Certified) -> None:
    app = create_app(world.town.system)
    zoe, clerk = (somebody(world.town, app, name, role) for name, role in (("Zoé", "archivist"), ("Léo", "clerk")))
    api = f"{API}/{world.disposal}"
    told = zoe.ask("GET", api).json()["certificates"]
    assert [(one["number"], one["state"], one["totals"]["destroyed"]) for one in told] == [
        (1, "executing", 7),
        (2, "executed", 3),
    ]
    for (number, public), paths in world.files.items():
        for path, kind in zip(paths, ("application/json", "application/pdf"), strict=True):
            asked = f"{api}/certificate?supplement={number}&edition={'public' if public else 'whole'}"
            answer = zoe.ask("GET", asked, headers={"Accept": kind})
            assert (answer.status_code, answer.content) == (200, path.read_bytes())
            assert answer.headers["content-type"] == kind
            page = zoe.ask("GET", f"/bordereaux/{world.disposal}/certificats/{path.name}")
            assert page.content == path.read_bytes()
    assert zoe.ask("GET", f"{api}/certificate", headers={"Accept": "text/csv"}).status_code == 406
    assert zoe.ask("GET", f"{api}/certificate?supplement=3").json()["code"] == "certificate_not_found"
    assert clerk.ask("GET", f"{api}/certificate").status_code == 403
    for name in ("certificate-3.json", "certificate.txt", "..%2Fx"):
        assert zoe.ask("GET", f"/bordereaux/{world.disposal}/certificats/{name}").status_code == 404, name
    assert zoe.ask("GET", "/certificats/verify.py").text == Path(verify.__file__).read_text()
    assert zoe.ask("GET", "/certificats/other.py").status_code == 404
    words = zoe.see(f"/bordereaux/{world.disposal}")
    for said in ("Certificat d’élimination", "7 documents détruits, 3 encore retenus", "Supplément n° 2"):
        assert said in words, words


def test_another_town_finds_no_certificate(world: Certified) -> None:
    system = world.town.system
    system.create_tenant("autre", "Autre commune")
    with system.database.write() as session:
        user = create_user(session, tenant="autre", name="Eve", role="archivist", service=None, now=system.clock())
        eve = Somebody(world.town, create_app(system), user.id)
    answer = eve.ask("GET", f"{API}/{world.disposal}/certificate")
    assert (answer.status_code, answer.json()["code"]) == (404, "disposal_not_found")
    assert eve.ask("GET", f"/bordereaux/{world.disposal}/certificats/certificate.json").status_code == 404


def test_the_command_line_judges_one_too(world: Certified, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, pdf = world.files[1, False]
    trust, changed = tmp_path / "trust.json", tmp_path / "changed.pdf"
    trust.write_bytes(trust_file_of(world.town.system))
    named = ["verify-certificate", str(path), "--trust", str(trust), "--pdf"]
    assert main([*named, str(pdf)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "INTACT"
    assert main(named[:2]) == 4
    changed.write_bytes(pdf.read_bytes() + b"\n")
    assert main([*named, str(changed)]) == 3
    with pytest.raises(SystemExit):
        main(["verify-certificate", str(tmp_path / "nothing.json")])
