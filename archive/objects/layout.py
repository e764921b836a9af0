"""Build and parse every path of the store (docs/formats.md, 1 and 2). Pure.

No other module builds or parses a store path. A parser returns None for a path that is not one of
ours; from a parsed path, ``.key`` (or ``.path``) builds the same bytes again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archive.objects import ocfl
from archive.objects.disposal_keys import DISPOSALS as DISPOSALS
from archive.objects.disposal_keys import CertificateKey as CertificateKey
from archive.objects.disposal_keys import ScanKey as ScanKey
from archive.objects.disposal_keys import certificate_key as certificate_key
from archive.objects.disposal_keys import certificate_named as certificate_named
from archive.objects.disposal_keys import scan_key as scan_key
from archive.objects.register_keys import REGISTER as REGISTER
from archive.objects.register_keys import TENANT_NAME as TENANT_NAME
from archive.objects.register_keys import HoldKey as HoldKey
from archive.objects.register_keys import RegisterKey as RegisterKey
from archive.objects.register_keys import ReportKey as ReportKey
from archive.objects.register_keys import StatementKey as StatementKey
from archive.objects.register_keys import register_folder as register_folder
from archive.objects.register_keys import register_key as register_key

LAYOUT_JSON: Final = "layout.json"
TENANTS: Final = "tenants/"
JOURNAL: Final = "journal/"
STAGING: Final = "staging/"
PROMISES: Final = "promised/"
PROBES: Final = "probe/"
EVIDENCE: Final = (LAYOUT_JSON, REGISTER, DISPOSALS, JOURNAL)
"""The store's objects outside records: copied, reconciled and locked as a whole.

``layout.json`` is locked last.
"""

PROBE: Final = f"{PROBES}lock"
"""A single key: each probe adds a version and deletes those whose lock has ended."""

_PART: Final = re.compile(r"[A-Za-z0-9_=%.\-]{1,200}")
_COUNT: Final = r"[1-9][0-9]{0,17}"


def parts_of(key: str) -> list[str]:
    """Split a key into parts, each safe as the name of a file.

    Raises:
        ValueError: The key has a part that no key of ours has.
    """
    parts = key.split("/")
    if not all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts):
        raise ValueError(f"not a key of the store: {key!r}")
    return parts


def folder_and_name(path: str) -> tuple[str, str]:
    """Return the folder of a path, without a slash at its end, and the name in it."""
    folder, _, name = path.rpartition("/")
    return folder, name


def bare(prefix: str) -> str:
    """Return the name of a folder as findings show it: without the slash at its end."""
    return prefix.rstrip("/")


# -- tenants/<tenant>/: an OCFL storage root each

_TENANT: Final = re.compile(r"(?:tenants|staging)/([^/]*).*", re.DOTALL)


def root_files(tenant: str) -> dict[str, bytes]:
    """Return, by key, the few files that make a tenant's folder an OCFL storage root."""
    return {f"{TENANTS}{tenant}/{name}": document for name, document in ocfl.root_documents().items()}


def tenant_of(key: str) -> str | None:
    """Return the tenant of a key below ``tenants/`` or ``staging/``, or None."""
    match = _TENANT.fullmatch(key)
    return match[1] if match else None


# -- tenants/<tenant>/<3>/<3>/<3>/urn%3auuid%3a<record>/: an OCFL object each

_ENCODED: Final = "urn%3auuid%3a"
_RECORD: Final = re.compile(
    rf"(?P<root>{TENANTS}(?P<tenant>[^/]*)/(?:[^/]*/){{3}}{_ENCODED}(?P<record>[^/]*))/(?P<path>.*)", re.DOTALL
)
RECORD_GLOB: Final = f"{TENANTS}*/???/???/???/*/{ocfl.DECLARATION}"
"""Declarations of all records, in a store that is a folder."""


