"""The registry of entry types: whole for each table that must know them, and true to what was
published.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter
from typing import assert_never

import pytest

from archive.custody.rebuild.rows import changes_of
from archive.custody.replica.sync import FOLLOWED as COPIED
from archive.evidence import verify
from archive.journal.effects import IndexEffect, Premis, RebuildEffect, ReplicaEffect, Sentence, Subject
from archive.journal.types import CHANGES, KEPT, RECEIVED, RESTORED, EntryType, known, rebuilding, registered
from search.follower import FOLLOWED as INDEXED
from tests import translations

ROOT = Path(__file__).resolve().parents[4]
ALL = pytest.mark.parametrize("entry_type", list(EntryType))

PUBLISHED = {
    "LogOpened": ("log", None),
    "DepositReceived": ("deposit", "ingestion"),
    "StageCompleted": ("deposit", "its stage"),
    "StageFailed": ("deposit", "its stage"),
    "DepositQuarantined": ("deposit", "other"),
    "DepositRetried": ("deposit", "other"),
    "DepositRecovered": ("deposit", "ingestion"),
    "RecordKept": ("record", "registration"),
    "RecordDescribed": ("record", "metadata modification"),
    "RecordCompleted": ("record", "derivation"),
    "RecordRecovered": ("record", "registration"),
    "ObjectRestored": ("record", "replication"),
    "FixityChecked": ("record", "fixity check"),
    "HoldPlaced": ("record", "policy assignment"),
    "HoldReleased": ("record", "policy assignment"),
    "HoldRecovered": ("record", "policy assignment"),
    "ReleaseRecovered": ("record", "policy assignment"),
    "TenantOpened": ("register", None),
    "RegisterChanged": ("register", None),
    "StoreMoved": ("log", None),
}
"""What journals out there hold: names, subjects and PREMIS events that may never change again."""


def test_what_was_published_means_the_same_for_ever() -> None:
    told = {}
    for name in PUBLISHED:
        found = registered(name)
        event = found.premis
        told[name] = (found.subject.value, event and (event.type.value if event.type is not None else "its stage"))
    assert told == PUBLISHED


def test_readers_take_the_entries_that_they_always_took() -> None:
    changes = {"RecordKept", "RecordDescribed", "RecordCompleted", "RecordRecovered"}
    holds = {"HoldPlaced", "HoldReleased", "HoldRecovered", "ReleaseRecovered"}
    published = set(PUBLISHED)
    assert set(INDEXED) & published == changes
    assert set(COPIED) & published == changes | holds | {"ObjectRestored"}
    assert set(CHANGES) & published == changes
    assert set(KEPT) & published == {"RecordKept", "RecordRecovered"}
    assert set(RESTORED) & published == {"ObjectRestored"}
    assert set(RECEIVED) & published == {"DepositReceived", "DepositRecovered"}
    assert set(rebuilding(RebuildEffect.HOLD)) & published == {"HoldPlaced", "HoldRecovered"}
    assert set(rebuilding(RebuildEffect.RELEASE)) & published == {"HoldReleased", "ReleaseRecovered"}


def test_the_names_are_those_of_the_members() -> None:
    for one in EntryType:
        assert one.value == "".join(word.capitalize() for word in one.name.split("_"))
        assert registered(one.value) is known(one.value) is one


@ALL
def test_every_part_is_filled(entry_type: EntryType) -> None:
    assert isinstance(entry_type.subject, Subject)
    assert entry_type.premis is None or isinstance(entry_type.premis, Premis)
    assert isinstance(entry_type.effects.index, IndexEffect)
    assert isinstance(entry_type.effects.replica, ReplicaEffect)
    assert isinstance(entry_type.effects.rebuild, RebuildEffect)
    assert isinstance(entry_type.sentence, Sentence)
    assert all(entry_type.sentence.all)


@ALL
def test_effects_go_with_the_subject(entry_type: EntryType) -> None:
    about_a_record = entry_type.subject is Subject.RECORD
    assert about_a_record or entry_type.effects.index is IndexEffect.NONE
    assert about_a_record or entry_type.effects.replica is ReplicaEffect.JOURNAL
    assert (entry_type.premis is None) == (entry_type.subject in {Subject.LOG, Subject.REGISTER, Subject.STATEMENT})
    assert entry_type.effects.rebuild is RebuildEffect.NONE or entry_type.subject is of_rebuild(
        entry_type.effects.rebuild
    )


def test_only_what_restates_a_record_that_was_kept_makes_a_revision() -> None:
    form = {
        "representations": [{"kind": "original"}],
        "description": {"title": "x"},
        "retention": {"starts_on": None, "ends_on": None},
        "access": {"communicable_on": None},
    }
    revisions = {one for one in EntryType if changes_of(one, form, form) is not None}
    assert revisions == set(CHANGES) - set(KEPT) - {EntryType.CHANGE_ABANDONED}


def of_rebuild(effect: RebuildEffect) -> Subject | None:
    match effect:
        case RebuildEffect.RECEIVE | RebuildEffect.QUARANTINE | RebuildEffect.RETRY | RebuildEffect.REFUSE:
            return Subject.DEPOSIT
        case RebuildEffect.REGISTER:
            return Subject.REGISTER
        case RebuildEffect.STATE | RebuildEffect.DECIDE:
            return Subject.STATEMENT
        case RebuildEffect.KEEP | RebuildEffect.DESCRIBE | RebuildEffect.COMPLETE | RebuildEffect.RESTORE:
            return Subject.RECORD
        case RebuildEffect.RECOMPUTE | RebuildEffect.ABANDON | RebuildEffect.DISPOSE:
            return Subject.RECORD
        case RebuildEffect.HOLD | RebuildEffect.RELEASE:
            return Subject.RECORD
        case RebuildEffect.NONE:
            return None
        case _:
            assert_never(effect)


def rows() -> dict[str, tuple[str, str]]:
    text = (ROOT / "docs/journal.md").read_text(encoding="utf-8")
    table = text.partition("\n| type | subject |")[2].partition("\n\n")[0]
    lines = [[cell.strip() for cell in line.split(" | ")] for line in table.splitlines()[2:]]
    return {line[0].strip("| `"): (line[1].strip("`"), line[3].rstrip("| ")) for line in lines}


def test_the_document_lists_every_type_and_no_other() -> None:
    assert {name: subject for name, (subject, _) in rows().items()} == {
        one.value: one.subject.value for one in EntryType
    }


@ALL
def test_sentences_show_facts_that_the_document_names(entry_type: EntryType) -> None:
    facts = rows()[entry_type][1]
    for other in re.findall(r"as `(\w+)`", facts):
        facts += rows()[other][1]
    shown = {name for text in entry_type.sentence.all for _, name, _, _ in Formatter().parse(text) if name}
    shown |= {fact for fact, _, _ in entry_type.sentence.otherwise}
    assert {name for name in shown if f"`{name}`" not in facts} == set()


def test_every_sentence_has_its_english() -> None:
    english = translations.load()
    sentences = [text for one in EntryType for text in one.sentence.all]
    assert [text for text in sentences if not (found := english.get(text)) or not found.string] == []


def test_the_offline_verifier_agrees_with_the_registry() -> None:
    """It is one file by contract and spells the names out: those that it spells are registered."""
    tree = ast.parse(Path(verify.__file__).read_text(encoding="utf-8"))
    sets = [
        {item.value for item in node.elts if isinstance(item, ast.Constant)}
        for node in ast.walk(tree)
        if isinstance(node, ast.Set)
    ]
    named = [one for one in sets if any(known(str(name)) for name in one)]
    removing = {one for one in EntryType if one.effects.index is IndexEffect.REMOVE}
    gone = removing - {EntryType.DESTRUCTION_DECIDED}  # decided, and not yet done
    assert sorted(named, key=sorted) == [{one.value for one in RECEIVED}, {one.value for one in gone}]


def test_a_type_of_a_later_version_is_not_taken_for_one_of_ours() -> None:
    assert known("RecordBurnt") is None
    with pytest.raises(ValueError, match="RecordBurnt"):
        registered("RecordBurnt")


@pytest.mark.parametrize("kind", list(Subject))
def test_a_subject_is_of_its_kind_and_names_what_must_have_a_name(kind: Subject) -> None:
    named = kind in {Subject.DEPOSIT, Subject.RECORD, Subject.STATEMENT}
    assert kind.fits(f"{kind}:1") is named
    assert kind.fits(kind) is not named
    assert not kind.fits(f"{kind}:")
    assert not kind.fits("other:1")
    assert not kind.fits("")
