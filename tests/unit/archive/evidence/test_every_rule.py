"""Each rule of a bundle by itself: what stands above is written anew by the installation's keys."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archive.evidence import verify
from signing.ground.clock import utc_now
from tests.strangers import forger
from tests.strangers.comparison import ours
from tests.strangers.genuine import Files, Installation, installations, zipped

Change = Callable[[Files], None]


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installations(tmp_path_factory.mktemp("made") / "installations", brief=True) as (made, _):
        yield made


def last(files: Files) -> str:
    return f"journal/{max(forger.entries_of(files))}.json"


def first(files: Files) -> str:
    return f"journal/{min(forger.entries_of(files))}.json"


def put(name: str | Callable[[Files], str], *path: Any, value: Any) -> Change:
    """Set one place of a JSON file."""

    def change(files: Files) -> None:
        file = name if isinstance(name, str) else name(files)
        inner = told = json.loads(files[file])
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        files[file] = forger.write(told)

    return change


def add(name: str, content: bytes = b'{"v":1}') -> Change:
    return lambda files: files.update({name: content})


def undigested(files: Files) -> None:
    """An entry without the size of what was received."""
    told = json.loads(files[first(files)])
    del told["facts"]["size"]
    files[first(files)] = forger.write(told)


def renamed(files: Files) -> None:
    """A record that was received by another tenant, its receipt by the first."""
    put("record.json", "deposit", "tenant_name", value="Autre")(files)


def unsealed(files: Files) -> None:
    """A record that dropped its archival form, which the journal promised."""
    told = json.loads(files["record.json"])
    told["representations"] = [form for form in told["representations"] if form["kind"] != "archival"]
    files["record.json"] = forger.write(told)
    del files["representations/archival.pdf"]


RULES: dict[str, tuple[Change, int, str]] = {
    "revision": (put("record.json", "revision", value=2), 3, "another revision"),
    "agreement": (put("record.json", "deposit", "agreement", value="C-9"), 3, "received under another agreement"),
    "version": (put("record.json", "v", value=2), 1, "another version"),
    "version that is true": (put("premis.json", "v", value=True), 3, "true or false where a number belongs"),
    "float": (put("record.json", "pages", value=1.5), 1, "invalid literal"),
    "premis of another": (put("premis.json", "object", value="urn:uuid:1"), 3, "premis.json is of another"),
    "time of an event": (put("premis.json", "events", 0, "at", value="2020-01-01T00:00:00.000Z"), 3, "premis contra"),
    "agent of an event": (put("premis.json", "events", 0, "agent", value="a:0"), 3, "premis contra"),
    "event of no entry": (put("premis.json", "events", 0, "entry", value=None), 3, "premis contra"),
    "event of a far entry": (put("premis.json", "events", 0, "entry", value=10**30), 3, "KeyError"),
    "moment": (put(last, "at", value="2026-11-29T12:00:00Z"), 3, "the moment of an entry"),
    "entry without size": (undigested, 7, "KeyError 'size'"),
    "size of a form": (put("record.json", "representations", 1, "size", value=9), 4, "text is not what record"),
    "digest of a form": (
        put("record.json", "representations", 1, "digests", "sha-256", value="0" * 64),
        4,
        "text is not what record",
    ),
    "a form less": (unsealed, 4, "the forms are not what the journal says"),
    "a form more": (add("representations/preview.jpg"), 4, "forms that record.json does not have"),
    "a journal's file more": (add("journal/x.json"), 3, "a file of no entry"),
    "leading zero": (add("journal/007.json"), 3, "a file of no entry"),
    "inventory of another": (put("inventory.json", "id", value="urn:uuid:1"), 4, "the inventory is of another"),
    "tenant": (renamed, 7, "names or moment than record.json"),
    "content": (put("manifest.json", "content", value=1), 1, "whether there is content"),
}


def retold(mine: Installation, change: Change) -> Files:
    """A bundle after the change, and all above it written anew by the installation's own keys."""
    files, key = dict(mine.bundles["whole"]), mine.world.log_key
    before = files["inventory.json"]
    change(files)
    told = files["inventory.json"] if files["inventory.json"] != before else None
    forger.promise(files)
    if told is None or b'urn:uuid:1"' in told:
        forger.regrow(files, key, mine.world.timestamper)
        forger.acknowledge(files, key)
    content = json.loads(files["manifest.json"])["content"]
    forger.relist(files, key)
    assert json.loads(files["manifest.json"])["content"] == content
    return files