@dataclass(frozen=True, order=True)
class RecordFolder:
    """The folder of a record.

    Attributes:
        root: Its path without a slash at the end; folders sort as a store lists them.
    """

    root: str
    tenant: str
    record_id: str

    @property
    def prefix(self) -> str:
        """Prefix of each of its keys."""
        return f"{self.root}/"

    @property
    def inventory(self) -> str:
        """Key of the root inventory."""
        return self.key(ocfl.INVENTORY)

    @property
    def sidecar(self) -> str:
        """Key of the root inventory's digest."""
        return self.key(ocfl.SIDECAR)

    def key(self, path: str) -> str:
        """Return the key of a file, from its path in the folder."""
        return f"{self.root}/{path}"

    def path(self, key: str) -> str:
        """Return the path of a key in the folder; a key in another folder is returned unchanged."""
        return key.removeprefix(self.prefix)

    def is_in_version(self, number: int, key: str) -> bool:
        """Whether a key lies in the folder of a version."""
        return key.startswith(self.key(f"v{number}/"))


@dataclass(frozen=True)
class RecordKey:
    """One object of a record; ``ocfl.object_path`` parses ``path``."""

    folder: RecordFolder
    path: str

    @property
    def key(self) -> str:
        """Key of the object."""
        return self.folder.key(self.path)


def record_folder(tenant: str, record_id: str) -> RecordFolder:
    """Return a record's folder: three times three digits of a SHA-512, then its identifier."""
    digest = ocfl.sha512(ocfl.object_id(record_id).encode())
    root = f"{TENANTS}{tenant}/{digest[0:3]}/{digest[3:6]}/{digest[6:9]}/{_ENCODED}{record_id}"
    return RecordFolder(root, tenant, record_id)


def record_key(key: str) -> RecordKey | None:
    """Parse a key below ``tenants/``; None for a key in no record's folder.

    A folder under wrong digits is parsed as well: a reconciliation must see its content.
    """
    match = _RECORD.fullmatch(key)
    if match is None:
        return None
    return RecordKey(RecordFolder(match["root"], match["tenant"], match["record"]), match["path"])


# -- staging/<tenant>/<deposit>/

_STAGED: Final = re.compile(rf"{STAGING}([^/]*)/([^/]*)/(.*)", re.DOTALL)
_BYTES: Final = "bytes"
_STATEMENT: Final = "deposit.json"


@dataclass(frozen=True, order=True)
class DepositFolder:
    """The folder of a waiting deposit's bytes."""

    tenant: str
    deposit: str

    @property
    def root(self) -> str:
        """Path of the folder, without a slash at the end."""
        return f"{STAGING}{self.tenant}/{self.deposit}"

    @property
    def prefix(self) -> str:
        """Prefix of every key in the folder."""
        return f"{self.root}/"

    @property
    def content(self) -> str:
        """Key of the received bytes."""
        return f"{self.root}/{_BYTES}"

    @property
    def statement(self) -> str:
        """Key of the deposit's statement, which describes the bytes."""
        return f"{self.root}/{_STATEMENT}"

    def step(self, stage: str, sha256: str) -> str:
        """Return the key of a costly result of a stage."""
        return f"{self.root}/steps/{stage}/{sha256}"


@dataclass(frozen=True)
class StagingKey:
    """One object of a waiting deposit."""

    folder: DepositFolder
    name: str

    @property
    def key(self) -> str:
        """Key of the object."""
        return f"{self.folder.root}/{self.name}"

    @property
    def is_acknowledged(self) -> bool:
        """Whether a receipt covers it: bytes and statement, but not the results of stages."""
        return self.name in {_BYTES, _STATEMENT}


def staging_key(key: str) -> StagingKey | None:
    """Parse a key below ``staging/``; None for a key in no deposit's folder."""
    match = _STAGED.fullmatch(key)
    return StagingKey(DepositFolder(match[1], match[2]), match[3]) if match else None


# -- promised/: leaves that signed receipts name before a checkpoint covers them
_PROMISE: Final = re.compile(rf"{PROMISES}(0|{_COUNT})")


@dataclass(frozen=True)
class PromiseKey:
    """The leaf hash that was promised for one entry of the journal."""

    n: int

    @property
    def key(self) -> str:
        """Key of the promise."""
        return f"{PROMISES}{self.n}"


def promise_key(key: str) -> PromiseKey | None:
    """Parse a key below ``promised/``; None for a key that we never write."""
    match = _PROMISE.fullmatch(key)
    return PromiseKey(int(match[1])) if match else None


# -- journal/: a C2SP tiled log

