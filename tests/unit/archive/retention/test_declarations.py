"""Which rules are in force along a path."""

from __future__ import annotations

from datetime import date

import pytest

from archive.retention.decisions import access_rule_along
from archive.retention.declarations import (
    Declaration,
    GivenStart,
    Level,
    Node,
    Path,
    declared_on_record,
    file_of,
    newest_in_files,
    retention_in_force,
)
from archive.retention.facts import Facts
from archive.retention.resolution import resolve
from tests.unit.archive.retention.plan import a_class, a_file, a_record, a_rule, a_type, declares


def codes(*path: Node) -> str:
    in_force = retention_in_force(path)
    found = "".join(one.rule for one in in_force.rules)
    return f"blocked by {in_force.blocked_by.code}" if in_force.blocked_by is not None else found


ADDED = a_record(declares("R", in_addition=True))
BLOCKS = a_class("1", declares(block_all=True))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        ((a_record(), a_file("F"), a_class("1"), a_type()), ""),
        ((a_record(declares("R")), a_file("F", None, declares("F")), a_class("1", declares("C")), a_type("T")), "R"),
        ((a_record(), a_file("F", None, declares("F")), a_class("1", declares("C")), a_type("T")), "F"),
        ((a_record(), a_file("F"), a_class("1.1"), a_class("1", declares("C")), a_type("T")), "C"),
        ((a_record(), a_file("F"), a_class("1"), a_type("T")), "T"),
        ((a_class("1", declares("C", in_addition=True)), a_type("T")), "CT"),
        ((ADDED, a_class("1", declares("C", in_addition=True)), a_type("T")), "CRT"),
        ((a_record(declares("R")), a_class("1", declares("C", in_addition=True)), a_type("T")), "R"),
        ((a_class("1", declares(block_all=True)), a_type("T")), "blocked by 1"),
        ((a_class("1", declares(block_all=True)),), "blocked by 1"),
        ((a_class("1", declares("C", block_all=True)), a_type("T")), "C"),
        ((a_class("1", declares("C", block_all=True, in_addition=True)), a_type("T")), "C"),
        ((a_class("1.1", declares("D")), a_class("1", declares(block_all=True)), a_type("T")), "D"),
        ((a_class("1.1", declares(in_addition=True)), BLOCKS, a_type("T")), "blocked by 1"),
        ((a_class("1", declares(blocked=["T"])), a_type("T")), "blocked by 1"),
        ((a_class("1", declares(blocked=["T"])), a_type("T", "U")), "U"),
        ((a_class("1", declares(blocked=["X"])), a_type("T")), "T"),
        ((a_class("1", declares(blocked=["X"])), a_type()), ""),
        ((a_class("1", declares("C", blocked=["T"], in_addition=True)), a_type("T", "U")), "CU"),
        ((a_class("1", declares("T", blocked=["T"])), a_type("T")), "T"),
    ],
)  # fmt: skip
def test_the_nearest_wins_unless_added_or_blocked(path: Path, expected: str) -> None:
    """R1, R2."""
    assert codes(*path) == expected


def test_the_same_rule_declared_lower_takes_its_start_for_all_below() -> None:
    rules = {"R": a_rule(10)}
    facts = Facts(document_date=date(2000, 1, 1))
    above, low = (GivenStart(date(year, 6, 30)) for year in (2010, 2015))
    root = a_class("1", declares("R", starts={"R": above}))
    lower = a_class("1.1", declares("R", starts={"R": low}))
    added = a_class("1.2", declares("R", in_addition=True))
    only_start = a_class("1.3", declares(starts={"R": low}))
    again = a_class("1.4", declares("R"))

    def ends(*path: Node) -> date | None:
        return resolve([path], facts, rules).ends_on

    assert ends(a_class("0", declares("R"))) == date(2010, 1, 1)
    assert ends(root) == date(2020, 6, 30)
    assert ends(a_record(), a_class("1.1.1"), lower, root) == date(2025, 6, 30)
    assert ends(added, root) == date(2020, 6, 30), "a rule added again keeps its start"
    assert ends(only_start, root) == date(2025, 6, 30)
    assert ends(again, root) == date(2010, 1, 1), "a declaration that replaces brings its own start"
    (one,) = retention_in_force((a_class("1.1.1"), lower, root)).rules
    assert (one.node.code, one.start_node and one.start_node.code) == ("1.1", "1.1")


def test_retention_and_access_inherit_each_for_itself() -> None:
    both = a_class("1", declares("C"), access=declares("AR048", "AR052"))
    blocks = a_class("1.1", declares(block_all=True))
    assert codes(blocks, both) == "blocked by 1.1"
    assert access_rule_along([(blocks, both)]) == "AR048 AR052"
    nearer = Node(Level.FILE, "F", "F", access=Declaration(("AR061",), in_addition=True))
    assert access_rule_along([(nearer, both), (a_class("2", access=declares("AR043")),)]) == "AR061 AR048 AR052 AR043"
    assert access_rule_along([(a_class("3", access=declares(block_all=True)), both)]) is None
    assert access_rule_along([]) is None


def test_the_nearest_file_counts_and_the_newest_document_of_all() -> None:
    """A4."""
    inner, outer = a_file("F/1", newest=date(1980, 1, 1)), a_file("F", newest=date(1981, 1, 1))
    assert file_of((a_record(), inner, outer, a_class("1"))) == inner.file
    assert file_of((a_record(), a_class("1"))) is None
    assert newest_in_files([(inner, outer)]) == date(1981, 1, 1)
    assert newest_in_files([(a_class("1"),), (a_file("G"),)]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        (" ; ", None),
        ("A", Declaration(("A",))),
        ("A; B", Declaration(("A", "B"))),
        ("+A", Declaration(("A",), in_addition=True)),
        ("+A ;+ B", Declaration(("A", "B"), in_addition=True)),
        ("A; +B", Declaration(("A", "B"))),
        ("A;A", Declaration(("A",))),
        ("+", None),
    ],
)
def test_what_is_declared_on_the_record_itself(text: str | None, expected: Declaration | None) -> None:
    assert declared_on_record(text) == expected
