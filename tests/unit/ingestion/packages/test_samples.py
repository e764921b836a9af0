"""Samples of others, with bytes of ours: each is taken whole, with a node or a record a unit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from ingestion.assembly import System
from tests.holdings import system_at
from tests.seda import package
from tests.transfers import answered, row_of, rule, taken, units_of

SAMPLES = [
    Path(__file__).parents[2] / "archive/exchange/seda/samples" / f"{name}.xml"
    for name in ("sip-2.1-matrice-cadastrale", "sip-2.3-signed-embedded")
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[System]:
    made = system_at(tmp_path_factory.mktemp("samples") / "home", keys)
    made.initialise()
    made.create_tenant("demo", "Démonstration")
    yield made
    made.close()


def with_bytes(manifest: bytes, identifier: str) -> bytes:
    """Return a package of a manifest whose objects have bytes, which it then announces."""
    root = etree.fromstring(manifest)
    root.find("{*}MessageIdentifier").text = identifier  # some samples share one
    files: dict[str, bytes] = {}
    for number, one in enumerate(root.iter("{*}BinaryDataObject")):
        content = f"Objet {number} de l’essai.\n".encode()
        uri = one.find("{*}Uri")
        uri.text = f"content/objet-{number}.txt"
        digest = one.find("{*}MessageDigest")
        digest.set("algorithm", "SHA-512")
        digest.text = hashlib.sha512(content).hexdigest()
        size = one.find("{*}Size")
        if size is not None:
            size.text = str(len(content))
        files[uri.text] = content
    return package(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), files)


def rules_of(manifest: bytes) -> set[str]:
    told = etree.fromstring(manifest).iter("{*}AppraisalRule")
    return {rule.text or "" for block in told for rule in block.findall("{*}Rule")}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_taken_with_a_system_id_for_each_unit(system: System, sample: Path) -> None:
    manifest = sample.read_bytes()
    for code in rules_of(manifest):
        rule(system, code, action="keep")
    identity = taken(system, with_bytes(manifest, sample.stem), sample.stem)
    row = row_of(system, identity)
    assert row.state == "taken", row.content["findings"]
    units = units_of(system, identity)
    told = answered(system, identity)
    assert told.code in {"OK", "WARNING"}
    assert told.units == {name: one.system_id for name, one in units.items()}
    assert len(set(told.units.values())) == len(units) > 0