def judged(folder: Path, content: bytes, trust: bytes) -> list[verify.Check]:
    (folder / "bundle.zip").write_bytes(content)
    checks = verify.Verifier(folder / "bundle.zip", verify.read_trust(trust), utc_now()).run()
    return [check for check in checks if check.verdict == "altered"]


def test_what_is_written_anew_without_a_change_is_intact(mine: Installation, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(zipped(retold(mine, lambda files: None)))
    assert ours(tmp_path / "bundle.zip", mine.trust) == ("intact", "")


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_kept(mine: Installation, tmp_path: Path, rule: str) -> None:
    change, number, words = RULES[rule]
    found = judged(tmp_path, zipped(retold(mine, change)), mine.trust)
    assert [c for c in found if c.number == number and words in c.detail], found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b'"v":true}', "true or false where a number belongs"),  # True is no 1, though Python calls them equal
        (b'"v":2}', "halves differ"),
    ],
)
def test_the_two_halves_of_a_receipt_are_the_same_bytes(
    mine: Installation, tmp_path: Path, said: bytes, words: str
) -> None:
    files = dict(mine.bundles["whole"])
    files["receipt.json"] = files["receipt.json"].replace(b'"v":1}', said)
    forger.relist(files, mine.world.log_key)
    found = judged(tmp_path, zipped(files), mine.trust)
    assert [c for c in found if c.number == 7 and words in c.detail], found


def test_a_name_that_stands_twice_is_refused(mine: Installation, tmp_path: Path) -> None:
    for name, number in (("receipt.json", 7), ("inventory.json", 4)):
        files = dict(mine.bundles["whole"])
        files[name] = re.sub(rb"^\{", b'{"id":1,"id":2,', files[name])
        forger.relist(files, mine.world.log_key)
        found = judged(tmp_path, zipped(files), mine.trust)
        assert [c for c in found if c.number == number and "stands twice" in c.detail], found


@pytest.mark.parametrize("way", ["before", "after", "comment", "count", "disk", "folder"])
def test_the_zip_is_nothing_but_its_members(mine: Installation, tmp_path: Path, way: str) -> None:
    files = dict(mine.bundles["whole"])
    if way == "folder":
        files["reports/"] = b""
        forger.relist(files, mine.world.log_key)
    raw = zipped(files)
    changed = {
        "before": b"MZ" + raw,
        "after": raw + b"\n",
        "comment": raw[:-2] + b"\x02\x00hi",
        "count": raw[:-12] + b"\x01\x00" + raw[-10:],
        "disk": raw[:-18] + b"\x01\x00" + raw[-16:],
        "folder": raw,
    }[way]
    assert [check.number for check in judged(tmp_path, changed, mine.trust)] == [1]


def test_what_a_correction_explains_casts_no_doubt_on_what_came_after(mine: Installation, tmp_path: Path) -> None:
    """The clock was a year ahead for one entry, and right for the next."""
    files = dict(mine.bundles["whole"])
    numbers = forger.entries_of(files)
    entry = json.loads(files[last(files)])
    after = entry | {"n": numbers[-1] + 2, "type": "FixityChecked", "facts": {"verdict": "intact", "checks": 1}}
    wrong = entry | {"at": "2036" + entry["at"][4:]}
    files[last(files)] = forger.write(wrong)
    files[f"journal/{numbers[-1] + 2}.json"] = forger.write(after)
    fact = {"reason": "ahead", "difference": 1, "first": numbers[-1], "last": numbers[-1]}
    told = entry | {"n": numbers[-1] + 1, "type": "ClockCorrected", "subject": "log", "facts": fact}
    for corrected, verdict in ((True, "intact"), (False, "unverifiable")):
        if corrected:
            files[f"journal/{numbers[-1] + 1}.json"] = forger.write(told)
        else:
            del files[f"journal/{numbers[-1] + 1}.json"], files[f"journal/{numbers[-1] + 1}.tlog-proof"]
        forger.regrow(files, mine.world.log_key, mine.world.timestamper)
        forger.acknowledge(files, mine.world.log_key)
        forger.relist(files, mine.world.log_key)
        (tmp_path / "bundle.zip").write_bytes(zipped(files))
        assert ours(tmp_path / "bundle.zip", mine.trust)[0] == verdict