TILES: Final = f"{JOURNAL}tile/"
CHECKPOINT: Final = f"{JOURNAL}checkpoint"
CHECKPOINTS: Final = f"{JOURNAL}checkpoints/"
FIRST_VOUCHER: Final = f"{JOURNAL}log-key.p7s"
VOUCHER_GLOB: Final = f"{JOURNAL}log-key-*.p7s"
TILE_WIDTH: Final = 256
"""Number of hashes in a full tile, of entries in a full bundle; a partial one has fewer."""
ENTRIES: Final = "entries"
"""Row of the bundles; the rows of tiles are their levels."""
_TILE: Final = re.compile(
    rf"{TILES}(?P<row>{ENTRIES}|0|{_COUNT})/(?P<index>(?:x[0-9]{{3}}/){{0,5}}[0-9]{{3}})(?:\.p/(?P<width>[0-9]{{1,3}}))?"
)
_STAMPED: Final = re.compile(rf"{CHECKPOINTS}(?P<size>0|{_COUNT})(?P<token>\.tsr)?")
_VOUCHER: Final = re.compile(rf"{JOURNAL}log-key-(?P<certificate>[0-9a-f]{{64}})\.p7s")


@dataclass(frozen=True)
class TileKey:
    """A tile of hashes, or a bundle of entries.

    Attributes:
        row: ``entries``, or the level of a tile.
        index: Its place in the row.
        width: Number of its hashes or entries.
    """

    row: str
    index: int
    width: int = TILE_WIDTH

    @property
    def is_full(self) -> bool:
        """Whether it is full, hence final: a full one replaces partial ones."""
        return self.width == TILE_WIDTH

    @property
    def key(self) -> str:
        """Key of the tile; its index in groups of three digits, all but the last after an ``x``."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        return f"{TILES}{self.row}/{path}" + ("" if self.is_full else f".p/{self.width}")


@dataclass(frozen=True)
class StampedKey:
    """A time-stamped checkpoint, or the token over it."""

    size: int
    token: bool = False

    @property
    def key(self) -> str:
        """Key of the checkpoint or of its token."""
        return f"{CHECKPOINTS}{self.size}" + (".tsr" if self.token else "")


@dataclass(frozen=True)
class VoucherKey:
    """Voucher by a seal for the log's key.

    Attributes:
        certificate: SHA-256 of the seal's certificate (DER); None for the first seal, whose
            voucher's key has none.
    """

    certificate: str | None = None

    @property
    def key(self) -> str:
        """Key of the voucher."""
        return FIRST_VOUCHER if self.certificate is None else f"{JOURNAL}log-key-{self.certificate}.p7s"


@dataclass(frozen=True)
class CheckpointKey:
    """The latest checkpoint: the only key of the journal that is written again and again."""

    key: str = CHECKPOINT


JournalKey = TileKey | StampedKey | VoucherKey | CheckpointKey


def journal_key(key: str) -> JournalKey | None:
    """Parse a key below ``journal/``; None for a key that we never write."""
    found: JournalKey | None = None
    if match := _TILE.fullmatch(key):
        index = int(match["index"].replace("x", "").replace("/", ""))
        found = TileKey(match["row"], index, int(match["width"] or TILE_WIDTH))
        found = found if 0 < found.width <= TILE_WIDTH else None
    elif match := _STAMPED.fullmatch(key):
        found = StampedKey(int(match["size"]), match["token"] is not None)
    elif match := _VOUCHER.fullmatch(key):
        found = VoucherKey(match["certificate"])
    elif key in {CHECKPOINT, FIRST_VOUCHER}:
        found = CheckpointKey() if key == CHECKPOINT else VoucherKey()
    return found if found is not None and found.key == key else None  # in our spelling only


def below_journal(key: str) -> str:
    """Return the path of a key in the log's folder, as C2SP names it."""
    return key.removeprefix(JOURNAL)


def is_kept_for_ever(key: str) -> bool:
    """Whether an object outside the tenants is locked for good: not heads, nor partial tiles."""
    if key == LAYOUT_JSON or key.startswith((REGISTER, DISPOSALS)):
        return True
    return key.startswith(JOURNAL) and key != CHECKPOINT and ".p/" not in key


EvidenceKey = JournalKey | RegisterKey | HoldKey | StatementKey | ReportKey | ScanKey | CertificateKey


def evidence_key(key: str) -> EvidenceKey | None:
    """Parse a key in ``EVIDENCE``; None for a key that we never write."""
    return journal_key(key) or register_key(key) or certificate_key(key) or scan_key(key)
