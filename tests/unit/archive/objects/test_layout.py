"""Every key that is built is read back as it was built.

Any other string is answered with None, or built again.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.objects import layout, ocfl
from archive.objects.layout import (
    CertificateKey,
    CheckpointKey,
    DepositFolder,
    HoldKey,
    PromiseKey,
    RecordKey,
    RegisterKey,
    ReportKey,
    ScanKey,
    StagingKey,
    StampedKey,
    StatementKey,
    TileKey,
    VoucherKey,
)
from archive.objects.ocfl import ObjectPath, Role

TENANTS = st.from_regex(layout.TENANT_NAME, fullmatch=True)
IDS = st.uuids().map(str)
COUNTS = st.integers(min_value=1, max_value=10**18 - 1)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.\-]{0,20}", fullmatch=True)
LOGICAL = st.lists(NAMES, min_size=1, max_size=4).map("/".join)

OBJECT_PATHS = st.one_of(
    st.builds(ObjectPath, st.just(Role.CONTENT), COUNTS, LOGICAL),
    st.builds(ObjectPath, st.sampled_from([Role.INVENTORY, Role.SIDECAR]), st.none() | COUNTS),
    st.just(ObjectPath(Role.DECLARATION)),
)
JOURNAL_KEYS = st.one_of(
    st.builds(
        TileKey,
        st.just(layout.ENTRIES) | st.integers(0, 7).map(str),
        st.integers(min_value=0, max_value=10**18 - 1),
        st.integers(min_value=1, max_value=layout.TILE_WIDTH),
    ),
    st.builds(StampedKey, st.integers(min_value=0, max_value=10**18 - 1), st.booleans()),
    st.builds(VoucherKey, st.none() | DIGESTS),
    st.just(CheckpointKey()),
)
REGISTER_KEYS = st.one_of(
    st.builds(RegisterKey, TENANTS, st.integers(min_value=0, max_value=999_999)),
    st.builds(HoldKey, TENANTS, IDS, st.sampled_from(["placed", "released"])),
    st.builds(ReportKey, TENANTS, IDS),
    st.builds(StatementKey, TENANTS, st.sampled_from(["node", "event"]), IDS, st.integers(0, 999_999)),
)
CERTIFICATE_KEYS = st.builds(
    CertificateKey, TENANTS, IDS, st.integers(1, 999_999), st.sampled_from(["json", "pdf"]), st.booleans()
)
STAGING_KEYS = st.one_of(
    st.builds(DepositFolder, TENANTS, IDS).map(lambda folder: (StagingKey(folder, "bytes"), folder.content)),
    st.builds(DepositFolder, TENANTS, IDS).map(lambda folder: (StagingKey(folder, "deposit.json"), folder.statement)),
    st.builds(
        lambda folder, stage, digest: (StagingKey(folder, f"steps/{stage}/{digest}"), folder.step(stage, digest)),
        st.builds(DepositFolder, TENANTS, IDS),
        NAMES,
        DIGESTS,
    ),
)
PARSERS = [
    layout.record_key,
    layout.staging_key,
    layout.journal_key,
    layout.register_key,
    layout.promise_key,
    layout.certificate_key,
]
ANY_KEY = st.one_of(
    st.text(max_size=120),
    st.lists(
        st.text(max_size=12)
        | st.sampled_from(
            [
                *(
                    "tenants",
                    "staging",
                    "journal",
                    "register",
                    "disposals",
                    "tile",
                    "entries",
                    "checkpoints",
                    "holds",
                    "000.p",
                ),
                *(
                    "000",
                    "x000",
                    "0",
                    "007",
                    "256",
                    "5.tsr",
                    "log-key.p7s",
                    "000001.json",
                    "placed.json",
                    "demo",
                    "bytes",
                ),
                "urn%3auuid%3a0198",
            ]
        ),
        max_size=9,
    ).map("/".join),
)


@given(TENANTS, IDS, OBJECT_PATHS)
def test_a_key_of_a_record_comes_back(tenant: str, record: str, path: ObjectPath) -> None:
    folder = layout.record_folder(tenant, record)
    key = folder.key(path.path)
    assert layout.record_key(key) == RecordKey(folder, path.path)
    assert folder.path(key) == path.path
    assert ocfl.object_path(path.path) == path
    assert layout.tenant_of(key) == tenant
    layout.parts_of(key)
    assert [parser(key) for parser in PARSERS if parser is not layout.record_key] == [None] * 5, (
        "no key has two meanings"
    )


@given(STAGING_KEYS)
def test_a_key_of_staging_comes_back(pair: tuple[StagingKey, str]) -> None:
    wanted, key = pair
    assert layout.staging_key(key) == wanted
    assert wanted.key == key
    assert wanted.is_acknowledged is ("/steps/" not in key)
    assert layout.tenant_of(key) == wanted.folder.tenant
    assert [parser(key) for parser in PARSERS if parser is not layout.staging_key] == [None] * 5


@given(st.just(0) | COUNTS)
def test_a_key_of_a_promise_comes_back(n: int) -> None:
    key = PromiseKey(n).key
    assert layout.promise_key(key) == PromiseKey(n)
    layout.parts_of(key)
    assert not layout.is_kept_for_ever(key)
    assert [parser(key) for parser in PARSERS if parser is not layout.promise_key] == [None] * 5


@given(JOURNAL_KEYS)
def test_a_key_of_the_journal_comes_back(wanted: layout.JournalKey) -> None:
    assert layout.journal_key(wanted.key) == layout.evidence_key(wanted.key) == wanted
    layout.parts_of(wanted.key)
    assert f"{layout.JOURNAL}{layout.below_journal(wanted.key)}" == wanted.key
    partial = isinstance(wanted, TileKey) and not wanted.is_full
    assert layout.is_kept_for_ever(wanted.key) is not (partial or isinstance(wanted, CheckpointKey))
    assert (layout.record_key(wanted.key), layout.staging_key(wanted.key), layout.register_key(wanted.key)) == (
        None,
    ) * 3


@given(st.builds(ScanKey, TENANTS, IDS, DIGESTS))
def test_a_key_of_a_scan_comes_back(wanted: ScanKey) -> None:
    assert layout.scan_key(wanted.key) == layout.evidence_key(wanted.key) == wanted
    layout.parts_of(wanted.key)
    assert layout.is_kept_for_ever(wanted.key)
    assert (layout.register_key(wanted.key), layout.certificate_key(wanted.key)) == (None, None)


@given(REGISTER_KEYS)
def test_a_key_of_the_register_comes_back(wanted: RegisterKey | HoldKey) -> None:
    assert layout.register_key(wanted.key) == layout.evidence_key(wanted.key) == wanted
    assert wanted.key.startswith(layout.register_folder(wanted.tenant))
    assert layout.is_kept_for_ever(wanted.key)
    assert (layout.record_key(wanted.key), layout.staging_key(wanted.key), layout.journal_key(wanted.key)) == (
        None,
    ) * 3


@given(CERTIFICATE_KEYS)
def test_a_key_of_a_certificate_comes_back(wanted: CertificateKey) -> None:
    assert layout.certificate_key(wanted.key) == layout.evidence_key(wanted.key) == wanted
    assert layout.certificate_named(wanted.tenant, wanted.disposal, wanted.name) == wanted
    layout.parts_of(wanted.key)
    assert layout.is_kept_for_ever(wanted.key)
    assert [parser(wanted.key) for parser in PARSERS if parser is not layout.certificate_key] == [None] * 5


@pytest.mark.parametrize(
    "name", ["certificate-1.json", "certificate-02.pdf", "certificate.p7s", "Certificate.json", ""]
)
def test_no_certificate_has_a_second_name(name: str) -> None:
    assert layout.certificate_named("demo", "0193b8a0-7c1e-7a55-9d0e-3f1f6f2f9a01", name) is None


@given(ANY_KEY)
def test_what_is_not_ours_is_refused_with_a_value(key: str) -> None:
    for parser in PARSERS:
        found = parser(key)
        assert found is None or found.key == key, parser.__name__
    path = ocfl.object_path(key)
    assert path is None or path.path == key
    assert layout.tenant_of(key) is None or key.startswith((layout.TENANTS, layout.STAGING))


@pytest.mark.parametrize(
    "key",
    [
        "journal/tile/0/x000/005",  # C2SP writes 005
        "journal/tile/0/5",
        "journal/tile/00/000",
        "journal/tile/0/000.p/0",
        "journal/tile/0/000.p/256",
        "journal/tile/0/000.p/07",
        "journal/checkpoints/007",
        "journal/checkpoints/" + "9" * 5000,
        "journal/checkpoints/٣",
        "journal/log-key-abc.p7s",
        "journal/checkpoint\n",
        "journal/",
        "register/demo/1.json",
        "register/Demo/000001.json",
        "register/demo/000001.json\n",
        "register/demo/holds/x/placed.json",
        "register/demo/holds/00000000-0000-0000-0000-000000000000/ended.json",
        "promised/",
        "promised/007",
        "promised/1/2",
        "staging/",
        "staging/demo/deposit",
        "tenants/demo/0=ocfl_1.1",
        "tenants/demo/aaa/bbb/ccc/urn%3auuid%3a0198",
        "",
    ],
)
def test_a_key_that_looks_like_ours_is_none(key: str) -> None:
    assert [parser(key) for parser in PARSERS] == [None] * len(PARSERS)


@pytest.mark.parametrize(
    "path", ["v0/inventory.json", "v01/inventory.json", "content/x", "v1/content/", "v1/other", "inventory.json.sha256"]
)
def test_a_path_that_looks_like_ours_is_none(path: str) -> None:
    assert ocfl.object_path(path) is None


def test_a_folder_under_wrong_digits_is_still_a_folder() -> None:
    """Whoever reconciles must see what lies in it, and where."""
    strange = "tenants/demo/000/000/000/urn%3auuid%3a0198/inventory.json"
    found = layout.record_key(strange)
    assert found is not None
    assert (found.folder.tenant, found.folder.record_id, found.key) == ("demo", "0198", strange)
    assert found.folder != layout.record_folder("demo", "0198")


@pytest.mark.parametrize("key", ["", "a//b", "../a", "a/.", "a b", "é", "a/" + "b" * 201, "/a", "a/"])
def test_what_no_disk_should_see_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        layout.parts_of(key)


def test_the_keys_are_those_of_the_document() -> None:
    """One of each kind, as docs/formats.md writes them: bytes that must outlive us."""
    record = "01890a5d-ac96-774b-bcce-b302099a8057"
    folder = layout.record_folder("demo", record)
    digest = ocfl.sha512(f"urn:uuid:{record}".encode())
    assert folder.root == f"tenants/demo/{digest[:3]}/{digest[3:6]}/{digest[6:9]}/urn%3auuid%3a{record}"
    assert folder.inventory == f"{folder.root}/inventory.json"
    assert folder.sidecar == f"{folder.root}/inventory.json.sha512"
    assert ocfl.version_sidecar(2) == "v2/inventory.json.sha512"
    assert ocfl.content_path(1, ocfl.RECORD_JSON) == "v1/content/metadata/record.json"
    assert TileKey("0", 1234067).key == "journal/tile/0/x001/x234/067"
    assert TileKey("entries", 5, 44).key == "journal/tile/entries/005.p/44"
    assert (StampedKey(7).key, StampedKey(7, token=True).key) == ("journal/checkpoints/7", "journal/checkpoints/7.tsr")
    assert RegisterKey("demo", 3).key == "register/demo/000003.json"
    assert PromiseKey(57).key == "promised/57"
    assert HoldKey("demo", record, "placed").key == f"register/demo/holds/{record}/placed.json"
    assert DepositFolder("demo", "d").step("recognise", "ab") == "staging/demo/d/steps/recognise/ab"
    assert sorted(layout.root_files("demo")) == [
        "tenants/demo/0=ocfl_1.1",
        "tenants/demo/extensions/0003-hash-and-id-n-tuple-storage-layout/config.json",
        "tenants/demo/ocfl_layout.json",
    ]
    said = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")
    for written in (layout.LAYOUT_JSON, layout.PROBE, layout.CHECKPOINT, layout.FIRST_VOUCHER, ocfl.DECLARATION):
        assert written in said


@given(st.lists(LOGICAL, min_size=1, max_size=6, unique=True), DIGESTS)
def test_a_file_beside_another_keeps_its_name_in_the_inventory(names: list[str], digest: str) -> None:
    """Files with the same bytes: each is found at its own path, or at the one beside it."""
    paths = {name: ocfl.beside(ocfl.content_path(1, name), digest) if i == 0 else ocfl.content_path(1, name)
             for i, name in enumerate(names)}  # fmt: skip
    contents = [ocfl.Content(name, path, digest, digest * 2) for name, path in paths.items()]
    made = ocfl.inventory("0198", contents, created=datetime(2026, 3, 12, tzinfo=UTC), message="Keep")
    state = ocfl.contents_of(json.loads(made))
    assert set(state) == set(names)
    assert all(state[name].path == paths[name] for name in names[1:])


def test_names_of_files_are_ours() -> None:
    assert ocfl.original_name("Acte n° 3.PDF") == "original/original.pdf"
    assert ocfl.original_name("sans extension") == "original/original"
    assert ocfl.original_name("piège.tar/../x") == "original/original"
    assert (ocfl.report_of(ocfl.report_name("verapdf.json")), ocfl.report_of("text/alto.xml")) == ("verapdf.json", None)
    with pytest.raises(ValueError, match="not the name of a report"):
        ocfl.report_name("../x.json")
    assert ocfl.attempt_name("v2/content/text/alto.xml") == "attempts/v2/text/alto.xml"


@given(tenant=TENANTS, record=IDS, number=COUNTS, logical=LOGICAL)
def test_a_version_does_not_own_what_lies_in_the_tenth_after_it(
    tenant: str, record: str, number: int, logical: str
) -> None:
    folder = layout.record_folder(tenant, record)
    own, other = (folder.key(f"v{n}/content/{logical}") for n in (number, number * 10))
    assert folder.is_in_version(number, own)
    assert not folder.is_in_version(number, other)
