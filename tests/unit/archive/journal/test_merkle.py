"""The journal's bytes: vectors made elsewhere, and properties that no vector covers."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence.verify_certificate import root_over
from archive.journal import merkle as journal

LEAVES = [journal.leaf_hash(f"entry {n}".encode()) for n in range(700)]
NODES = journal.nodes_of(LEAVES)

# Certificate Transparency's reference inputs and roots (RFC 6962 implementations' shared test
# vectors).
CT_INPUTS = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
CT_INPUTS[3] = b"\x20\x21"
CT_INPUTS[4] = b"\x30\x31"
CT_INPUTS[5] = b"\x40\x41\x42\x43"
CT_INPUTS[6] = bytes(range(0x50, 0x58))
CT_INPUTS[7] = bytes(range(0x60, 0x70))
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_rfc_6962(size: int) -> None:
    leaves = [journal.leaf_hash(item) for item in CT_INPUTS[:size]]
    assert journal.root_hash(size, journal.nodes_of(leaves)).hex() == CT_ROOTS[size - 1]


def test_empty_log_has_the_hash_of_nothing() -> None:
    assert journal.root_hash(0, NODES) == hashlib.sha256(b"").digest()


@given(st.integers(1, 600), st.data())
@settings(max_examples=150, deadline=None)
def test_every_entry_is_proven_under_every_head(size: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, size - 1))
    root = journal.root_hash(size, NODES)
    proof = journal.inclusion_proof(n, size, NODES)
    assert journal.verify_inclusion(n, size, LEAVES[n], proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda m: m != n)) if size > 1 else None
    if other is not None:
        assert not journal.verify_inclusion(other, size, LEAVES[n], proof, root)
        assert not journal.verify_inclusion(n, size, LEAVES[other], proof, root)
    assert not journal.verify_inclusion(n, size, LEAVES[n], [*proof, LEAVES[0]], root)
    assert not journal.verify_inclusion(n, size, LEAVES[n], proof[:-1], root) or not proof


@given(st.integers(0, 600), st.integers(0, 600))
@settings(max_examples=150, deadline=None)
def test_any_two_heads_are_consistent(first: int, second: int) -> None:
    old, new = sorted((first, second))
    old_root, new_root = journal.root_hash(old, NODES), journal.root_hash(new, NODES)
    proof = journal.consistency_proof(old, new, NODES)
    assert journal.verify_consistency(old, new, old_root, new_root, proof)
    if proof:
        for at in range(len(proof)):
            forged = [bytes(32) if at == i else item for i, item in enumerate(proof)]
            assert not journal.verify_consistency(old, new, old_root, new_root, forged)


@given(st.integers(2, 300), st.data())
@settings(max_examples=100, deadline=None)
def test_a_rewritten_entry_breaks_consistency(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    forged = [journal.leaf_hash(b"forged") if n == changed else leaf for n, leaf in enumerate(LEAVES[:new])]
    nodes = journal.nodes_of(forged)
    proof = journal.consistency_proof(old, new, nodes)
    old_root = journal.root_hash(old, NODES)
    assert not journal.verify_consistency(old, new, old_root, journal.root_hash(new, nodes), proof)


@given(st.integers(1, 700), st.data())
@settings(max_examples=150, deadline=None)
def test_tiles_hold_every_node(size: int, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, (size).bit_length() - 1))
    index = data.draw(st.integers(0, (size >> level) - 1))
    tile = journal.tile_holding(level, index, size)
    first = tile.index * journal.TILE
    hashes = b"".join(NODES(8 * tile.level, first + at) for at in range(tile.width))
    assert journal.node_in_tile(hashes, level, index) == NODES(level, index)


@given(st.integers(0, 70_000), st.integers(0, 70_000))
@settings(max_examples=200, deadline=None)
def test_growth_writes_each_tile_of_the_new_head(first: int, second: int) -> None:
    """What was there at the old size and what growth adds is all that a reader of the new size asks
    for.
    """
    old, new = sorted((first, second))
    written = set(journal.new_tiles(0, old)) | set(journal.new_tiles(old, new))
    assert set(journal.new_tiles(0, new)) <= written


def test_tile_paths_are_those_of_the_specification() -> None:
    assert journal.Tile(0, 1234067).key == "journal/tile/0/x001/x234/067"
    assert journal.Tile(1, 0, 3).key == "journal/tile/1/000.p/3"
    assert journal.bundle_key(5, 44) == "journal/tile/entries/005.p/44"


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=300))
def test_bundles_come_back(bodies: list[bytes]) -> None:
    packed = journal.pack_bundle(bodies)
    assert journal.unpack_bundle(packed) == bodies
    if packed:
        with pytest.raises(ValueError):
            journal.unpack_bundle(packed[:-1])


def test_checkpoint_has_one_form_only() -> None:
    root = bytes(range(32))
    text = journal.checkpoint_text("log.example", 7, root)
    assert journal.parse_checkpoint(text, "log.example") == (7, root)
    encoded = base64.b64encode(root).decode()
    for other in (
        f"log.example\n07\n{encoded}\n",
        f"log.example\n+7\n{encoded}\n",
        f"log.example\n7\n{encoded[:-2]}9=\n",
        f"log.example\n7\n{encoded}\nmore\n",
        f"log.example\n7\n{encoded}",
        f"other.example\n7\n{encoded}\n",
    ):
        with pytest.raises(ValueError):
            journal.parse_checkpoint(other, "log.example")


AT = datetime(2026, 3, 12, 8, 15, 30, 123000, tzinfo=UTC)


def test_entry_is_canonical() -> None:
    body = journal.entry_body(57, AT, "RecordKept", "t:1", "record:2", "a:3", {"b": 1, "a": "é"})
    assert body.decode() == (
        '{"agent":"a:3","at":"2026-03-12T08:15:30.123Z","facts":{"a":"é","b":1},"n":57,'
        '"subject":"record:2","tenant":"t:1","type":"RecordKept","v":1}'
    )


def test_entry_refuses_floats_and_length() -> None:
    with pytest.raises(TypeError):
        journal.entry_body(0, AT, "X", None, "log", None, {"a": 0.5})
    with pytest.raises(ValueError):
        journal.entry_body(0, AT, "X", None, "log", None, {"a": "x" * 8192})


@given(st.integers(1, len(LEAVES)), st.sets(st.integers(0, len(LEAVES)), min_size=1))
@settings(max_examples=60)
def test_one_proof_leads_from_many_entries_to_the_root(size: int, numbers: set[int]) -> None:
    wanted = {n % size for n in numbers}
    proof = journal.batch_proof(sorted(wanted), size, NODES)
    leaves = {n: LEAVES[n] for n in wanted}
    assert root_over(leaves, proof, size) == journal.root_hash(size, NODES)
    other = leaves | {min(wanted): b"\0" * 32}
    assert root_over(other, proof, size) != journal.root_hash(size, NODES)
    if proof:
        with pytest.raises(ValueError, match="too short"):
            root_over(leaves, proof[:-1], size)
    with pytest.raises(ValueError, match="too long"):
        root_over(leaves, [*proof, b""], size)


def test_a_run_of_entries_needs_few_hashes() -> None:
    assert len(journal.batch_proof(range(100, 600), 700, NODES)) <= 20
    for wanted in ([], [-1], [700]):
        with pytest.raises(ValueError, match="not entries among"):
            journal.batch_proof(wanted, 700, NODES)
    with pytest.raises(ValueError, match="outside the log"):
        root_over({5: LEAVES[5]}, [LEAVES[0]], 3)
