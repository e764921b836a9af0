"""Exchange files of a filing plan: what is written is read again; what is no plan is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.exchange import plan_lines
from archive.exchange.plan_csv import read_csv, write_csv
from archive.exchange.plan_lines import COLUMNS
from archive.exchange.plan_skos import read_skos, write_skos
from signing.ground.errors import Refused

SIGNS = st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cc", "Cn"])
TEXTS = st.text(SIGNS, min_size=1, max_size=12).map(str.strip).filter(bool)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"code": TEXTS, "title": TEXTS},
        optional={name: TEXTS for name in COLUMNS if name not in {"code", "title", "kind", "parent"}},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row["code"],
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_csv_comes_back_as_it_was(rows: list[dict[str, str]]) -> None:
    read = [{name: value for name, value in line.values.items() if value} for line in read_csv(write_csv(rows))]
    assert read == rows


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_skos_comes_back_as_it_was(rows: list[dict[str, str]]) -> None:
    told = [row | {"kind": "file"} | ({"parent": rows[0]["code"]} if n else {}) for n, row in enumerate(rows)]
    read = [
        {name: value for name, value in line.values.items() if value} for line in read_skos(write_skos(told, "Plan"))
    ]
    assert read == told


def test_a_spreadsheet_computes_nothing_of_a_title() -> None:
    content = write_csv([{"code": "1", "title": "=HYPERLINK(1)"}])
    assert b"'=HYPERLINK(1)" in content
    assert read_csv(content)[0].values["title"] == "=HYPERLINK(1)"


def test_skos_of_another_program_is_read() -> None:
    content = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
      xmlns:skos="http://www.w3.org/2004/02/skos/core#">
      <skos:Concept rdf:about="https://exemple.fr/plan/2">
        <skos:prefLabel xml:lang="en">Finance</skos:prefLabel><skos:prefLabel xml:lang="fr">Finances</skos:prefLabel>
      </skos:Concept>
      <rdf:Description rdf:about="https://exemple.fr/plan#b">
        <rdf:type rdf:resource="http://www.w3.org/2004/02/skos/core#Concept"/>
        <skos:notation>2.1</skos:notation><skos:prefLabel>Budget</skos:prefLabel>
        <skos:broader rdf:resource="https://exemple.fr/plan/2"/>
      </rdf:Description></rdf:RDF>"""
    first, second = (line.values for line in read_skos(content.encode()))
    assert (first["code"], first["title"], first["parent"]) == ("2", "Finances", "")
    assert (second["code"], second["title"], second["parent"]) == ("2.1", "Budget", "2")


def test_commas_and_fewer_columns_will_do() -> None:
    (line,) = read_csv("code,title\n2,Été\n\n".encode())
    assert (line.number, line.values) == (2, {"code": "2", "title": "Été"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"code;title\n",
        b"code;titre\n1;x\n",
        b"code;title;title\n1;x;y\n",
        b"title\nx\n",
        b"code;title\n1;x;y\n",
        b'code;title\n1;"x\n',
        b"code;title\n1;\xe9\n",
        b"code;title\n1;\0\n",
        b"code;title\n" + b"1;x\n" * (plan_lines.MOST_LINES + 1),
    ],
    ids=lambda one: repr(one[:24]),
)
def test_what_is_no_plan_in_csv_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_csv(content)
    assert refused.value.code == "bad_plan_file"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<rdf",
        b"<plan/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><RDF xmlns="urn:x">&b;</RDF>',
    ],
    ids=lambda one: repr(one[:24]),
)
def test_what_is_no_plan_in_skos_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_skos(content)
    assert refused.value.code == "bad_plan_file"
